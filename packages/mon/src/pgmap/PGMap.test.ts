import { type OSDMap, object_stat_sum_t, type pg_t, spg_cmp, stat_sum_add } from "@tako/common";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type FakeOsd, Harness } from "../testing/harness.ts";
import type { PGMap } from "./PGMap.ts";

const OSDS = 5;
const STATES = ["active+clean", "active+undersized+degraded", "peering", "unknown"] as const;

type Step =
  | { do: "report"; pg: number; primary: number; state: string; objects: number; scrub_s: number }
  | { do: "down" | "boot" | "out"; osd: number }
  | { do: "pool" | "rmpool"; name: string; pg_num: number }
  | { do: "pg_num"; name: string; pg_num: number };

const osd = fc.nat(OSDS - 1);
const name = fc.constantFrom("a", "b");
const pg_num = fc.constantFrom(1, 3, 8);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("report" as const),
      pg: fc.nat(15),
      primary: osd,
      state: fc.constantFrom(...STATES),
      objects: fc.nat(100),
      scrub_s: fc.nat(3_000_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("down" as const, "boot" as const, "out" as const),
      osd,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom("pool" as const, "rmpool" as const), name, pg_num }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("pg_num" as const), name, pg_num }) },
);

function all_pgs(map: OSDMap): pg_t[] {
  return map.pool_ids().flatMap((id) => map.get_pgs(id));
}

function run(h: Harness, osds: readonly FakeOsd[], s: Step): void {
  switch (s.do) {
    case "report": {
      const pgs = all_pgs(h.map);
      const pg = pgs[s.pg % Math.max(1, pgs.length)];
      const o = osds[s.primary];
      if (!pg || !o) return;
      const stamp = new Date(h.clock.now_ms() - s.scrub_s * 1000).toISOString();
      const stat_sum = object_stat_sum_t({ num_objects: s.objects, num_bytes: s.objects * 4096 });
      const more = { acting_primary: s.primary, log_size: s.objects, last_scrub_stamp: stamp };
      o.stats({ [pg]: s.state }, { ...more, stat_sum });
      return;
    }
    case "down":
      h.command({ prefix: "osd down", ids: [String(s.osd)] });
      return;
    case "out":
      h.command({ prefix: "osd out", ids: [String(s.osd)] });
      return;
    case "boot":
      if (h.map.is_down(s.osd)) osds[s.osd]?.restart();
      return;
    case "pool":
      h.command({ prefix: "osd pool create", pool: s.name, pg_num: s.pg_num });
      return;
    case "rmpool": {
      const sure = { yes_i_really_really_mean_it: true };
      h.command({ prefix: "osd pool rm", pool: s.name, pool2: s.name, ...sure });
      return;
    }
    case "pg_num":
      h.command({ prefix: "osd pool set", pool: s.name, var: "pg_num", val: String(s.pg_num) });
      return;
  }
}

/** What the PGMap keeps in step, worked out anew. */
function check(h: Harness, pgmap: PGMap): void {
  const pgs = all_pgs(h.map);
  expect([...pgmap.pg_stat.keys()].sort(spg_cmp)).toEqual(pgs.sort(spg_cmp));
  for (const id of [undefined, ...h.map.pool_ids()]) {
    const sum = object_stat_sum_t();
    const of_pool = pgs.filter((pg) => id === undefined || pg.startsWith(`${id}.`));
    const stats = of_pool.flatMap((pg) => pgmap.pg_stat.get(pg) ?? []);
    for (const s of stats) stat_sum_add(sum, s.stat_sum);
    const log_size = stats.reduce((n, s) => n + s.log_size, 0);
    expect(pgmap.sum(id)).toMatchObject({ num_pgs: of_pool.length, stat_sum: sum, log_size });
  }
  const others: pg_t[] = [];
  for (const [pg, s] of pgmap.pg_stat) {
    if (s.state !== "active+clean") others.push(pg);
    if (s.states.has("unknown")) expect(s).toMatchObject(h.map.pg_to_up_acting_osds(pg));
    else if (h.map.is_down(s.acting_primary)) expect(s.states).toContain("stale");
  }
  expect(pgmap.sorted_pgs_in_other_states().map(([pg]) => pg)).toEqual(others.sort(spg_cmp));
  for (const limit of [0, 1_000_000, 2_000_000]) {
    const before = h.clock.now_ms() - limit * 1000;
    const late = [...pgmap.pg_stat].filter(
      ([, s]) => s.last_scrub_stamp > 0 && s.last_scrub_stamp < before,
    );
    const found = pgmap.sorted_pgs_scrubbed_before(before, 0).map(([pg]) => pg);
    expect(found).toEqual(late.map(([pg]) => pg).sort(spg_cmp));
  }
}

it("keeps its sums and lists in step with any reports and maps", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const h = new Harness({ mon_allow_pool_delete: true });
      const osds = h.boot(OSDS);
      h.command({ prefix: "osd pool create", pool: "a", pg_num: 8 });
      for (const s of steps) {
        run(h, osds, s);
        check(h, h.mon.svc.pgmap);
      }
    }),
    { numRuns: 40 },
  );
});
