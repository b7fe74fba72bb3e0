/**
 * Pools: what may be created and removed, and when a pool is full. Refusals are CommandErrors. Pure.
 * Ceph counterpart: OSDMonitor::prepare_new_pool, check_pg_num. cluster.md §3.12.
 */
import {
  CommandError,
  CRUSH_ITEM_NONE,
  type CrushWrapper,
  type Errno,
  pg_pool_t as make_pool,
  POOL_FLAGS,
  type pg_pool_t,
  pool_has_flag,
  type pool_type_t,
  TYPE_ERASURE,
  TYPE_REPLICATED,
} from "@tako/common";
import {
  add_erasure_rule,
  type ErasureShape,
  erasure_rule_name,
  erasure_shape,
  keep_profile,
  need_profile,
  type RulePlace,
} from "./erasure.ts";
import { edit_pool, pending_crush, pending_pool, type View } from "./pending.ts";

function refuse(code: Errno, text: string): never {
  throw new CommandError(code, text);
}

/** What a new pool is to be; what is left out follows from the configuration. */
export interface PoolWish {
  readonly name: string;
  readonly type: pool_type_t;
  /** Of an erasure-coded pool; its size follows from it. */
  readonly erasure_code_profile: string;
  readonly fast_read: boolean | undefined;
  readonly pg_num: number | undefined;
  readonly pgp_num: number | undefined;
  readonly size: number | undefined;
  /** Name of a CRUSH rule. */
  readonly rule: string | undefined;
  readonly expected_num_objects: number;
  readonly bulk: boolean;
  /** pg_num_min, pg_num_max, target_size_bytes, target_size_ratio, as far as they are given. */
  readonly opts: ReadonlyMap<string, number>;
}

/** Largest number of copies. */
export const MAX_POOL_SIZE = 10;

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused
const BAD_NAME = /[\x00-\x1f\x7f]/;

/** Adds the pool to what is pending; returns its id. */
export function create_pool(v: View, wish: PoolWish): number {
  if (wish.name.length > 255 || BAD_NAME.test(wish.name)) {
    refuse("EINVAL", "pool name must have 1 to 255 characters, none of them a control character");
  }
  const { config } = v;
  const pg_num = wish.pg_num || config.get("osd_pool_default_pg_num");
  const pgp_num = wish.pgp_num || config.get("osd_pool_default_pgp_num") || pg_num;
  need_pg_num(v, pg_num);
  if (pgp_num < 0 || pgp_num > pg_num) {
    refuse(
      "ERANGE",
      "'pgp_num' must be greater than 0 and lower or equal than 'pg_num', " +
        `which in this case is ${pg_num}`,
    );
  }
  const { shape, place, more } =
    wish.type === TYPE_ERASURE ? erasure_parts(v, wish) : replicated_parts(v, wish);
  smoke_test(v, place, shape.size);
  check_crush_rule(place, wish.type, shape.size);
  check_pg_num(v, undefined, pg_num, shape.size);
  const { inc } = v.pending;
  if (place.crush !== pending_crush(v)) inc.crush = place.crush;
  const { erasure_code_profile: name } = more;
  if (name !== undefined) keep_profile(v, name, need_profile(v, name));
  const id = Math.max(v.osdmap.pool_max, inc.new_pool_max) + 1;
  inc.new_pool_max = id;
  inc.new_pool_names.set(id, wish.name);
  const hashpspool = config.get("osd_pool_default_flag_hashpspool") ? POOL_FLAGS.hashpspool : 0;
  const bulk = wish.bulk ? POOL_FLAGS.bulk : 0;
  inc.new_pools.set(
    id,
    make_pool({
      type: wish.type,
      ...shape,
      crush_rule: place.rule,
      // In one step: mon_osd_max_initial_pgs needs a manager that raises pg_num later.
      pg_num,
      pgp_num,
      flags: hashpspool | bulk | POOL_FLAGS.creating,
      create_time: v.now_ms,
      expected_num_objects: wish.expected_num_objects,
      opts: wish.opts,
      ...more,
    }),
  );
  return id;
}

