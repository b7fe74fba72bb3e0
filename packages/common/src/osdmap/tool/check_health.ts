/**
 * What a map alone says about a cluster's health: what is down, which flags are set, which pools
 * are set up oddly. `osdmaptool --health`.
 * Ceph counterpart: OSDMap::check_health. cluster.md §8.
 */

import { crush_min_required_version } from "../../crush/dump.ts";
import { print_ostream_float } from "../../crush/print_float.ts";
import type { raw_osdmap } from "../binary/raw.ts";
import {
  CEPH_OSD_BACKFILLFULL,
  CEPH_OSD_FULL,
  CEPH_OSD_NEARFULL,
  CEPH_OSD_NODOWN,
  CEPH_OSD_NOIN,
  CEPH_OSD_NOOUT,
  CEPH_OSD_NOUP,
  HIDDEN_FLAGS,
  OSDMAP_FLAGS,
  osd_state_names,
  osdmap_flag_names,
} from "../flags.ts";
import type { OSDMap } from "../OSDMap.ts";
import { type pg_pool_t, pool_has_flag } from "../pg_pool_t.ts";
import { release_number } from "../releases.ts";
import { find_down_subtrees, location_text } from "./down_subtrees.ts";

export type health_severity = "HEALTH_OK" | "HEALTH_WARN" | "HEALTH_ERR";
export interface health_check {
  readonly severity: health_severity;
  readonly summary: { readonly message: string; readonly count: number };
  readonly detail: readonly { readonly message: string }[];
}
export type health_checks = Readonly<Record<string, health_check>>;

export interface check_health_options {
  readonly osd_failsafe_full_ratio?: number;
  readonly mon_crush_min_required_version?: string;
  /** The file the map came from: it has the features of OSDs to the last bit, and cache tiers. */
  readonly raw?: raw_osdmap | undefined;
  /** Those features, where they come from elsewhere. */
  readonly osd_features?: readonly bigint[];
}
const DEFAULTS = { osd_failsafe_full_ratio: 0.97, mon_crush_min_required_version: "hammer" };

const TUNABLES_URL = "see http://docs.ceph.com/en/latest/rados/operations/crush-map/#tunables";

class Checks {
  readonly #found = new Map<string, health_check>();

