/**
 * Read leases, step by step, on three members whose time goes on only when a test says so. What they
 * are for (a primary that is cut off serves nothing stale) is scenarios 47b to 47d of the simulator.
 */
import { pg_history_t } from "@tako/common";
import { describe, expect, test } from "vitest";
import {
  inherit_leases,
  is_readable,
  merge_prior_readable,
  prior_readable_left,
  proc_lease,
  proc_lease_ack,
  proc_primary_readable,
} from "./leases.ts";
import type { PeeringState } from "./PeeringState.ts";
import { Transcript } from "./testing/Transcript.ts";

const INTERVAL = 16_000;
/** Whoever is told of a bound counts a little longer: its clock may be the slower one. */
const told = (ms: number) => ms * 1.002;
const BOUND = told(INTERVAL);

/** osd.0 leads 1 and 2; each command is run to its end. */
function cluster(o: { readonly min_size?: number; readonly ratio?: number } = {}) {
  const t = new Transcript();
  const run = (...lines: string[]): string[] =>
    lines.flatMap((l) => [...t.exec(l), ...t.exec("run")]);
  t.exec(`config osd_pool_default_read_lease_ratio=${o.ratio ?? 0.8} osd_heartbeat_grace=20`);
  run(`cluster osds=3 size=3 min_size=${o.min_size ?? 1}`, "create");
  const pg = (osd: number): PeeringState => {
    const found = t.osd(osd).pg;
    if (!found) throw new Error(`osd.${osd} has no PG`);
    return found;
  };
  return { t, run, pg, leases: (osd: number) => pg(osd).leases };
}
const state = (pg: PeeringState) => pg.get_pg_state_string();

describe("while all members answer", () => {
  test("the activation brings the first lease, and the members' answer makes it valid", () => {
    const { pg, leases } = cluster();
    expect(leases(0)).toMatchObject({
      readable_interval: INTERVAL,
      readable_until: INTERVAL,
      readable_until_ub_sent: INTERVAL,
      acting_readable_until_ub: new Map([
        ["1", INTERVAL],
        ["2", INTERVAL],
      ]),
    });
    for (const member of [1, 2]) {
      expect(leases(member)).toMatchObject({
        readable_until_ub: BOUND,
        readable_until_ub_from_primary: INTERVAL,
      });
    }
    expect(is_readable(pg(0))).toBe(true);
    expect(state(pg(0))).toBe("active+clean");
  });

  test("it is renewed at half time, from the time of the asking", () => {
    const { run, leases } = cluster();
    run("elapse 9");
    expect(run("timers")).toContain("osd.0 timer RenewLease after 8 s");
    expect(leases(0).readable_until).toBe(9000 + INTERVAL);
    expect(leases(1).readable_until_ub).toBe(9000 + BOUND);
  });

  test("a pool's read_lease_interval goes before the option; 0 in both means none", () => {
    expect(cluster({ ratio: 0.3 }).leases(0).readable_interval).toBe(6000);
    const none = cluster({ ratio: 0 });
    none.run("elapse 1000");
    expect(is_readable(none.pg(0))).toBe(true);
    expect(none.run("timers")).toEqual([]);
    const of_pool = cluster();
    of_pool.run("map read_lease_interval 3 down 2");
    expect(of_pool.leases(0).readable_interval).toBe(3000);
  });
});

describe("laggy", () => {
  test("a member that is silent lets the lease run out; when it answers, the PG serves again", () => {
    const { t, run, pg, leases } = cluster();
    t.exec("hold pg_lease_ack");
    run("elapse 8", "timers");
    expect(leases(0)).toMatchObject({ readable_until: INTERVAL, readable_until_ub_sent: 24_000 });
    run("elapse 7.999");
    expect(is_readable(pg(0))).toBe(true);
    run("elapse 0.001");
    expect(is_readable(pg(0))).toBe(false);
    expect(state(pg(0))).toBe("active+clean+laggy");
    run("elapse 1", "release");
    expect(state(pg(0))).toBe("active+clean");
    expect(is_readable(pg(0))).toBe(true);
  });

  test("an answer to a lease that has run out meanwhile does not help", () => {
    const { t, run, pg } = cluster();
    t.exec("hold pg_lease_ack");
    run("elapse 8", "timers", "elapse 17");
    expect(is_readable(pg(0))).toBe(false);
    run("release");
    expect(state(pg(0))).toBe("active+clean+laggy");
    expect(is_readable(pg(0))).toBe(false);
  });

  test("the least that a member has agreed to counts", () => {
    const { t, run, leases } = cluster();
    t.exec("hold 1 => 0 pg_lease_ack");
    run("elapse 8", "timers");
    expect(leases(0)).toMatchObject({
      readable_until: INTERVAL,
      acting_readable_until_ub: new Map([
        ["1", INTERVAL],
        ["2", 24_000],
      ]),
    });
  });

  test("nobody can agree to more than was asked for, take it back, or speak for the acting set", () => {
    const { pg, leases } = cluster();
    proc_lease_ack(pg(0), "1", { readable_until_ub: 1e9 });
    proc_lease_ack(pg(0), "2", { readable_until_ub: 1 });
    proc_lease_ack(pg(0), "7", { readable_until_ub: INTERVAL });
    expect([...leases(0).acting_readable_until_ub]).toEqual([
      ["1", INTERVAL],
      ["2", INTERVAL],
    ]);
    expect(leases(0).readable_until).toBe(INTERVAL);
  });

  test("a lease that was overtaken by a later one changes nothing", () => {
    const { pg, leases } = cluster();
    const old = { readable_until: 0, readable_until_ub: INTERVAL - 1, interval: 1e9 };
    proc_lease(pg(1), old);
    expect(leases(1)).toMatchObject({
      readable_until_ub: BOUND,
      readable_until_ub_from_primary: INTERVAL,
    });
  });
});

