/** Counts which states were entered and which lines of a chart were taken, over many machines. */
import type { ChartRow, CompiledChart } from "./Chart.ts";

export interface CoverageReport<S extends string> {
  readonly states: readonly { readonly state: S; readonly count: number }[];
  readonly rows: readonly (ChartRow<S> & { readonly count: number })[];
}

/** How often each state and each line of a chart was used. */
export class Coverage {
  readonly #rows: Float64Array;
  readonly #states: Float64Array;

  constructor(rows: number, states: number) {
    this.#rows = new Float64Array(rows);
    this.#states = new Float64Array(states);
  }
  hit(slot: number): void {
    this.#rows[slot] = (this.#rows[slot] ?? 0) + 1;
  }
  entered(state: number): void {
    this.#states[state] = (this.#states[state] ?? 0) + 1;
  }
  state_count(state: number): number {
    return this.#states[state] ?? 0;
  }
  row_count(slot: number): number {
    return this.#rows[slot] ?? 0;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: any chart will do; only its names and rows are read
type AnyChart<S extends string> = CompiledChart<S, any, any>;

/** One that has seen nothing yet. */
export function new_coverage<S extends string>(chart: AnyChart<S>): Coverage {
  return new Coverage(chart.rows.length, chart.names.length);
}
/** The counts, with the states and lines that they are of. */
export function coverage_report<S extends string>(
  chart: AnyChart<S>,
  c: Coverage,
): CoverageReport<S> {
  return {
    states: chart.names.map((state, i) => ({ state, count: c.state_count(i) })),
    rows: chart.rows.map((r, i) => ({ ...r, count: c.row_count(i) })),
  };
}
