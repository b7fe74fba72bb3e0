/** Every kind of fault can be done, none loses what was acknowledged, and everything is put back. */

import { PROFILES } from "@tako/client/chaos";
import { expect, test } from "vitest";
import { run_seed } from "../run_seed.ts";
import { FAULT_KINDS } from "./registry.ts";

/** Of kinds that need something first, what it needs. */
const AFTER: Readonly<Record<string, readonly string[]>> = {
  restart_osd: ["kill_osd"],
  mark_in: ["mark_out"],
  rm_upmap: ["upmap"],
  pool_delete: ["pool_create"],
  pool_rename: ["pool_create"],
  grow_pgp_num: ["grow_pg_num"],
  // Not of every PG: neither erasure-coded, nor with a single member.
  pg_temp: Array(3).fill("pg_temp"),
  // Others must be alive again, or the monitor.
  flap: Array(6).fill("restart_osd"),
  long_dead: ["restart_osd", "restart_osd"],
  // Connections break in one way at a time.
  cut_in_replication: Array(7).fill("restart_osd"),
  split_degraded: Array(6).fill("restart_osd"),
  kill_mon_in_commit: Array(7).fill("restart_osd"),
};
/** Done only when all is clean, or one is long dead: not at a time that can be told beforehand. */
const SELDOM = new Set([
  "mark_lost",
  "empty_disk",
  "old_disk",
  "two_lost",
  "pool_size",
  "full_backfill_target",
  "late_revoke",
  "cut_off_backfill",
  "two_branches",
  "last_copy_damaged",
  "damaged_source",
  "kill_awaited",
  "kill_in_commit",
]);

/** Each kind a few times, each time with other victims. */
function one_after_the_other(kinds: readonly string[]) {
  const all = kinds.flatMap((kind) => [...(AFTER[kind] ?? []), kind]);
  return [...all, ...all, ...all].map((kind, stream) => ({ at_ms: 500 * stream, kind, stream }));
}

test("kinds have names of their own, and there are many", () => {
  expect(new Set(FAULT_KINDS).size).toBe(FAULT_KINDS.length);
  expect(FAULT_KINDS.length).toBeGreaterThanOrEqual(40);
});

test("profiles rate kinds that there are", () => {
  const rated = Object.values(PROFILES).flatMap((p) => Object.keys(p.rates));
  expect(rated.filter((kind) => !FAULT_KINDS.includes(kind))).toEqual([]);
});

test("every kind is done, and the cluster is clean and consistent afterwards", async () => {
  const strikes = one_after_the_other(FAULT_KINDS);
  const seconds = (strikes.length * 500) / 1000 + 1;
  const r = await run_seed({ seed: 5, seconds, script: { osds: 5, strikes } });
  expect(r.error).toBeUndefined();
  const never = FAULT_KINDS.filter((kind) => !r.faults.has(kind) && !SELDOM.has(kind));
  expect(never).toEqual([]);
}, 180_000);