describe("wait", () => {
  test("the successor of a primary that may live on serves when its lease must have ended", () => {
    const { run, pg, leases } = cluster();
    run("elapse 4", "kill 0", "map down 0");
    expect(state(pg(1))).toContain("wait");
    expect(is_readable(pg(1))).toBe(false);
    expect([...leases(1).prior_readable_down_osds]).toEqual([0]);
    const left_ms = told(BOUND - 4000);
    expect(prior_readable_left(pg(1))).toBe(left_ms);
    // In pg query: seconds from now.
    run("elapse 2");
    const ub = { info: { history: { prior_readable_until_ub: 10.056064 } } };
    expect(pg(1).dump_query({})).toMatchObject(ub);
    // A timer may come early.
    run(`elapse ${left_ms / 1000 - 2.5}`, "timers");
    expect(state(pg(1))).toContain("wait");
    run("elapse 0.5", "timers");
    expect(state(pg(1))).not.toMatch(/wait|laggy/);
    expect(is_readable(pg(1))).toBe(true);
    expect(pg(1).info.history.prior_readable_until_ub).toBe(0);
    expect(leases(1).prior_over).toBe(true);
  });

  test("one that is known to be dead need not be waited for, nor one that is back", () => {
    const dead = cluster();
    dead.run("kill 0", "map down 0 dead 0");
    expect(state(dead.pg(1))).not.toContain("wait");
    const later = cluster();
    later.run("kill 0", "map down 0");
    expect(state(later.pg(1))).toContain("wait");
    later.run("map dead 0");
    expect(state(later.pg(1))).not.toContain("wait");
    expect(is_readable(later.pg(1))).toBe(true);
    const back = cluster();
    back.run("kill 0", "map down 0", "start 0", "map up 0");
    expect(state(back.pg(0))).not.toContain("wait");
    expect(is_readable(back.pg(0))).toBe(true);
  });

  test("a member that was killed and started anew keeps what it may have promised", () => {
    const { run, leases } = cluster();
    run("elapse 5", "kill 1");
    run("start 1");
    expect(leases(1).prior_readable_until_ub).toBe(5000 + BOUND);
  });

  test("the members of a lone successor need not be waited for twice", () => {
    const { run, pg, leases } = cluster();
    run("kill 0", "map down 0", `elapse ${told(BOUND) / 1000}`, "timers");
    expect(leases(1).prior_over).toBe(true);
    // osd.0 has not served since: only 1 and 2 count now, and 2 answers.
    run("map down 2 dead 2");
    expect([...leases(1).prior_readable_down_osds]).toEqual([]);
    expect(state(pg(1))).not.toContain("wait");
  });
});

describe("what is told to others", () => {
  test("in peering the later bound of two is kept; with a peered PG nobody argues", () => {
    const { t, run, pg, leases } = cluster();
    const theirs = (ms: number) => pg_history_t({ prior_readable_until_ub: ms });
    merge_prior_readable(pg(0), theirs(99_000));
    expect(leases(0).prior_readable_until_ub).toBe(0);
    t.exec("hold 2 => 1");
    run("kill 0", "map down 0");
    expect(pg(1).is_peered()).toBe(false);
    merge_prior_readable(pg(1), theirs(1));
    expect(leases(1).prior_readable_until_ub).toBe(BOUND);
    merge_prior_readable(pg(1), theirs(20_000));
    expect(leases(1).prior_readable_until_ub).toBe(20_000 * 1.002);
    expect(pg(1).info.history.prior_readable_until_ub).toBe(20_000 * 1.002);
  });

  test("a primary that has seen the end of older intervals tells its members", () => {
    const { run, pg, leases } = cluster();
    run("kill 0", "map down 0");
    expect(leases(2)).toMatchObject({ prior_over: false, prior_readable_until_ub: told(BOUND) });
    proc_primary_readable(pg(2), pg_history_t({ prior_readable_until_ub: 5 }));
    expect(leases(2).prior_over).toBe(false);
    proc_primary_readable(pg(2), pg_history_t({}));
    expect(leases(2)).toMatchObject({ prior_over: true, prior_readable_until_ub: 0 });
  });

  test("a child of a split is bound by what its parent has promised", () => {
    const { t, pg } = cluster();
    const { pg: child } = cluster();
    t.exec("elapse 1");
    child(1).leases.readable_interval = 0;
    inherit_leases(pg(1), child(1));
    expect(child(1).leases.prior_readable_until_ub).toBe(BOUND);
    expect(child(1).leases.readable_interval).toBe(INTERVAL);
    expect(child(1).leases.suspects).toEqual(
      pg(1).leases.prior_over ? null : pg(1).leases.suspects,
    );
  });
});
