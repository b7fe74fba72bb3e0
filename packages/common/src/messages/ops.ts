/** Client operations and the object traffic between OSDs: writes, recovery, backfill. */
import { Type } from "@sinclair/typebox";
import * as f from "./fields.ts";

/** Index into the message's `data`. */
const seg = Type.Integer({ minimum: 0, maximum: 65535 });
const name = Type.String({ maxLength: 4096 });
const kv = f.list(f.obj({ key: name, value: seg }));

/**
 * One step of a compound operation (OSDOp). Names are Ceph's ("writefull", "omap-set-vals"); byte
 * arguments are segments of `data`. `failok`: its failure does not fail the whole op.
 */
export const osd_op_step = Type.Object({
  op: f.oneOf(
    "read",
    "stat",
    "write",
    "writefull",
    "append",
    "truncate",
    "zero",
    "delete",
    "create",
    "getxattr",
    "getxattrs",
    "setxattr",
    "rmxattr",
    "cmpxattr",
    "cmpext",
    "omap-get-keys",
    "omap-get-vals",
    "omap-get-header",
    "omap-get-vals-by-keys",
    "omap-set-vals",
    "omap-set-header",
    "omap-clear",
    "omap-rm-keys",
    "omap-cmp",
    "assert-version",
    "assert-exists",
    "pgnls",
  ),
  /** read, write, zero, cmpext: byte range. truncate: `off` is the new size. read: len 0 = to end. */
  off: f.opt(f.uint),
  len: f.opt(f.uint),
  /** Payload of write*, append, setxattr, cmp*, omap-set-header. */
  seg: f.opt(seg),
  /** xattr name; omap-cmp key. */
  name: f.opt(name),
  /** create: fail when it exists. */
  exclusive: f.opt(f.bool),
  /** cmpxattr, omap-cmp: operator, and whether values compare as bytes or as u64. */
  cmp: f.opt(f.oneOf("eq", "ne", "gt", "gte", "lt", "lte")),
  cmp_mode: f.opt(f.oneOf("string", "u64")),
  /** assert-version */
  ver: f.opt(f.uint),
  keys: f.opt(f.list(name)),
  vals: f.opt(kv),
  start_after: f.opt(name),
  filter_prefix: f.opt(name),
  max: f.opt(f.uint),
  /** pgnls: where to go on (an hobject), and the namespace; undefined nspace = all. */
  cursor: f.opt(f.hobject),
  nspace: f.opt(Type.String({ maxLength: 256 })),
  failok: f.opt(f.bool),
});

/** MOSDOp: client -> acting primary; answered by osd_op_reply. cluster.md §6.3. */
export const osd_op = f.message("osd_op", {
  tid: f.uint,
  reqid: f.reqid,
  map_epoch: f.epoch,
  /** The PG the client computed at map_epoch. */
  pgid: f.pgid,
  hobj: f.hobject,
  flags: f.list(
    f.oneOf("read", "write", "retry", "pgop", "full_try", "full_force", "balance_reads"),
  ),
  retry_attempt: f.uint,
  mtime: f.num,
  ops: Type.Array(osd_op_step, { maxItems: 1024 }),
  data: Type.Optional(f.data),
});

/** Result of one step: rval >= 0 or -errno; what it returns is by step kind. */
export const osd_op_outcome = Type.Object({
  rval: f.int,
  seg: f.opt(seg),
  size: f.opt(f.uint),
  mtime: f.opt(f.num),
  vals: f.opt(kv),
  keys: f.opt(f.list(name)),
  more: f.opt(f.bool),
  entries: f.opt(f.list(f.obj({ nspace: name, oid: name, locator: name }))),
  /** pgnls: next cursor; "MAX" = end of the PG. */
  cursor: f.opt(f.hobject),
});
/** MOSDOpReply: primary -> client, when the write is durable on every member. */
export const osd_op_reply = f.message("osd_op_reply", {
  tid: f.uint,
  result: f.int,
  map_epoch: f.epoch,
  pgid: f.pgid,
  retry_attempt: f.uint,
  version: f.eversion,
  user_version: f.uint,
  outcomes: f.list(osd_op_outcome),
  data: Type.Optional(f.data),
});