interface PoolParts {
  readonly shape: ErasureShape;
  readonly place: RulePlace;
  readonly more: Partial<pg_pool_t>;
}

function replicated_parts(v: View, wish: PoolWish): PoolParts {
  const size = wish.size || v.config.get("osd_pool_default_size");
  return {
    shape: { size, min_size: default_min_size(v, size), stripe_width: 0 },
    place: { crush: pending_crush(v), rule: choose_rule(v, wish.rule) },
    more: {},
  };
}

/** A rule that is not named is made for the pool, unless one of its name is there. */
function erasure_parts(v: View, wish: PoolWish): PoolParts {
  const { erasure_code_profile } = wish;
  const profile = need_profile(v, erasure_code_profile);
  const crush = pending_crush(v);
  const own = erasure_rule_name(erasure_code_profile, wish.name);
  const place =
    wish.rule === undefined && crush.get_rule_id(own) === undefined
      ? add_erasure_rule(crush, own, profile)
      : { crush, rule: need_rule(crush, wish.rule ?? own) };
  const shape = erasure_shape(v, profile);
  const fast_read = wish.fast_read ?? v.config.get("osd_pool_default_ec_fast_read");
  return { shape, place, more: { erasure_code_profile, fast_read } };
}

export function need_pg_num(v: View, pg_num: number): void {
  const max = v.config.get("mon_max_pool_pg_num");
  if (pg_num > 0 && pg_num <= max) return;
  refuse(
    "ERANGE",
    `'pg_num' must be greater than 0 and less than or equal to ${max} ` +
      "(you may adjust 'mon max pool pg num' for higher values)",
  );
}

export function default_min_size(v: View, size: number): number {
  const wanted = v.config.get("osd_pool_default_min_size");
  return wanted > 0 ? Math.min(wanted, size) : size - Math.floor(size / 2);
}

function need_rule(crush: CrushWrapper, name: string): number {
  const id = crush.get_rule_id(name);
  return id ?? refuse("ENOENT", `specified rule ${name} doesn't exist`);
}
/** For a replicated pool. */
function choose_rule(v: View, name: string | undefined): number {
  const crush = pending_crush(v);
  if (name !== undefined) return need_rule(crush, name);
  const configured = v.config.get("osd_pool_default_crush_rule");
  if (configured >= 0 && crush.rule_exists(configured)) return configured;
  const first = crush.rule_ids().find((id) => crush.get_rule(id)?.type === TYPE_REPLICATED);
  return (
    first ??
    refuse(
      "ENOENT",
      "No suitable CRUSH rule exists, check 'osd pool default crush *' config options",
    )
  );
}

/** Is the rule made for such pools? */
export function check_crush_rule(place: RulePlace, type: number, size: number): void {
  const rule = place.crush.get_rule(place.rule);
  // Ceph says no more than this about a rule of another type.
  if (rule?.type !== type) return refuse("EINVAL", "(22) Invalid argument");
  if (size < rule.min_size) refuse("EINVAL", "pool size is smaller than the crush rule min size");
  if (size > rule.max_size) refuse("EINVAL", "pool size is bigger than the crush rule max size");
}

/** The rule must not choke: it may find nothing yet, but must give OSDs that can exist. */
export function smoke_test(v: View, { crush, rule }: RulePlace, size: number): void {
  if (!v.config.get("mon_osd_crush_smoke_test")) return;
  const weights = v.osdmap.f.osd_weight;
  for (let x = 0; x <= 50; x++) {
    for (const o of crush.do_rule(rule, x, size, weights)) {
      if (o !== CRUSH_ITEM_NONE && (o < 0 || o >= crush.get_max_devices())) {
        refuse("EINVAL", `crush test failed: rule ${rule} maps ${x} to ${o}, which is no device`);
      }
    }
  }
}

