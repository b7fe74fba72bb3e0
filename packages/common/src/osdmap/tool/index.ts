/** What osdmaptool does, as functions that return text and data. */
export * from "./check_health.ts";
export * from "./createsimple.ts";
export { json_text } from "./json_text.ts";
export { print_inc_upmaps } from "./print_inc_upmaps.ts";
export * from "./print_osdmap.ts";
export * from "./test_map_pgs.ts";
export * from "./upmap_cleanup.ts";
