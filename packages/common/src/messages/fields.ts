/**
 * Building blocks of the message schemas: the shared types of types/ as TypeBox schemas with bounds.
 * A decoder lets nothing in that these do not describe, so inside the daemons types can be trusted.
 */
import { type Static, type TSchema, Type } from "@sinclair/typebox";
import type { entity_addr_t, entity_name_t } from "../types/entity.ts";
import type { hobject_t } from "../types/hobject.ts";
import {
  type epoch_t,
  type eversion_t,
  type object_stat_sum_t,
  type osd_reqid_t,
  PG_LOG_OPS,
  type past_intervals_wire_t,
  type pg_history_t,
  type pg_info_wire_t,
  type pg_lease_ack_t,
  type pg_lease_t,
  type pg_log_entry_t,
  type pg_log_wire_t,
  type pg_missing_wire_t,
  type pg_notify_t,
  type pg_query_t,
  type pg_shard_t,
  type pg_t,
} from "../types/osd_types.ts";

/** Most elements any list in a message may have. */
export const MAX_LIST = 1_000_000;
/** Longest text in a message, in UTF-16 units. */
export const MAX_TEXT = 1 << 20;

/** Schema `s`, but with the TypeScript type T (same shape, spelled as in types/). */
export function as<T>(s: TSchema) {
  return Type.Unsafe<T>(s);
}

export const epoch = as<epoch_t>(Type.Integer({ minimum: 0, maximum: 0xffffffff }));
export const u32 = Type.Integer({ minimum: 0, maximum: 0xffffffff });
/** Non-negative integer that a double holds exactly. */
export const uint = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
export const int = Type.Integer({
  minimum: Number.MIN_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
});
/** Finite number (NaN and infinities are refused by the compiled check). */
export const num = Type.Number();
export const text = Type.String({ maxLength: MAX_TEXT });
export const osd = Type.Integer({ minimum: 0, maximum: 0x7ffffffe });
/** OSD id, or CRUSH_ITEM_NONE as a hole. */
export const osd_or_none = Type.Integer({ minimum: 0, maximum: 0x7fffffff });
export const shard = Type.Integer({ minimum: -1, maximum: 254 });
export const bool = Type.Boolean();
export const bytes = Type.Uint8Array({ maxByteLength: 256 << 20 });

export function list<T extends TSchema>(s: T) {
  return Type.Array(s, { maxItems: MAX_LIST });
}
export function obj<P extends Record<string, TSchema>>(p: P) {
  return Type.Object(p);
}
export const opt = Type.Optional;
/** null or s */
export function nullable<T extends TSchema>(s: T) {
  return Type.Union([Type.Null(), s]);
}
export function oneOf<const T extends readonly string[]>(...names: T) {
  return as<T[number]>(Type.Union(names.map((n) => Type.Literal(n))));
}

export const pgid = as<pg_t>(
  Type.String({ maxLength: 32, pattern: "^[0-9]{1,15}\\.[0-9a-f]{1,8}(s[0-9]{1,3})?$" }),
);
export const pg_shard = as<pg_shard_t>(
  Type.String({ maxLength: 20, pattern: "^[0-9]{1,10}(\\([0-9]{1,3}\\))?$" }),
);
export const hobject = as<hobject_t>(
  Type.String({
    maxLength: 16384,
    pattern: "^(MIN|MAX|-?[0-9]{1,15}:[0-9a-f]{8}:[^:]*:[^:]*:[^:]*:[0-9a-z]+)$",
  }),
);
export const entity_name = as<entity_name_t>(
  Type.String({ maxLength: 64, pattern: "^(mon|osd|client)\\.[A-Za-z0-9_-]{1,48}$" }),
);
export const addr = as<entity_addr_t>(
  obj({
    host: Type.String({ maxLength: 255 }),
    port: Type.Integer({ minimum: 0, maximum: 65535 }),
    nonce: u32,
  }),
);
export const eversion = as<eversion_t>(obj({ epoch: u32, version: uint }));
export const reqid = as<osd_reqid_t>(
  obj({ name: Type.String({ maxLength: 64 }), inc: uint, tid: uint }),
);

