/**
 * `osd pool set`: what a variable of a pool may be set to. Refusals are CommandErrors. Pure.
 * Ceph counterpart: OSDMonitor::prepare_command_pool_set. cluster.md §3.12.
 */
import {
  CommandError,
  type Errno,
  is_erasure,
  POOL_FLAGS,
  type pg_pool_t,
  type pool_flag_t,
  pool_has_flag,
  TYPE_REPLICATED,
} from "@tako/common";
import { least_min_size } from "./erasure.ts";
import { edit_pool, pending_crush, pending_pool, type View } from "./pending.ts";
import { number_of, set_opt } from "./pool_opts.ts";
import {
  check_crush_rule,
  check_pg_num,
  default_min_size,
  MAX_POOL_SIZE,
  need_pg_num,
  smoke_test,
} from "./pool_rules.ts";
import { strict_strtoll } from "./strict_parse.ts";

function refuse(code: Errno, text: string): never {
  throw new CommandError(code, text);
}

/** Flags that are true or false, and nothing more to them. */
const FLAG_VARS: readonly pool_flag_t[] = [
  "nodelete",
  "nopgchange",
  "nosizechange",
  "write_fadvise_dontneed",
  "noscrub",
  "nodeep-scrub",
  "bulk",
];
/** They belong to cache tiers, which pools here never are. */
export const TIER_VARS: readonly string[] = [
  "hit_set_type",
  "hit_set_period",
  "hit_set_count",
  "hit_set_fpp",
  "use_gmt_hitset",
  "target_max_objects",
  "target_max_bytes",
  "cache_target_full_ratio",
  "cache_target_dirty_ratio",
  "cache_target_dirty_high_ratio",
  "cache_min_flush_age",
  "cache_min_evict_age",
  "hit_set_grade_decay_rate",
  "hit_set_search_last_n",
  "min_read_recency_for_promote",
  "min_write_recency_for_promote",
];

/** One assignment: `pool` is the record it starts from. */
interface Setting {
  readonly v: View;
  readonly id: number;
  readonly pool: pg_pool_t;
  readonly name: string;
  readonly text: string;
  readonly sure: boolean;
}

/** Returns the status line. */
export function set_pool(v: View, id: number, name: string, text: string, sure: boolean): string {
  const pool = pending_pool(v, id);
  if (!pool) return refuse("ENOENT", `pool ${id} does not exist`);
  if (TIER_VARS.includes(name)) refuse("EACCES", "(13) Permission denied");
  const edits = changes({ v, id, pool, name, text, sure });
  if (Object.keys(edits).length === 0) return "";
  edit_pool(v, id, edits);
  return text === "unset" ? `unset pool ${id} ${name}` : `set pool ${id} ${name} to ${text}`;
}

function changes(s: Setting): Partial<pg_pool_t> {
  const flag = FLAG_VARS.find((f) => f === s.name);
  if (flag) return { flags: with_flag(s, flag) };
  switch (s.name) {
    case "hashpspool":
      return { flags: hashpspool(s) };
    case "size":
      return size(s);
    case "min_size":
      return min_size(s);
    case "pg_num":
    case "pg_num_actual":
      return pg_num(s);
    case "pgp_num":
    case "pgp_num_actual":
      return pgp_num(s);
    case "crush_rule":
      return crush_rule(s);
    case "allow_ec_overwrites":
      return allow_ec_overwrites(s);
    case "fast_read":
      return fast_read(s);
    case "pg_autoscale_mode":
      return pg_autoscale_mode(s);
    default:
      return opt(s);
  }
}

function opt({ v, pool, name, text }: Setting): Partial<pg_pool_t> {
  const opts = set_opt(pool, name, text, (n) => v.osdmap.lookup_pg_pool_name(n));
  return opts ? { opts } : refuse("EINVAL", `unrecognized variable '${name}'`);
}

function integer({ text }: Setting): number {
  return number_of("integer", text, strict_strtoll(text));
}
function need_no_flag({ pool }: Setting, flag: pool_flag_t, what: string): void {
  if (!pool_has_flag(pool, flag)) return;
  refuse(
    "EPERM",
    `pool ${what} change is disabled; you must unset ${flag} flag for the pool first`,
  );
}

function boolean({ text }: Setting): boolean {
  const n = strict_strtoll(text);
  if (text === "true" || n === 1) return true;
  if (text === "false" || n === 0) return false;
  return refuse("EINVAL", "expecting value 'true', 'false', '0', or '1'");
}
function with_flag(s: Setting, flag: pool_flag_t): number {
  return boolean(s) ? s.pool.flags | POOL_FLAGS[flag] : s.pool.flags & ~POOL_FLAGS[flag];
}
function hashpspool(s: Setting): number {
  if (s.sure) return with_flag(s, "hashpspool");
  return refuse(
    "EPERM",
    "are you SURE?  this will remap all placement groups in this pool, this triggers large " +
      "data movement, pass --yes-i-really-mean-it if you really do.",
  );
}

