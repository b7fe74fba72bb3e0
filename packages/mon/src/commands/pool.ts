/** `osd pool ...`. What a pool may be set to is in osdmon/pool_rules.ts. cluster.md §3.12. */
import {
  is_replicated,
  type OSDMap,
  type pg_pool_t,
  type pool_flag_t,
  pool_has_flag,
} from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import { edit_pool, pending_pool, pool_id_by_pending_name, type View } from "../osdmon/pending.ts";
import { create_pool, remove_pool, set_pool } from "../osdmon/pool_rules.ts";
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
  "osd pool application get": application_get,
};

export const POOL_WRITE_COMMANDS: WriteCommands = {
  "osd pool create": create,
  "osd pool rm": remove,
  "osd pool delete": remove,
  "osd pool rename": rename,
  "osd pool set": set,
  "osd pool set-quota": set_quota,
  "osd pool application enable": application_enable,
  "osd pool application disable": application_disable,
  "osd pool application set": application_set,
  "osd pool application rm": application_rm,
};

function name_of(map: OSDMap, id: number): string {
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
  "hashpspool",
  "nodelete",
  "nopgchange",
  "nosizechange",
  "write_fadvise_dontneed",
  "noscrub",
  "nodeep-scrub",
];

/** Every variable in the order of `osd pool get <pool> all`. */
function variables(map: OSDMap, p: pg_pool_t): [string, unknown][] {
  return [
    ["size", p.size],
    ["min_size", p.min_size],
    ["pg_num", p.pg_num],
    ["pgp_num", p.pgp_num],
    ["crush_rule", map.crush.get_rule(p.crush_rule)?.name ?? String(p.crush_rule)],
    ...FLAG_VARS.map((f): [string, unknown] => [f, pool_has_flag(p, f)]),
    ["use_gmt_hitset", true],
    ...(is_replicated(p)
      ? []
      : [["erasure_code_profile", p.erasure_code_profile] as [string, unknown]]),
    ["fast_read", p.fast_read ? 1 : 0],
    ["pg_autoscale_mode", p.pg_autoscale_mode],
    ...[...p.opts].sort(([a], [b]) => (a < b ? -1 : 1)),
  ];
}

