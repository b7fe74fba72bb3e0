/**
 * Pools: what may be created, set and removed. Refusals are CommandErrors. Pure.
 * Ceph counterpart: OSDMonitor::prepare_new_pool, prepare_command_pool_set. cluster.md §3.12.
 */
import {
  CommandError,
  CRUSH_ITEM_NONE,
  type Errno,
  pg_pool_t as make_pool,
  POOL_FLAGS,
  type pg_pool_t,
  type pool_flag_t,
  pool_has_flag,
  TYPE_REPLICATED,
} from "@tako/common";
import { edit_pool, pending_crush, pending_pool, type View } from "./pending.ts";

function refuse(code: Errno, text: string): never {
  throw new CommandError(code, text);
}

export interface PoolWish {
  readonly name: string;
  readonly pg_num: number | undefined;
  readonly pgp_num: number | undefined;
  readonly size: number | undefined;
  /** Name of a CRUSH rule. */
  readonly rule: string | undefined;
  readonly expected_num_objects: number | undefined;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is refused
const BAD_NAME = /[\x00-\x1f\x7f]/;

/** Adds the pool to what is pending; returns its id. */
export function create_pool(v: View, wish: PoolWish): number {
  if (wish.name === "" || wish.name.length > 255 || BAD_NAME.test(wish.name)) {
    refuse("EINVAL", "pool name must have 1 to 255 characters, none of them a control character");
  }
  const { config } = v;
  const pg_num = wish.pg_num || config.get("osd_pool_default_pg_num");
  const pgp_num = wish.pgp_num || config.get("osd_pool_default_pgp_num") || pg_num;
  const size = wish.size || config.get("osd_pool_default_size");
  const max = config.get("mon_max_pool_pg_num");
  if (pg_num > max)
    refuse(
      "ERANGE",
      `'pg_num' must be greater than 0 and less than or equal to ${max} ` +
        "(you may adjust 'mon_max_pool_pg_num' for higher values)",
    );
  if (pgp_num > pg_num)
    refuse(
      "ERANGE",
      "'pgp_num' must be greater than 0 and lower or equal than 'pg_num', " +
        `which in this case is ${pg_num}`,
    );
  if (size === 1 && !config.get("mon_allow_pool_size_one")) {
    refuse(
      "EPERM",
      "configuring pool size as 1 is disabled by default; see mon_allow_pool_size_one",
    );
  }
  const crush_rule = choose_rule(v, wish.rule);
  smoke_test(v, crush_rule, size);
  check_pg_num(v, undefined, pg_num, size, crush_rule);
  const { inc } = v.pending;
  const id = Math.max(v.osdmap.pool_max, inc.new_pool_max) + 1;
  inc.new_pool_max = id;
  inc.new_pool_names.set(id, wish.name);
  const hashpspool = config.get("osd_pool_default_flag_hashpspool") ? POOL_FLAGS.hashpspool : 0;
  inc.new_pools.set(
    id,
    make_pool({
      type: TYPE_REPLICATED,
      size,
      min_size: default_min_size(v, size),
      crush_rule,
      // In one step: mon_osd_max_initial_pgs needs a manager that raises pg_num later.
      pg_num,
      pgp_num,
      flags: hashpspool | POOL_FLAGS.creating,
      create_time: v.now_ms,
      expected_num_objects: wish.expected_num_objects ?? 0,
    }),
  );
  return id;
}

export function default_min_size(v: View, size: number): number {
  const wanted = v.config.get("osd_pool_default_min_size");
  return wanted > 0 ? Math.min(wanted, size) : size - Math.floor(size / 2);
}

function choose_rule(v: View, name: string | undefined): number {
  const crush = pending_crush(v);
  if (name !== undefined) {
    const id = crush.get_rule_id(name);
    if (id === undefined) return refuse("ENOENT", `specified rule ${name} doesn't exist`);
    if (crush.get_rule(id)?.type !== TYPE_REPLICATED) {
      refuse("EINVAL", `specified rule ${name} is not for replicated pools`);
    }
    return id;
  }
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

/** The rule must not choke: it may find nothing yet, but must give OSDs that can exist. */
function smoke_test(v: View, rule: number, size: number): void {
  if (!v.config.get("mon_osd_crush_smoke_test")) return;
  const crush = pending_crush(v);
  const weights = v.osdmap.f.osd_weight;
  for (let x = 0; x <= 50; x++) {
    for (const o of crush.do_rule(rule, x, size, weights)) {
      if (o !== CRUSH_ITEM_NONE && (o < 0 || o >= crush.get_max_devices())) {
        refuse("EINVAL", `crush test failed: rule ${rule} maps ${x} to ${o}, which is no device`);
      }
    }
  }
}

/** Would the OSDs below the rule carry too many PG copies? `id`: the pool that changes. */
function check_pg_num(
  v: View,
  id: number | undefined,
  pg_num: number,
  size: number,
  rule: number,
): void {
  const max = v.config.get("mon_max_pg_per_osd");
  const crush = pending_crush(v);
  const osds = new Set(crush.find_takes_by_rule(rule).flatMap((root) => crush.get_leaves(root)));
  const num_osds = Math.max(osds.size, 3);
  let projected = pg_num * size;
  const ids = new Set([...v.osdmap.pools.keys(), ...v.pending.inc.new_pools.keys()]);
  for (const other of ids) {
    const p = other === id ? undefined : pending_pool(v, other);
    if (p && p.crush_rule === rule) projected += p.pg_num * p.size;
  }
  if (projected <= max * num_osds) return;
  const name = id === undefined ? "" : `pool id ${id} `;
  refuse(
    "ERANGE",
    `${name}pg_num ${pg_num} size ${size} would mean ${projected} total pgs, which exceeds max ` +
      `${max * num_osds} (mon_max_pg_per_osd ${max} * num_in_osds ${num_osds})`,
  );
}

/** Removes pool and name, and every override of its PGs. */
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
}

// ---------------------------------------------------------------- osd pool set

const FLAG_VARS: readonly pool_flag_t[] = [
  "hashpspool",
  "nodelete",
  "nopgchange",
  "nosizechange",
  "write_fadvise_dontneed",
  "noscrub",
  "nodeep-scrub",
  "bulk",
];
/** Options that are kept with the pool: name -> smallest value. */
const NUMBER_OPTS: Readonly<Record<string, number>> = {
  scrub_min_interval: 0,
  scrub_max_interval: 0,
  deep_scrub_interval: 0,
  recovery_priority: -10,
  recovery_op_priority: 0,
  scrub_priority: 0,
  pg_num_min: 0,
  target_size_bytes: 0,
  target_size_ratio: 0,
  pg_autoscale_bias: 0,
};

export function set_pool(v: View, id: number, name: string, text: string, sure: boolean): void {
  const p = pending_pool(v, id);
  if (!p) return refuse("ENOENT", `pool ${id} does not exist`);
  const flag = FLAG_VARS.find((f) => f === name);
  if (flag) return set_flag(v, id, p, flag, text, sure);
  switch (name) {
    case "size":
      return set_size(v, id, p, integer(name, text), sure);
    case "min_size": {
      const n = integer(name, text);
      if (n < 1 || n > p.size) {
        refuse("EINVAL", `pool min_size must be between 1 and size, which is set to ${p.size}`);
      }
      return edit_pool(v, id, { min_size: n });
    }
    case "pg_num":
    case "pg_num_actual":
      return set_pg_num(v, id, p, integer(name, text));
    case "pgp_num":
    case "pgp_num_actual":
      return set_pgp_num(v, id, p, integer(name, text));
    case "crush_rule": {
      const rule = choose_rule(v, text);
      smoke_test(v, rule, p.size);
      return edit_pool(v, id, { crush_rule: rule });
    }
    case "fast_read":
      if (boolean(name, text)) refuse("EINVAL", "fast read is not supported in replication pool");
      return edit_pool(v, id, { fast_read: false });
    case "pg_autoscale_mode":
      if (text !== "off") {
        refuse("EOPNOTSUPP", "there is no autoscaler: pg_autoscale_mode can only be off");
      }
      return edit_pool(v, id, { pg_autoscale_mode: "off" });
    default:
      return set_opt(v, id, p, name, text);
  }
}

function integer(name: string, text: string): number {
  return /^-?\d{1,15}$/.test(text)
    ? Number(text)
    : refuse("EINVAL", `error parsing integer value '${text}' of ${name}`);
}
function boolean(name: string, text: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  return refuse(
    "EINVAL",
    `expecting value 'true', 'false', '0', or '1' for ${name}, got '${text}'`,
  );
}

function set_flag(
  v: View,
  id: number,
  p: pg_pool_t,
  flag: pool_flag_t,
  text: string,
  sure: boolean,
): void {
  const on = boolean(flag, text);
  if (flag === "hashpspool" && on !== pool_has_flag(p, "hashpspool") && !sure) {
    refuse(
      "EPERM",
      "are you SURE?  this will remap all placement groups in this pool, this triggers large " +
        "data movement, pass --yes-i-really-mean-it if you really do.",
    );
  }
  const bit = POOL_FLAGS[flag];
  edit_pool(v, id, { flags: on ? p.flags | bit : p.flags & ~bit });
}

function set_size(v: View, id: number, p: pg_pool_t, n: number, sure: boolean): void {
  if (pool_has_flag(p, "nosizechange")) {
    refuse(
      "EPERM",
      "pool size change is disabled; you must unset nosizechange flag for the pool first",
    );
  }
  if (p.type !== TYPE_REPLICATED)
    refuse("EOPNOTSUPP", "can not change the size of an erasure-coded pool");
  if (n < 1 || n > 10) refuse("EINVAL", "pool size must be between 1 and 10");
  if (n === 1) {
    if (!v.config.get("mon_allow_pool_size_one")) {
      refuse(
        "EPERM",
        "configuring pool size as 1 is disabled by default; see mon_allow_pool_size_one",
      );
    }
    if (!sure) {
      refuse(
        "EPERM",
        "WARNING: setting pool size 1 could lead to data loss without recovery. If you are " +
          "*ABSOLUTELY CERTAIN* that is what you want, pass the flag --yes-i-really-mean-it.",
      );
    }
  }
  if (n > p.size) check_pg_num(v, id, p.pg_num, n, p.crush_rule);
  edit_pool(v, id, { size: n, min_size: default_min_size(v, n) });
}

function set_pg_num(v: View, id: number, p: pg_pool_t, n: number): void {
  if (pool_has_flag(p, "nopgchange")) {
    refuse(
      "EPERM",
      "pool pg_num change is disabled; you must unset nopgchange flag for the pool first",
    );
  }
  if (n === p.pg_num) return;
  const max = v.config.get("mon_max_pool_pg_num");
  if (n < 1 || n > max) refuse("ERANGE", `'pg_num' must be from 1 to ${max} (mon_max_pool_pg_num)`);
  if (n < p.pg_num) {
    refuse("EOPNOTSUPP", `pg_num cannot shrink: it is ${p.pg_num}, and PGs are never merged`);
  }
  if (!v.config.get("mon_allow_pg_split")) {
    refuse("EOPNOTSUPP", `pg_num cannot grow yet: it is ${p.pg_num}, and OSDs do not split PGs`);
  }
  const committed = v.osdmap.get_pg_pool(id);
  if (pool_has_flag(p, "creating") || !committed || committed.pg_num !== p.pg_num) {
    refuse("EBUSY", "busy creating pgs; try again later");
  }
  check_pg_num(v, id, n, p.size, p.crush_rule);
  edit_pool(v, id, {
    pg_num: n,
    pg_num_target: n,
    pg_num_pending: n,
    last_force_op_resend_preluminous: v.pending.inc.epoch,
  });
}

function set_pgp_num(v: View, id: number, p: pg_pool_t, n: number): void {
  if (pool_has_flag(p, "nopgchange")) {
    refuse(
      "EPERM",
      "pool pgp_num change is disabled; you must unset nopgchange flag for the pool first",
    );
  }
  if (n < 1) refuse("EINVAL", `specified pgp_num must > 0, but you set to ${n}`);
  if (n > p.pg_num) refuse("EINVAL", `specified pgp_num ${n} > pg_num ${p.pg_num}`);
  edit_pool(v, id, { pgp_num: n, pgp_num_target: n });
}

function set_opt(v: View, id: number, p: pg_pool_t, name: string, text: string): void {
  const least = Object.hasOwn(NUMBER_OPTS, name) ? NUMBER_OPTS[name] : undefined;
  if (least === undefined) {
    const known = ["size", "min_size", "pg_num", "pgp_num", "crush_rule", "fast_read"];
    const all = [...known, ...FLAG_VARS, ...Object.keys(NUMBER_OPTS)].join("|");
    return refuse("EINVAL", `no pool variable '${name}'; there are ${all}`);
  }
  const opts = new Map(p.opts);
  if (text === "unset") opts.delete(name);
  else {
    const n = /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(n >= least))
      refuse("EINVAL", `${name} must be a number of at least ${least}, got '${text}'`);
    opts.set(name, n);
  }
  edit_pool(v, id, { opts });
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
