/**
 * Within an epoch no daemon asks CRUSH about the same PG twice, whatever it wants to know and whoever
 * asks: the monitor for the map it is about to commit, OSDs for peering and for client operations,
 * clients for where to send them.
 */
import { CrushWrapper, OSDMap, raw_pg_to_pps } from "@tako/common";
import { afterEach, beforeEach, expect, it } from "vitest";
import { run_seed } from "./run_seed.ts";

type Around = (self: unknown, args: readonly unknown[], call: () => unknown) => unknown;

/** Lets `around` see every call of a method. Returns what takes it away again. */
function wrap(prototype: object, name: string, around: Around): () => void {
  const real = Reflect.get(prototype, name);
  const value = new Proxy(real, {
    apply: (_, self, args) => around(self, args, () => Reflect.apply(real, self, args)),
  });
  Object.defineProperty(prototype, name, { value, configurable: true, writable: true });
  return () => Object.defineProperty(prototype, name, { value: real });
}

/** The maps being asked, innermost last. */
const asked: unknown[] = [];
/** By CRUSH map: every daemon reads its own, so the object tells the daemons apart. */
let times = new Map<unknown, Map<string, number>>();
/** How many PGs share what `times` counts. */
const alike = new Map<string, number>();
let unwrap: (() => void)[] = [];

beforeEach(() => {
  times = new Map();
  alike.clear();
  const ways = ["pg_to_up_acting_osds", "pg_to_raw_up", "pg_to_raw_osds", "pg_to_raw_upmap"];
  unwrap = [...ways, "crush_pick", "peek_crush_pick"].map((way) =>
    wrap(OSDMap.prototype, way, (map, _, call) => {
      asked.push(map);
      const answer = call();
      asked.pop();
      return answer;
    }),
  );
  const count: Around = (crush, [, x, , , pool], call) => {
    const map = asked.at(-1);
    // The monitor also tries rules out, for no map at all.
    if (map instanceof OSDMap) {
      const key = `epoch ${map.epoch} pool ${pool} x ${x}`;
      // PGs that have split are placed alike until pgp_num follows.
      if (!alike.has(key)) alike.set(key, num_placed_alike(map, Number(pool), Number(x)));
      const mine = times.get(crush) ?? new Map<string, number>();
      times.set(crush, mine.set(key, (mine.get(key) ?? 0) + 1));
    }
    return call();
  };
  unwrap.push(wrap(CrushWrapper.prototype, "do_rule", count));
});
afterEach(() => {
  for (const fn of unwrap) fn();
});

function num_placed_alike(map: OSDMap, pool: number, pps: number): number {
  const p = map.get_pg_pool(pool);
  return p ? [...map.get_pgs(pool)].filter((pg) => raw_pg_to_pps(p, pg) === pps).length : 0;
}

it.each([1, 2, 3])(
  "seed %i: each PG is mapped at most once an epoch",
  async (seed) => {
    const { ok, ops, error } = await run_seed({ seed, seconds: 4 });
    expect(error).toBeUndefined();
    expect(ok && ops > 100).toBe(true);
    const all = [...times.values()].flatMap((mine) => [...mine]);
    expect(all.length).toBeGreaterThan(20);
    const too_often = all.filter(([key, n]) => n > (alike.get(key) ?? 1));
    expect(too_often).toEqual([]);
  },
  60_000,
);
