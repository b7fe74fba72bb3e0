/**
 * Health checks: what is wrong with the cluster, by code. Pure: map and statistics in, checks out.
 * Ceph counterpart: OSDMap::check_health, PGMap::get_health_checks. cluster.md §8.
 */
import {
  CEPH_OSD_BACKFILLFULL,
  CEPH_OSD_FULL,
  CEPH_OSD_NEARFULL,
  CEPH_OSD_NODOWN,
  CEPH_OSD_NOIN,
  CEPH_OSD_NOOUT,
  CEPH_OSD_NOUP,
  has_optimal_tunables,
  OPERATOR_FLAGS,
  type OSDMap,
  type osdmap_flag_t,
  pool_has_flag,
  tunables_profile,
} from "@tako/common";
import { location_text } from "../osdmon/pending.ts";
import {
  error,
  type HealthCheck,
  type HealthChecks,
  type HealthInput,
  type Severity,
  warn,
} from "./health_types.ts";
import { pg_health_checks } from "./pg_health.ts";

/** In the order of their codes. */
export function get_health_checks(h: HealthInput): HealthChecks {
  const found: HealthChecks = new Map();
  check_down(h.osdmap, found);
  check_full(h, found);
  check_flags(h.osdmap, found);
  check_crush(h, found);
  check_pools(h, found);
  for (const [code, c] of pg_health_checks(h)) found.set(code, c);
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export function worst_severity(checks: Iterable<HealthCheck>): Severity {
  let worst: Severity = "HEALTH_OK";
  for (const c of checks) {
    if (c.severity === "HEALTH_ERR") return "HEALTH_ERR";
    worst = "HEALTH_WARN";
  }
  return worst;
}

// ---------------------------------------------------------------- OSDs

function check_down(map: OSDMap, found: HealthChecks): void {
  const down = map.get_in_osds().filter((o) => map.is_down(o) && !map.is_new(o));
  if (down.length === 0) return;
  const detail = down.map((o) => `osd.${o} ${location_text(map, o)} is down`);
  found.set("OSD_DOWN", warn(`${down.length} osds down`, detail, down.length));
  const is_down = new Set(down);
  const by_type = new Map<string, { names: string[]; osds: number }>();
  for (const [id, b] of [...map.crush.map.buckets].sort(([a], [z]) => z - a)) {
    const name = map.crush.get_item_name(id);
    if (name === undefined || map.crush.is_shadow_item(id)) continue;
    const inside = map.crush.get_leaves(id).filter((o) => map.is_in(o));
    if (inside.length === 0 || !inside.every((o) => is_down.has(o))) continue;
    const type = map.crush.get_type_name(b.type) ?? "bucket";
    const entry = by_type.get(type) ?? { names: [], osds: 0 };
    entry.names.push(`${type} ${name} ${location_text(map, id)} (${inside.length} osds) is down`);
    entry.osds += inside.length;
    by_type.set(type, entry);
  }
  for (const [type, { names, osds }] of by_type) {
    const word = names.length > 1 ? `${type}s` : type;
    found.set(
      `OSD_${type.toUpperCase()}_DOWN`,
      warn(`${names.length} ${word} (${osds} osds) down`, names, names.length),
    );
  }
}

function check_full(h: HealthInput, found: HealthChecks): void {
  const { osdmap } = h;
  const r = [
    osdmap.nearfull_ratio,
    osdmap.backfillfull_ratio,
    osdmap.full_ratio,
    h.config.get("osd_failsafe_full_ratio"),
  ];
  const names = ["nearfull", "backfillfull", "full", "osd_failsafe_full"];
  const detail: string[] = [];
  for (let i = 1; i < r.length; i++) {
    const [lo, hi] = [r[i - 1] ?? 0, r[i] ?? 0];
    if (hi < lo)
      detail.push(`${names[i]}_ratio (${hi}) < ${names[i - 1]}_ratio (${lo}), increased`);
  }
  if (detail.length > 0) {
    found.set("OSD_OUT_OF_ORDER_FULL", error("full ratio(s) out of order", detail));
  }
  const kinds = [
    { code: "OSD_FULL", bit: CEPH_OSD_FULL, word: "full", make: error },
    { code: "OSD_BACKFILLFULL", bit: CEPH_OSD_BACKFILLFULL, word: "backfillfull", make: warn },
    { code: "OSD_NEARFULL", bit: CEPH_OSD_NEARFULL, word: "nearfull", make: warn },
  ];
  const counted = new Set<number>();
  for (const { code, bit, word, make } of kinds) {
    const osds = osdmap.get_up_osds().filter((o) => {
      return osdmap.is_in(o) && (osdmap.get_state(o) & bit) !== 0 && !counted.has(o);
    });
    for (const o of osds) counted.add(o);
    if (osds.length === 0) continue;
    const lines = osds.map((o) => `osd.${o} is ${word === "nearfull" ? "near full" : word}`);
    found.set(code, make(`${osds.length} ${word} osd(s)`, lines, osds.length));
  }
}

const WARN_FLAGS: readonly osdmap_flag_t[] = ["pauserd", "pausewr", "pauserec", ...OPERATOR_FLAGS];

function check_flags(map: OSDMap, found: HealthChecks): void {
  const set = WARN_FLAGS.filter((f) => map.test_flag(f));
  if (set.length > 0) {
    found.set("OSDMAP_FLAGS", warn(`${set.join(",")} flag(s) set`, [], set.length));
  }
  if (!map.test_flag("sortbitwise")) {
    found.set("OSD_NO_SORTBITWISE", warn("'sortbitwise' flag is not set"));
  }
  const bits = [
    ["NOUP", CEPH_OSD_NOUP],
    ["NODOWN", CEPH_OSD_NODOWN],
    ["NOIN", CEPH_OSD_NOIN],
    ["NOOUT", CEPH_OSD_NOOUT],
  ] as const;
  const names_in = (mask: number) => bits.filter(([, b]) => mask & b).map(([n]) => n);
  const detail: string[] = [];
  for (const o of map.get_all_osds()) {
    const names = names_in(map.get_state(o));
    if (names.length > 0) detail.push(`osd.${o} has flags ${names.join(",")}`);
  }
  for (const [node, mask] of [...map.f.crush_node_flags].sort(([a], [b]) => a - b)) {
    const type = map.crush.get_type_name(map.crush.get_item_type(node)) ?? "item";
    const name = map.crush.get_item_name(node) ?? String(node);
    detail.push(`${type} ${name} has flags ${names_in(mask).join(",")}`);
  }
  for (const [c, mask] of [...map.f.device_class_flags].sort(([a], [b]) => a - b)) {
    const name = map.crush.map.class_names.get(c) ?? String(c);
    detail.push(`device class '${name}' has flags ${names_in(mask).join(",")}`);
  }
  if (detail.length > 0) {
    const what = "OSDs or CRUSH {nodes, device-classes}";
    const text = `${detail.length} ${what} have {NOUP,NODOWN,NOIN,NOOUT} flags set`;
    found.set("OSD_FLAGS", warn(text, detail, detail.length));
  }
}

// ---------------------------------------------------------------- CRUSH

const TUNABLE_RANK = ["argonaut", "bobtail", "firefly", "hammer", "jewel"];

function check_crush(h: HealthInput, found: HealthChecks): void {
  const { osdmap, config } = h;
  const { crush } = osdmap;
  const orphans = [...crush.map.item_names.keys()]
    .filter((id) => id >= 0 && !osdmap.exists(id))
    .sort((a, b) => a - b);
  if (orphans.length > 0) {
    const detail = orphans.map((o) => `osd.${o} exists in crush map but not in osdmap`);
    const text = `${orphans.length} osds exist in the crush map but not in the osdmap`;
    found.set("OSD_ORPHAN", warn(text, detail, orphans.length));
  }
  const profile = tunables_profile(crush.map.tunables);
  const rank = TUNABLE_RANK.indexOf(profile);
  if (
    !has_optimal_tunables(crush.map.tunables) &&
    rank >= 0 &&
    rank < TUNABLE_RANK.indexOf("hammer")
  ) {
    const text = `crush map has legacy tunables (require ${profile}, min is hammer)`;
    found.set(
      "OLD_CRUSH_TUNABLES",
      warn(text, ["see http://docs.ceph.com/crush-map/#tunables"], 1),
    );
  }
  if (crush.map.tunables.straw_calc_version === 0) {
    found.set("OLD_CRUSH_STRAW_CALC_VERSION", warn("crush map has straw_calc_version=0"));
  }
  const never_out = config.get("mon_osd_down_out_interval") === 0 && !osdmap.test_flag("noout");
  if (never_out && config.get("mon_warn_on_osd_down_out_interval_zero")) {
    const text = "mon_osd_down_out_interval has the value 0: no osd is ever marked out";
    found.set("OSD_NO_DOWN_OUT_INTERVAL", warn(text));
  }
  const want = config.get("osd_pool_default_size");
  const have = osdmap.get_num_osds();
  if (config.get("mon_warn_on_too_few_osds") && have < want) {
    found.set("TOO_FEW_OSDS", warn(`OSD count ${have} < osd_pool_default_size ${want}`));
  }
}

// ---------------------------------------------------------------- pools

function check_pools(h: HealthInput, found: HealthChecks): void {
  const { osdmap, config } = h;
  const lines: Record<string, string[]> = {};
  const add = (code: string, line: string) => {
    lines[code] = [...(lines[code] ?? []), line];
  };
  for (const id of osdmap.pool_ids()) {
    const p = osdmap.get_pg_pool(id);
    if (!p) continue;
    const name = osdmap.get_pool_name(id) ?? String(id);
    if (pool_has_flag(p, "full")) {
      const why = pool_has_flag(p, "full_quota") ? "running out of quota" : "no space";
      add("POOL_FULL", `pool '${name}' is full (${why})`);
    } else if (pool_has_flag(p, "backfillfull")) {
      add("POOL_BACKFILLFULL", `pool '${name}' is backfillfull`);
    } else if (pool_has_flag(p, "nearfull")) add("POOL_NEARFULL", `pool '${name}' is nearfull`);
    if (p.size === 1) add("POOL_NO_REDUNDANCY", `pool '${name}' has no replicas configured`);
    if (p.pg_num & (p.pg_num - 1)) {
      add(
        "POOL_PG_NUM_NOT_POWER_OF_TWO",
        `pool '${name}' pg_num ${p.pg_num} is not a power of two`,
      );
    }
    if (p.pg_num > p.pgp_num) {
      add("SMALLER_PGP_NUM", `pool ${name} pg_num ${p.pg_num} > pgp_num ${p.pgp_num}`);
    }
    const objects = h.pgmap.sum(id).stat_sum.num_objects;
    if (p.application_metadata.size === 0 && objects > 0) {
      add("POOL_APP_NOT_ENABLED", `application not enabled on pool '${name}'`);
    }
  }
  const shown: [string, string, boolean][] = [
    ["POOL_FULL", "pool(s) full", true],
    ["POOL_BACKFILLFULL", "pool(s) backfillfull", true],
    ["POOL_NEARFULL", "pool(s) nearfull", true],
    [
      "POOL_NO_REDUNDANCY",
      "pool(s) have no replicas configured",
      config.get("mon_warn_on_pool_no_redundancy"),
    ],
    [
      "POOL_PG_NUM_NOT_POWER_OF_TWO",
      "pool(s) have non-power-of-two pg_num",
      config.get("mon_warn_on_pool_pg_num_not_power_of_two"),
    ],
    ["SMALLER_PGP_NUM", "pools have pg_num > pgp_num", true],
  ];
  for (const [code, text, on] of shown) {
    const detail = lines[code];
    if (detail && on) found.set(code, warn(`${detail.length} ${text}`, detail, detail.length));
  }
  const no_app = lines.POOL_APP_NOT_ENABLED;
  if (no_app && config.get("mon_warn_on_pool_no_app")) {
    const hint =
      "use 'osd pool application enable <pool-name> <app-name>', where <app-name> is 'cephfs', " +
      "'rbd', 'rgw', or freeform for custom applications.";
    const text = `application not enabled on ${no_app.length} pool(s)`;
    found.set("POOL_APP_NOT_ENABLED", warn(text, [...no_app, hint], no_app.length));
  }
}
