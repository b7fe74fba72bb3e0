/**
 * Commands of `tell osd.N` about the OSD as such: counters, times, what is mapped here. JSON as Ceph 16.2
 * gives it. Ceph counterpart: OSD::asok_command, CephContext::_do_command (perf). cluster.md §7.4.
 */
import { CommandError, ctime_str, pg_pool, utime_str } from "@tako/common";
import type { PerfCounters } from "../pg/PerfCounters.ts";
import { FULL_STATES } from "./full_state.ts";
import type { OSD } from "./OSD.ts";

/** Ceph's osd_mon_heartbeat_stat_stale: silent for so long, and its times say nothing any more. */
const STALE_MS = 3_600_000;

/** `threshold`: milliseconds; undefined: what the monitor warns of. */
export function dump_osd_network(osd: OSD, threshold_ms?: number): unknown {
  const { config, heartbeat, whoami } = osd;
  const { clock } = osd.service;
  const ratio = config.get("mon_warn_on_slow_ping_ratio");
  const warn = config.get("mon_warn_on_slow_ping_time");
  const by_default = warn > 0 ? warn : ratio * config.get("osd_heartbeat_grace") * 1000;
  const threshold = threshold_ms ?? by_default;
  const now = clock.mono_ms();
  const slowest = (row: { readonly average: readonly number[] }) => Math.max(...row.average);
  const rows = heartbeat.ping_times().filter(({ row }) => slowest(row) >= threshold);
  rows.sort((a, b) => slowest(b.row) - slowest(a.row) || a.osd - b.osd);
  const ms = (n: number) => Math.round(n * 1000) / 1000;
  const spans = ([a, b, c]: readonly [number, number, number]) => ({
    "1min": ms(a),
    "5min": ms(b),
    "15min": ms(c),
  });
  return {
    threshold,
    entries: rows.map(({ osd: to, row }) => ({
      "last update": ctime_str(clock.now_ms() - (now - row.last_update)),
      stale: now - row.last_update > STALE_MS,
      "from osd": whoami,
      "to osd": to,
      // There is one endpoint for everything.
      interface: "back",
      average: spans(row.average),
      min: spans(row.min),
      max: spans(row.max),
      last: ms(row.last),
    })),
  };
}

export function dump_blocklist(osd: OSD): unknown {
  return [...osd.service.osdmap().blocklist].sort().map(([addr, until]) => {
    const at = addr.lastIndexOf("/");
    const nonce = Number(addr.slice(at + 1));
    return {
      entity_addr_t: { type: "any", addr: addr.slice(0, at), nonce },
      expire_time: utime_str(until),
    };
  });
}

/** Pools of which this OSD has a PG, or part of one. */
export function get_mapped_pools(osd: OSD): number[] {
  return [...new Set(osd.pgs.all().map((pg) => pg_pool(pg.pgid)))].sort((a, b) => a - b);
}

/** `injectfull [type] [count]`: as Ceph: full, and until `injectfull none`, when nothing is said. */
export function inject_full(osd: OSD, type = "full", count = "-1"): void {
  const state = FULL_STATES.find((s) => s === type);
  if (state === undefined) {
    throw new CommandError("EINVAL", `no type '${type}': there are ${FULL_STATES.join(", ")}`);
  }
  if (!/^(-1|\d{1,9})$/.test(count)) {
    throw new CommandError("EINVAL", `'${count}' is no number of times`);
  }
  osd.service.inject_full(state, Math.max(0, Number(count)));
}

// ---------------------------------------------------------------- perf

type Loggers = Readonly<Record<string, PerfCounters<string>>>;

/** By name, with the gauges as of now. */
function loggers(osd: OSD): Loggers {
  const { perf } = osd.service.op_tracker.counters;
  const pgs = osd.pgs.all();
  const deleting = pgs.filter((pg) => pg.peering.deleting);
  const role = (is: (pg: (typeof pgs)[number]) => boolean) =>
    pgs.filter((pg) => !pg.peering.deleting && is(pg)).length;
  perf.set("op_wip", osd.service.op_tracker.num_in_flight);
  perf.set("numpg", pgs.length);
  perf.set(
    "numpg_primary",
    role((pg) => pg.is_primary()),
  );
  perf.set(
    "numpg_replica",
    role((pg) => !pg.is_primary() && pg.peering.role >= 0),
  );
  perf.set(
    "numpg_stray",
    role((pg) => !pg.is_primary() && pg.peering.role < 0),
  );
  perf.set("numpg_removing", deleting.length);
  perf.set("heartbeat_to_peers", osd.heartbeat.peers.length);
  const { total, used, available } = osd.service.store.statfs();
  perf.set("stat_bytes", total);
  perf.set("stat_bytes_used", used);
  perf.set("stat_bytes_avail", available);
  return { osd: perf, recoverystate_perf: osd.service.state_times.perf };
}

/** What a `dump` or `schema` shows of one logger, or of one counter of it. */
function chosen(
  all: Loggers,
  show: (c: PerfCounters<string>) => Record<string, unknown>,
  logger: string | undefined,
  counter: string | undefined,
): unknown {
  const out: Record<string, unknown> = {};
  for (const [name, c] of Object.entries(all)) {
    if (logger !== undefined && logger !== name) continue;
    const shown = show(c);
    if (counter === undefined) out[name] = shown;
    else if (Object.hasOwn(shown, counter)) out[name] = { [counter]: shown[counter] };
  }
  return out;
}
export function perf_dump(osd: OSD, logger?: string, counter?: string): unknown {
  return chosen(loggers(osd), (c) => c.dump(), logger, counter);
}
export function perf_schema(osd: OSD): unknown {
  return chosen(loggers(osd), (c) => c.schema(), undefined, undefined);
}
/** Returns the status line. */
export function perf_reset(osd: OSD, name: string): unknown {
  const all = loggers(osd);
  const which = name === "all" ? Object.values(all) : [all[name]];
  for (const c of which) {
    if (c === undefined) {
      const names = ["all", ...Object.keys(all)].join(", ");
      throw new CommandError("ENOENT", `no counters '${name}': there are ${names}`);
    }
    c.reset();
  }
  return { success: `perf reset ${name}` };
}
