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
export * from "./explanation.ts";
export type { explain_sources } from "./PGCase.ts";
