/** Texts of a real manager 16.2.15. */
import { expect, test } from "vitest";
import { render_reweight } from "./utilization.ts";

test("osd reweight-by-utilization", () => {
  const answer = {
    overload_min: 120,
    max_change: 0.05,
    max_change_osds: 4,
    average_utilization: 0.09379286412149668,
    overload_utilization: 0.11255143694579602,
    reweights: [{ osd: 0, weight: 1, new_weight: 0.95001220703125 }],
    utilization: {
      moved_pgs: 1,
      total_pgs: 74,
      avg_pgs: 18.5,
      std_dev: 4.0311288833618164,
      expected_baseline_std_dev: 3.7249162197113037,
      new_std_dev: 3.9051246643066406,
      min_osd: 2,
      min_osd_pgs: 12,
      new_min_osd_pgs: 12,
      max_osd: 0,
      max_osd_pgs: 23,
      new_max_osd_pgs: 22,
    },
  };
  expect(render_reweight(answer)).toBe(`moved 1 / 74 (1.35135%)
avg 18.5
stddev 4.03113 -> 3.90512 (expected baseline 3.72492)
min osd.2 with 12 -> 12 pgs (0.648649 -> 0.648649 * mean)
max osd.0 with 23 -> 22 pgs (1.24324 -> 1.18919 * mean)

oload 120
max_change 0.05
max_change_osds 4
average_utilization 0.0938
overload_utilization 0.1126
osd.0 weight 1.0000 -> 0.9500`);
});