export const pg_history = as<pg_history_t>(
  obj({
    epoch_created: epoch,
    epoch_pool_created: epoch,
    last_epoch_started: epoch,
    last_interval_started: epoch,
    last_epoch_clean: epoch,
    last_interval_clean: epoch,
    last_epoch_split: epoch,
    last_epoch_marked_full: epoch,
    same_up_since: epoch,
    same_interval_since: epoch,
    same_primary_since: epoch,
    last_scrub: eversion,
    last_scrub_stamp: num,
    last_deep_scrub: eversion,
    last_deep_scrub_stamp: num,
    last_clean_scrub_stamp: num,
    prior_readable_until_ub: num,
  }),
);
/** Sums by name; unknown names are refused by the codec's key check, absent ones count as 0. */
export const stat_sum = as<Partial<object_stat_sum_t>>(
  Type.Record(Type.String({ maxLength: 48 }), num, { maxProperties: 64 }),
);
export const pg_info = as<pg_info_wire_t>(
  obj({
    pgid,
    last_update: eversion,
    last_complete: eversion,
    log_tail: eversion,
    last_backfill: hobject,
    last_epoch_started: epoch,
    last_interval_started: epoch,
    last_user_version: uint,
    stats: obj({ stat_sum, stats_invalid: bool }),
    history: pg_history,
  }),
);
export const log_entry = as<pg_log_entry_t>(
  obj({
    op: oneOf(...PG_LOG_OPS),
    soid: hobject,
    version: eversion,
    prior_version: eversion,
    reverting_to: opt(eversion),
    reqid,
    extra_reqids: opt(list(obj({ reqid, user_version: uint }))),
    user_version: uint,
    mtime: num,
    return_code: int,
    mod_desc: opt(obj({ rollbackable: bool, ops: list(Type.Record(Type.String(), Type.Any())) })),
  }),
);
export const log_dup = obj({ reqid, version: eversion, user_version: uint, return_code: int });
export const pg_log_body = as<pg_log_wire_t>(
  obj({
    head: eversion,
    tail: eversion,
    can_rollback_to: eversion,
    rollback_info_trimmed_to: eversion,
    entries: list(log_entry),
    dups: list(log_dup),
  }),
);
export const missing_item = obj({ need: eversion, have: eversion, is_delete: bool });
export const pg_missing_body = as<pg_missing_wire_t>(
  obj({ may_include_deletes: bool, items: list(obj({ oid: hobject, item: missing_item })) }),
);
export const past_intervals = as<past_intervals_wire_t>(
  obj({
    first: epoch,
    last: epoch,
    all_participants: list(pg_shard),
    intervals: list(obj({ first: epoch, last: epoch, acting: list(pg_shard) })),
  }),
);
export const pg_query = as<pg_query_t>(
  obj({
    type: oneOf("INFO", "LOG", "MISSING", "FULLLOG"),
    since: eversion,
    history: pg_history,
    epoch_sent: epoch,
    to: shard,
    from: shard,
  }),
);
export const pg_lease = as<pg_lease_t>(
  obj({ readable_until: num, readable_until_ub: num, interval: num }),
);
export const pg_lease_ack = as<pg_lease_ack_t>(obj({ readable_until_ub: num }));
export const pg_notify = as<pg_notify_t>(
  obj({
    query_epoch: epoch,
    epoch_sent: epoch,
    info: pg_info,
    to: shard,
    from: shard,
    past_intervals: nullable(past_intervals),
    lease: opt(pg_lease),
    lease_ack: opt(pg_lease_ack),
  }),
);

/** A catalogue entry: the tag and its fields. Every message may have `data`, see codec/. */
export function message<const K extends string, P extends Record<string, TSchema>>(type: K, p: P) {
  return Type.Object({ type: Type.Literal(type), ...p });
}
/**
 * Byte segments that travel behind the msgpack part of a frame, never through it. Other fields refer
 * to them by index.
 */
export const data = Type.Array(bytes, { maxItems: 65536 });
export type { Static };
