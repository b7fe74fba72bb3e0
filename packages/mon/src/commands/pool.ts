/** `osd pool ...`. What a pool may be set to is in osdmon/pool_set.ts. cluster.md §3.12. */
import {
  is_erasure,
  type OSDMap,
  type pg_pool_t,
  type pool_flag_t,
  pool_has_flag,
  pool_type_name,
  TYPE_ERASURE,
  TYPE_REPLICATED,
} from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import { edit_pool, pending_pool, pool_id_by_pending_name, type View } from "../osdmon/pending.ts";
import { number_of, POOL_OPTS, shown_opt } from "../osdmon/pool_opts.ts";
import { create_pool, type PoolWish, remove_pool } from "../osdmon/pool_rules.ts";
import { need_autoscale_mode, set_pool, TIER_VARS } from "../osdmon/pool_set.ts";
import { strict_iecstrtoll, strict_si_cast, strict_strtoll } from "../osdmon/strict_parse.ts";
import { client_io_rates, recovery_rates } from "../pgmap/summary.ts";
import type { Args } from "./args.ts";
import type { ReadCommands, WriteCommands } from "./dispatch.ts";
import {
  type CommandOutcome,
  type CommandReply,
  commit_then,
  fail,
  json,
  RETRY_COMMAND,
  reply_now,
} from "./reply.ts";
import type { Json } from "./shapes.ts";

export const POOL_COMMANDS: ReadCommands = {
  "osd pool ls": (mon, args) => {
    const detail = args.opt_oneOf("detail", ["detail"]) !== undefined;
    return json(detail ? pool_details(mon.osdmap) : names(mon.osdmap));
  },
  "osd lspools": (mon) =>
    json(mon.osdmap.pool_ids().map((id) => ({ poolnum: id, poolname: name_of(mon.osdmap, id) }))),
  "osd pool get": get,
  "osd pool stats": stats,
  "osd pool get-quota": (mon, args) => {
    const id = args.pool(mon.osdmap);
    const p = mon.osdmap.get_pg_pool(id);
    return json({
      pool_name: name_of(mon.osdmap, id),
      pool_id: id,
      quota_max_objects: p?.quota_max_objects ?? 0,
      current_num_objects: mon.svc.pgmap.sum(id).stat_sum.num_objects,
      quota_max_bytes: p?.quota_max_bytes ?? 0,
      current_num_bytes: mon.svc.pgmap.sum(id).stat_sum.num_bytes,
    });
  },
};

export const POOL_WRITE_COMMANDS: WriteCommands = {
  "osd pool create": create,
  "osd pool rm": remove,
  "osd pool delete": remove,
  "osd pool rename": rename,
  "osd pool set": set,
  "osd pool set-quota": set_quota,
};

export function name_of(map: OSDMap, id: number): string {
  return map.get_pool_name(id) ?? String(id);
}
function names(map: OSDMap): string[] {
  return map.pool_ids().map((id) => name_of(map, id));
}
/** As in `osd dump`, but with the id first under another name. */
function pool_details(map: OSDMap): Json[] {
  const { pools } = map.dump();
  const list: Json[] = Array.isArray(pools) ? pools : [];
  return list.map(({ pool, pool_name, ...rest }) => ({ pool_id: pool, pool_name, ...rest }));
}

// ---------------------------------------------------------------- get

const FLAG_VARS: readonly pool_flag_t[] = [
  "nodelete",
  "nopgchange",
  "nosizechange",
  "write_fadvise_dontneed",
  "noscrub",
  "nodeep-scrub",
];
const ERASURE_VARS: readonly string[] = ["erasure_code_profile", "allow_ec_overwrites"];
/** Where `pg_autoscale_mode` stands among the options. */
const AUTOSCALE_BEFORE = POOL_OPTS.indexOf("pg_num_min");

/** Every variable in the order of `osd pool get <pool> all`. */
function variables(map: OSDMap, p: pg_pool_t): [string, unknown][] {
  const opts = (names: readonly string[]) =>
    names.flatMap((name): [string, unknown][] => {
      const value = p.opts.get(name);
      return value === undefined ? [] : [[name, shown_opt(name, value)]];
    });
  const of_erasure = (name: string, value: unknown): [string, unknown][] =>
    is_erasure(p) ? [[name, value]] : [];
  return [
    ["size", p.size],
    ["min_size", p.min_size],
    ["pg_num", p.pg_num],
    ["pgp_num", p.pgp_num],
    ["crush_rule", map.crush.get_rule(p.crush_rule)?.name ?? String(p.crush_rule)],
    ["hashpspool", pool_has_flag(p, "hashpspool")],
    ...of_erasure("allow_ec_overwrites", pool_has_flag(p, "ec_overwrites")),
    ...FLAG_VARS.map((f): [string, unknown] => [f, pool_has_flag(p, f)]),
    ["use_gmt_hitset", true],
    ...of_erasure("erasure_code_profile", p.erasure_code_profile),
    ["fast_read", p.fast_read ? 1 : 0],
    ...opts(POOL_OPTS.slice(0, AUTOSCALE_BEFORE)),
    ["pg_autoscale_mode", p.pg_autoscale_mode],
    ...opts(POOL_OPTS.slice(AUTOSCALE_BEFORE)),
    ["bulk", pool_has_flag(p, "bulk")],
  ];
}

