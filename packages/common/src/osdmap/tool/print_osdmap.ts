/**
 * A map as plain text: `osdmaptool --print`, `ceph osd dump`.
 * Ceph counterpart: OSDMap::print, operator<< of pg_pool_t and osd_info_t.
 */
import { print_ostream_float as float } from "../../crush/print_float.ts";
import { addr_is_blank, addr_str, type entity_addr_t } from "../../types/entity.ts";
import { type pg_t, spg_cmp } from "../../types/osd_types.ts";
import { typed_addr_text } from "../binary/addr.ts";
import { has_tiers, hit_set_name } from "../binary/dump_file.ts";
import {
  OPT_DOUBLE,
  type raw_addrvec,
  type raw_osdmap,
  type raw_pool,
  read_bloom_params,
} from "../binary/raw.ts";
import { opt_entry, utime_to_ms } from "../binary/values.ts";
import { by_text } from "../bytes.ts";
import { get_min_compat_client } from "../dump.ts";
import { CEPH_OSD_DEFAULT_PRIMARY_AFFINITY, osd_state_names } from "../flags.ts";
import type { OSDMap } from "../OSDMap.ts";
import { BLANK_UUID } from "../osdmap_fields.ts";
import {
  is_erasure,
  type pg_pool_t,
  pool_flag_words,
  pool_type_name,
  type snap_interval_t,
} from "../pg_pool_t.ts";
import { utime_str } from "../utime.ts";

/** `raw`: the file the map came from; it knows of cache tiers, and of several addresses an OSD. */
export function print_osdmap(m: OSDMap, raw?: raw_osdmap): string {
  const lines = [
    ...head(m, raw),
    "",
    ...m
      .pool_ids()
      .flatMap((id) => [pool_line(m, id, raw?.client.pools.get(id)), ...snap_lines(m, id)]),
    "",
    `max_osd ${m.max_osd}`,
    ...m.get_all_osds().map((o) => osd_line(m, o, raw)),
    "",
    ...by_pg(m.pg_upmap).map(([pg, osds]) => `pg_upmap ${pg} [${osds.join(",")}]`),
    ...by_pg(m.pg_upmap_items).map(([pg, l]) => `pg_upmap_items ${pg} [${l.flat().join(",")}]`),
    ...by_pg(m.pg_temp).map(([pg, osds]) => `pg_temp ${pg} [${osds.join(",")}]`),
    ...by_pg(m.primary_temp).map(([pg, osd]) => `primary_temp ${pg} ${osd}`),
    ...blocklist("blocklist", m.blocklist, raw?.osd.blocklist),
    ...blocklist("range blocklist", m.f.range_blocklist, raw?.osd.range_blocklist),
  ];
  return lines.map((l) => `${l}\n`).join("");
}

function by_pg<V>(m: ReadonlyMap<pg_t, V>): [pg_t, V][] {
  return [...m].sort(([a], [b]) => spg_cmp(a, b));
}
function blocklist(
  word: string,
  m: ReadonlyMap<string, number>,
  raw: raw_osdmap["osd"]["blocklist"] | undefined,
): string[] {
  const typed = raw?.map(([a, until]) => [typed_addr_text(a), utime_to_ms(until)] as const);
  const entries = [...(typed ?? m)].sort(([a], [b]) => by_text(a, b));
  return entries.map(([addr, until]) => `${word} ${addr} expires ${utime_str(until)}`);
}

function snap_lines(m: OSDMap, id: number): string[] {
  const p = m.get_pg_pool(id);
  const runs = (l: readonly snap_interval_t[]) =>
    `[${l.map(([start, n]) => `${start.toString(16)}~${n.toString(16)}`).join(",")}]`;
  const snaps = [...(p?.snaps.values() ?? [])].sort((a, b) => a.snapid - b.snapid);
  const removed = p?.removed_snaps ?? [];
  const queue = m.f.removed_snaps_queue.get(id) ?? [];
  return [
    ...snaps.map((s) => `\tsnap ${s.snapid.toString(16)} '${s.name}' ${utime_str(s.stamp)}`),
    ...(removed.length > 0 ? [`\tremoved_snaps ${runs(removed)}`] : []),
    ...(queue.length > 0 ? [`\tremoved_snaps_queue ${runs(queue)}`] : []),
  ];
}

