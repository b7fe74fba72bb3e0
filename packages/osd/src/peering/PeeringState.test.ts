/** One PeeringState by itself: the chart's strictness, persistence, statistics, query, invariants. */
import {
  coverage_report,
  eversion,
  InvariantError,
  object_stat_sum_t,
  PG_STATES,
  pg_history_t,
  pg_info_t,
  StoreError,
  state_string,
} from "@tako/common";
import { pack } from "msgpackr";
import { describe, expect, test } from "vitest";
import { Transaction } from "../store/Transaction.ts";
import { peering_chart } from "./chart.ts";
import type { PeeringEvent } from "./events.ts";
import { peering_coverage } from "./PeeringMachine.ts";
import { PeeringState } from "./PeeringState.ts";
import { RecoveryCtx } from "./RecoveryCtx.ts";
import { renderPeeringStates } from "./render_states.ts";
import { PGID } from "./testing/TestOSD.ts";
import { Transcript } from "./testing/Transcript.ts";

/** After these commands; osd.0 leads. */
function after(...commands: string[]): Transcript {
  const t = new Transcript();
  for (const c of ["cluster osds=3 size=3 min_size=2", "create", "run", ...commands]) t.exec(c);
  return t;
}
function pg_of(t: Transcript, osd: number): PeeringState {
  const { pg } = t.osd(osd);
  if (!pg) throw new Error(`osd.${osd} has no PG`);
  return pg;
}

describe("the chart", () => {
  test("refuses what it does not list", () => {
    const t = after();
    const primary = pg_of(t, 0);
    expect(primary.state_name).toBe("Clean");
    expect(() => t.osd(0).feed({ type: "GotLog" })).toThrow(InvariantError);
    expect(() => t.osd(1).feed({ type: "GoClean" })).toThrow(/does not list this event/);
  });

  test("what it lists as ignored changes nothing", () => {
    const t = after();
    for (const { state, event, kind } of peering_chart.rows) {
      if (kind !== "ignored" || (state !== "Active" && state !== "RepNotRecovering")) continue;
      const osd = t.osd(state === "Active" ? 0 : 1);
      const before = [osd.pg?.state_name, osd.pg?.get_pg_state_string()];
      t.exec(`event ${osd.id} ${event} 0`);
      expect([osd.pg?.state_name, osd.pg?.get_pg_state_string()], event).toEqual(before);
    }
  });

  test("the end of a backfill that was given back does not end the wait for the next one", () => {
    const t = after();
    const target = pg_of(t, 1);
    const feed = (e: PeeringEvent) => t.osd(1).feed(e);
    const sizes = { primary_num_bytes: 0, local_num_bytes: 0 };
    feed({ type: "RequestBackfillPrio", priority: 140, ...sizes });
    feed({ type: "RecoveryDone" });
    expect(target.state_name).toBe("RepWaitBackfillReserved");
    feed({ type: "RemoteReservationCanceled" });
    expect(target.state_name).toBe("RepNotRecovering");
  });

  test("counts what was taken", () => {
    after();
    const { rows, states } = coverage_report(peering_chart, peering_coverage);
    const row = rows.find((r) => r.state === "Recovered" && r.target === "Clean");
    expect(row?.count).toBeGreaterThan(0);
    expect(states.find((s) => s.state === "Clean")?.count).toBeGreaterThan(0);
  });

  test("prints itself, every state with its reactions", () => {
    const text = renderPeeringStates();
    for (const name of peering_chart.names) expect(text).toContain(`**${name}**`);
    expect(text).toContain("| | IsDown | → Down |");
    expect(text).toContain("GetInfo --> GetLog : GotInfo");
  });
});

