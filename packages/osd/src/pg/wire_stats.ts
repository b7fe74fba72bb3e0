/** The sums of a PG as they travel. */
import { type Msg, object_stat_sum_t, type pg_stats_t, stat_sum_to_wire } from "@tako/common";

type WireStats = Msg<"rep_op">["stats"];

/** Absent sums count as 0 at the receiver: most of the forty are. */
export function wire_stats(s: pg_stats_t): WireStats {
  return { stat_sum: stat_sum_to_wire(s.stat_sum), stats_invalid: s.stats_invalid };
}
export function stats_from_wire(w: WireStats): pg_stats_t {
  return { stat_sum: object_stat_sum_t(w.stat_sum), stats_invalid: w.stats_invalid };
}
