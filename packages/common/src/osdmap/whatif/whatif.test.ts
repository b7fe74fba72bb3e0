import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { from_base64, osdmap_vectors } from "../../crush/testing/vectors.ts";
import { CRUSH_ITEM_NONE, type pg_t } from "../../types/osd_types.ts";
import { decode_osdmap_binary } from "../binary/file.ts";
import { new_incremental } from "../Incremental.ts";
import type { OSDMap } from "../OSDMap.ts";
import { type pg_pool_t, TYPE_ERASURE } from "../pg_pool_t.ts";
import { build_map } from "../testing/build_map.ts";
import { read_pg_dump } from "./pg_dump.ts";
import { parse_whatif_sequence } from "./steps.ts";
import type { whatif_pg } from "./verdict.ts";
import { whatif, type whatif_options, type whatif_report } from "./whatif.ts";

const EC: Partial<pg_pool_t> = {
  type: TYPE_ERASURE,
  size: 4,
  min_size: 3,
  crush_rule: 1,
  erasure_code_profile: "k2m2",
};

/** One PG on as many OSDs as there are, and some to spare. */
function one_pg(pool: Partial<pg_pool_t>, osds = 6): { map: OSDMap; on: number[] } {
  const m = build_map({ osds, failure_domain: "osd", pools: [{ pg_num: 1, ...pool }] });
  const inc = new_incremental(m);
  inc.new_erasure_code_profiles.set("k2m2", new Map(Object.entries({ k: "2", m: "2" })));
  const map = m.apply_incremental(inc);
  return { map, on: [...map.pg_to_up_acting_osds("1.0").acting] };
}
/** `$0` is the first member of the PG. */
function run(
  { map, on }: { map: OSDMap; on: readonly number[] },
  text: string,
  options?: whatif_options,
): whatif_report {
  const steps = text.replaceAll(/\$(\d)/g, (_, i) => `osd.${on[Number(i)]}`).replaceAll(";", "\n");
  return whatif(map, parse_whatif_sequence(map, steps), options);
}
const pg_of = (r: whatif_report, pgid: pg_t = "1.0"): Partial<whatif_pg> =>
  r.affected.find((p) => p.pgid === pgid) ?? { state: "as before" };