function get(mon: Monitor, args: Args): CommandReply {
  const map = mon.osdmap;
  const id = args.pool(map);
  const p = map.get_pg_pool(id);
  if (!p) return fail("ENOENT", `unrecognized pool '${args.str("pool")}'`);
  const name = name_of(map, id);
  const head = { pool: name, pool_id: id };
  const all = variables(map, p);
  const wanted = args.str("var");
  if (wanted === "all") return json({ ...head, ...Object.fromEntries(all) });
  const found = all.find(([v]) => v === wanted);
  if (found) return json({ ...head, [wanted]: found[1] });
  if (TIER_VARS.includes(wanted)) {
    return fail("EACCES", `pool '${name}' is not a tier pool: variable not applicable`);
  }
  if (ERASURE_VARS.includes(wanted)) {
    return fail("EACCES", `pool '${name}' is not a erasure pool: variable not applicable`);
  }
  if (POOL_OPTS.includes(wanted)) {
    return fail("ENOENT", `option '${wanted}' is not set on pool '${name}'`);
  }
  return fail("EINVAL", `pool '${name}': invalid variable: '${wanted}'`);
}

function stats(mon: Monitor, args: Args): CommandReply {
  const { pgmap } = mon.svc;
  const ids = args.has("pool_name") ? [args.pool(mon.osdmap, "pool_name")] : mon.osdmap.pool_ids();
  return json(
    ids.map((id) => {
      const s = pgmap.sum(id).stat_sum;
      const recovery: Json = {};
      if (s.num_objects_degraded > 0 && s.num_object_copies > 0) {
        recovery.degraded_objects = s.num_objects_degraded;
        recovery.degraded_total = s.num_object_copies;
        recovery.degraded_ratio = ((s.num_objects_degraded / s.num_object_copies) * 100) / 100;
      }
      return {
        pool_name: name_of(mon.osdmap, id),
        pool_id: id,
        recovery,
        recovery_rate: recovery_rates(pgmap, id),
        client_io_rate: client_io_rates(pgmap, id),
      };
    }),
  );
}

// ---------------------------------------------------------------- create, rm, rename, set