describe("persistence", () => {
  test("what was written is read back", () => {
    const t = after("write a", "write b", "map down 2", "run", "write a");
    const pg = pg_of(t, 0);
    const { store, map } = t.osd(0);
    const copy = PeeringState.load(t.osd(0).init_of(map), store);
    expect(copy.info).toEqual(pg.info);
    expect(copy.past_intervals.to_wire()).toEqual(pg.past_intervals.to_wire());
    expect(copy.pg_log.log.to_wire()).toEqual(pg.pg_log.log.to_wire());
    expect(PeeringState.peek_map_epoch(store, PGID)).toBe(pg.last_persisted_epoch);
  });

  test("a write stores the small info only, and it is enough", () => {
    const t = after("write a");
    const { store, map } = t.osd(0);
    const at = [`${PGID}_head`, t.osd(0).pgmeta, ["_info"]] as const;
    const whole = store.omap_get_values(...at)?.get("_info");
    t.exec("write b");
    expect(store.omap_get_values(...at)?.get("_info")).toEqual(whole);
    const copy = PeeringState.load(t.osd(0).init_of(map), store);
    expect(copy.info).toEqual(pg_of(t, 0).info);
    expect(copy.info.last_update).toEqual(copy.pg_log.head);
  });

  test("a map without consequences and a trimmed log store the small info only", () => {
    const t = after("write a", "write b");
    const pg = pg_of(t, 0);
    const { store, map } = t.osd(0);
    const at = [`${PGID}_head`, t.osd(0).pgmeta, ["_info"]] as const;
    const whole = store.omap_get_values(...at)?.get("_info");
    const txn = new Transaction();
    pg.pg_log.trim(pg.info.last_update, pg.info, 100);
    pg.info.history.prior_readable_until_ub = 12.5;
    pg.dirty_info = true;
    pg.write_if_dirty(txn);
    store.queue_transaction(txn);
    expect(store.omap_get_values(...at)?.get("_info")).toEqual(whole);
    const copy = PeeringState.load(t.osd(0).init_of(map), store);
    expect(copy.info).toEqual(pg.info);
    expect(copy.info.log_tail).toEqual(pg.info.last_update);
  });

  test("the small info as first written, and the whole one with sums, are still read", () => {
    const t = after("write a");
    const { store, map } = t.osd(0);
    const { info } = pg_of(t, 0);
    const { last_update: lu, last_complete: lc } = info;
    const row = [lu.epoch, lu.version, lc.epoch, lc.version, info.last_user_version, 77, 3];
    const whole = JSON.stringify({ epoch: map.epoch, info, map_gap_end: 0, split_pg_num: 8 });
    const vals = new Map<string, Uint8Array>([
      ["_fastinfo", pack(row)],
      ["_info", new TextEncoder().encode(whole)],
    ]);
    const txn = new Transaction();
    txn.omap_setkeys(`${PGID}_head`, t.osd(0).pgmeta, vals);
    store.queue_transaction(txn);
    const copy = PeeringState.load(t.osd(0).init_of(map), store);
    const [first, second] = Object.keys(object_stat_sum_t());
    const stat_sum = object_stat_sum_t({ [first ?? ""]: 77, [second ?? ""]: 3 });
    expect(copy.info).toEqual({ ...info, stats: { ...info.stats, stat_sum } });
    expect(PeeringState.peek_map_epoch(store, PGID)).toBe(map.epoch);
  });

  test.each([
    ["_info", "{}"],
    ["_info", "\xff"],
    ["_info", '{"epoch":5,"info":{"pgid":"1.0"}}'],
    ["_fastinfo", "\xff"],
    ["_fastinfo", "{}"],
    ["_biginfo", "[]"],
  ])("a damaged %s is named, not believed", (key, value) => {
    const t = after();
    const { store, map } = t.osd(0);
    const txn = new Transaction();
    const oid = t.osd(0).pgmeta;
    txn.omap_setkeys(`${PGID}_head`, oid, new Map([[key, new TextEncoder().encode(value)]]));
    store.queue_transaction(txn);
    expect(() => PeeringState.load(t.osd(0).init_of(map), store)).toThrow(StoreError);
    expect(() => PeeringState.load(t.osd(0).init_of(map), store)).toThrow(/pg 1\.0/);
  });
});

