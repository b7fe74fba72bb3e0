/** Explanations of PGs and clusters from Ceph's JSON. */
export { ExplainInputError } from "./errors.ts";
export {
  type cluster_explanation,
  type cluster_sources,
  explain_cluster,
  needs_explaining,
  type pg_group,
  pgs_to_explain,
} from "./explain_cluster.ts";
export { explain_pg } from "./explain_pg.ts";
export {
  CAUSES,
  type cause_id,
  type cause_kind,
  type drastic_option,
  type explain_fact,
  type explained_cause,
  type pg_explanation,
  type pg_since,
} from "./explanation.ts";
export type { explain_sources } from "./PGCase.ts";
