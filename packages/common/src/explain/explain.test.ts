/**
 * Explanations of what no simulated cluster comes to: a real Ceph's queries with fields changed, and
 * old layouts. Causes that a cluster can come to have scenarios (sim/testdata/explain).
 */
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PG_STATES } from "../types/pg_state.ts";
import { explain_cluster, needs_explaining } from "./explain_cluster.ts";
import { explain_pg } from "./explain_pg.ts";
import { CAUSES, type cause_id, type explained_cause, type pg_explanation } from "./explanation.ts";
import type { explain_sources } from "./PGCase.ts";

const GOLDEN = new URL("../../testdata/golden/", import.meta.url);
const SCENARIOS = new URL("../../../sim/testdata/explain/", import.meta.url);

type Json = Record<string, unknown>;
const text = (name: string) => readFileSync(new URL(`${name}.json`, GOLDEN), "utf8");
const active = (): Json => JSON.parse(text("degraded-pg-query-1.0"));
const peering = (): Json => JSON.parse(text("peering-pg-query-1.0"));
const down = (): Json => JSON.parse(text("down-pg-query-2.0"));

/** Sets `a.b.0.c` in a copy of `base`. */
function changed(base: Json, changes: Json): Json {
  const out: Json = structuredClone(base);
  for (const [path, value] of Object.entries(changes)) {
    const keys = path.split(".");
    const last = keys.pop() ?? "";
    let at: unknown = out;
    for (const k of keys) at = Reflect.get(Object(at), k);
    Reflect.set(Object(at), last, value);
  }
  return out;
}
const STAT = "info.stats.stat_sum";

interface Osd {
  readonly osd: number;
  readonly up?: number;
  readonly in?: number;
  readonly [field: string]: unknown;
}
function osd_dump(o: { osds?: readonly Osd[]; pool?: Json; flags?: string } & Json = {}): Json {
  const { osds = [0, 1, 2].map((osd) => ({ osd })), pool, flags = "", ...rest } = o;
  return {
    epoch: 17,
    flags,
    full_ratio: 0.95,
    backfillfull_ratio: 0.9,
    nearfull_ratio: 0.85,
    pools: [1, 2].map((id) => ({
      pool: id,
      pool_name: `p${id}`,
      type: 1,
      size: 3,
      min_size: 2,
      ...pool,
    })),
    osds: osds.map((x) => ({
      up: 1,
      in: 1,
      up_from: 7,
      up_thru: 16,
      down_at: 0,
      lost_at: 0,
      ...x,
    })),
    pg_temp: [],
    ...rest,
  };
}
function row(state: string, more: Json = {}): Json {
  const sets = { up: [1, 0, 2], acting: [1, 0, 2], up_primary: 1, acting_primary: 1 };
  return { pgid: "1.0", state, ...sets, reported_epoch: 17, blocked_by: [], ...more };
}

/** Each here is a cause that some input below leads to. */
const tried = new Set<string>();
function the(id: cause_id, sources: explain_sources, pgid?: string): explained_cause {
  const x = explain_pg(sources, pgid);
  tried.add(id);
  const found = x.causes.find((c) => c.id === id);
  if (!found) throw new Error(`${id} is not among: ${x.causes.map((c) => c.id).join(", ")}`);
  expect(found.sentences.length).toBeGreaterThan(0);
  return found;
}
const said = (c: explained_cause) => c.sentences.join(" ");

