import {
  CRUSH_ITEM_NONE,
  calc_ec_acting,
  calc_replicated_acting,
  choose_async_recovery,
  find_best_info,
  get_is_readable_predicate,
  get_is_recoverable_predicate,
  type IsPGRecoverablePredicate,
  type pg_info_t as info_t,
  list_to_shards,
  pg_info_t,
  pg_shard,
  type pg_shard_t,
  recoverable_acting,
  shard_cmp,
} from "@tako/common";
import { describe, expect, test } from "vitest";
import { read_vectors, ver } from "../testing/log_vectors.ts";
import {
  type backfill_priority_input,
  get_backfill_priority,
  get_delete_priority,
  get_recovery_priority,
} from "./priority.ts";

interface InfoVector {
  last_update: string;
  log_tail: string;
  les: number;
  history_les: number;
  complete: boolean;
  num_missing: number;
}
interface ActingCase {
  input: {
    erasure: boolean;
    k: number;
    size: number;
    min_size: number;
    up: (number | null)[];
    acting: (number | null)[];
    primary: number;
    up_primary: number;
    force_auth_primary_missing_objects: number;
    async_recovery_min_cost: number;
    allow_recovery_below_min_size: boolean;
    restrict_to_up_acting?: boolean;
    infos: Record<string, InfoVector>;
  };
  expected: {
    auth: string | null;
    want?: (number | null)[] | null;
    backfill?: string[];
    async_recovery?: string[];
    outcome: string;
  };
}

const osds = (list: readonly (number | null)[]) => list.map((o) => o ?? CRUSH_ITEM_NONE);
const holes = (list: readonly number[]) => list.map((o) => (o === CRUSH_ITEM_NONE ? null : o));
const same = (a: readonly number[], b: readonly number[]) => a.join() === b.join();

function info_of(v: InfoVector): info_t {
  const i = pg_info_t("1.0");
  i.last_update = ver(v.last_update);
  i.last_complete = v.num_missing > 0 ? ver("0'0") : i.last_update;
  i.log_tail = ver(v.log_tail);
  i.last_backfill = v.complete ? "MAX" : "MIN";
  i.last_epoch_started = v.les;
  i.history.last_epoch_started = v.history_les;
  i.stats.stat_sum.num_objects_missing = v.num_missing;
  return i;
}

/** The decision of §6.8, put together from its parts. */
function decide(v: ActingCase["input"]): ActingCase["expected"] {
  const up = osds(v.up);
  const acting = osds(v.acting);
  const all_info = new Map(
    Object.entries(v.infos).map(([s, i]) => [s as pg_shard_t, info_of(i)] as const),
  );
  const self = list_to_shards([v.primary], false)[0];
  const position = acting.indexOf(v.primary);
  const restrict = v.restrict_to_up_acting ?? false;
  const { best } = find_best_info(all_info, {
    self: v.erasure ? pg_shard(v.primary, position) : (self ?? "0"),
    require_rollback: v.erasure,
    restrict_to: null,
    ignore_history_les: false,
  });
  if (best === null) {
    return same(up, acting)
      ? { auth: null, outcome: "cannot_choose" }
      : { auth: null, outcome: "request_up", want: holes(up) };
  }
  const pcontdec: IsPGRecoverablePredicate = get_is_recoverable_predicate(v.erasure ? v.k : null);
  const calc = (v.erasure ? calc_ec_acting : calc_replicated_acting)({
    auth_log_shard: best,
    size: v.size,
    up,
    acting,
    up_primary: v.up_primary < 0 ? null : pg_shard(v.up_primary),
    all_info,
    restrict_to_up_acting: restrict,
    force_auth_primary_missing_objects: v.force_auth_primary_missing_objects,
  });
  const common = { ec_pool: v.erasure, min_size: v.min_size, pcontdec };
  const backfill = [...calc.backfill].sort(shard_cmp);
  const enough = recoverable_acting(calc.want, {
    ...common,
    allow_recovery_below_min_size: v.allow_recovery_below_min_size,
  });
  if (!enough) return { auth: best, backfill, outcome: "not_recoverable", want: null };
  const { want, async_recovery } = choose_async_recovery(calc.want, {
    ...common,
    auth_log_shard: best,
    all_info,
    up,
    min_cost: v.async_recovery_min_cost,
  });
  const outcome = same(want, acting)
    ? "proceed"
    : same(want, up)
      ? "clear_pg_temp"
      : "request_pg_temp";
  return {
    auth: best,
    want: holes(want),
    backfill,
    async_recovery: [...async_recovery].sort(shard_cmp),
    outcome,
  };
}

const acting_cases = read_vectors<ActingCase>("rules_acting").cases;
describe.skipIf(acting_cases.length === 0)("rules_acting vectors", () => {
  test.each(acting_cases)("$name", ({ input, expected }) => {
    expect(decide(input)).toMatchObject(expected);
  });
});