/**
 * An ObjectStore transaction on the wire: the operations in order, byte arguments as segments of
 * the message's `data`. See osd/src/store/Transaction.ts, which checks each operation.
 */
export const txn_body = f.list(Type.Array(Type.Any(), { maxItems: 8 }));

/** MOSDRepOp: primary -> member of acting_recovery_backfill; answered by rep_op_reply. §8.4 */
const sub_write = {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  tid: f.uint,
  reqid: f.reqid,
  from: f.pg_shard,
  pgid: f.pgid,
  hobj: f.hobject,
  version: f.eversion,
  txn: txn_body,
  log_entries: f.list(f.log_entry),
  pg_trim_to: f.eversion,
  min_last_complete_ondisk: f.eversion,
  roll_forward_to: f.eversion,
  stats: f.obj({ stat_sum: f.stat_sum, stats_invalid: f.bool }),
  data: Type.Optional(f.data),
};
export const rep_op = f.message("rep_op", sub_write);
const sub_write_reply = {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  tid: f.uint,
  reqid: f.reqid,
  from: f.pg_shard,
  pgid: f.pgid,
  result: f.int,
  last_complete_ondisk: f.eversion,
};
export const rep_op_reply = f.message("rep_op_reply", sub_write_reply);
/**
 * MOSDECSubOpWrite: primary of an erasure-coded PG -> shard, each with a transaction of its own. Without
 * log entries: only tells up to where all shards have what was written. Answered by ec_sub_write_reply.
 */
export const ec_sub_write = f.message("ec_sub_write", sub_write);
export const ec_sub_write_reply = f.message("ec_sub_write_reply", sub_write_reply);

/** Where a pull or push of one object stands (ObjectRecoveryProgress). */
export const recovery_progress = f.obj({
  first: f.bool,
  data_recovered_to: f.uint,
  data_complete: f.bool,
  omap_recovered_to: name,
  omap_complete: f.bool,
});
/**
 * MOSDECSubOpRead: primary of an erasure-coded PG -> shard: extents of its chunk of one object, bytes
 * of the shard. Served while inactive, too. Answered by ec_sub_read_reply. peering.md §10
 */
export const ec_sub_read = f.message("ec_sub_read", {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  tid: f.uint,
  soid: f.hobject,
  version: f.eversion,
  want_attrs: f.bool,
  extents: f.list(f.obj({ off: f.uint, len: f.uint })),
});
/** The first `chunks` segments are the extents in order; `ok` false: no readable chunk of that version. */
export const ec_sub_read_reply = f.message("ec_sub_read_reply", {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  tid: f.uint,
  ok: f.bool,
  /** Of the whole shard, bytes. */
  size: f.uint,
  chunks: f.uint,
  attrs: kv,
  data: Type.Optional(f.data),
});
/** PushOp: one chunk of one object. Attributes and omap header travel with the first chunk. */
export const push_op = f.obj({
  soid: f.hobject,
  version: f.eversion,
  /** Object size at that version, bytes. */
  size: f.uint,
  extents: f.list(f.obj({ off: f.uint, seg })),
  attrs: kv,
  omap_header: f.opt(seg),
  omap_entries: kv,
  before_progress: recovery_progress,
  after_progress: recovery_progress,
  /** Set on an answer to a pull that cannot be served: -errno. */
  error: f.opt(f.int),
});
/** MOSDPGPush: holder -> member lacking the object; answered by pg_push_reply (or the next pull). */
export const pg_push = f.message("pg_push", {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  is_repair: f.bool,
  pushes: f.list(push_op),
  data: Type.Optional(f.data),
});
/** MOSDPGPushReply: member -> primary, after the chunk is durable. */
export const pg_push_reply = f.message("pg_push_reply", {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  replies: f.list(f.obj({ soid: f.hobject })),
  last_complete_ondisk: f.eversion,
});
/** MOSDPGPull: primary -> holder; answered by pg_push. Served while inactive, too. */
export const pg_pull = f.message("pg_pull", {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  pulls: f.list(f.obj({ soid: f.hobject, version: f.eversion, progress: recovery_progress })),
});
/** MOSDPGRecoveryDelete: primary -> member. */
export const pg_recovery_delete = f.message("pg_recovery_delete", {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  objects: f.list(f.obj({ soid: f.hobject, version: f.eversion })),
});
/** MOSDPGRecoveryDeleteReply: member -> primary after commit. */
export const pg_recovery_delete_reply = f.message("pg_recovery_delete_reply", {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  objects: f.list(f.obj({ soid: f.hobject, version: f.eversion })),
  last_complete_ondisk: f.eversion,
});
/** MOSDPGScan: primary -> target GET_DIGEST, target -> primary DIGEST. */
export const pg_scan = f.message("pg_scan", {
  op: f.oneOf("GET_DIGEST", "DIGEST"),
  map_epoch: f.epoch,
  query_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  begin: f.hobject,
  end: f.hobject,
  objects: f.list(f.obj({ soid: f.hobject, version: f.eversion })),
});
/** MOSDPGBackfill: primary -> target PROGRESS, FINISH; target -> primary FINISH_ACK. */
export const pg_backfill = f.message("pg_backfill", {
  op: f.oneOf("PROGRESS", "FINISH", "FINISH_ACK"),
  map_epoch: f.epoch,
  query_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  last_backfill: f.hobject,
  stats: f.obj({ stat_sum: f.stat_sum, stats_invalid: f.bool }),
});
/** MOSDPGBackfillRemove: primary -> target, no reply. */
export const pg_backfill_remove = f.message("pg_backfill_remove", {
  map_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  objects: f.list(f.obj({ soid: f.hobject, version: f.eversion })),
});
/** MOSDPGUpdateLogMissing: primary -> member: log-only entries (ERROR, lost marks). */
export const pg_update_log_missing = f.message("pg_update_log_missing", {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  tid: f.uint,
  entries: f.list(f.log_entry),
  pg_trim_to: f.eversion,
  roll_forward_to: f.eversion,
});
/** MOSDPGUpdateLogMissingReply: member -> primary after commit. */
export const pg_update_log_missing_reply = f.message("pg_update_log_missing_reply", {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  tid: f.uint,
  last_complete_ondisk: f.eversion,
});