describe("causes", () => {
  test("unknown, stale", () => {
    const dump = (state: string, more: Json = {}) => ({ pg_dump: [row(state, more)] });
    the("unknown.not_reported", { ...dump("unknown", { up: [], acting: [] }) }, "1.0");
    const osds = [{ osd: 0 }, { osd: 1, up: 0, down_at: 16 }, { osd: 2 }];
    const died = the(
      "stale.primary_down",
      { ...dump("stale+active+clean"), osd_dump: osd_dump({ osds }) },
      "1.0",
    );
    expect(said(died)).toContain("osd.1 (down since epoch 16)");
    const silent = the(
      "stale.silent",
      { ...dump("stale+active+clean"), osd_dump: osd_dump() },
      "1.0",
    );
    expect(silent.osds).toEqual([1]);
    the("stale.silent", dump("stale+active+clean"), "1.0");
  });

  test("creating, nobody leads", () => {
    const nowhere = { up: [], acting: [], acting_primary: -1 };
    const c = the(
      "creating.no_osds",
      { pg_dump: [row("creating", nowhere)], osd_dump: osd_dump() },
      "1.0",
    );
    expect(said(c)).toContain("3 OSDs are up and in: the pool's CRUSH rule chooses none of them");
    the("creating.peering", { pg_dump: [row("creating+peering")] }, "1.0");
    const pg_map = { up: [], acting: [] };
    const gone = the(
      "query.no_primary",
      { pg_dump: [row("active+clean")], pg_map, query_error: "no" },
      "1.0",
    );
    expect(gone.unblocks.join()).toContain("osd.1");
  });

  test("peering without a state of its own, Reset, a replica's answer", () => {
    the("peering.unspecified", { pg_dump: [row("peering", { blocked_by: [2] })] }, "1.0");
    the("peering.starting", {
      query: changed(peering(), { recovery_state: [{ name: "Reset", enter_time: "x" }] }),
    });
    the("query.not_primary", {
      query: changed(active(), {
        recovery_state: [{ name: "Started/Stray" }, { name: "Started" }],
      }),
    });
  });

  test("a log gap: what lies between the logs is in none", () => {
    const query = changed(peering(), {
      state: "incomplete",
      "recovery_state.0.name": "Started/Primary/Peering/Incomplete",
      "info.last_update": "15'5",
      "peer_info.0.log_tail": "15'10",
    });
    const c = the("incomplete.log_gap", { query });
    expect(said(c)).toMatch(
      /osd\.2 and begins at 15'10; osd\.1 leads the PG and ends before, at 15'5/,
    );
  });
  test("incomplete, and the source does not show why", () => {
    the("incomplete.unspecified", { pg_dump: [row("incomplete")] }, "1.0");
    const name = "Started/Primary/Peering/Incomplete";
    const query = changed(peering(), { state: "incomplete", "recovery_state.0.name": name });
    the("incomplete.unspecified", { query });
  });

  test("leases", () => {
    const wait = changed(active(), {
      state: "active+undersized+degraded+wait",
      "info.history.prior_readable_until_ub": 8.25,
    });
    expect(said(the("lease.wait", { query: wait }))).toContain("8.3 s");
    const laggy = the("lease.laggy", { query: changed(active(), { state: "active+clean+laggy" }) });
    expect(laggy.osds).toEqual([2]);
  });

  test("undersized: without a map, and with a newer one", () => {
    the("undersized.unspecified", { query: active() });
    const osds = [{ osd: 0 }, { osd: 1, up_from: 20 }, { osd: 2 }];
    const back = the("undersized.returning", {
      query: active(),
      osd_dump: osd_dump({ osds, epoch: 20 }),
    });
    expect(back.osds).toEqual([1]);
  });

  test("recovery: no reservations known, full, idle", () => {
    const is = (state: string) => ({ query: changed(active(), { state }) });
    the("degraded.recovery_wait", is("active+recovery_wait+degraded"));
    the("degraded.idle", is("active+degraded"));
    const osds = [{ osd: 0 }, { osd: 1 }, { osd: 2, state: ["exists", "up", "full"] }];
    const full = the("degraded.recovery_toofull", {
      ...is("active+recovery_toofull+degraded"),
      osd_dump: osd_dump({ osds }),
    });
    expect(full.osds).toEqual([2]);
    the("degraded.recovery_toofull", is("active+recovery_toofull+degraded"));
  });

  test("backfill: no reservations known, unfound", () => {
    const state = "active+remapped+backfill_wait";
    const c = the("remapped.backfill_wait", {
      query: changed(active(), { state, up: [0, 2, 1], backfill_targets: ["1"] }),
    });
    expect(said(c)).toContain("osd.0 and osd.1");
    const unfound = the("remapped.backfill_unfound", {
      query: changed(active(), {
        state: "active+backfill_unfound+degraded+remapped",
        [`${STAT}.num_objects_unfound`]: 3,
        "recovery_state.0.might_have_unfound": [
          { osd: "1", status: "already probed" },
          { osd: "2", status: "already probed" },
        ],
      }),
    });
    expect(said(unfound)).toContain("3 objects are unfound");
    expect(said(unfound)).toContain("Everybody who is known to might have it has been asked");
  });

  test("scrub, snapshots, merging", () => {
    const is = (state: string, more: Json = {}) => ({
      query: changed(active(), { state, ...more }),
    });
    const bad = the(
      "scrub.inconsistent",
      is("active+clean+inconsistent", { [`${STAT}.num_scrub_errors`]: 2 }),
    );
    expect(said(bad)).toContain("2 errors");
    expect(bad.unblocks[0]).toContain("rados list-inconsistent-obj 1.0");
    the("scrub.failed_repair", is("active+clean+inconsistent+failed_repair"));
    expect(said(the("scrub.running", is("active+clean+scrubbing+deep")))).toContain("A deep scrub");
    the("snaptrim.running", is("active+clean+snaptrim_wait"));
    the("snaptrim.error", is("active+clean+snaptrim_error"));
    the("premerge.waiting", is("active+premerge+peered"));
  });

  test("full: an OSD, the pool, its quota", () => {
    const query = changed(active(), { state: "active+clean" });
    const pg_dump = { pg_map: { pg_stats: [], osd_stats: [{ osd: 2, kb: 100, kb_used: 96 }] } };
    const osd = the("io.osd_full", { query, pg_dump, osd_dump: osd_dump() });
    expect(said(osd)).toContain("osd.2 is full (96.0% used, the limit is 95.0%)");
    const pool = { flags_names: "hashpspool,full,full_quota", quota_max_objects: 5 };
    expect(said(the("io.pool_full", { query, osd_dump: osd_dump({ pool }) }))).toContain("quota");
    the("io.pool_full", { query, osd_dump: osd_dump({ pool: { flags_names: "full" } }) });
  });

  test("beside the PGs: OSDs that are down or nearly full, flags", () => {
    const osds = [{ osd: 0, up: 0, down_at: 9 }, { osd: 1, state: ["nearfull"] }, { osd: 2 }];
    const x = explain_cluster({
      osd_dump: osd_dump({ osds, flags: "noout,nobackfill,sortbitwise" }),
      pg_dump: [row("active+clean"), { ...row("down", { blocked_by: [0] }), pgid: "1.1" }],
    });
    const ids = ["osd.down", "osd.nearly_full", "cluster.flags"];
    for (const id of ids) tried.add(id);
    expect(x.causes.map((c) => c.id)).toEqual(ids);
    expect(x.causes[0]?.sentences[0]).toBe("osd.0 is down since epoch 9 (in). 1 PG waits for it.");
    expect(x.causes[2]?.sentences[0]).toContain("noout (OSDs that are down are not marked out");
    expect(x).toMatchObject({ num_pgs: 2, num_active_clean: 1, num_inactive: 1 });
    expect(x.groups.map((g) => [g.pgids, g.explanation.causes[0]?.id])).toEqual([
      [["1.1"], "down.blocked"],
    ]);
  });

  test("every cause is produced by a scenario or here", () => {
    for (const f of readdirSync(SCENARIOS)) {
      const found = readFileSync(new URL(f, SCENARIOS), "utf8").matchAll(
        /^assert explained (\S+)/gm,
      );
      for (const [, id = ""] of found) tried.add(id);
    }
    expect([...tried].sort()).toEqual(Object.keys(CAUSES).sort());
  });
});

