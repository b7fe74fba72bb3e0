/**
 * What leases are for (peering.md §15): a primary that is cut off from all but a client, and that others do
 * without by now. With leases off the faults and the load bring the stale read about, and the
 * history shows it; with leases it never happens. Transcripts 47b and 47c show one such read.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { type RunResult, run_seed } from "./run_seed.ts";

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];

function cut_off(seed: number, lease_ratio: number): Promise<RunResult> {
  return run_seed({
    seed,
    seconds: 16,
    config: { osd_pool_default_read_lease_ratio: lease_ratio },
    script: { strikes: [{ at_ms: 6000, kind: "cut_off_primary", stream: 0 }] },
  });
}
async function all(lease_ratio: number): Promise<RunResult[]> {
  const out: RunResult[] = [];
  for (const seed of SEEDS) out.push(await cut_off(seed, lease_ratio));
  return out;
}
function said(r: RunResult): string {
  return r.error instanceof Error ? (r.error.message.split("\n")[0] ?? "") : "";
}

describe("a primary that is cut off with a client", () => {
  let without: RunResult[] = [];
  let with_leases: RunResult[] = [];
  beforeAll(async () => {
    without = await all(0);
    with_leases = await all(0.8);
  }, 120_000);

  test("reads what is old, without leases, and is found out", () => {
    const verdicts = without.filter((r) => !r.ok).map(said);
    expect(verdicts.length).toBeGreaterThanOrEqual(2);
    for (const v of verdicts) expect(v).toMatch(/^no store can have said this: /);
  });
  test("does not answer when its lease is over", () => {
    expect(with_leases.filter((r) => !r.ok).map(said)).toEqual([]);
    const laggy = "laggy: the read lease has run out";
    const times = with_leases.map((r) => r.coverage.sometimes[laggy] ?? 0);
    expect(times.reduce((a, b) => a + b)).toBeGreaterThan(0);
  });
});