const POOL_TYPES = ["replicated", "erasure"];
const ANY_INT = [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const;

function create(v: View, args: Args): CommandOutcome {
  const name = args.str("pool");
  const type = args.opt_str("pool_type") ?? "replicated";
  const existing = v.osdmap.get_pg_pool(v.osdmap.lookup_pg_pool_name(name));
  if (existing) {
    if (type === pool_type_name(existing)) return reply_now(`pool '${name}' already exists`);
    return fail("EINVAL", `pool '${name}' cannot change to type ${type}`);
  }
  if (pool_id_by_pending_name(v, name) !== undefined) return RETRY_COMMAND;
  if (!POOL_TYPES.includes(type)) return fail("EINVAL", `unknown pool type '${type}'`);
  const erasure = type === "erasure";
  if (args.has("autoscale_mode")) need_autoscale_mode(args.str("autoscale_mode"));
  create_pool(v, {
    name,
    pg_num: args.opt_int("pg_num", ...ANY_INT),
    pgp_num: args.opt_int("pgp_num", ...ANY_INT),
    size: args.opt_int("size", 0, Number.MAX_SAFE_INTEGER),
    fast_read: args.has("fast_read") ? args.flag("fast_read") : undefined,
    ...(erasure ? erasure_words(args) : replicated_words(args)),
    bulk: args.flag("bulk"),
    opts: new_pool_opts(args),
  });
  return commit_then(`pool '${name}' created`);
}

type Words = Pick<PoolWish, "type" | "erasure_code_profile" | "rule" | "expected_num_objects">;

function erasure_words(args: Args): Words {
  return {
    type: TYPE_ERASURE,
    erasure_code_profile: args.opt_str("erasure_code_profile") ?? "default",
    rule: args.opt_str("rule"),
    expected_num_objects: args.opt_int("expected_num_objects", 0, Number.MAX_SAFE_INTEGER) ?? 0,
  };
}

/** A replicated pool has no profile: what stands in its place is the rule, and all moves up one. */
function replicated_words(args: Args): Words {
  const rule = args.opt_str("rule");
  const profile = args.opt_str("erasure_code_profile");
  const common = { type: TYPE_REPLICATED, erasure_code_profile: "" } as const;
  if (profile === undefined) {
    const n = args.opt_int("expected_num_objects", 0, Number.MAX_SAFE_INTEGER) ?? 0;
    return { ...common, rule, expected_num_objects: n };
  }
  const n = rule === undefined ? 0 : number_of("integer", rule, strict_strtoll(rule));
  if (n < 0) return fail("EINVAL", `expected_num_objects must be at least 0, got '${rule}'`);
  return { ...common, rule: profile, expected_num_objects: n };
}

function new_pool_opts(args: Args): Map<string, number> {
  const opts = new Map<string, number>();
  for (const name of ["pg_num_min", "pg_num_max", "target_size_bytes"]) {
    const n = args.opt_int(name, 0, Number.MAX_SAFE_INTEGER) ?? 0;
    if (n > 0) opts.set(name, n);
  }
  if (args.has("target_size_ratio")) {
    const ratio = args.float("target_size_ratio", 0, Number.MAX_VALUE);
    if (ratio > 0) opts.set("target_size_ratio", ratio);
  }
  return opts;
}

function remove(v: View, args: Args): CommandOutcome {
  const name = args.str("pool");
  const id = v.osdmap.lookup_pg_pool_name(name);
  if (id < 0) {
    if (pool_id_by_pending_name(v, name) !== undefined) return RETRY_COMMAND;
    return reply_now(`pool '${name}' does not exist`);
  }
  const sure = args.flag("yes_i_really_really_mean_it");
  if (args.opt_str("pool2") !== name || !sure) {
    return fail(
      "EPERM",
      `WARNING: this will *PERMANENTLY DESTROY* all data stored in pool ${name}.  If you are ` +
        "*ABSOLUTELY CERTAIN* that is what you want, pass the pool name *twice*, followed by " +
        "--yes-i-really-really-mean-it.",
    );
  }
  remove_pool(v, id);
  return commit_then(`pool '${name}' removed`);
}

function rename(v: View, args: Args): CommandOutcome {
  const [from, to] = [args.str("srcpool"), args.str("destpool")];
  const id = v.osdmap.lookup_pg_pool_name(from);
  const dest = v.osdmap.lookup_pg_pool_name(to);
  if (id < 0 && dest >= 0)
    return reply_now(
      `pool '${from}' does not exist; pool '${to}' does -- assuming successful rename`,
    );
  if (id < 0) return fail("ENOENT", `unrecognized pool '${from}'`);
  if (dest >= 0) return fail("EEXIST", `pool '${to}' already exists`);
  if (pool_id_by_pending_name(v, to) !== undefined || v.pending.inc.new_pool_names.has(id)) {
    return RETRY_COMMAND;
  }
  v.pending.inc.new_pool_names.set(id, to);
  return commit_then(`pool '${from}' renamed to '${to}'`);
}

/** The pool as it will be; both ids and records of pools that go with this epoch are refused. */
export function live_pool(v: View, args: Args): { id: number; pool: pg_pool_t; name: string } {
  const name = args.str("pool");
  const id = args.pool(v.osdmap);
  const pool = pending_pool(v, id);
  return pool ? { id, pool, name } : fail("ENOENT", `unrecognized pool '${name}'`);
}

function set(v: View, args: Args): CommandOutcome {
  const { id } = live_pool(v, args);
  const sure = args.flag("yes_i_really_mean_it");
  return commit_then(set_pool(v, id, args.str("var"), args.opt_str("val") ?? "", sure));
}

function set_quota(v: View, args: Args): CommandOutcome {
  const { id, name } = live_pool(v, args);
  const field = args.str("field");
  if (field !== "max_objects" && field !== "max_bytes") {
    return fail("EINVAL", `unrecognized field '${field}'; should be 'max_bytes' or 'max_objects'`);
  }
  const text = args.opt_str("val") ?? "";
  const bytes = field === "max_bytes";
  const value = bytes ? strict_iecstrtoll(text, 0) : strict_si_cast(text);
  if (typeof value === "string") {
    return fail("EINVAL", `error parsing value '${text}': ${value}`);
  }
  edit_pool(v, id, bytes ? { quota_max_bytes: value } : { quota_max_objects: value });
  return commit_then(`set-quota ${field} = ${value} for pool ${name}`);
}
