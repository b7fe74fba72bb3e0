/**
 * docs/peering-states.md: the chart as a table and a diagram, with how often simulated runs have taken
 * each line of it, when that is known. Pure.
 */
import { type ChartRow, render_diagram, render_table, SOMETIMES } from "@tako/common";
import { peering_chart } from "./chart.ts";

/** Name of a row in a record of what was taken: `GetInfo IsDown -> Down`, `Primary MNotifyRec`. */
export function peering_row_name(r: ChartRow<string>): string {
  return `${r.state} ${r.event}${r.target === null ? "" : ` -> ${r.target}`}`;
}

/** What many simulated runs have passed: counts by state, by row, and by point of interest. */
export interface PeeringCoverage {
  /** How it was made. */
  readonly command: string;
  readonly states: Readonly<Record<string, number>>;
  readonly rows: Readonly<Record<string, number>>;
  readonly sometimes: Readonly<Record<string, number>>;
  /** Names of rows and states that no run can take, and why. */
  readonly unreachable: Readonly<Record<string, string>>;
}

/** The content of docs/peering-states.md. */
export function renderPeeringStates(coverage?: PeeringCoverage): string {
  return [
    "# Peering states",
    "",
    "Generated from `packages/osd/src/peering/chart.ts` by `npm run docs`; do not edit.",
    "",
    "Each state reacts to the events listed below it; an event that it does not list goes to the",
    "enclosing state, and one that nobody lists is an error. *handled* means: stays in the state;",
    "→ names the state that is gone to.",
    "",
    ...(coverage
      ? [
          `*Taken* is how often \`${coverage.command}\` entered the state or took the line: handled /`,
          "→ first target / → second.",
          "",
          render_table(peering_chart, {
            state: (name) => coverage.states[name] ?? 0,
            row: (r) => coverage.rows[peering_row_name(r)] ?? 0,
          }),
          ...render_unreachable(coverage),
          ...render_sometimes(coverage),
        ]
      : [render_table(peering_chart)]),
    "## Diagram",
    "",
    "```mermaid",
    render_diagram(peering_chart, "Initial").trimEnd(),
    "```",
    "",
  ].join("\n");
}

function render_unreachable(c: PeeringCoverage): string[] {
  const names = Object.keys(c.unreachable).sort();
  if (names.length === 0) return [];
  const lines = names.map((n) => `| ${n} | ${c.unreachable[n]} |`);
  return ["## What the simulator cannot take", "", "| Line | Why |", "|---|---|", ...lines, ""];
}
function render_sometimes(c: PeeringCoverage): string[] {
  const lines = Object.entries(SOMETIMES).map(
    ([name, what]) => `| ${name} | ${what} | ${c.sometimes[name] ?? 0} |`,
  );
  const head = ["| Point | What it is | Passed |", "|---|---|---:|"];
  return ["## Points of interest", "", ...head, ...lines, ""];
}