describe("layouts", () => {
  test("Jewel: blocked in GetInfo without a state Down, one past interval an element", () => {
    const query = changed(down(), {
      state: "down+peering",
      epoch: "33",
      "recovery_state.0": {
        name: "Started/Primary/Peering/GetInfo",
        enter_time: "2017-02-01 10:00:00.123456",
        requested_info_from: [],
      },
      "recovery_state.1.past_intervals": [
        { first: 24, last: 26, maybe_went_rw: 0, up: [1, 2], acting: [1, 2], primary: 1 },
        { first: 27, last: 28, maybe_went_rw: 1, up: [1], acting: [1], primary: 1, up_primary: 1 },
      ],
    });
    const c = the("down.blocked", { query });
    expect(said(c)).toContain("in epochs 27 to 28 osd.1 alone served the PG");
    expect(c.osds).toEqual([1]);
  });
  test("a pg dump with pg_map around it, and without", () => {
    for (const pg_dump of [
      [row("down")],
      { pg_stats: [row("down")] },
      { pg_map: { pg_stats: [row("down")] } },
    ]) {
      expect(explain_pg({ pg_dump }, "1.0").state).toBe("down");
    }
  });
  test("erasure-coded: shards in ids, holes in sets", () => {
    const query = changed(down(), {
      "info.pgid": "2.0s1",
      up: [2147483647, 2, 2147483647],
      acting: [2147483647, 2, 2147483647],
      "recovery_state.1.past_intervals.0.intervals.0.acting": "0(0),2(1),1(2)",
      "recovery_state.1.probing_osds": ["2(1)"],
    });
    const pool = { pool: 2, type: 3, size: 3, min_size: 3, erasure_code_profile: "small" };
    const osds = [{ osd: 0, up: 0, down_at: 30 }, { osd: 1, up: 0, down_at: 29 }, { osd: 2 }];
    const map = osd_dump({ pool, osds, erasure_code_profiles: { small: { k: "2", m: "1" } } });
    const c = the("down.blocked", { query, osd_dump: map });
    expect(said(c)).toContain("of which only osd.2 can be asked (2 shards are needed)");
  });
});

