/** What a worker tells of one seed: plain data, and small, as it goes from process to process. */
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
/** What a worker says. */
export type WorkerMessage =
  | { readonly type: "ready" }
  | { readonly type: "report"; readonly report: SeedReport }
  /** Its last word: what all its runs have passed. */
  | { readonly type: "end"; readonly coverage: RunCoverage };

/** Of a run that nobody has seen the end of. */
export function broken_report(seed: number, failure: string): SeedReport {
  const nothing = { tail: [], hash: "none", ops: 0, faults: [], virtual_ms: 0, events: 0 };
  return { seed, ok: false, failure, ...nothing, undecided: 0 };
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
