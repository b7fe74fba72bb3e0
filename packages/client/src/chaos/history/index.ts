/** Histories of clients' operations, and the check that a store could have given them. */
export {
  type CheckOptions,
  check_history,
  render_verdict,
  type Verdict,
  type Violation,
} from "./check_history.ts";
export {
  type HistoryEvent,
  HistoryRecorder,
  history_from_lines,
  history_to_lines,
  type Seen,
  type Step,
} from "./history.ts";
