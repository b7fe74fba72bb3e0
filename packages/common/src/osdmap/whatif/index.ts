export { WhatifInputError } from "./errors.ts";
export type { moved_amount, whatif_movement } from "./movement.ts";
export type { next_loss } from "./next_loss.ts";
export * from "./pg_dump.ts";
export { select_osds } from "./selectors.ts";
export * from "./steps.ts";
export type { whatif_answer, whatif_pg } from "./verdict.ts";
export * from "./whatif.ts";
