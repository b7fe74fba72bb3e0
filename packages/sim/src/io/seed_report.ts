/** What a worker tells of one seed: plain data, and small, as it goes from thread to thread. */
import type { RunCoverage } from "../run_coverage.ts";
import type { RunResult } from "../run_seed.ts";
import type { SeedOptions } from "./args.ts";

export interface SeedReport {
  readonly seed: number;
  readonly ok: boolean;
  /** Why not, in one line. */
  readonly failure: string | null;
  /** Newest lines of the event log of a failed run. */
  readonly tail: readonly string[];
  readonly hash: string;
  readonly ops: number;
  readonly faults: readonly (readonly [string, number])[];
  readonly virtual_ms: number;
  readonly events: number;
  /** Objects whose history the checker could not decide within its bounds. */
  readonly undecided: number;
}
/** At the end of a worker's life: what all its runs have passed. */
export interface WorkerEnd {
  readonly coverage: RunCoverage;
}

/** Runs one seed, twice where that is asked for. */
export async function report_of(
  seed: number,
  o: SeedOptions,
  run: (o: { seed: number } & SeedOptions) => Promise<RunResult>,
): Promise<SeedReport> {
  const r = await run({ seed, ...o });
  const again = o.twice ? await run({ seed, ...o }) : r;
  const differs = again.hash === r.hash ? null : `event logs differ: ${r.hash}, ${again.hash}`;
  const failure = r.ok ? differs : describe_error(r.error);
  return {
    seed,
    ok: failure === null,
    failure,
    tail: failure === null ? [] : r.tail,
    hash: r.hash,
    ops: r.ops,
    faults: [...r.faults],
    virtual_ms: r.virtual_ms,
    events: r.events,
    undecided: r.undecided.length,
  };
}

export function describe_error(e: unknown): string {
  if (!(e instanceof Error)) return String(e);
  const detail = "detail" in e && e.detail !== undefined ? ` ${JSON.stringify(e.detail)}` : "";
  // Errors of our own say what is wrong; of others one wants to know where.
  const where = e.name === "InvariantError" ? "" : ` ${e.stack?.split("\n")[1]?.trim() ?? ""}`;
  return `${e.message}${detail}${where}`.replaceAll("\n", " ");
}