function get(mon: Monitor, args: Args): CommandReply {
  const map = mon.osdmap;
  const id = args.pool(map);
  const p = map.get_pg_pool(id);
  if (!p) return fail("ENOENT", `unrecognized pool '${args.str("pool")}'`);
  const head = { pool: name_of(map, id), pool_id: id };
  const all = variables(map, p);
  const wanted = args.str("var");
  if (wanted === "all") return json({ ...head, ...Object.fromEntries(all) });
  const found = all.find(([name]) => name === wanted);
  if (!found) {
    const known = all.map(([name]) => name).join("|");
    return fail("EINVAL", `no pool variable '${wanted}' is set; there are ${known}|all`);
  }
  return json({ ...head, [wanted]: found[1] });
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

function create(v: View, args: Args): CommandOutcome {
  const name = args.str("pool");
  if (v.osdmap.lookup_pg_pool_name(name) >= 0) return reply_now(`pool '${name}' already exists`);
  if (pool_id_by_pending_name(v, name) !== undefined) return RETRY_COMMAND;
  const max = v.config.get("mon_max_pool_pg_num");
  const type = args.opt_oneOf("pool_type", ["replicated", "erasure"]) ?? "replicated";
  if (type === "erasure") return fail("EOPNOTSUPP", "erasure-coded pools are not supported yet");
  create_pool(v, {
    name,
    pg_num: args.opt_int("pg_num", 0, max),
    pgp_num: args.opt_int("pgp_num", 0, max),
    size: args.opt_int("size", 0, 10),
    rule: args.opt_str("rule") ?? args.opt_str("erasure_code_profile"),
    expected_num_objects: args.opt_int("expected_num_objects", 0, Number.MAX_SAFE_INTEGER),
  });
  return commit_then(`pool '${name}' created`);
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
function live_pool(v: View, args: Args): { id: number; pool: pg_pool_t; name: string } {
  const name = args.str("pool");
  const id = args.pool(v.osdmap);
  const pool = pending_pool(v, id);
  return pool ? { id, pool, name } : fail("ENOENT", `unrecognized pool '${name}'`);
}

function set(v: View, args: Args): CommandOutcome {
  const { id } = live_pool(v, args);
  const name = args.str("var");
  const text = args.str("val");
  set_pool(v, id, name, text, args.flag("yes_i_really_mean_it"));
  return commit_then(`set pool ${id} ${name} to ${text}`);
}

const SIZE_UNITS = ["", "K", "M", "G", "T", "P"];
function set_quota(v: View, args: Args): CommandOutcome {
  const { id, name } = live_pool(v, args);
  const field = args.oneOf("field", ["max_objects", "max_bytes"]);
  const text = args.str("val");
  const m = /^(\d{1,15})\s*([KMGTP]?)(i?B)?$/i.exec(text);
  if (!m) return fail("EINVAL", `val must be a number such as 1000 or 10G, got '${text}'`);
  const value = Number(m[1]) * 1024 ** SIZE_UNITS.indexOf((m[2] ?? "").toUpperCase());
  edit_pool(
    v,
    id,
    field === "max_objects" ? { quota_max_objects: value } : { quota_max_bytes: value },
  );
  return commit_then(`set-quota ${field} = ${value} for pool ${name}`);
}

// ---------------------------------------------------------------- applications

type Applications = Map<string, ReadonlyMap<string, string>>;

function application_get(mon: Monitor, args: Args): CommandReply {
  const of = (p: pg_pool_t) =>
    Object.fromEntries([...p.application_metadata].map(([a, kv]) => [a, Object.fromEntries(kv)]));
  if (!args.has("pool")) {
    return json(
      Object.fromEntries(
        mon.osdmap.pool_ids().flatMap((id) => {
          const p = mon.osdmap.get_pg_pool(id);
          return p ? [[name_of(mon.osdmap, id), of(p)]] : [];
        }),
      ),
    );
  }
  const p = mon.osdmap.get_pg_pool(args.pool(mon.osdmap));
  if (!p) return fail("ENOENT", "no such pool");
  if (!args.has("app")) return json(of(p));
  const app = p.application_metadata.get(args.str("app"));
  if (!app) return fail("ENOENT", `pool has no application '${args.str("app")}'`);
  if (!args.has("key")) return json(Object.fromEntries(app));
  const value = app.get(args.str("key"));
  return value === undefined
    ? fail("ENOENT", `application has no key '${args.str("key")}'`)
    : json(value);
}

function edit_applications(v: View, id: number, fn: (a: Applications) => void): void {
  const p = pending_pool(v, id);
  if (!p) return;
  const apps: Applications = new Map(p.application_metadata);
  fn(apps);
  edit_pool(v, id, { application_metadata: apps });
}

function application_enable(v: View, args: Args): CommandOutcome {
  const { id, pool, name } = live_pool(v, args);
  const app = args.str("app");
  if (app.length > 128) return fail("EINVAL", "application name must have at most 128 characters");
  const has = pool.application_metadata;
  if (!has.has(app) && has.size > 0 && !args.flag("yes_i_really_mean_it")) {
    return fail(
      "EPERM",
      `Are you SURE? Pool '${name}' already has an enabled application; pass ` +
        "--yes-i-really-mean-it to proceed anyway.",
    );
  }
  if (!has.has(app)) edit_applications(v, id, (a) => a.set(app, new Map()));
  return commit_then(`enabled application '${app}' on pool '${name}'`);
}

function application_disable(v: View, args: Args): CommandOutcome {
  const { id, pool, name } = live_pool(v, args);
  const app = args.str("app");
  if (!pool.application_metadata.has(app)) {
    return reply_now(`application '${app}' is not enabled on pool '${name}'`);
  }
  if (!args.flag("yes_i_really_mean_it")) {
    return fail(
      "EPERM",
      "Are you SURE? Disabling an application within a pool might result in loss of application " +
        "functionality; pass --yes-i-really-mean-it to proceed anyway.",
    );
  }
  edit_applications(v, id, (a) => a.delete(app));
  return commit_then(`disable application '${app}' on pool '${name}'`);
}

function enabled_app(pool: pg_pool_t, args: Args): string {
  const app = args.str("app");
  if (pool.application_metadata.has(app)) return app;
  return fail("ENOENT", `application '${app}' is not enabled on pool '${args.str("pool")}'`);
}
function application_set(v: View, args: Args): CommandOutcome {
  const { id, pool, name } = live_pool(v, args);
  const app = enabled_app(pool, args);
  const [key, value] = [args.str("key"), args.str("value")];
  edit_applications(v, id, (a) => a.set(app, new Map([...(a.get(app) ?? []), [key, value]])));
  return commit_then(`set application '${app}' key '${key}' to '${value}' on pool '${name}'`);
}
function application_rm(v: View, args: Args): CommandOutcome {
  const { id, pool, name } = live_pool(v, args);
  const app = enabled_app(pool, args);
  const key = args.str("key");
  edit_applications(v, id, (a) => {
    a.set(app, new Map([...(a.get(app) ?? [])].filter(([k]) => k !== key)));
  });
  return commit_then(`removed application '${app}' key '${key}' on pool '${name}'`);
}