/**
 * MOSDScrubReserve: primary -> acting member REQUEST, RELEASE; member -> primary GRANT, REJECT.
 * `tid` numbers the primary's attempt: an answer to an earlier one says nothing. §11
 */
export const scrub_reserve = f.message("scrub_reserve", {
  op: f.oneOf("REQUEST", "GRANT", "REJECT", "RELEASE"),
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  tid: f.uint,
});
/**
 * MOSDRepScrub: primary -> acting member; answered by rep_scrub_map once the member has applied
 * `scrub_to`. The chunk is the objects of [start, end). §11
 */
export const rep_scrub = f.message("rep_scrub", {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  tid: f.uint,
  scrub_to: f.eversion,
  start: f.hobject,
  end: f.hobject,
  deep: f.bool,
});
/** What a shard has of one object (ScrubMap::object); digests are of a deep scrub. */
export const scrub_object = f.obj({
  soid: f.hobject,
  size: f.uint,
  attrs: kv,
  read_error: f.bool,
  stat_error: f.bool,
  digest: f.opt(f.u32),
  omap_digest: f.opt(f.u32),
  omap_keys: f.opt(f.uint),
  omap_bytes: f.opt(f.uint),
});
/** MOSDRepScrubMap: member -> primary. */
export const rep_scrub_map = f.message("rep_scrub_map", {
  map_epoch: f.epoch,
  min_epoch: f.epoch,
  from: f.pg_shard,
  pgid: f.pgid,
  tid: f.uint,
  objects: f.list(scrub_object),
  data: Type.Optional(f.data),
});

export const ops_family = [
  osd_op,
  osd_op_reply,
  rep_op,
  rep_op_reply,
  ec_sub_write,
  ec_sub_write_reply,
  ec_sub_read,
  ec_sub_read_reply,
  pg_push,
  pg_push_reply,
  pg_pull,
  pg_recovery_delete,
  pg_recovery_delete_reply,
  pg_scan,
  pg_backfill,
  pg_backfill_remove,
  pg_update_log_missing,
  pg_update_log_missing_reply,
  scrub_reserve,
  rep_scrub,
  rep_scrub_map,
] as const;