describe("whatif: replicas", () => {
  const three = one_pg({ size: 3, min_size: 2 });
  const [a = -1, b = -1, c = -1] = three.on;

  it.each<[string, string, Partial<whatif_pg>]>([
    ["nothing", "", { state: "as before" }],
    ["one of three", "down $0", { state: "active+undersized+degraded", active: "yes", margin: 0 }],
    ["a moment later", "down $0; write", { state: "active+undersized+degraded", margin: 0 }],
    ["two of three", "down $0 $1", { state: "undersized+degraded+peered", active: "no" }],
    ["all three", "down $0,$1,$2", { state: "stale", active: "no" }],
    // The two wrote without the first, and it comes back alone.
    [
      "an old copy comes back alone",
      "down $0; write; down $1 $2; up $0",
      { state: "down", active: "no", blocked_by: [b, c].sort((x, y) => x - y) },
    ],
    ["with one who knows", "down $0; write; down $1 $2; up $0 $1", { active: "yes", margin: 0 }],
    // Below min_size nothing was written: the last two before that know all.
    ["peered alone", "down $0; write; down $1; write; down $2; up $1", { active: "no" }],
    // No time to go active, so nobody can have written.
    [
      "one after the other at once",
      "down $0; down $1 $2; up $0",
      { state: "undersized+degraded+peered" },
    ],
    ["back in time", "down $0; up $0", { state: "as before" }],
    ["back late", "down $0; write; up $0", { state: "active+recovery_wait+degraded", margin: 1 }],
    ["and caught up", "down $0; write; up $0; settle", { state: "as before" }],
    ["out while up", "out $0", { state: "active+remapped+backfill_wait", margin: 1 }],
    [
      "out while down",
      "down $0; out $0",
      { state: "active+undersized+degraded+remapped+backfill_wait", margin: 0 },
    ],
    ["and copied", "down $0; out $0; settle", { state: "as before" }],
    // Copied elsewhere before the second went: never below min_size.
    ["one by one", "down $0; out $0; settle; down $1", { active: "yes", margin: 0 }],
    ["all gone and out", "down $0 $1 $2; out $0 $1 $2", { state: "stale", active: "no" }],
  ])("%s", (_, steps, want) => {
    expect(pg_of(run(three, steps))).toMatchObject(want);
  });

  const two = one_pg({ size: 2, min_size: 1 });
  const last = two.on[1];
  it.each<[string, string, Partial<whatif_pg>]>([
    ["the last to write is gone", "down $0; write; down $1; up $0", { state: "down" }],
    ["who blocks it", "down $0; write; down $1; up $0", { blocked_by: [last ?? -1] }],
    ["nobody wrote", "down $0; down $1; up $0", { state: "active+undersized+degraded" }],
    ["it comes back", "down $0; write; down $1; up $0; up $1", { active: "yes", unfound: "no" }],
    [
      "declared lost",
      "down $0; write; down $1; up $0; lost $1",
      { active: "yes", lost_writes: true, state: "active+undersized+degraded" },
    ],
    // It has the log of what was written, but not yet the objects.
    [
      "gone before it was recovered",
      "down $0; write; up $0; write; down $1",
      { active: "yes", unfound: "yes", state: "active+recovery_unfound+undersized+degraded" },
    ],
    ["recovered in time", "down $0; write; up $0; settle; down $1", { unfound: "no" }],
  ])("%s", (_, steps, want) => {
    expect(pg_of(run(two, steps))).toMatchObject(want);
  });

  it("says how many shards move, and how few would do", () => {
    const none = { pgs: 0, shards: 0, bytes: null };
    const one = { pgs: 1, shards: 1, bytes: null };
    const down = run(three, "down $0").movement;
    expect(down).toMatchObject({ ...none, lower_bound: none });
    expect(run(three, "down $0; out $0").movement).toMatchObject({ ...one, lower_bound: one });
    expect(run(three, "out $0").movement).toMatchObject({ ...one, done: none, lower_bound: one });
    // There and back again: both ways are movement, neither was needed.
    const back = run(three, "out $0; settle; in $0; settle").movement;
    expect(back).toMatchObject({ pgs: 1, shards: 2, lower_bound: none });
    const stuck = run(three, "down $0; write; down $1 $2; out $1; up $0").movement;
    expect(stuck).toMatchObject({ blocked: { shards: 1 } });
  });
  it("ranks whose loss would hurt next", () => {
    const healthy = run(three, "").next[0] ?? [];
    expect(healthy.map((n) => [n.id, n.inactive, n.last_copy, n.no_margin, n.pgs])).toEqual(
      [a, b, c].sort((x, y) => x - y).map((o) => [o, 0, 0, 1, 1]),
    );
    const [next] = run(three, "down $0").next;
    expect(next?.map((n) => [n.name, n.inactive, n.last_copy])).toEqual(
      [b, c].sort((x, y) => x - y).map((o) => [`osd.${o}`, 1, 0]),
    );
    const [last_one] = run(three, "down $0 $1").next;
    expect(last_one).toMatchObject([{ id: c, inactive: 0, last_copy: 1 }]);
    const [peers, hosts] = run(one_pg({ size: 2, min_size: 1 }, 2), "").next;
    expect(peers).toMatchObject([{ last_copy: 0 }, { last_copy: 0 }]);
    // Both copies on the one host.
    expect(hosts).toMatchObject([{ name: "h0", type: "host", last_copy: 1, inactive: 1 }]);
  });
});

describe("whatif: erasure code", () => {
  const ec = one_pg(EC);
  const [s0 = -1, s1 = -1, s2 = -1] = ec.on;

  it.each<[string, string, Partial<whatif_pg>]>([
    ["one shard", "down $2", { state: "active+undersized+degraded", margin: 0 }],
    ["two shards", "down $0 $2", { state: "undersized+degraded+peered", active: "no" }],
    [
      "three of four, two decode",
      "down $0 $1 $2",
      { state: "down", blocked_by: [s0, s1, s2].sort((x, y) => x - y) },
    ],
    ["too few of those who wrote", "down $0; write; down $1 $2; up $0", { state: "down" }],
    ["just enough of them", "down $0; write; down $1; up $0", { active: "yes", margin: 0 }],
    ["nothing left to decode from", "down $0 $1 $2; lost $0 $1 $2", { state: "incomplete" }],
  ])("%s", (_, steps, want) => {
    expect(pg_of(run(ec, steps))).toMatchObject(want);
  });

  it("leaves a hole in its place", () => {
    const { acting } = pg_of(run(ec, "down $1"));
    expect(acting).toEqual(ec.on.map((o, i) => (i === 1 ? CRUSH_ITEM_NONE : o)));
  });
  it("counts shards that have to be made anew, in bytes of a shard", () => {
    const dump = read_pg_dump([dumped(ec, "active+clean", { num_bytes: 1001 })]);
    const moved = { pgs: 1, shards: 2, bytes: 2 * 501 };
    const { movement } = run(ec, "down $0 $1; out $0 $1; settle", { dump });
    expect(movement).toMatchObject({ ...moved, done: moved, lower_bound: moved });
  });
  it("says the last shards that can be lost", () => {
    const [next] = run(ec, "down $0 $1").next;
    expect(next?.map((n) => n.last_copy)).toEqual([1, 1]);
  });
  it("says so where k is not in the map", () => {
    const { notes } = run(one_pg({ ...EC, erasure_code_profile: "gone" }), "");
    expect(notes.join()).toMatch(/no k of erasure code profile 'gone'.*min_size 3/);
  });
});