function head(m: OSDMap, raw?: raw_osdmap): string[] {
  const f = m.f;
  const stretch = raw?.osd.stretch_mode_enabled === true ? raw.osd : undefined;
  const known = (key: "require_min_compat_client" | "require_osd_release") =>
    f[key] === "unknown" ? [] : [`${key} ${f[key]}`];
  // A snapshot's name stands in one epoch.
  const snapshot = raw && raw.osd.cluster_snapshot_epoch !== f.epoch ? "" : f.cluster_snapshot;
  return [
    `epoch ${f.epoch}`,
    `fsid ${f.fsid}`,
    `created ${utime_str(f.created)}`,
    `modified ${utime_str(f.modified)}`,
    `flags ${m.get_flag_string()}`,
    `crush_version ${f.crush_version}`,
    `full_ratio ${float(Math.fround(f.full_ratio))}`,
    `backfillfull_ratio ${float(Math.fround(f.backfillfull_ratio))}`,
    `nearfull_ratio ${float(Math.fround(f.nearfull_ratio))}`,
    ...known("require_min_compat_client"),
    `min_compat_client ${get_min_compat_client(m, raw && has_tiers(raw))}`,
    ...known("require_osd_release"),
    `stretch_mode_enabled ${stretch ? "true" : "false"}`,
    ...(stretch
      ? [
          `stretch_bucket_count ${stretch.stretch_bucket_count}`,
          `degraded_stretch_mode ${stretch.degraded_stretch_mode}`,
          `recovering_stretch_mode ${stretch.recovering_stretch_mode}`,
          `stretch_mode_bucket ${stretch.stretch_mode_bucket}`,
        ]
      : []),
    ...(snapshot === "" ? [] : [`cluster_snapshot ${snapshot}`]),
  ];
}

const OBJECT_HASH: Readonly<Record<number, string>> = { 1: "linux", 2: "rjenkins" };

/** One pool, as `ceph osd pool ls detail` prints it. */
export function pool_line(m: OSDMap, id: number, raw?: raw_pool): string {
  const p = m.get_pg_pool(id);
  if (!p) return "";
  const words = [`pool ${id} '${m.get_pool_name(id) ?? "<unknown>"}' ${pool_type_name(p)}`];
  const add = (word: string, v: number | string | bigint, shown = true) => {
    if (shown) words.push(`${word} ${v}`);
  };
  add("profile", p.erasure_code_profile, is_erasure(p));
  add("size", p.size);
  add("min_size", p.min_size);
  add("crush_rule", p.crush_rule);
  add("object_hash", OBJECT_HASH[p.object_hash] ?? "unknown");
  add("pg_num", p.pg_num);
  add("pgp_num", p.pgp_num);
  add("pg_num_target", p.pg_num_target, p.pg_num_target !== p.pg_num);
  add("pgp_num_target", p.pgp_num_target, p.pgp_num_target !== p.pgp_num);
  add("pg_num_pending", p.pg_num_pending, p.pg_num_pending !== p.pg_num);
  add("autoscale_mode", p.pg_autoscale_mode);
  add("last_change", p.last_change);
  const resends = resend_epochs(p);
  add(
    "lfor",
    resends.join("/"),
    resends.some((e) => e > 0),
  );
  add("owner", raw?.auid ?? 0n, raw !== undefined && raw.auid !== 0n);
  add("flags", pool_flag_words(p.flags), p.flags !== 0);
  add("max_bytes", p.quota_max_bytes, p.quota_max_bytes > 0);
  add("max_objects", p.quota_max_objects, p.quota_max_objects > 0);
  if (raw) words.push(...tier_words(raw));
  add("stripe_width", p.stripe_width);
  add("expected_num_objects", p.expected_num_objects, p.expected_num_objects > 0);
  add("fast_read", 1, p.fast_read);
  for (const [name, v] of [...p.opts].sort(([a], [b]) => by_text(a, b)))
    add(name, typeof v === "number" && opt_entry(name, v)?.[1].type === OPT_DOUBLE ? float(v) : v);
  const apps = [...p.application_metadata.keys()].sort(by_text);
  add("application", apps.join(","), apps.length > 0);
  return words.join(" ");
}
function resend_epochs(p: pg_pool_t): number[] {
  return [
    p.last_force_op_resend,
    p.last_force_op_resend_prenautilus,
    p.last_force_op_resend_preluminous,
  ];
}

