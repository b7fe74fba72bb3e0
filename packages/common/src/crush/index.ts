/** CRUSH: maps as text, bytes and JSON, placement, edits, tests. */
export { type crush_decode_options, decode_crush_binary, encode_crush_binary } from "./binary.ts";
export { build_crush_layers, type crush_layer } from "./build_layers.ts";
export { CrushBuilder } from "./CrushBuilder.ts";
export type { weight_set_mode } from "./CrushDraft.ts";
export {
  CrushTester,
  crush_compare,
  type crush_comparison,
  crush_test,
  type crush_test_device,
  type crush_test_mapping,
  type crush_test_options,
  type crush_test_range,
  type crush_test_result,
  type crush_test_run,
  type crush_tester_options,
  proportional_weights,
} from "./CrushTester.ts";
export { type crush_tree_item, crush_tree_items, tree_children } from "./CrushTreeDumper.ts";
export { build_simple_crush_map, CrushWrapper, DEFAULT_TYPE_NAMES } from "./CrushWrapper.ts";
export { MAX_TRIES as CRUSH_MAX_TRIES } from "./check.ts";
export { compile_crush } from "./compile.ts";
export {
  crush_name_fault,
  type name_fault,
  type overlap,
  overlapped_rules,
} from "./crush_checks.ts";
export { decompile_crush, print_fixedpoint } from "./decompile.ts";
export { alg_name, crush_min_required_version, crush_rule_dump } from "./dump.ts";
export type { simple_rule_options } from "./edit_rules.ts";
export {
  ceph_str_hash_linux,
  ceph_str_hash_rjenkins,
  crush_hash32_1,
  crush_hash32_2,
  crush_hash32_3,
  crush_hash32_4,
  crush_hash32_5,
  utf8,
} from "./hash.ts";
export { crush_from_dump } from "./load.ts";
export { crush_weight, is_valid_crush_name } from "./names.ts";
export { print_ostream_float } from "./print_float.ts";
export type { reclassify_options } from "./reclassify.ts";
export { get_maximum_affected_by_rule } from "./rule_reach.ts";
export { CrushTextError } from "./tokens.ts";
export {
  DEFAULT_TUNABLES,
  has_legacy_tunables,
  has_optimal_tunables,
  TUNABLE_PROFILES,
  tunables_profile,
} from "./tunables.ts";
export {
  CRUSH_ALG_NAMES,
  CRUSH_BUCKET_LIST,
  CRUSH_BUCKET_STRAW,
  CRUSH_BUCKET_STRAW2,
  CRUSH_BUCKET_TREE,
  CRUSH_BUCKET_UNIFORM,
  CRUSH_RULE_OPS,
  type crush_algorithm,
  type crush_bucket,
  type crush_choose_arg,
  type crush_encoding,
  type crush_location,
  type crush_map,
  type crush_op,
  type crush_op_name,
  type crush_rule,
  type crush_rule_step,
  type crush_tunables,
  DEFAULT_CHOOSE_ARGS,
} from "./types.ts";
