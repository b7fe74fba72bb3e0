/** `assert ...`: what must be so now; anything else ends the scenario. */
import { ev_eq, InvariantError, pg_pool, scenario_content } from "@tako/common";
import { all_pgs, check_quiescent } from "../checks.ts";
import type { Commands } from "./Command.ts";
import { check_explained } from "./explain_commands.ts";
import { op_of } from "./io_commands.ts";
import { PGID, type Scene } from "./Scene.ts";
import { oid_of } from "./show_message.ts";
import { parse_rule } from "./Wire.ts";

const text = new TextDecoder();

function must(ok: boolean, what: string, seen: unknown): void {
  if (!ok) throw new InvariantError(`assertion failed: ${what}; seen: ${JSON.stringify(seen)}`);
}

/** Content of an object in an OSD's store; `-` when it is not there. */
export function stored(s: Scene, osd: number, oid: string): string {
  const store = s.world.store(osd);
  for (const coll of head_collections(s, osd)) {
    const { objects } = store.collection_list(coll, "MIN", "MAX", 1 << 20);
    const hoid = objects.find((o) => oid_of(o) === oid);
    if (hoid !== undefined) return text.decode(store.read(coll, hoid, 0, 0)) || "''";
  }
  return "-";
}
/** The collections of the PGs that an OSD has, in any state. */
function head_collections(s: Scene, osd: number): string[] {
  const all = s.world.store(osd).list_collections();
  return all.filter((c) => c.endsWith("_head")).sort();
}

function missing_of(s: Scene, osd: number): string[] {
  const items = s.pg(osd)?.peering.missing.get_items() ?? new Map();
  return [...items.keys()].map((o) => oid_of(String(o))).sort();
}
/** Distinct objects that came to `osd` by push since the mark. */
function pushed_to(s: Scene, osd: number): string[] {
  const names = new Set<string>();
  for (const { to, m } of s.recorder.sent) {
    if (m.type !== "pg_push" || to !== `osd.${osd}`) continue;
    for (const p of m.pushes) names.add(oid_of(p.soid));
  }
  return [...names].sort();
}
function logged(s: Scene, osd: number): string[] {
  const log = s.pg(osd)?.peering.pg_log.log.log ?? [];
  return [...log].map((e) => `${s.cast.version(e.version)} ${e.op} ${oid_of(e.soid)}`);
}

function compared(x: number, how: string | undefined, y: number): boolean {
  return how === ">" ? x > y : how === ">=" ? x >= y : x === y;
}
/** The monitor's last_epoch_clean of a pool: the least of its PGs. */
function floor_of(s: Scene, name: string): number {
  const { osdmon } = s.world.mon.svc;
  const id = s.world.osdmap.lookup_pg_pool_name(name);
  const floors = s.world.osdmap.get_pgs(id).map((pg) => osdmon.beacons.last_epoch_clean.get(pg));
  return Math.min(...floors.map((e) => e ?? 0));
}

