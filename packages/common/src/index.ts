/**
 * Everything of @tako/common that is pure: no sockets, disks, clocks. See ./io for the rest.
 * Each folder says in its own index what of it others may use.
 */
export * from "./codec/index.ts";
export * from "./config/index.ts";
export * from "./crush/index.ts";
export * from "./ec/index.ts";
export {
  assertNever,
  CommandError,
  ERRNO,
  type Errno,
  errno_name,
  InvariantError,
  invariant,
  ProtocolError,
  type ProtocolErrorDetail,
  StoreError,
  type StoreErrorDetail,
} from "./errors.ts";
export * from "./explain/index.ts";
export * from "./messages/index.ts";
export {
  type CommandReply,
  MonClient,
  type MonClientPorts,
  type MonCommand,
  type MonTarget,
  type SubName,
} from "./mon/MonClient.ts";
export type { Connection, ConnectionPolicy, Dispatcher, Messenger } from "./msg/Messenger.ts";
export { message_fields } from "./msg/message_fields.ts";
export * from "./osdmap/index.ts";
export * from "./peering/index.ts";
export {
  type Clock,
  type Log,
  type LogFields,
  type LogLevel,
  NULL_LOG,
  type Rng,
  type TimerHandle,
} from "./ports.ts";
export * from "./scenario/script.ts";
export { SOMETIMES, type SometimesPoint, sometimes, sometimes_counts } from "./sometimes.ts";
export * from "./statechart/index.ts";
export {
  addr_eq,
  addr_is_blank,
  addr_str,
  BLANK_ADDR,
  type entity_addr_t,
  type entity_name_t,
  is_osd,
  osd_id,
} from "./types/entity.ts";
export {
  bitreverse32,
  HOBJECT_MAX,
  HOBJECT_MIN,
  hobject_cmp,
  hobject_hash,
  hobject_max,
  hobject_min,
  type hobject_parts_t,
  hobject_rhash,
  type hobject_t,
  is_hobject,
  make_hobject,
  parse_hobject,
} from "./types/hobject.ts";
export {
  CRUSH_ITEM_NONE,
  EVERSION_MAX,
  EVERSION_ZERO,
  type epoch_t,
  ev_cmp,
  ev_eq,
  ev_ge,
  ev_gt,
  ev_is_zero,
  ev_le,
  ev_lt,
  ev_max,
  ev_min,
  ev_parse,
  ev_str,
  eversion,
  type eversion_t,
  info_dne,
  info_is_empty,
  info_is_incomplete,
  NO_SHARD,
  object_stat_sum_t,
  type osd_reqid_t,
  PG_LOG_OPS,
  type past_intervals_wire_t,
  pg_history_t,
  pg_info_copy,
  pg_info_t,
  pg_info_to_wire,
  type pg_info_wire_t,
  type pg_lease_ack_t,
  type pg_lease_t,
  type pg_log_dup_t,
  type pg_log_entry_t,
  type pg_log_mod_desc_t,
  type pg_log_op_t,
  type pg_log_wire_t,
  type pg_missing_item_t,
  type pg_missing_wire_t,
  type pg_notify_t,
  pg_parse,
  pg_pool,
  pg_ps,
  type pg_query_t,
  type pg_query_type_t,
  pg_shard,
  type pg_shard_t,
  pg_stats_t,
  pg_t,
  reqid_str,
  shard_cmp,
  shard_id,
  type shard_id_t,
  shard_osd,
  spg_cmp,
  spg_pg,
  spg_shard,
  spg_t,
  stat_sum_add,
  stat_sum_diff,
  stat_sum_sub,
  stat_sum_to_wire,
  type version_t,
} from "./types/osd_types.ts";
export { PG_STATES, type pg_state_t, state_string } from "./types/pg_state.ts";
export { sort_few } from "./types/sorted.ts";