/** Would the OSDs carry too many PG copies? `id`: the pool that changes. */
export function check_pg_num(v: View, id: number | undefined, pg_num: number, size: number): void {
  const max = v.config.get("mon_max_pg_per_osd");
  const num_osds = Math.max(v.osdmap.get_num_in_osds(), 3);
  let projected = pg_num * size;
  const ids = new Set([...v.osdmap.pools.keys(), ...v.pending.inc.new_pools.keys()]);
  for (const other of ids) {
    const p = other === id ? undefined : pending_pool(v, other);
    if (p) projected += p.pg_num * p.size;
  }
  if (projected <= max * num_osds) return;
  const name = id === undefined ? "" : `pool id ${id}`;
  refuse(
    "ERANGE",
    `${name} pg_num ${pg_num} size ${size} would mean ${projected} total pgs, which exceeds max ` +
      `${max * num_osds} (mon_max_pg_per_osd ${max} * num_in_osds ${num_osds})`,
  );
}

/** Removes pool and name, every override of its PGs, and its weights in CRUSH. */
export function remove_pool(v: View, id: number): void {
  const pool = v.osdmap.get_pg_pool(id);
  if (!v.config.get("mon_allow_pool_delete")) {
    refuse(
      "EPERM",
      "pool deletion is disabled; you must first set the mon_allow_pool_delete config option to " +
        "true before you can destroy a pool",
    );
  }
  if (pool && pool_has_flag(pool, "nodelete")) {
    refuse("EPERM", "pool deletion is disabled; you must unset nodelete flag for the pool first");
  }
  const { inc } = v.pending;
  inc.old_pools.add(id);
  inc.new_pools.delete(id);
  inc.new_pool_names.delete(id);
  const mine = (pg: string) => Number.parseInt(pg, 10) === id;
  for (const pg of [...inc.new_pg_temp.keys()]) if (mine(pg)) inc.new_pg_temp.delete(pg);
  for (const pg of [...inc.new_primary_temp.keys()]) if (mine(pg)) inc.new_primary_temp.delete(pg);
  for (const pg of v.osdmap.pg_temp.keys()) if (mine(pg)) inc.new_pg_temp.set(pg, []);
  for (const pg of v.osdmap.primary_temp.keys()) if (mine(pg)) inc.new_primary_temp.set(pg, -1);
  for (const pg of v.osdmap.pg_upmap.keys()) if (mine(pg)) inc.old_pg_upmap.add(pg);
  for (const pg of v.osdmap.pg_upmap_items.keys()) if (mine(pg)) inc.old_pg_upmap_items.add(pg);
  const crush = pending_crush(v);
  if (crush.map.choose_args.has(id)) inc.crush = crush.edit((b) => b.rm_choose_args(id));
}

// ---------------------------------------------------------------- quotas

/** On tick: pools over their quota become full, those below it again not. */
export function update_pool_quotas(
  v: View,
  usage: (pool: number) => { readonly num_objects: number; readonly num_bytes: number },
): void {
  const both = POOL_FLAGS.full | POOL_FLAGS.full_quota;
  for (const id of v.osdmap.pool_ids()) {
    const p = pending_pool(v, id);
    if (!p) continue;
    const used = usage(id);
    const over =
      (p.quota_max_bytes > 0 && used.num_bytes >= p.quota_max_bytes) ||
      (p.quota_max_objects > 0 && used.num_objects >= p.quota_max_objects);
    if (over === pool_has_flag(p, "full_quota")) continue;
    const name = v.osdmap.get_pool_name(id) ?? String(id);
    edit_pool(v, id, { flags: over ? p.flags | both : p.flags & ~both });
    v.pending.log.push(
      over
        ? { prio: "WRN", text: `pool '${name}' is full (reached quota's limit)` }
        : { prio: "INF", text: `pool '${name}' no longer out of quota; removing FULL flag` },
    );
  }
}
