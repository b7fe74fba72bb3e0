/** `osd pool application ...`: what pools are used for, and notes on it. cluster.md §3.12. */
import type { pg_pool_t } from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import { edit_pool, pending_pool, type View } from "../osdmon/pending.ts";
import type { Args } from "./args.ts";
import type { ReadCommands, WriteCommands } from "./dispatch.ts";
import { live_pool, name_of } from "./pool.ts";
import {
  type CommandOutcome,
  type CommandReply,
  commit_then,
  fail,
  json,
  reply_now,
} from "./reply.ts";

export const APPLICATION_COMMANDS: ReadCommands = {
  "osd pool application get": application_get,
};
export const APPLICATION_WRITE_COMMANDS: WriteCommands = {
  "osd pool application enable": application_enable,
  "osd pool application disable": application_disable,
  "osd pool application set": application_set,
  "osd pool application rm": application_rm,
};

type Applications = Map<string, ReadonlyMap<string, string>>;
const MAX_APPLICATIONS = 4;
const MAX_APPLICATION_KEYS = 64;
const MAX_APPLICATION_LENGTH = 128;

/** Of a key that is too long Ceph names the application. */
function need_short(what: string, text: string, shown = text): void {
  if (text.length <= MAX_APPLICATION_LENGTH) return;
  fail("EINVAL", `${what} '${shown}' too long; max length ${MAX_APPLICATION_LENGTH}`);
}

function by_name<T>(m: ReadonlyMap<string, T>): [string, T][] {
  return [...m].sort(([a], [b]) => (a < b ? -1 : 1));
}
function sorted(kv: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(by_name(kv));
}

function application_get(mon: Monitor, args: Args): CommandReply {
  const of = (p: pg_pool_t) =>
    Object.fromEntries(by_name(p.application_metadata).map(([a, kv]) => [a, sorted(kv)]));
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
  const [pool, name] = [args.str("pool"), args.str("app")];
  const app = p.application_metadata.get(name);
  if (!app) return fail("ENOENT", `pool '${pool}' has no application '${name}'`);
  if (!args.has("key")) return json(sorted(app));
  const key = args.str("key");
  const value = app.get(key);
  if (value !== undefined) return json(value);
  return fail("ENOENT", `application '${name}' on pool '${pool}' does not have key '${key}'`);
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
  const has = pool.application_metadata;
  if (!has.has(app) && has.size > 0 && !args.flag("yes_i_really_mean_it")) {
    return fail(
      "EPERM",
      `Are you SURE? Pool '${name}' already has an enabled application; pass ` +
        "--yes-i-really-mean-it to proceed anyway",
    );
  }
  if (!has.has(app) && has.size >= MAX_APPLICATIONS) {
    const most = `max ${MAX_APPLICATIONS}`;
    return fail("EINVAL", `too many enabled applications on pool '${name}'; ${most}`);
  }
  need_short("application name", app);
  if (!has.has(app)) edit_applications(v, id, (a) => a.set(app, new Map()));
  return commit_then(`enabled application '${app}' on pool '${name}'`);
}

function application_disable(v: View, args: Args): CommandOutcome {
  const { id, pool, name } = live_pool(v, args);
  const app = args.str("app");
  if (!args.flag("yes_i_really_mean_it")) {
    return fail(
      "EPERM",
      "Are you SURE? Disabling an application within a pool might result in loss of application " +
        "functionality; pass --yes-i-really-mean-it to proceed anyway",
    );
  }
  if (!pool.application_metadata.has(app)) {
    return reply_now(`application '${app}' is not enabled on pool '${name}'`);
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
  const keys = pool.application_metadata.get(app);
  if (keys && !keys.has(key) && keys.size >= MAX_APPLICATION_KEYS) {
    const most = `max ${MAX_APPLICATION_KEYS}`;
    return fail("EINVAL", `too many keys set for application '${app}' on pool '${name}'; ${most}`);
  }
  need_short("key", key, app);
  need_short("value", value);
  edit_applications(v, id, (a) => a.set(app, new Map([...(a.get(app) ?? []), [key, value]])));
  return commit_then(`set application '${app}' key '${key}' to '${value}' on pool '${name}'`);
}
function application_rm(v: View, args: Args): CommandOutcome {
  const { id, pool, name } = live_pool(v, args);
  const app = enabled_app(pool, args);
  const key = args.str("key");
  if (!pool.application_metadata.get(app)?.has(key)) {
    return reply_now(`application '${app}' on pool '${name}' does not have key '${key}'`);
  }
  edit_applications(v, id, (a) => {
    a.set(app, new Map([...(a.get(app) ?? [])].filter(([k]) => k !== key)));
  });
  return commit_then(`removed application '${app}' key '${key}' on pool '${name}'`);
}
