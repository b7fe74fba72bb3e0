/** Operators and time: pools, flags, commands to the monitor, waiting. */
import {
  CEPH_OSD_FULL,
  InvariantError,
  pg_pool,
  scenario_ms,
  scenario_options,
} from "@tako/common";
import { all_pgs, why_not_clean } from "../checks.ts";
import { command_of } from "./answer_commands.ts";
import { with_ids } from "./Cast.ts";
import type { Commands } from "./Command.ts";
import { described } from "./describe.ts";
import { begin_op, op_of } from "./io_commands.ts";
import { PGID, type Scene } from "./Scene.ts";

/** `5s`, `200ms`, `50us` */
export function milliseconds(text: string | undefined): number {
  const ms = scenario_ms(text);
  if (ms === undefined) throw new InvariantError(`'${text}' is not a time such as 5s, 200ms, 50us`);
  return ms;
}

/**
 * The pool and its one PG (or pg_num=8 of them, all in the same place). Unless it is to be where CRUSH puts it (place=crush), it is moved to
 * osd.1, osd.0, osd.2 while it is empty: outcomes that depend on ids do not depend on hashes then.
 */
async function make_pool(s: Scene, name: string, o: Record<string, string>): Promise<void> {
  const { world } = s;
  const size = o.k === undefined ? Number(o.size ?? 3) : Number(o.k) + Number(o.m);
  if (o.k === undefined) {
    const pg_num = Number(o.pg_num ?? 1);
    await world.done(s.admin.pool_create(name, { pg_num, pgp_num: pg_num, size }), "pool create");
  } else await make_erasure_pool(s, name, [`k=${o.k}`, `m=${o.m}`]);
  const val = o.min_size ?? (o.k === undefined ? "2" : `${Number(o.k) + 1}`);
  await tell(s, { prefix: "osd pool set", pool: name, var: "min_size", val });
  s.recorder.look_at_map();
  await s.open_pool(name);
  if (o.wait === "no") {
    s.cast.assign(world.osdmap, PGID);
    s.cast.set_base(world.osdmap.epoch);
    return;
  }
  await wait_clean(s);
  if (o.place !== "crush") {
    const place = [1, 0, 2, 3, 4, 5].slice(0, size);
    for (const pgid of world.osdmap.get_pgs(pg_pool(PGID))) {
      await tell(s, { prefix: "osd pg-upmap", pgid, id: place });
    }
    await wait_clean(s);
    s.recorder.mark();
    s.recorder.take();
  }
  s.cast.assign(world.osdmap, PGID);
  s.cast.set_base(s.primary()?.peering.info.history.same_interval_since ?? 1);
}

/** Stripes of 64 bytes a chunk, that may be overwritten. */
async function make_erasure_pool(s: Scene, pool: string, shape: string[]): Promise<void> {
  const profile = [...shape, "stripe_unit=64", "crush-failure-domain=osd"];
  await tell(s, { prefix: "osd erasure-code-profile set", name: "small", profile, force: true });
  const args = { pg_num: 1, pgp_num: 1, pool_type: "erasure", erasure_code_profile: "small" };
  await s.world.done(s.admin.pool_create(pool, args), "pool create");
  await tell(s, { prefix: "osd pool set", pool, var: "allow_ec_overwrites", val: "true" });
}

/** All PGs clean on the newest map, and what follows from that done. */
export async function wait_clean(s: Scene): Promise<void> {
  const { world } = s;
  const clean = () => why_not_clean(world) === undefined;
  try {
    await world.until(clean, "clean", 120_000);
  } catch (e) {
    throw new InvariantError(`not clean: ${why_not_clean(world)}`, { cause: String(e) });
  }
  await world.run_for(1000);
  await world.until(clean, "clean");
}