function dumped({ map }: { map: OSDMap }, state: string, stats: object = {}, pgid: pg_t = "1.0") {
  const { up, acting } = map.pg_to_up_acting_osds(pgid);
  return { pgid, state, up, acting, mapping_epoch: 2, stat_sum: { num_objects: 10, ...stats } };
}

describe("whatif: what is not known", () => {
  const whole = one_pg({ size: 3, min_size: 2 });
  /** Its first member was down before anybody asked. */
  function short() {
    const inc = new_incremental(whole.map);
    inc.new_state.set(whole.on[0] ?? -1, 2);
    return { ...whole, map: whole.map.apply_incremental(inc) };
  }

  it("is said, with the reason", () => {
    const r = run(short(), "");
    expect(r.unknown).toEqual([
      { reason: expect.stringMatching(/no PG dump/), pgs: 1, example: "1.0" },
    ]);
    expect(r.pgs).toMatchObject({ before: { unknown: 1 }, after: { unknown: 1, active: 0 } });
    expect(pg_of(run(short(), "out $1"))).toMatchObject({ state: "unknown", active: "unknown" });
    // Too few are too few, whatever happened.
    expect(pg_of(run(short(), "down $1"))).toMatchObject({ state: "unknown", active: "no" });
    expect(pg_of(run(short(), "up $0"))).toMatchObject({ state: "unknown", active: "unknown" });
  });
  it("may be in a PG dump", () => {
    const start = short();
    const state = "active+undersized+degraded";
    const dump = read_pg_dump([dumped(start, state, { num_objects_degraded: 10 })]);
    expect(pg_of(run(start, "", { dump }))).toMatchObject({ state, active: "yes", reason: "" });
    expect(pg_of(run(start, "up $0; settle", { dump }))).toMatchObject({ state: "active+clean" });
    const back = run(start, "down $1 $2; up $0", { dump });
    expect(pg_of(back)).toMatchObject({ state: "down", was: state });
  });
  it("is what a PG that did not peer went through", () => {
    const start = short();
    const dump = read_pg_dump([{ ...dumped(start, "down"), blocked_by: [4] }]);
    const r = run(start, "up $0", { dump });
    expect(pg_of(r)).toMatchObject({ was: "down", was_active: "no", state: "unknown" });
    expect(r.unknown[0]?.reason).toMatch(/it was down, blocked by osd.4 at the start/);
    // Nothing that happens is about it.
    expect(pg_of(run(start, "", { dump }))).toMatchObject({ state: "down", active: "no" });
  });
  it("is who misses objects in a PG that was recovering", () => {
    const stats = { num_objects_degraded: 3 };
    const dump = read_pg_dump([dumped(whole, "active+recovering+degraded", stats)]);
    expect(pg_of(run(whole, "down $0", { dump }))).toMatchObject({
      active: "yes",
      unfound: "unknown",
    });
    expect(pg_of(run(whole, "settle; down $0", { dump }))).toMatchObject({ unfound: "no" });
  });
  it("is a PG that the dump has elsewhere, or not at all", () => {
    const [x, y, z] = whole.on;
    const moved = { ...dumped(whole, "active+clean"), acting: [y, x, z] };
    const r = run(whole, "", { dump: read_pg_dump([moved]) });
    expect(r.unknown[0]?.reason).toMatch(/different moments/);
    const two = { map: build_map({ osds: 3, pools: [{ pg_num: 2 }] }), on: [0, 1, 2] };
    const half = read_pg_dump({ pg_map: { pg_stats: [dumped(two, "active+clean")] } });
    expect(run(two, "", { dump: half }).unknown).toEqual([
      { reason: "the PG dump does not have it", pgs: 1, example: "1.1" },
    ]);
    const other = read_pg_dump([
      dumped(whole, "active+clean", {}, "1.0"),
      { ...moved, pgid: "7.1" },
    ]);
    expect(run(whole, "", { dump: other }).notes[0]).toMatch(/1 PGs of the PG dump are not in/);
    const foreign = read_pg_dump([{ ...moved, pgid: "7.1" }]);
    expect(() => run(whole, "", { dump: foreign })).toThrow(/another cluster/);
  });
  it("stops where a step cannot be", () => {
    expect(() => run(whole, "lost $0")).toThrow(/is up: only what is down can be lost/);
    expect(run(whole, "up $0; in $0").notes.join()).toMatch(/'up osd.\d' changes nothing for osd/);
  });
});

