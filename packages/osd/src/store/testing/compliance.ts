/**
 * What every ObjectStore must do, as cases that any of them runs: MemStore, LevelStore, a simulated
 * disk. The cases know no test framework; a test file hands them its store and reports.
 * Ceph counterpart: src/test/objectstore/store_test.cc. Rules: peering.md §2.8.
 */
import { attr_cases, data_cases } from "./cases_content.ts";
import { object_cases } from "./cases_objects.ts";
import { durability_cases, refusal_case } from "./cases_transactions.ts";
import { run_model } from "./model.ts";
import type { ComplianceCase } from "./subject.ts";

const model_cases: ComplianceCase[] = [1, 2, 3, 4, 5, 6].map((seed) => ({
  name: `random transactions and restarts agree with a model (seed ${seed})`,
  run: (s) => run_model(s, seed),
}));

/** A store meets the contract when each of these resolves on a new, empty, mounted store. */
export const compliance: readonly ComplianceCase[] = [
  ...data_cases,
  ...attr_cases,
  ...object_cases,
  refusal_case,
  ...durability_cases,
  ...model_cases,
];