type Condition = (s: Scene, words: readonly string[]) => boolean;
const CONDITIONS: Readonly<Record<string, Condition>> = {
  state: (s, a) => s.pg_state() === a[0],
  /** `pg-state 1.3 active+clean`: where there are several. */
  "pg-state": (s, a) => s.pg_state(a[0]) === a[1],
  up: (s, a) => s.cast.ids(a).every((o) => s.world.osdmap.is_up(o)),
  down: (s, a) => s.cast.ids(a).every((o) => s.world.osdmap.is_down(o)),
  /** `in A GetInfo` */
  in: (s, a) => s.pg(s.cast.id(a[0] ?? ""))?.peering.state_name === a[1],
  done: (s, a) => a.every((label) => op_of(s, label).result !== undefined),
  /** `met rep_op A->B`: a hold, take or drop has met a message. */
  met: (s, a) => s.wire.has_met(a.join(" ")),
  /** `head B 3`: B's log goes that far. */
  head: (s, a) => (s.pg(s.cast.id(a[0] ?? ""))?.peering.pg_log.head.version ?? 0) >= Number(a[1]),
  /** `backfilled D 5`: so many objects are behind D's last_backfill. */
  backfilled: (s, a) => num_backfilled(s, s.cast.id(a[0] ?? "")) >= Number(a[1]),
  pulling: (s, a) => (s.pg(s.cast.id(a[0] ?? ""))?.recovery.pulling.size ?? 0) > 0,
  /** `pulled A 8192`: so much of the object that A pulls has come. */
  pulled: (s, a) => {
    const pulls = s.pg(s.cast.id(a[0] ?? ""))?.recovery.pulling.values() ?? [];
    return [...pulls].some((p) => p.progress.data_recovered_to >= Number(a[1]));
  },
  /** The primary knows that objects are unfound. */
  "unfound-some": (s) => (s.primary()?.peering.get_num_unfound() ?? 0) > 0,
  /** `clean-but C`: the PGs are clean, and C does not run. */
  "clean-but": (s, a) =>
    s.cast.ids(a).every((o) => s.world.osd(o) === undefined) &&
    all_pgs(s.world.osdmap).every((pg) => /^active\+clean(\+remapped)?$/.test(s.pg_state(pg))),
  /** `pgs active+clean`: all of them, whoever is missing. */
  pgs: (s, a) => all_pgs(s.world.osdmap).every((pg) => s.pg_state(pg) === a[0]),
  /** `full A`: the map says so. */
  full: (s, a) => {
    const full = (o: number) => (s.world.osdmap.get_state(o) & CEPH_OSD_FULL) !== 0;
    return s.cast.ids(a).every(full);
  },
  /** `trimmed D`: the monitor has no map any more that D could go on from. */
  trimmed: (s, a) =>
    s.cast.ids(a).every((o) => s.world.mon.first_committed > s.world.newest_map_of(o) + 1),
  absent: (s, a) => s.pg(s.cast.id(a[0] ?? "")) === undefined,
  /** `map B`: B works with the monitor's newest map. */
  map: (s, a) => s.cast.ids(a).every((o) => s.world.osd(o)?.osdmap_epoch === s.world.osdmap.epoch),
};

function num_backfilled(s: Scene, osd: number): number {
  const pg = s.pg(osd);
  if (!pg || pg.peering.info.last_backfill === "MIN") return 0;
  const upto = pg.peering.info.last_backfill;
  return s.world.store(osd).collection_list(pg.coll, "MIN", upto, 1 << 20).objects.length;
}

async function wait(s: Scene, what: string, words: readonly string[]): Promise<void> {
  if (what === "clean") return wait_clean(s);
  const condition = CONDITIONS[what];
  if (!condition) throw new InvariantError(`cannot wait for '${what}'`);
  const text = `${what} ${words.join(" ")}`;
  try {
    await s.world.until(() => condition(s, words), text, 60_000);
  } catch (e) {
    throw new InvariantError(`waited in vain for ${text}; state ${s.pg_state()}`, {
      cause: String(e),
    });
  }
}

