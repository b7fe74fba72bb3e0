/** What a set of seeds adds up to, and the table of it. */
import { crc32c } from "@tako/common";
import { coverage_summary, type RunCoverage } from "../run_coverage.ts";
import type { SeedReport } from "./seed_report.ts";

const utf8 = new TextEncoder();

export class Summary {
  passed = 0;
  failed = 0;
  #ops = 0;
  #events = 0;
  #virtual_ms = 0;
  #undecided = 0;
  #fewest_ops = Number.POSITIVE_INFINITY;
  #fewest_faults = Number.POSITIVE_INFINITY;
  /** Over the hashes of all event logs, in the order of the seeds. */
  #hash = 0;
  readonly #faults = new Map<string, number>();

  add(r: SeedReport): void {
    if (r.ok) this.passed++;
    else this.failed++;
    this.#ops += r.ops;
    this.#events += r.events;
    this.#virtual_ms += r.virtual_ms;
    this.#undecided += r.undecided;
    this.#hash = crc32c(utf8.encode(`${r.seed} ${r.hash}\n`), this.#hash);
    let faults = 0;
    for (const [name, n] of r.faults) {
      faults += n;
      this.#faults.set(name, (this.#faults.get(name) ?? 0) + n);
    }
    this.#fewest_ops = Math.min(this.#fewest_ops, r.ops);
    this.#fewest_faults = Math.min(this.#fewest_faults, faults);
  }
  get done(): number {
    return this.passed + this.failed;
  }
  /** As `--hashes` of all seeds in one number. */
  get digest(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** `unreached`: how many things should have been passed by some run, and were by none. */
  lines(wall_ms: number, coverage: RunCoverage, unreached: number): string[] {
    const faults = [...this.#faults].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    const total = faults.reduce((n, [, k]) => n + k, 0);
    const wall_s = Math.max(1, wall_ms) / 1000;
    const virtual_s = this.#virtual_ms / 1000;
    return [
      ...columns(faults.map(([name, n]) => `${name} ${n}`)),
      `faults      ${total} of ${faults.length} kinds, at least ${this.#fewest_faults} a seed`,
      `operations  ${this.#ops}, at least ${this.#fewest_ops} a seed`,
      `undecided   ${this.#undecided} objects whose history was too much to search`,
      `events      ${this.#events}`,
      `passed      ${coverage_summary(coverage)}`,
      `time        ${virtual_s.toFixed(0)} virtual s in ${wall_s.toFixed(1)} s: ` +
        `${(virtual_s / wall_s).toFixed(0)}x, ${(this.done / wall_s).toFixed(2)} seeds/s`,
      `event logs  ${this.digest}`,
      `${this.passed} passed, ${this.failed + unreached} failed`,
    ];
  }
}

const WIDTH = 100;
/** As many next to each other as fit. */
function columns(cells: readonly string[]): string[] {
  const width = 2 + Math.max(0, ...cells.map((c) => c.length));
  const per_line = Math.max(1, Math.floor(WIDTH / width));
  const lines: string[] = [];
  for (let i = 0; i < cells.length; i += per_line) {
    const line = cells.slice(i, i + per_line).map((c) => c.padEnd(width));
    lines.push(line.join("").trimEnd());
  }
  return lines;
}