describe("find_best_info", () => {
  const base = {
    last_update: "20'5",
    log_tail: "1'1",
    les: 10,
    history_les: 10,
    complete: true,
    num_missing: 0,
  };
  const find = (infos: Record<string, Partial<InfoVector>>, ignore_history_les = false) =>
    find_best_info(
      new Map(Object.entries(infos).map(([s, i]) => [s as pg_shard_t, info_of({ ...base, ...i })])),
      { self: "0", require_rollback: false, restrict_to: new Set(["0", "1"]), ignore_history_les },
    );
  test("a history that nobody here lived through rules everybody out, unless it is ignored", () => {
    const infos = { 0: {}, 1: { complete: false, history_les: 12 } };
    expect(find(infos)).toEqual({ best: null, history_les_bound: true });
    expect(find(infos, true)).toEqual({ best: "0", history_les_bound: false });
  });
  test("history_les_bound as Ceph has it: also where a history is only the first to tell", () => {
    expect(find({ 0: {}, 1: {} })).toEqual({ best: "0", history_les_bound: true });
    const own_first = { 0: { les: 12, history_les: 11 }, 1: { les: 12, history_les: 12 } };
    expect(find(own_first)).toEqual({ best: "0", history_les_bound: false });
    const swapped = { 0: own_first[1], 1: own_first[0] };
    expect(find(swapped)).toEqual({ best: "0", history_les_bound: true });
  });
  test("restrict_to leaves out a stray, however new", () => {
    expect(find({ 0: {}, 1: {}, 2: { last_update: "20'9" } }).best).toBe("0");
    expect(find({ 1: { complete: false }, 2: {} }).best).toBeNull();
  });
});

interface PriorityCase {
  input: {
    kind: "recovery" | "backfill";
    forced: boolean;
    size: number;
    min_size: number;
    acting: number;
    copies_missing_nothing: number;
    degraded: boolean;
    undersized: boolean;
    pool: number;
  };
  expected: { priority: number };
}
describe("rules_priority vectors", () => {
  const { cases } = read_vectors<PriorityCase>("rules_priority");
  test.each(cases)("$name", ({ input: { kind, pool, acting, ...v }, expected }) => {
    const input = { ...v, pool_recovery_priority: pool, num_acting: acting };
    const priority =
      kind === "recovery" ? get_recovery_priority(input) : get_backfill_priority(input);
    expect(priority).toBe(expected.priority);
  });

  const healthy: backfill_priority_input = {
    forced: false,
    pool_recovery_priority: 0,
    size: 3,
    min_size: 2,
    num_acting: 3,
    undersized: false,
    degraded: false,
  };
  test.each([
    [{}, 110],
    [{ degraded: true }, 150],
    [{ degraded: true, undersized: true, num_acting: 2 }, 151],
    [{ degraded: true, undersized: true, num_acting: 1 }, 231],
    [{ degraded: true, pool_recovery_priority: 10 }, 160],
    [{ size: 40, undersized: true, num_acting: 4 }, 179],
    [{ forced: true }, 254],
  ])("backfill %o: %d", (change, priority) => {
    expect(get_backfill_priority({ ...healthy, ...change })).toBe(priority);
  });
  test("a full OSD deletes first", () => {
    expect(
      (["none", "nearfull", "backfillfull", "full"] as const).map(get_delete_priority),
    ).toEqual([179, 219, 255, 255]);
  });
});

describe("recoverable", () => {
  test("erasure: positions count, not OSDs; reading needs the primary's chunk too", () => {
    const recoverable = get_is_recoverable_predicate(2);
    expect(recoverable(new Set(["1(0)", "2(0)"]))).toBe(false);
    expect(recoverable(new Set(["1(0)", "2(3)"]))).toBe(true);
    const readable = get_is_readable_predicate(2, "1(0)");
    expect(readable(new Set(["4(1)", "2(3)"]))).toBe(false);
    expect(readable(new Set(["1(0)", "2(3)"]))).toBe(true);
  });
});

/**
 * Scenario doc-activation-only-on-incomplete of Ceph's documentation (last_epoch_started.rst): the copy
 * that was activated last is only being backfilled. What it was told is no reason to refuse the complete
 * ones, which have all that was written.
 */
test("a last_epoch_started known only to a copy being backfilled does not count", () => {
  const copies: Record<string, InfoVector> = {
    0: info("473'302", "292'200", 473, true),
    1: info("473'302", "293'202", 477, false),
    4: info("473'302", "120'121", 473, true),
    5: info("0'0", "0'0", 0, true),
  };
  const all_info = new Map(
    Object.entries(copies).map(([s, i]) => [s as pg_shard_t, info_of(i)] as const),
  );
  for (const self of ["0", "1", "4", "5"] as const) {
    const opts = { self, require_rollback: false, restrict_to: null, ignore_history_les: false };
    const { best } = find_best_info(all_info, opts);
    expect(["0", "4"]).toContain(best);
  }
  // Were that copy complete, it would be the only one that is known to have everything.
  const complete = new Map(all_info).set("1", {
    ...info_of(info("473'302", "293'202", 477, true)),
  });
  const opts = { self: "0", require_rollback: false, restrict_to: null } as const;
  expect(find_best_info(complete, { ...opts, ignore_history_les: false }).best).toBe("1");
});
function info(last_update: string, log_tail: string, les: number, complete: boolean): InfoVector {
  return { last_update, log_tail, les, history_les: 473, complete, num_missing: 0 };
}