describe("statistics", () => {
  test("a missing copy counts as degraded, as Ceph counts it", () => {
    const t = after("map down 2", "run");
    const pg = pg_of(t, 0);
    pg.update_stats((s) => {
      s.stat_sum = object_stat_sum_t({ num_objects: 34, num_bytes: 139264 });
    });
    const stat = pg.prepare_stats_for_publish();
    expect(stat).toMatchObject({
      state: "active+undersized+degraded",
      up: [0, 1],
      acting: [0, 1],
      avail_no_missing: ["0", "1"],
      object_location_counts: [{ shards: "0,1", objects: 34 }],
      blocked_by: [],
      mapping_epoch: pg.info.history.same_interval_since,
    });
    expect(stat.stat_sum).toMatchObject({
      num_object_copies: 102,
      num_objects_degraded: 34,
      num_objects_misplaced: 0,
    });
  });

  test("a copy that exists elsewhere is misplaced", () => {
    const t = new Transcript();
    const story = ["cluster osds=4 size=3 min_size=2", "create", "run", "write a", "write b"];
    for (const c of [...story, "trim 1", "map place 0,1,3", "run"]) t.exec(c);
    const pg = pg_of(t, 0);
    pg.update_stats((s) => {
      s.stat_sum.num_objects = 10;
    });
    const { stat_sum, state } = pg.prepare_stats_for_publish();
    expect(state).toBe("active+remapped+backfilling");
    expect(stat_sum).toMatchObject({ num_objects_misplaced: 10, num_objects_degraded: 0 });
  });

  test("the state string has Ceph's order", () => {
    const bits = new Set(
      PG_STATES.filter((s) => /^(degraded|active|undersized|remapped)$/.test(s)),
    );
    expect(state_string(bits)).toBe("active+undersized+degraded+remapped");
    expect(state_string(new Set())).toBe("unknown");
  });
});

test("maps that are gone are jumped over: the past before the gap does not count any more", () => {
  const t = after("write a", "map down 2", "run");
  const pg = pg_of(t, 0);
  expect(pg.past_intervals.empty()).toBe(false);
  const lastmap = pg.osdmap;
  for (let i = 0; i < 4; i++) t.exec("map nothing 0");
  t.exec("map up 2");
  const map = t.map(lastmap.epoch + 5);
  const m = map.pg_to_up_acting_osds(PGID);
  const rctx = new RecoveryCtx();
  pg.advance_map(map, lastmap, m.up, m.up_primary, m.acting, m.acting_primary, rctx);
  pg.activate_map(rctx);
  expect(pg.past_intervals.empty()).toBe(true);
  expect(pg.oldest_map()).toBe(map.epoch);
  pg.check_invariants();
  t.osd(0).store.queue_transaction(rctx.transaction);
  const copy = PeeringState.load(t.osd(0).init_of(map), t.osd(0).store);
  expect(copy.oldest_map()).toBe(map.epoch);
});

test("query has the fields of `ceph pg query`", () => {
  const t = after("write a", "map down 2", "run");
  const q = pg_of(t, 0).dump_query({ recovery_progress: { backfill_targets: [] } });
  expect(Object.keys(q)).toEqual(
    "snap_trimq snap_trimq_len state epoch up acting acting_recovery_backfill info peer_info recovery_state agent_state".split(
      " ",
    ),
  );
  expect(Object.keys(q.info)).toEqual(
    "pgid last_update last_complete log_tail last_user_version last_backfill purged_snaps history stats empty dne incomplete last_epoch_started hit_set_history".split(
      " ",
    ),
  );
  expect(Object.keys(pg_history_t())).toHaveLength(17);
  expect(q.recovery_state.map((s) => s.name)).toEqual(["Started/Primary/Active", "Started"]);
  expect(q.peer_info[0]).toMatchObject({ peer: "1", pgid: "1.0", last_backfill: "MAX" });
});

describe("invariants", () => {
  test("a broken state is found", () => {
    const t = after("write a");
    const pg = pg_of(t, 0);
    expect(() => pg.check_invariants()).not.toThrow();
    pg.info.last_update = eversion(99, 99);
    expect(() => pg.check_invariants()).toThrow(/I3/);
  });

  test("events do not nest", () => {
    const pg = pg_of(after(), 0);
    expect(() => pg.get_rctx()).toThrow(InvariantError);
  });

  test("last_backfill never goes back", () => {
    const pg = pg_of(after(), 1);
    const stats = pg_info_t(PGID).stats;
    expect(() => pg.update_backfill_progress("MIN", stats, new Transaction())).toThrow(/go back/);
  });
});

test("old events are told by the epoch of the last reset", () => {
  const pg = pg_of(after("map down 2", "run"), 0);
  const at = pg.last_peering_reset;
  expect(pg.old_peering_evt({ epoch_sent: at, epoch_requested: at })).toBe(false);
  expect(pg.old_peering_evt({ epoch_sent: at + 1, epoch_requested: at - 1 })).toBe(true);
  expect(pg.old_peering_evt({ epoch_sent: at - 1, epoch_requested: at })).toBe(true);
});