function size(s: Setting): Partial<pg_pool_t> {
  const { v, id, pool } = s;
  need_no_flag(s, "nosizechange", "size");
  if (pool.type !== TYPE_REPLICATED) {
    refuse("EOPNOTSUPP", "can not change the size of an erasure-coded pool");
  }
  const n = integer(s);
  if (n < 1 || n > MAX_POOL_SIZE) {
    refuse("EINVAL", `pool size must be between 1 and ${MAX_POOL_SIZE}`);
  }
  if (n === 1) {
    if (!v.config.get("mon_allow_pool_size_one")) {
      refuse("EPERM", "configuring pool size as 1 is disabled by default.");
    }
    if (!s.sure) {
      refuse(
        "EPERM",
        "WARNING: setting pool size 1 could lead to data loss without recovery. If you are " +
          "*ABSOLUTELY CERTAIN* that is what you want, pass the flag --yes-i-really-mean-it.",
      );
    }
  }
  check_crush_rule({ crush: pending_crush(v), rule: pool.crush_rule }, pool.type, n);
  if (n > pool.size) check_pg_num(v, id, pool.pg_num, n);
  return { size: n, min_size: default_min_size(v, n) };
}

function min_size(s: Setting): Partial<pg_pool_t> {
  need_no_flag(s, "nosizechange", "min size");
  const { pool } = s;
  const n = integer(s);
  const least = is_erasure(pool) ? least_min_size(s.v, pool.erasure_code_profile) : 1;
  if (n < least || n > pool.size) {
    const range = `between ${least} and size, which is set to ${pool.size}`;
    refuse("EINVAL", `pool min_size must be ${range}`);
  }
  return { min_size: n };
}

/** In one step, and only upwards; pgp_num follows later, unless it is set differently by hand. */
function pg_num(s: Setting): Partial<pg_pool_t> {
  const { v, id, pool: p } = s;
  need_no_flag(s, "nopgchange", "pg_num");
  const n = integer(s);
  if (n === p.pg_num) return {};
  need_pg_num(v, n);
  if (n < p.pg_num) {
    refuse("EOPNOTSUPP", `pg_num cannot shrink: it is ${p.pg_num}, and PGs are never merged`);
  }
  check_pg_num(v, id, n, p.size);
  const committed = v.osdmap.get_pg_pool(id);
  if (pool_has_flag(p, "creating") || !committed || committed.pg_num !== p.pg_num) {
    refuse("EBUSY", "cannot adjust pg_num while initial PGs are being created");
  }
  return {
    pg_num: n,
    pg_num_target: n,
    pg_num_pending: n,
    ...(p.pgp_num_target === p.pg_num_target && { pgp_num_target: n }),
    last_force_op_resend_preluminous: v.pending.inc.epoch,
  };
}

function pgp_num(s: Setting): Partial<pg_pool_t> {
  need_no_flag(s, "nopgchange", "pgp_num");
  const n = integer(s);
  if (n <= 0) refuse("EINVAL", `specified pgp_num must > 0, but you set to ${n}`);
  if (n > s.pool.pg_num) refuse("EINVAL", `specified pgp_num ${n} > pg_num ${s.pool.pg_num}`);
  return { pgp_num: n, pgp_num_target: n };
}

function crush_rule({ v, pool, text }: Setting): Partial<pg_pool_t> {
  const crush = pending_crush(v);
  const rule = crush.get_rule_id(text);
  if (rule === undefined) return refuse("ENOENT", `crush rule ${text} does not exist`);
  check_crush_rule({ crush, rule }, pool.type, pool.size);
  smoke_test(v, { crush, rule }, pool.size);
  return { crush_rule: rule };
}

/** Once some object was overwritten in part, there is no way back. */
function allow_ec_overwrites(s: Setting): Partial<pg_pool_t> {
  if (!is_erasure(s.pool)) {
    refuse("EINVAL", "ec overwrites can only be enabled for an erasure coded pool");
  }
  if (!boolean(s)) refuse("EINVAL", "ec overwrites cannot be disabled once enabled");
  return { flags: s.pool.flags | POOL_FLAGS.ec_overwrites };
}
/** Read all shards, and use the first k that answer. */
function fast_read(s: Setting): Partial<pg_pool_t> {
  if (!is_erasure(s.pool)) refuse("EINVAL", "fast read is not supported in replication pool");
  return { fast_read: boolean(s) };
}

function pg_autoscale_mode({ text }: Setting): Partial<pg_pool_t> {
  need_autoscale_mode(text);
  return { pg_autoscale_mode: "off" };
}
export function need_autoscale_mode(mode: string): void {
  if (!["off", "warn", "on"].includes(mode)) refuse("EINVAL", `specified invalid mode ${mode}`);
  if (mode === "off") return;
  refuse("EOPNOTSUPP", "there is no autoscaler: pg_autoscale_mode can only be off");
}