const CACHE_MODES = ["", "writeback", "forward", "readonly", "readforward", "readproxy", "proxy"];

function tier_words(p: raw_pool): string[] {
  const all: [string, bigint | number | string, boolean][] = [
    ["tiers", p.tiers.join(","), p.tiers.length > 0],
    ["tier_of", p.tier_of, p.tier_of >= 0n],
    ["read_tier", p.read_tier, p.read_tier >= 0n],
    ["write_tier", p.write_tier, p.write_tier >= 0n],
    ["cache_mode", CACHE_MODES[p.cache_mode] ?? "unknown", p.cache_mode > 0],
    ["target_bytes", p.target_max_bytes, p.target_max_bytes > 0n],
    ["target_objects", p.target_max_objects, p.target_max_objects > 0n],
    ["hit_set", hit_set_text(p), p.hit_set_params.type !== 0],
    [
      "min_read_recency_for_promote",
      p.min_read_recency_for_promote,
      p.min_read_recency_for_promote > 0,
    ],
    [
      "min_write_recency_for_promote",
      p.min_write_recency_for_promote,
      p.min_write_recency_for_promote > 0,
    ],
  ];
  return all.filter(([, , shown]) => shown).map(([word, v]) => `${word} ${v}`);
}

function hit_set_text(p: raw_pool): string {
  const b = read_bloom_params(p.hit_set_params);
  const chance = b && `false_positive_probability: ${float(b.fpp_micro / 1e6)}`;
  const params = b ? `${chance}, target_size: ${b.target_size}, seed: ${b.seed}` : "";
  return [
    `${hit_set_name(p)}{${params}}`,
    `${p.hit_set_period}s`,
    `x${p.hit_set_count}`,
    `decay_rate ${p.hit_set_grade_decay_rate}`,
    `search_last_n ${p.hit_set_search_last_n}`,
  ].join(" ");
}

function osd_line(m: OSDMap, o: number, raw?: raw_osdmap): string {
  const info = m.get_info(o);
  const a = m.get_addrs(o);
  const affinity = m.get_primary_affinity(o);
  const uuid = m.get_uuid(o);
  return [
    `osd.${o} ${m.is_up(o) ? "up  " : "down"} ${m.is_in(o) ? "in " : "out"}`,
    `weight ${float(Math.fround(m.get_weightf(o)))}`,
    ...(affinity === CEPH_OSD_DEFAULT_PRIMARY_AFFINITY
      ? []
      : [`primary_affinity ${float(Math.fround(m.get_primary_affinityf(o)))}`]),
    `up_from ${info.up_from} up_thru ${info.up_thru} down_at ${info.down_at}`,
    `last_clean_interval [${info.last_clean_begin},${info.last_clean_end})`,
    ...(info.lost_at > 0 ? [`lost_at ${info.lost_at}`] : []),
    addr_text(a.client, raw?.client.client_addrs[o]),
    addr_text(a.cluster, raw?.osd.cluster_addrs[o]),
    osd_state_names(m.get_state(o)).join(","),
    ...(uuid === BLANK_UUID ? [] : [uuid]),
  ].join(" ");
}
/** `v2:1.2.3.4:6800/5`, several in brackets; nothing for an OSD that never was up. */
function addr_text(a: entity_addr_t, raw: raw_addrvec | undefined): string {
  if (!raw) return addr_is_blank(a) ? "" : `v2:${addr_str(a)}`;
  const texts = raw.addrs.map(typed_addr_text);
  return texts.length === 1 ? (texts[0] ?? "") : texts.length === 0 ? "" : `[${texts.join(",")}]`;
}
