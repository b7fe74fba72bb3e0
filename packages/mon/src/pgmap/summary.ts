/**
 * Summaries of the PGMap: the `pgmap` of `status`, `pg stat`, stuck PGs. Pure.
 * Ceph counterpart: PGMapDigest::print_summary, print_oneline_summary, PGMap::get_stuck_stats.
 * cluster.md §7.2, §3.17.
 */
import type { OSDMap, pg_t } from "@tako/common";
import type { PGMap } from "./PGMap.ts";
import type { pg_stat_t } from "./pg_stat.ts";

type Json = Record<string, unknown>;

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/** `1.2 MiB`, `560 KiB`: three characters of number at most, as Ceph's byte_u_t. */
export function byte_u(n: number): string {
  let power = 0;
  for (let x = n; x >= 1024 && power < BYTE_UNITS.length - 1; x /= 1024) power++;
  const x = n / 1024 ** power;
  const unit = BYTE_UNITS[power] ?? "";
  if (Number.isInteger(x)) return `${x} ${unit}`;
  const fits = [2, 1, 0].map((digits) => x.toFixed(digits)).find((t) => t.length <= 3);
  return `${fits ?? x.toFixed(0)} ${unit}`;
}

/** Percent with three decimals: `35.632%`. */
export function percent(part: number, whole: number): string {
  return `${((part / whole) * 100).toFixed(3)}%`;
}

/** Ratios and rates that are only shown when they are not zero. */
export function recovery_summary(pgmap: PGMap): Json {
  const s = pgmap.sum().stat_sum;
  const copies = s.num_object_copies;
  const out: Json = {};
  const part = (name: string, n: number, total: number) => {
    if (n <= 0 || total <= 0) return;
    out[`${name}_objects`] = n;
    out[`${name}_total`] = total;
    // By way of percent, as Ceph does: the last digit is the same then.
    out[`${name}_ratio`] = ((n / total) * 100) / 100;
  };
  part("degraded", s.num_objects_degraded, copies);
  part("misplaced", s.num_objects_misplaced, copies);
  part("unfound", s.num_objects_unfound, s.num_objects);
  return out;
}

export function recovery_rates(pgmap: PGMap, pool?: number): Json {
  const { seconds, delta } = pgmap.rates(pool);
  const any = delta.num_objects_recovered + delta.num_bytes_recovered + delta.num_keys_recovered;
  if (seconds <= 0 || any === 0) return {};
  return {
    recovering_objects_per_sec: Math.floor(delta.num_objects_recovered / seconds),
    recovering_bytes_per_sec: Math.floor(delta.num_bytes_recovered / seconds),
    recovering_keys_per_sec: Math.floor(delta.num_keys_recovered / seconds),
    num_objects_recovered: delta.num_objects_recovered,
    num_bytes_recovered: delta.num_bytes_recovered,
    num_keys_recovered: delta.num_keys_recovered,
  };
}

export function client_io_rates(pgmap: PGMap, pool?: number): Json {
  const { seconds, delta } = pgmap.rates(pool);
  if (seconds <= 0 || delta.num_read + delta.num_write === 0) return {};
  const out: Json = {};
  const rd = Math.floor((delta.num_read_kb * 1024) / seconds);
  const wr = Math.floor((delta.num_write_kb * 1024) / seconds);
  if (rd > 0) out.read_bytes_sec = rd;
  if (wr > 0) out.write_bytes_sec = wr;
  out.read_op_per_sec = Math.floor(delta.num_read / seconds);
  out.write_op_per_sec = Math.floor(delta.num_write / seconds);
  return out;
}

/** `pgmap` of `status`. */
export function print_summary(pgmap: PGMap, osdmap: OSDMap): Json {
  const sum = pgmap.sum();
  const osds = pgmap.osd_sum();
  const by_state = pgmap.num_pg_by_state();
  const out: Json = {
    pgs_by_state: by_state.map(([state_name, count]) => ({ state_name, count })),
    num_pgs: sum.num_pgs,
    num_pools: osdmap.pools.size,
    num_objects: sum.stat_sum.num_objects,
    data_bytes: sum.stat_sum.num_bytes,
    bytes_used: osds.kb_used * 1024,
    bytes_avail: osds.kb_avail * 1024,
    bytes_total: osds.kb * 1024,
  };
  let unknown = 0;
  let inactive = 0;
  for (const s of pgmap.pg_stat.values()) {
    if (s.states.has("unknown")) unknown++;
    else if (!s.states.has("active") && !s.states.has("peered")) inactive++;
  }
  if (unknown > 0) out.unknown_pgs_ratio = unknown / sum.num_pgs;
  if (inactive > 0) out.inactive_pgs_ratio = inactive / sum.num_pgs;
  return {
    ...out,
    ...recovery_summary(pgmap),
    ...recovery_rates(pgmap),
    ...client_io_rates(pgmap),
  };
}