export const CLUSTER_COMMANDS: Commands = {
  /** `pool p size=3 min_size=2`, `pool p k=2 m=1` */
  pool: (s, a) => make_pool(s, a[0] ?? "p", scenario_options(a.slice(1))),
  wait: (s, a) => wait(s, a[0] ?? "", a.slice(1)),
  advance: (s, a) => s.world.run_for(milliseconds(a[0])),
  mark: (s) => s.recorder.mark(),
  /** `watch pg_query pg_log`: these messages are shown from now on. */
  watch: (s, a) => {
    for (const t of a) s.recorder.watched.add(t);
  },
  unwatch: (s) => s.recorder.watched.clear(),
  dump: (s) => {
    for (const o of s.cast.all) s.say(`${s.cast.letter(o)} ${described(s, o)}`);
  },
  /** `let S source A`: S is the one that A pulls from. */
  let: (s, a) => {
    const pulls = s
      .pg(s.cast.id(a[2] ?? ""))
      ?.recovery.pulling.values()
      .next();
    if (!pulls || pulls.done) throw new InvariantError(`${a[2]} pulls nothing`);
    s.cast.alias(a[0] ?? "", Number.parseInt(pulls.value.from, 10));
  },

  set: (s, a) => tell(s, { prefix: "osd set", key: a[0] }),
  unset: (s, a) => tell(s, { prefix: "osd unset", key: a[0] }),
  /** The operator marks it down. */
  "mark-down": (s, a) => tell(s, { prefix: "osd down", ids: s.cast.ids(a).map(String) }),
  out: (s, a) => tell(s, { prefix: "osd out", ids: s.cast.ids(a).map(String) }),
  in: (s, a) => tell(s, { prefix: "osd in", ids: s.cast.ids(a).map(String) }),
  "mark-lost": (s, a) =>
    tell(s, { prefix: "osd lost", id: s.cast.id(a[0] ?? ""), yes_i_really_mean_it: true }),
  "osd-purge": (s, a) =>
    tell(s, { prefix: "osd purge", id: s.cast.id(a[0] ?? ""), yes_i_really_mean_it: true }),
  /** `pool-set min_size 1` */
  "pool-set": (s, a) =>
    tell(s, {
      prefix: "osd pool set",
      pool: s.io.pool_name,
      var: a[0],
      val: a[1],
      ...(a[0] === "size" && a[1] === "1" && { yes_i_really_mean_it: true }),
    }),
  "pool-delete": (s) =>
    tell(s, {
      prefix: "osd pool delete",
      pool: s.io.pool_name,
      pool2: s.io.pool_name,
      yes_i_really_really_mean_it: true,
    }),
  /** The map now chooses these: `remap D B C`. */
  remap: (s, a) => tell(s, { prefix: "osd pg-upmap", pgid: PGID, id: s.cast.ids(a) }),
  /** Codes and severities of the health checks. */
  health: async (s) => {
    const r = await s.world.done(s.admin.mon_command({ prefix: "health" }), "health");
    s.say(health_line(r.outb));
  },
  /** `tell D config set key=osd_max_backfills value=2` */
  tell: async (s, [name = "", ...a]) => {
    const cmd = command_of(with_ids(s.cast, a));
    for (const o of name === "*" ? s.world.running_osds.map((x) => x.whoami) : s.cast.ids([name])) {
      await s.world.done(s.admin.osd_command(o, cmd), cmd.prefix);
    }
  },
  /** `epochs 40`: the map changes so many times, in ways that concern no PG. */
  epochs: async (s, a) => {
    for (let i = 0; i < Number(a[0]); i++) {
      const prefix = s.world.osdmap.test_flag("nosnaptrim") ? "osd unset" : "osd set";
      await tell(s, { prefix, key: "nosnaptrim" });
    }
  },
  /** `mon pg force-recovery pgid=1.3,1.4`: a command to the monitor; its status line is shown. */
  mon: async (s, a) => {
    const done = s.mon_command(command_of(with_ids(s.cast, a))).then(
      (outs) => `ok ${outs}`,
      (e: unknown) => String(e),
    );
    s.say(await s.world.done(done));
  },
  /** `remap-pg 1.3 D B`: as remap, where there are several. */
  "remap-pg": (s, [pgid, ...a]) => tell(s, { prefix: "osd pg-upmap", pgid, id: s.cast.ids(a) }),
  /** A command to the primary that is to be refused, or not: its status line is shown. */
  "pg-command": async (s, a) => s.say(await s.world.done(pg_command(s, a), a[0] ?? "")),
  /** `pg-command-async m mark_unfound_lost mulcmd=revert`: the answer is said when it comes. */
  "pg-command-async": (s, [label = "", ...a]) => begin_op(s, label, () => pg_command(s, a)),
};

function pg_command(s: Scene, a: readonly string[]): Promise<string> {
  const cmd = { prefix: a[0] ?? "", ...scenario_options(a.slice(1)) };
  return s.admin.pg_command(PGID, cmd).then(
    (r) => `ok ${r.outs}`,
    (e: unknown) => String(e),
  );
}

function health_line(outb: unknown): string {
  if (typeof outb !== "object" || outb === null) return "?";
  const checks: unknown = Reflect.get(outb, "checks");
  const list = Object.entries(typeof checks === "object" && checks !== null ? checks : {});
  const shown = list.map(([code, c]) => `${code} ${Reflect.get(Object(c), "severity")}`);
  return [String(Reflect.get(outb, "status")), ...shown.sort()].join(", ");
}

async function tell(s: Scene, cmd: { prefix: string } & Record<string, unknown>): Promise<void> {
  await s.mon_command(cmd);
}