  add(code: string, severity: health_severity, message: string, count: number, detail: string[]) {
    const check = {
      severity,
      summary: { message, count },
      detail: detail.map((m) => ({ message: m })),
    };
    this.#found.set(code, check);
  }
  warn(code: string, message: string, count: number, detail: string[] = []) {
    this.add(code, "HEALTH_WARN", message, count, detail);
  }
  /** Counts its details; nothing when there are none. */
  warn_each(code: string, message: (n: number) => string, detail: string[]) {
    if (detail.length > 0) this.warn(code, message(detail.length), detail.length, detail);
  }
  /** By code. */
  result(): health_checks {
    return Object.fromEntries([...this.#found].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** What `osdmaptool --health` says of a map: checks by code, with summary and detail. */
export function check_health(m: OSDMap, options: check_health_options = {}): health_checks {
  const o = { ...DEFAULTS, ...options };
  const checks = new Checks();
  check_down(m, checks);
  check_scrub_flags(m, checks);
  check_ratios(m, checks, o.osd_failsafe_full_ratio);
  check_full_osds(m, checks);
  check_flags(m, checks);
  check_osd_flags(m, checks);
  check_crush(m, checks, o.mon_crush_min_required_version);
  if (!m.test_flag("sortbitwise")) {
    checks.warn("OSD_NO_SORTBITWISE", "'sortbitwise' flag is not set", 0);
  }
  check_upgrade(m, checks, options);
  check_cache_pools(m, checks, options.raw);
  check_pools(m, checks);
  if (options.raw) check_stretch_mode(m, checks, options.raw.osd);
  return checks.result();
}

function check_down(m: OSDMap, checks: Checks): void {
  const down = find_down_subtrees(m);
  const location = (id: number) => location_text(m.crush, id);
  for (const { type, type_name, buckets } of down.by_type) {
    const osds = buckets.reduce((sum, b) => sum + b.num_osds, 0);
    const plural = buckets.length > 1 ? "s" : "";
    const message = `${buckets.length} ${type_name}${plural} (${osds} osds) down`;
    const detail = buckets.map(({ id, num_osds }) => {
      const where = type === down.max_type ? "" : ` (${location(id)})`;
      return `${type_name} ${m.crush.get_item_name(id) ?? ""}${where} (${num_osds} osds) is down`;
    });
    checks.warn(`OSD_${type_name.toUpperCase()}_DOWN`, message, buckets.length, detail);
  }
  checks.warn_each(
    "OSD_DOWN",
    (n) => `${n} osds down`,
    down.osds.map((osd) => `osd.${osd} (${location(osd)}) is down`),
  );
  const orphans: string[] = [];
  for (let osd = 0; osd < m.max_osd; osd++) {
    if (!m.exists(osd) && m.crush.item_exists(osd)) {
      orphans.push(`osd.${osd} exists in crush map but not in osdmap`);
    }
  }
  checks.warn_each(
    "OSD_ORPHAN",
    (n) => `${n} osds exist in the crush map but not in the osdmap`,
    orphans,
  );
}

const INCARNATIONS = (1n << 28n) | (1n << 57n);
/** Newest first, with the feature bits that its OSDs have. */
const SERVER_FEATURES = [
  ["pacific", (1n << 20n) | INCARNATIONS],
  ["octopus", (1n << 16n) | INCARNATIONS],
  ["nautilus", (1n << 2n) | INCARNATIONS],
] as const;

function check_upgrade(m: OSDMap, checks: Checks, o: check_health_options): void {
  const exact = o.osd_features ?? o.raw?.osd.osd_xinfo.map((x) => x.features);
  const of_up = m
    .get_up_osds()
    .map((osd) => exact?.[osd] ?? BigInt(m.get_xinfo(osd).features))
    .filter((bits) => bits !== 0n);
  if (of_up.length === 0) return;
  const all = of_up.reduce((common, bits) => common & bits);
  const required = release_number(m.f.require_osd_release);
  const found = SERVER_FEATURES.find(
    ([name, bits]) => (all & bits) === bits && required < release_number(name),
  );
  if (!found) return;
  const [name] = found;
  const message = `all OSDs are running ${name} or later but require_osd_release < ${name}`;
  checks.warn("OSD_UPGRADE_FINISHED", message, 0, [message]);
}

/** The cache modes that count how often an object is asked for. */
const COUNTING_MODES: Readonly<Record<number, string>> = {
  1: "writeback",
  4: "readforward",
  5: "readproxy",
};

function check_cache_pools(m: OSDMap, checks: Checks, raw?: raw_osdmap): void {
  const detail = m.pool_ids().flatMap((id) => {
    const p = raw?.client.pools.get(id);
    const mode = COUNTING_MODES[p?.cache_mode ?? 0];
    if (mode === undefined || p?.hit_set_params.type !== 0) return [];
    const needs = "needs hit_set_type to be set but it is not";
    return [`pool '${m.get_pool_name(id) ?? ""}' with cache_mode ${mode} ${needs}`];
  });
  checks.warn_each("CACHE_POOL_NO_HIT_SET", (n) => `${n} cache pools are missing hit_sets`, detail);
}

type Pool = readonly [name: string, pool: pg_pool_t];
function pools_of(m: OSDMap): Pool[] {
  return m.pool_ids().flatMap((id): Pool[] => {
    const p = m.get_pg_pool(id);
    return p ? [[m.get_pool_name(id) ?? "", p]] : [];
  });
}

function check_scrub_flags(m: OSDMap, checks: Checks): void {
  const detail: string[] = [];
  const set = new Set<string>();
  for (const [name, p] of pools_of(m)) {
    for (const flag of ["noscrub", "nodeep-scrub"] as const) {
      if (!pool_has_flag(p, flag)) continue;
      detail.push(`Pool ${name} has ${flag} flag`);
      set.add(flag);
    }
  }
  if (set.size === 0) return;
  const flags = ["noscrub", "nodeep-scrub"].filter((f) => set.has(f)).join(", ");
  const message = `Some pool(s) have the ${flags} flag(s) set`;
  checks.add("POOL_SCRUB_FLAGS", "HEALTH_OK", message, 0, detail);
}

function check_ratios(m: OSDMap, checks: Checks, failsafe: number): void {
  const f = Math.fround;
  const fsr = f(failsafe > 1 ? failsafe / 100 : failsafe);
  const nr = f(m.nearfull_ratio);
  const detail: string[] = [];
  const rises = (what: string, v: number, below: string, least: number) => {
    if (v >= least) return v;
    const p = print_ostream_float;
    detail.push(`${what} (${p(v)}) < ${below} (${p(least)}), increased`);
    return least;
  };
  const br = rises("backfillfull_ratio", f(m.backfillfull_ratio), "nearfull_ratio", nr);
  const fr = rises("full_ratio", f(m.full_ratio), "backfillfull_ratio", br);
  rises("osd_failsafe_full_ratio", fsr, "full_ratio", fr);
  if (detail.length === 0) return;
  checks.add("OSD_OUT_OF_ORDER_FULL", "HEALTH_ERR", "full ratio(s) out of order", 0, detail);
}

function check_full_osds(m: OSDMap, checks: Checks): void {
  // An OSD counts for the worst of its states.
  const of_state = (bit: number, worse: number) =>
    m.get_all_osds().filter((o) => {
      const s = m.get_state(o);
      return m.is_up(o) && m.is_in(o) && (s & bit) !== 0 && (s & worse) === 0;
    });
  const full = of_state(CEPH_OSD_FULL, 0);
  const backfillfull = of_state(CEPH_OSD_BACKFILLFULL, CEPH_OSD_FULL);
  const nearfull = of_state(CEPH_OSD_NEARFULL, CEPH_OSD_FULL | CEPH_OSD_BACKFILLFULL);
  const detail = (osds: number[], what: string) => osds.map((o) => `osd.${o} is ${what}`);
  if (full.length > 0) {
    const message = `${full.length} full osd(s)`;
    checks.add("OSD_FULL", "HEALTH_ERR", message, full.length, detail(full, "full"));
  }
  checks.warn_each(
    "OSD_BACKFILLFULL",
    (n) => `${n} backfillfull osd(s)`,
    detail(backfillfull, "backfill full"),
  );
  checks.warn_each("OSD_NEARFULL", (n) => `${n} nearfull osd(s)`, detail(nearfull, "near full"));
}

function check_flags(m: OSDMap, checks: Checks): void {
  const known = Object.values(OSDMAP_FLAGS).reduce((bits, b) => bits | b, 0);
  // Nearly full and full are states of pools now.
  const old = OSDMAP_FLAGS.nearfull | OSDMAP_FLAGS.full;
  const warn = m.flags & known & ~HIDDEN_FLAGS & ~old;
  if (warn === 0) return;
  const names = osdmap_flag_names(warn).join(",");
  // The count is the length of the text: nobody has a better one.
  checks.warn("OSDMAP_FLAGS", `${names} flag(s) set`, names.length);
}

function check_osd_flags(m: OSDMap, checks: Checks): void {
  const flags = CEPH_OSD_NOUP | CEPH_OSD_NOIN | CEPH_OSD_NODOWN | CEPH_OSD_NOOUT;
  const names = (bits: number) => osd_state_names(bits).join(",");
  const detail: string[] = [];
  for (let o = 0; o < m.max_osd; o++) {
    const bits = m.get_state(o) & flags;
    if (bits !== 0) detail.push(`osd.${o} has flags ${names(bits)}`);
  }
  const { crush } = m;
  for (const [id, bits] of [...m.f.crush_node_flags].sort(([a], [b]) => a - b)) {
    if (bits === 0 || !crush.item_exists(id)) continue;
    const type = crush.get_type_name(crush.get_item_type(id)) ?? "node";
    detail.push(`${type} ${crush.get_item_name(id)} has flags ${names(bits)}`);
  }
  for (const [id, bits] of [...m.f.device_class_flags].sort(([a], [b]) => a - b)) {
    const name = crush.map.class_names.get(id);
    if (bits !== 0 && name !== undefined) {
      detail.push(`device class '${name}' has flags ${names(bits)}`);
    }
  }
  checks.warn_each(
    "OSD_FLAGS",
    (n) => `${n} OSDs or CRUSH {nodes, device-classes} have {NOUP,NODOWN,NOIN,NOOUT} flags set`,
    detail,
  );
}

function check_crush(m: OSDMap, checks: Checks, least: string): void {
  const needs = crush_min_required_version(m.crush.map);
  if (needs < least) {
    const message = `crush map has legacy tunables (require ${needs}, min is ${least})`;
    checks.warn("OLD_CRUSH_TUNABLES", message, 0, [TUNABLES_URL]);
  }
  if (m.crush.map.tunables.straw_calc_version === 0) {
    const message = "crush map has straw_calc_version=0";
    checks.warn("OLD_CRUSH_STRAW_CALC_VERSION", message, 0, [TUNABLES_URL]);
  }
}

/** Of the two sites that a stretched cluster has. */
function check_stretch_mode(m: OSDMap, checks: Checks, raw: raw_osdmap["osd"]): void {
  const { recovering_stretch_mode, degraded_stretch_mode, stretch_bucket_count } = raw;
  const peer = `only requiring ${degraded_stretch_mode} of ${stretch_bucket_count} buckets to peer`;
  if (recovering_stretch_mode > 0) {
    const message = `We are recovering stretch mode buckets, ${peer}`;
    checks.warn("RECOVERING_STRETCH_MODE", message, 0);
  } else if (degraded_stretch_mode > 0) {
    checks.warn("DEGRADED_STRETCH_MODE", `We are missing stretch mode buckets, ${peer}`, 0);
  }
  if (!raw.stretch_mode_enabled) return;
  const sites = m.crush
    .find_roots()
    .flatMap((root) => m.crush.get_children_of_type(root, raw.stretch_mode_bucket));
  if (sites.length !== 2) {
    checks.warn("INCORRECT_NUM_BUCKETS_STRETCH_MODE", "Stretch mode buckets != 2", 0);
    return;
  }
  const [one, other] = sites.map((id) => m.crush.get_item_weight(id));
  if (one === other) return;
  checks.warn("UNEVEN_WEIGHTS_STRETCH_MODE", "Stretch mode buckets have different weights!", 0);
}

function check_pools(m: OSDMap, checks: Checks): void {
  const pools = pools_of(m);
  const having = (test: (p: pg_pool_t) => boolean, text: (p: pg_pool_t) => string) =>
    pools.filter(([, p]) => test(p)).map(([name, p]) => `pool '${name}' ${text(p)}`);
  const full = (p: pg_pool_t) => pool_has_flag(p, "full");
  const backfillfull = (p: pg_pool_t) => !full(p) && pool_has_flag(p, "backfillfull");
  const nearfull = (p: pg_pool_t) => !full(p) && !backfillfull(p) && pool_has_flag(p, "nearfull");
  const why = (p: pg_pool_t) =>
    pool_has_flag(p, "full_quota") ? "running out of quota" : "no space";
  checks.warn_each(
    "POOL_FULL",
    (n) => `${n} pool(s) full`,
    having(full, (p) => `is full (${why(p)})`),
  );
  checks.warn_each(
    "POOL_BACKFILLFULL",
    (n) => `${n} pool(s) backfillfull`,
    having(backfillfull, () => "is backfillfull"),
  );
  checks.warn_each(
    "POOL_NEARFULL",
    (n) => `${n} pool(s) nearfull`,
    having(nearfull, () => "is nearfull"),
  );
  const odd = (p: pg_pool_t) => (p.pg_num_target & (p.pg_num_target - 1)) !== 0;
  checks.warn_each(
    "POOL_PG_NUM_NOT_POWER_OF_TWO",
    (n) => `${n} pool(s) have non-power-of-two pg_num`,
    having(odd, (p) => `pg_num ${p.pg_num_target} is not a power of two`),
  );
  checks.warn_each(
    "POOL_NO_REDUNDANCY",
    (n) => `${n} pool(s) have no replicas configured`,
    having(
      (p) => p.size === 1,
      () => "has no replicas configured",
    ),
  );
}
