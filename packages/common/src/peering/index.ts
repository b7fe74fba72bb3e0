/**
 * The decisions of peering that depend on maps and infos alone. OSDs take them when they peer;
 * offline tools take the same ones for clusters that are only imagined.
 */
export {
  type async_recovery_input,
  type calc_acting_input,
  type calc_acting_result,
  calc_ec_acting,
  calc_replicated_acting,
  choose_async_recovery,
  recoverable_acting,
} from "./choose_acting.ts";
export {
  type best_info_t,
  type copy_info_t,
  type copy_infos_t,
  find_best_info,
  type find_best_info_opts,
} from "./find_best_info.ts";
export { PriorSet, type prior_set_input_t, type prior_set_map } from "./PriorSet.ts";
export {
  ec_recoverable,
  get_is_readable_predicate,
  get_is_recoverable_predicate,
  type IsPGReadablePredicate,
  replicated_recoverable,
} from "./recoverable.ts";