describe("whatif: any steps", () => {
  const OSDS = 9;
  function start(): OSDMap {
    const m = build_map({
      osds: OSDS,
      hosts: 9,
      pools: [
        { pg_num: 16, size: 3, min_size: 2 },
        { pg_num: 8, size: 2, min_size: 1 },
        { ...EC, pg_num: 8 },
      ],
    });
    const inc = new_incremental(m);
    inc.new_erasure_code_profiles.set("k2m2", new Map(Object.entries({ k: "2" })));
    return m.apply_incremental(inc);
  }
  const who = fc.uniqueArray(fc.nat(OSDS - 1), { minLength: 1, maxLength: 3 });
  const osd_step = fc
    .tuple(fc.constantFrom("down", "up", "out", "in"), who)
    .map(([verb, osds]) => `${verb} ${osds.join(",")}`);
  const steps = fc.array(fc.oneof(osd_step, osd_step, fc.constantFrom("write", "settle")), {
    maxLength: 12,
  });
  const everyone = [...Array(OSDS).keys()].join(",");
  const map = start();

  it("move no less than has to move, and what is active has its members", () => {
    fc.assert(
      fc.property(steps, (list) => {
        const r = whatif(map, parse_whatif_sequence(map, list.join("\n")));
        const { movement: m, pgs } = r;
        expect(m.shards).toBeGreaterThanOrEqual(m.lower_bound.shards);
        expect(m.pgs).toBeGreaterThanOrEqual(m.lower_bound.pgs);
        expect(m.shards).toBeGreaterThanOrEqual(m.done.shards + m.blocked.shards);
        expect(pgs.after.active + pgs.after.inactive).toBe(pgs.after.total);
        for (const p of r.affected) {
          const pool = map.get_pg_pool(Number.parseInt(p.pgid, 10));
          const members = p.acting.filter((o) => o !== CRUSH_ITEM_NONE).length;
          expect(p.active === "yes" ? p.margin : -1).toBe(
            p.active === "yes" ? members - (pool?.min_size ?? 0) : -1,
          );
          if (p.active === "yes") expect(p.margin).toBeGreaterThanOrEqual(0);
          if (p.state === "down") expect(p.blocked_by.length).toBeGreaterThan(0);
          // Whatever was active at the end kept all that was acknowledged.
          expect(p.lost_writes).toBe(false);
        }
      }),
      { numRuns: 60 },
    );
  });
  it("leave a cluster that is clean when all come back", () => {
    fc.assert(
      fc.property(steps, (list) => {
        const all = [...list, `up ${everyone}`, `in ${everyone}`, "settle"];
        const r = whatif(map, parse_whatif_sequence(map, all.join("\n")));
        expect(r.affected).toEqual([]);
        expect(r.pgs.after.active).toBe(r.pgs.after.total);
        expect(r.movement.lower_bound.shards).toBe(0);
      }),
      { numRuns: 40 },
    );
  });
  it("that change nothing say nothing", () => {
    const r = whatif(map, parse_whatif_sequence(map, `up ${everyone}; in 3`.replace(";", "\n")));
    const { before, after } = r.pgs;
    expect(after).toEqual({
      ...before,
      down: 0,
      incomplete: 0,
      stale: 0,
      unfound: 0,
      lost_writes: 0,
    });
    expect(r.affected).toEqual([]);
    expect(r.states.after).toEqual(r.states.before);
    expect(r.margin.after).toEqual(r.margin.before);
    expect(r.movement).toMatchObject({ pgs: 0, shards: 0, lower_bound: { shards: 0 } });
  });
});

describe("whatif: maps that Ceph's own tools were observed on", () => {
  it.each(osdmap_vectors().map((v) => [v.id, v] as const))("%s", (_, v) => {
    const { map } = decode_osdmap_binary(from_base64(v.osdmap_binary_base64));
    const osds = map.get_all_osds().filter((o) => !map.is_destroyed(o));
    const some = (n: number) => osds.filter((_o, i) => i % 3 === n);
    const steps = [0, 1].flatMap((n) => {
      const who = some(n).join(",");
      return who === "" ? [] : [`down ${who}`, "write", `out ${who}`, "settle", `up ${who}`];
    });
    for (const n of [0, 2, steps.length]) {
      const r = whatif(map, parse_whatif_sequence(map, steps.slice(0, n).join("\n")));
      const { before, after } = r.pgs;
      expect(after.active + after.inactive + after.unknown).toBe(before.total);
      expect(r.movement.shards).toBeGreaterThanOrEqual(r.movement.lower_bound.shards);
      if (n === 0) expect(r.states.after).toEqual(r.states.before);
    }
  });
});
