/** The sums of a PG as they travel. */
import { type Msg, object_stat_sum_t, type pg_stats_t } from "@tako/common";

type WireStats = Msg<"rep_op">["stats"];
type StatName = keyof object_stat_sum_t;
const STAT_NAMES = Object.keys(object_stat_sum_t()) as StatName[];

/** Absent sums count as 0 at the receiver: most of the forty are. */
export function wire_stats(s: pg_stats_t): WireStats {
  const stat_sum: Partial<Record<StatName, number>> = {};
  for (const name of STAT_NAMES) if (s.stat_sum[name] !== 0) stat_sum[name] = s.stat_sum[name];
  return { stat_sum: stat_sum as object_stat_sum_t, stats_invalid: s.stats_invalid };
}
export function stats_from_wire(w: WireStats): pg_stats_t {
  return { stat_sum: object_stat_sum_t(w.stat_sum), stats_invalid: w.stats_invalid };
}
