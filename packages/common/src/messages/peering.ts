/** Peering messages between OSDs. Receiver rules: peering.md §13; envelope: §4.1. */
import * as f from "./fields.ts";

/** MOSDPing: osd <-> osd. */
export const osd_ping = f.message("osd_ping", {
  fsid: f.text,
  map_epoch: f.epoch,
  op: f.oneOf("PING", "PING_REPLY", "YOU_DIED"),
  /** Sender's clock at PING, ms; echoed. */
  ping_stamp: f.num,
  up_from: f.epoch,
});
/** MOSDPGQuery2: primary -> any member or stray; answered by pg_notify (INFO) or pg_log. */
export const pg_query = f.message("pg_query", {
  epoch: f.epoch,
  pg_list: f.list(f.obj({ pgid: f.pgid, query: f.pg_query })),
});
/** MOSDPGNotify2: non-primary -> primary. May create the PG there. */
export const pg_notify = f.message("pg_notify", { epoch: f.epoch, pg_list: f.list(f.pg_notify) });
/** MOSDPGInfo2: primary <-> member. Never creates. */
export const pg_info = f.message("pg_info", { epoch: f.epoch, pg_list: f.list(f.pg_notify) });
/** MOSDPGLog: any -> primary (answer), primary -> member (activation; may create the PG there). */
export const pg_log = f.message("pg_log", {
  epoch: f.epoch,
  query_epoch: f.epoch,
  pgid: f.pgid,
  to: f.shard,
  from: f.shard,
  info: f.pg_info,
  log: f.pg_log_body,
  missing: f.pg_missing_body,
  past_intervals: f.nullable(f.past_intervals),
  /** With the activation: the primary asks to be readable. */
  lease: f.opt(f.pg_lease),
});
/** MOSDPGLease: primary -> acting member; answered by pg_lease_ack. `pgid` is the receiver's spg. */
export const pg_lease = f.message("pg_lease", {
  epoch: f.epoch,
  pgid: f.pgid,
  from: f.shard,
  lease: f.pg_lease,
});
/** MOSDPGLeaseAck: acting member -> primary. `pgid` is the receiver's spg. */
export const pg_lease_ack = f.message("pg_lease_ack", {
  epoch: f.epoch,
  pgid: f.pgid,
  from: f.shard,
  lease_ack: f.pg_lease_ack,
});
/** MOSDPGTrim: replica -> primary (its last_complete_ondisk), primary -> replica (trim to). */
export const pg_trim = f.message("pg_trim", { epoch: f.epoch, pgid: f.pgid, trim_to: f.eversion });
/** MOSDPGRemove: primary -> stray. */
export const pg_remove = f.message("pg_remove", { epoch: f.epoch, pg_list: f.list(f.pgid) });
/** MBackfillReserve: primary <-> backfill target. `pgid` is the receiver's spg. */
export const backfill_reserve = f.message("backfill_reserve", {
  pgid: f.pgid,
  query_epoch: f.epoch,
  op: f.oneOf("REQUEST", "GRANT", "REJECT_TOOFULL", "RELEASE", "REVOKE", "REVOKE_TOOFULL"),
  priority: f.uint,
  primary_num_bytes: f.num,
  shard_num_bytes: f.num,
  from: f.shard,
});
/** MRecoveryReserve: primary <-> member. `pgid` is the receiver's spg. */
export const recovery_reserve = f.message("recovery_reserve", {
  pgid: f.pgid,
  query_epoch: f.epoch,
  op: f.oneOf("REQUEST", "GRANT", "RELEASE", "REVOKE"),
  priority: f.uint,
  from: f.shard,
});

export const peering_family = [
  osd_ping,
  pg_query,
  pg_notify,
  pg_info,
  pg_log,
  pg_lease,
  pg_lease_ack,
  pg_trim,
  pg_remove,
  backfill_reserve,
  recovery_reserve,
] as const;
