/** Failures imagined: what would become of a cluster of which there is only the map. */
export { WhatifInputError } from "./errors.ts";
export type { moved_amount, whatif_movement } from "./movement.ts";
export type { next_loss } from "./next_loss.ts";
export { type dumped_pg, type pg_dump, read_pg_dump } from "./pg_dump.ts";
export { select_osds } from "./selectors.ts";
export {
  parse_whatif_sequence,
  WHATIF_OSD_VERBS,
  WHATIF_TIME_VERBS,
  type whatif_osd_verb,
  whatif_step,
  type whatif_time_verb,
} from "./steps.ts";
export type { whatif_answer, whatif_pg } from "./verdict.ts";
export {
  whatif,
  type whatif_after_counts,
  type whatif_counts,
  type whatif_options,
  type whatif_osds,
  type whatif_report,
  type whatif_unknown,
} from "./whatif.ts";