type Check = (s: Scene, a: readonly string[], what: string) => void;
const CHECKS: Readonly<Record<string, Check>> = {
  state: (s, a, what) => must(s.pg_state() === a[0], what, s.pg_state()),
  "pg-state": (s, a, what) => must(s.pg_state(a[0]) === a[1], what, s.pg_state(a[0])),
  /** `pgs-per-osd 70 72`: as acting members, on every OSD. */
  "pgs-per-osd": (s, a, what) => {
    const n = new Map(s.world.osd_ids.map((o) => [o, 0]));
    for (const pg of all_pgs(s.world.osdmap)) {
      const { acting } = s.world.osdmap.pg_to_up_acting_osds(pg);
      for (const o of acting) n.set(o, (n.get(o) ?? 0) + 1);
    }
    const ok = [...n.values()].every((x) => x >= Number(a[0]) && x <= Number(a[1]));
    must(ok, what, [...n]);
  },
  /** `every-pg active down`: the state of every PG has one of these words. */
  "every-pg": (s, a, what) => {
    const states = all_pgs(s.world.osdmap).map((pg) => s.pg_state(pg));
    must(
      states.every((x) => x.split("+").some((w) => a.includes(w))),
      what,
      states,
    );
  },
  "no-pg": (s, a, what) => {
    const states = all_pgs(s.world.osdmap).map((pg) => s.pg_state(pg));
    must(!states.some((x) => x.split("+").some((w) => a.includes(w))), what, states);
  },
  "pg-inactive": (s, a, what) => {
    const seen = s.pg_state(a[0]);
    must(!seen.split("+").includes("active"), what, seen);
  },
  "some-pg": (s, a, what) => {
    const states = all_pgs(s.world.osdmap).map((pg) => s.pg_state(pg));
    must(
      states.some((x) => x.split("+").some((w) => a.includes(w))),
      what,
      states,
    );
  },
  /** `peak A Backfilling 1`: most PGs of A that were in this state at a time since the mark. */
  peak: (s, a, what) => {
    const seen = s.recorder.crowds.peak(s.cast.id(a[0] ?? ""), a[1] ?? "");
    must(seen === Number(a[2]), what, seen);
  },
  /** `order Recovering 1.3 1.0`: these entered the state first since the mark, in this order. */
  order: (s, a, what) => {
    const seen = [...(s.recorder.crowds.entered.get(a[0] ?? "") ?? [])];
    must(seen.slice(0, a.length - 1).join() === a.slice(1).join(), what, seen);
  },
  /**
   * `copies active+remapped+backfilling misplaced 200 0 10`: in this state, since `track`: the first
   * and the last count that the PG had, each at most 10 less (the first) or more (the last) than said.
   */
  copies: (s, a, what) => {
    const seen = s.recorder.copies.seen.get(a[0] ?? "");
    if (!seen) return must(false, what, [...s.recorder.copies.seen.keys()]);
    const [first, last, slack = 0] = a.slice(2).map(Number);
    const near = (n: number | undefined, from = 0, to = 0) =>
      n !== undefined && n >= from && n <= to;
    const name = a[1];
    if (name !== "degraded" && name !== "misplaced" && name !== "missing_on_primary") {
      throw new InvariantError(`copies: no ${name}`);
    }
    const ok =
      near(seen.first[name], (first ?? 0) - slack, first) &&
      near(seen.last[name], last, (last ?? 0) + slack);
    must(ok, what, seen);
  },
  up: (s, a, what) => {
    const { up } = s.world.osdmap.pg_to_up_acting_osds(PGID);
    must(s.cast.letters(up) === a.join(), what, s.cast.letters(up));
  },
  /** The same, in any order. */
  "up-set": (s, a, what) => {
    const { up } = s.world.osdmap.pg_to_up_acting_osds(PGID);
    const seen = up.map((o) => s.cast.letter(o)).sort();
    must(seen.join() === [...a].sort().join(), what, seen);
  },
  acting: (s, a, what) => {
    const { acting } = s.world.osdmap.pg_to_up_acting_osds(PGID);
    must(s.cast.letters(acting) === a.join(), what, s.cast.letters(acting));
  },
  pg_temp: (s, a, what) => {
    const temp = s.world.osdmap.pg_temp.get(PGID) ?? [];
    must(s.cast.letters(temp) === (a[0] === "none" ? "" : a.join()), what, s.cast.letters(temp));
  },
  /** `entered A Backfilling`: since the mark. */
  entered: (s, a, what) => {
    const seen = s.recorder.entered.get(s.cast.id(a[0] ?? "")) ?? [];
    must(
      a.slice(1).every((x) => seen.includes(x)),
      what,
      seen,
    );
  },
  /** `sequence A Recovering Clean`: since the mark, in this order, whatever was between. */
  sequence: (s, a, what) => {
    const seen = s.recorder.entered.get(s.cast.id(a[0] ?? "")) ?? [];
    let at = 0;
    for (const name of seen) if (name === a[at + 1]) at++;
    must(at === a.length - 1, what, seen);
  },
  "not-entered": (s, a, what) => {
    const seen = s.recorder.entered.get(s.cast.id(a[0] ?? "")) ?? [];
    must(!a.slice(1).some((x) => seen.includes(x)), what, seen);
  },
  in: (s, a, what) => {
    const name = s.pg(s.cast.id(a[0] ?? ""))?.peering.state_name;
    must(name === a[1], what, name);
  },
  pending: (s, a, what) => {
    for (const label of a) must(op_of(s, label).result === undefined, what, op_of(s, label).result);
  },
  /** `result u ok` */
  result: (s, a, what) => must(op_of(s, a[0]).result === a[1], what, op_of(s, a[0]).result),
  /** `unread r`: an error, or no answer: no data in any case. */
  unread: (s, a, what) => {
    const { result } = op_of(s, a[0]);
    must(result === undefined || /^E[A-Z]+$/.test(result), what, result);
  },
  /** `copy A x v1`: in A's store. */
  copy: (s, a, what) => {
    const seen = stored(s, s.cast.id(a[0] ?? ""), a[1] ?? "");
    must(seen === scenario_content(a[2] ?? "-"), what, seen);
  },
  /** `missing A x y`, `missing A` = nothing */
  missing: (s, a, what) => {
    const seen = missing_of(s, s.cast.id(a[0] ?? ""));
    must(seen.join() === a.slice(1).sort().join(), what, seen);
  },
  "num-missing": (s, a, what) => {
    const seen = missing_of(s, s.cast.id(a[0] ?? ""));
    must(seen.length === Number(a[1]), what, seen);
  },
  unfound: (s, a, what) => {
    const seen = (s.primary()?.peering.missing_loc.get_unfound() ?? []).map(oid_of);
    must(seen.join() === a.join(), what, seen);
  },
  has: (s, a, what) => {
    for (const o of s.cast.ids(a)) must(s.pg(o) !== undefined, what, "absent");
  },
  "has-not": (s, a, what) => {
    for (const o of s.cast.ids(a)) {
      must(s.pg(o) === undefined, what, "present");
      must(head_collections(s, o).length === 0, what, head_collections(s, o));
    }
  },
  /** `slots A 0`: held for scrubs on A. */
  slots: (s, a, what) => {
    const osd = s.world.osd(s.cast.id(a[0] ?? ""));
    const { scrubs_local = 0, scrubs_remote = 0 } =
      osd?.service.scrubs.dump_scrub_reservations() ?? {};
    const seen = scrubs_local + scrubs_remote;
    must(seen === Number(a[1]), what, seen);
  },
  /** `sent osd_alive A->mon 0`, `sent pg_push *->C 1+`: messages delivered since the mark. */
  sent: (s, a, what) => {
    const rule = parse_rule(a);
    const n = s.recorder.sent.filter((x) => s.wire.matches(rule, x.from, x.to, x.m)).length;
    const want = a[2] ?? "1+";
    const at_least = want.endsWith("+");
    must(at_least ? n >= Number(want.slice(0, -1)) : n === Number(want), what, n);
  },
  /** `pushed C x y`: exactly these objects came to C by push since the mark. */
  pushed: (s, a, what) => {
    const seen = pushed_to(s, s.cast.id(a[0] ?? ""));
    must(seen.join() === a.slice(1).sort().join(), what, seen);
  },
  "num-pushed": (s, a, what) => {
    const seen = pushed_to(s, s.cast.id(a[0] ?? ""));
    must(seen.length === Number(a[1]), what, seen);
  },
  /** `head A B C`: their logs end alike, and hold the same entries where they overlap. */
  "same-log": (s, a, what) => {
    const [first, ...rest] = s.cast.ids(a);
    const want = logged(s, first ?? -1);
    for (const o of rest) {
      const seen = logged(s, o);
      const n = Math.min(seen.length, want.length);
      must(seen.slice(-n).join() === want.slice(-n).join(), what, { want, seen });
      const [x, y] = [s.pg(first ?? -1), s.pg(o)];
      must(!!x && !!y && ev_eq(x.peering.info.last_update, y.peering.info.last_update), what, o);
    }
  },
  /** `log-size A 21 8`: entries of A's log, and remembered requests behind these. */
  "log-size": (s, a, what) => {
    const log = s.pg(s.cast.id(a[0] ?? ""))?.peering.pg_log.log;
    const seen = [log?.log.length, log?.dups.length];
    must(
      a.slice(1).every((n, i) => seen[i] === Number(n)),
      what,
      seen,
    );
  },
  /** `pool-var pgp_num 4`: in the monitor's map. */
  "pool-var": (s, a, what) => {
    const pool = s.world.osdmap.get_pg_pool(pg_pool(PGID));
    const seen = Object.entries(pool ?? {}).find(([name]) => name === a[0])?.[1];
    must(String(seen) === a[1], what, seen);
  },
  /** `pgs A 1.0 1.1`: what is in A's store. */
  pgs: (s, a, what) => {
    const seen = head_collections(s, s.cast.id(a[0] ?? "")).map((c) => c.replace("_head", ""));
    must(seen.join() === a.slice(1).sort().join(), what, seen);
  },
  /** `pool-objects 10`: in the statistics of all the pool's PGs. */
  "pool-objects": (s, a, what) => {
    let seen = 0;
    for (const osd of s.world.running_osds) {
      for (const pg of osd.pgs.all()) {
        if (pg.is_primary()) seen += pg.peering.info.stats.stat_sum.num_objects;
      }
    }
    must(seen === Number(a[0]), what, seen);
  },
  /** In the pool's statistics. */
  objects: (s, a, what) => {
    const seen = s.primary()?.peering.info.stats.stat_sum.num_objects;
    must(seen === Number(a[0]), what, seen);
  },
  /** `past-intervals A 2`: A keeps at most so many intervals that may have been written in. */
  "past-intervals": (s, a, what) => {
    const seen = s.pg(s.cast.id(a[0] ?? ""))?.peering.past_intervals.to_wire();
    must(seen !== undefined && seen.intervals.length <= Number(a[1]), what, seen);
  },
  /** `event B wrongly_marked_down`: logged since the mark. */
  event: (s, a, what) => {
    const who = a[0] === "mon" ? "mon.a" : `osd.${s.cast.id(a[0] ?? "")}`;
    const seen = s.recorder.events.filter((e) => e.who === who).map((e) => e.event);
    must(seen.includes(a[1] ?? ""), what, [...new Set(seen)]);
  },
  "not-event": (s, a, what) => {
    const who = `osd.${s.cast.id(a[0] ?? "")}`;
    const seen = s.recorder.events.filter((e) => e.who === who).map((e) => e.event);
    must(!seen.includes(a[1] ?? ""), what, [...new Set(seen)]);
  },
  /** `maps-kept A`: all from where its PGs are stored to the newest, and the monitor has fewer. */
  "maps-kept": (s, a, what) => {
    for (const o of s.cast.ids(a)) {
      const osd = s.world.osd(o);
      const needed = osd?.pgs.min_persisted_epoch() ?? 0;
      const { oldest_map = 0, newest_map = 0 } = osd?.superblock ?? {};
      const all = { oldest_map, needed, newest_map, of_mon: s.world.mon.first_committed };
      must(oldest_map > 1 && oldest_map <= needed, what, all);
      for (let e = oldest_map; e <= newest_map; e++) must(!!osd?.maps.try_get_map(e), what, e);
    }
  },
  /** `oldest-map > first`: of those that the monitor keeps: newer than, or the one noted. */
  "oldest-map": (s, a, what) => {
    const before = s.noted.get(a[1] ?? "") ?? Number.NaN;
    const now = s.world.mon.first_committed;
    must(compared(now, a[0], before), what, { before, now });
  },
  /** `floor foo = oldest`, `floor bar > foo`: since which epoch all PGs of a pool were clean. */
  floor: (s, a, what) => {
    const seen = floor_of(s, a[0] ?? "");
    const { first_committed, osdmap } = s.world.mon;
    const other = a[2] === "oldest" ? first_committed : floor_of(s, a[2] ?? "");
    must(compared(seen, a[1], other), what, { seen, other, newest: osdmap.epoch });
  },
  /** `more-maps 2`: the monitor keeps more of them than that. */
  "more-maps": (s, a, what) => {
    const { first_committed, osdmap } = s.world.mon;
    const seen = osdmap.epoch - first_committed + 1;
    must(seen > Number(a[0]), what, seen);
  },
  /** `osd C down in`: in the monitor's map. */
  osd: (s, a, what) => {
    const o = s.cast.id(a[0] ?? "");
    const { osdmap } = s.world;
    const seen = [osdmap.is_up(o) ? "up" : "down", osdmap.is_in(o) ? "in" : "out"];
    must(
      a.slice(1).every((x) => seen.includes(x)),
      what,
      seen,
    );
  },
  /** Its process has ended. */
  dead: (s, a, what) => {
    for (const o of s.cast.ids(a)) must(s.world.osd(o) === undefined, what, "runs");
  },
  /** `explained down.blocked A`: the last explanation names it, by these OSDs. */
  explained: (s, a, what) => {
    const seen = check_explained(s, a[0] ?? "", a.slice(1));
    must(seen === undefined, what, seen);
  },
  quiescent: (s) => {
    check_quiescent(s.world);
    s.invariants.check_quiet();
  },
};

export const ASSERT_COMMANDS: Commands = {
  assert: (s, a) => {
    const check = CHECKS[a[0] ?? ""];
    if (!check) throw new InvariantError(`no such assertion: ${a[0]}`);
    check(s, a.slice(1), a.join(" "));
    s.ok();
  },
  /** The log of one OSD, entry by entry. */
  log: (s, a) => {
    for (const line of logged(s, s.cast.id(a[0] ?? ""))) s.say(line);
  },
};
