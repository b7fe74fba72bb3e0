/** The state chart engine. See Chart.ts for the table, Machine.ts for how it runs. */
export {
  type Chart,
  type ChartRow,
  CompiledChart,
  DISCARD,
  FORWARD,
  type Handled,
  type Handler,
  ignore,
  type Reaction,
  type StateDef,
} from "./Chart.ts";
export { Coverage, type CoverageReport, coverage_report, new_coverage } from "./Coverage.ts";
export { Machine, type MachineHooks } from "./Machine.ts";
export { render_diagram, render_table } from "./render.ts";