/** `pg stat`. */
export function oneline_summary(pgmap: PGMap): Json {
  const sum = pgmap.sum();
  const osds = pgmap.osd_sum();
  const { seconds, delta } = pgmap.rates();
  const out: Json = {
    num_pg_by_state: pgmap.num_pg_by_state().map(([name, num]) => ({ name, num })),
    num_pgs: sum.num_pgs,
    num_bytes: sum.stat_sum.num_bytes,
    total_bytes: osds.kb * 1024,
    total_avail_bytes: osds.kb_avail * 1024,
    total_used_bytes: (osds.kb_used_data + osds.kb_used_omap) * 1024,
    total_used_raw_bytes: osds.kb_used * 1024,
  };
  if (seconds > 0 && delta.num_read + delta.num_write > 0) {
    out.read_bytes_sec = Math.floor((delta.num_read_kb * 1024) / seconds);
    out.write_bytes_sec = Math.floor((delta.num_write_kb * 1024) / seconds);
    out.io_sec = Math.floor((delta.num_read + delta.num_write) / seconds);
  }
  return { ...out, ...recovery_summary(pgmap), ...recovery_rates(pgmap) };
}

/** The same as a status line: `64 pgs: 57 active+clean, ...; 80 MiB data, ... avail`. */
export function oneline_text(pgmap: PGMap): string {
  const sum = pgmap.sum();
  const osds = pgmap.osd_sum();
  const states = pgmap.num_pg_by_state().map(([name, n]) => `${n} ${name}`);
  const used = `${byte_u(osds.kb_used * 1024)} used`;
  const avail = `${byte_u(osds.kb_avail * 1024)} / ${byte_u(osds.kb * 1024)} avail`;
  const data = `${byte_u(sum.stat_sum.num_bytes)} data`;
  let text = `${sum.num_pgs} pgs: ${states.join(", ")}; ${data}, ${used}, ${avail}`;
  const { num_objects_degraded: d, num_objects_misplaced: m } = sum.stat_sum;
  const { num_objects_unfound: u, num_object_copies: c, num_objects: n } = sum.stat_sum;
  if (d > 0 && c > 0) text += `; ${d}/${c} objects degraded (${percent(d, c)})`;
  if (m > 0 && c > 0) text += `; ${m}/${c} objects misplaced (${percent(m, c)})`;
  if (u > 0 && n > 0) text += `; ${u}/${n} objects unfound (${percent(u, n)})`;
  return text;
}

// ---------------------------------------------------------------- stuck PGs

export const STUCK_KINDS = ["inactive", "unclean", "stale", "undersized", "degraded"] as const;
export type StuckKind = (typeof STUCK_KINDS)[number];

/** Since when the PG is in that state (ms since 1970); undefined when it is not. */
export function stuck_since(s: pg_stat_t, kind: StuckKind): number | undefined {
  switch (kind) {
    case "inactive":
      return s.states.has("active") ? undefined : s.last_active;
    case "unclean":
      return s.states.has("clean") ? undefined : s.last_clean;
    case "stale":
      return s.states.has("stale") ? s.last_unstale : undefined;
    case "undersized":
      return s.states.has("undersized") ? s.last_fullsized : undefined;
    case "degraded":
      return s.states.has("degraded") ? s.last_undegraded : undefined;
  }
}

/** PGs in one of these states for longer than the threshold. */
export function stuck_pgs(
  pgmap: PGMap,
  kinds: readonly StuckKind[],
  now_ms: number,
  threshold_s: number,
): [pg_t, pg_stat_t][] {
  const cutoff = now_ms - threshold_s * 1000;
  return pgmap.sorted_pgs().filter(([, s]) =>
    kinds.some((k) => {
      const since = stuck_since(s, k);
      return since !== undefined && since < cutoff;
    }),
  );
}
