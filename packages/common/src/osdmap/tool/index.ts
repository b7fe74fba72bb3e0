/** What osdmaptool does, as functions that return text and data. */
export {
  check_health,
  type check_health_options,
  type health_check,
  type health_checks,
  type health_severity,
} from "./check_health.ts";
export { create_from_conf, createsimple, type createsimple_options } from "./createsimple.ts";
export { json_text } from "./json_text.ts";
export { print_inc_upmaps } from "./print_inc_upmaps.ts";
export { pool_line, print_osdmap } from "./print_osdmap.ts";
export {
  need_pool,
  test_map_object,
  type test_map_object_result,
  type test_map_osd,
  test_map_pg,
  type test_map_pg_result,
  test_map_pgs,
  type test_map_pgs_options,
  type test_map_pgs_result,
} from "./test_map_pgs.ts";
export {
  apply_upmap_cleanup,
  clean_pg_upmaps,
  find_upmap_cleanup,
  UpmapChecker,
  type upmap_cleanup,
  verify_upmap,
} from "./upmap_cleanup.ts";
