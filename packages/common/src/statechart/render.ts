/** Prints a chart for the documentation: a table by state, and a Mermaid diagram. */
import type { ChartRow, CompiledChart } from "./Chart.ts";

// biome-ignore lint/suspicious/noExplicitAny: only names and rows are read
type AnyChart = CompiledChart<string, any, any>;

/** How often a state was entered, and a row was taken. */
export interface TakenCounts {
  readonly state: (name: string) => number;
  readonly row: (row: ChartRow<string>) => number;
}

/**
 * Markdown: states indented by nesting, one line for each event they react to; with `taken`, a column
 * that says how often.
 */
export function render_table(chart: AnyChart, taken?: TakenCounts): string {
  const lines = taken
    ? ["| State | Event | Reaction | Taken |", "|---|---|---|---:|"]
    : ["| State | Event | Reaction |", "|---|---|---|"];
  for (const i of in_tree_order(chart)) {
    const name = chart.names[i] ?? "";
    const depth = chart.ancestry(i).length - 1;
    const label = `${"&nbsp;&nbsp;".repeat(depth)}**${name}**`;
    const initial = chart.defs[i]?.initial;
    const head = initial === undefined ? "" : `enters ${initial}`;
    lines.push(`| ${label} | | ${head} |${taken ? ` ${taken.state(name)} |` : ""}`);
    for (const [event, rows] of by_event(chart, name)) {
      const count = taken ? ` ${rows.map((r) => taken.row(r)).join(" / ")} |` : "";
      lines.push(`| | ${event} | ${reaction_text(rows)} |${count}`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** A Mermaid stateDiagram-v2: nesting and transitions, events as labels. */
export function render_diagram(chart: AnyChart, initial: string): string {
  const lines = ["stateDiagram-v2", `  [*] --> ${initial}`];
  const nest = (i: number, pad: string): void => {
    const kids = chart.children(i);
    const name = chart.names[i] ?? "";
    if (kids.length === 0) {
      lines.push(`${pad}state ${name}`);
      return;
    }
    lines.push(`${pad}state ${name} {`, `${pad}  [*] --> ${chart.defs[i]?.initial ?? ""}`);
    for (const k of kids) nest(k, `${pad}  `);
    lines.push(`${pad}}`);
  };
  for (const i of chart.children(-1)) nest(i, "  ");
  for (const [arrow, events] of arrows(chart)) lines.push(`  ${arrow} : ${events.join(", ")}`);
  return `${lines.join("\n")}\n`;
}

function in_tree_order(chart: AnyChart): number[] {
  const out: number[] = [];
  const walk = (i: number): void => {
    out.push(i);
    for (const k of chart.children(i)) walk(k);
  };
  for (const i of chart.children(-1)) walk(i);
  return out;
}
function by_event(chart: AnyChart, state: string): Map<string, ChartRow<string>[]> {
  const out = new Map<string, ChartRow<string>[]>();
  for (const r of chart.rows) {
    if (r.state !== state) continue;
    const rows = out.get(r.event) ?? [];
    rows.push(r);
    out.set(r.event, rows);
  }
  return out;
}
function reaction_text(rows: readonly ChartRow<string>[]): string {
  const targets = rows.flatMap((r) => (r.target === null ? [] : [`→ ${r.target}`]));
  const own = rows.find((r) => r.target === null);
  if (own === undefined) return targets.join(", ");
  if (own.kind === "ignored") return "ignored";
  return targets.length === 0 ? "handled" : `handled, may go ${targets.join(" or ")}`;
}
function arrows(chart: AnyChart): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (const r of chart.rows) {
    if (r.target === null) continue;
    const key = `${r.state} --> ${r.target}`;
    out.set(key, [...(out.get(key) ?? []), r.event]);
  }
  return out;
}