describe("never", () => {
  const DESTRUCTIVE =
    /\blost\b(?! by|\.)|history_les|force.create|mark_unfound|delet|purge|destroy|lower\w* min_size|\bzap\b|really/i;
  const advice = (x: pg_explanation) => x.causes.flatMap((c) => c.unblocks);

  test("does any advice destroy, whatever the state and the fields", () => {
    const states = fc.uniqueArray(fc.constantFrom(...PG_STATES, "stale", "unknown"), {
      maxLength: 6,
    });
    const base = fc.constantFrom(active, peering, down);
    const entry = fc.constantFrom(
      "GetInfo",
      "GetLog",
      "Incomplete",
      "Down",
      "WaitUpThru",
      "Active",
      "Stray",
      "?",
    );
    const junk = fc.oneof(fc.jsonValue(), fc.constant(undefined));
    const spot = fc.constantFrom(
      "up",
      "acting",
      "info.history",
      "info.stats",
      STAT,
      "peer_info",
      "recovery_state.1",
      "info.last_update",
      "recovery_state.0",
      "info.stats.blocked_by",
      "info.last_epoch_started",
    );
    fc.assert(
      fc.property(
        base,
        states,
        entry,
        spot,
        junk,
        fc.boolean(),
        (make, bits, name, path, value, map) => {
          const changes: Json = {
            state: bits.join("+"),
            "recovery_state.0.name": `Started/Primary/${name}`,
            ...(value === undefined ? {} : { [path]: value }),
          };
          const x = explain_pg({
            query: changed(make(), changes),
            ...(map && { osd_dump: osd_dump() }),
          });
          expect(x.summary).not.toBe("");
          for (const line of advice(x)) expect(line).not.toMatch(DESTRUCTIVE);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("in the scenarios either", () => {
    for (const f of readdirSync(SCENARIOS)) {
      const lines = readFileSync(new URL(f, SCENARIOS), "utf8").split("\n");
      for (const l of lines.filter((x) => x.startsWith("  > "))) expect(l).not.toMatch(DESTRUCTIVE);
    }
  });
});

test("an excerpt, as documents show it, when it is said of which PG it is", () => {
  const peering = { name: "Started/Primary/Peering", probing_osds: [0, 1], peering_blocked_by: [] };
  const by = [{ osd: 1, current_lost_at: 0, comment: "starting or marking this osd lost" }];
  const blocked = { blocked: "peering is blocked due to down osds", peering_blocked_by: by };
  const down = { state: "down+peering", recovery_state: [{ ...peering, ...blocked }] };
  expect(explain_pg({ query: down }, "0.5").causes).toMatchObject([
    { id: "down.blocked", osds: [1] },
  ]);
  const incomplete = { state: "incomplete", recovery_state: [{ ...peering, blocked: "" }] };
  const ids = explain_pg({ query: incomplete }, "0.5").causes.map((c) => c.id);
  expect(ids).toEqual(["incomplete.unspecified"]);
  expect(() => explain_pg({ query: down })).toThrow("not a pg query: want state and info.pgid");
});

test("docs/explain.md tells every cause, in these words", () => {
  const doc = readFileSync(new URL("../../../../docs/explain.md", import.meta.url), "utf8");
  const lines = Object.entries(CAUSES).map(([id, text]) => `| \`${id}\` | ${text} |`);
  expect(lines.filter((l) => !doc.includes(l))).toEqual([]);
});

test("which states need an explanation", () => {
  expect(needs_explaining("active+clean")).toBe(false);
  expect(needs_explaining("active+clean+scrubbing+deep")).toBe(false);
  for (const s of [
    "active+clean+inconsistent",
    "active+clean+remapped",
    "stale+active+clean",
    "down",
  ]) {
    expect(needs_explaining(s)).toBe(true);
  }
});
