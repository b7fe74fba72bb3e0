/** One element of `pools` in the JSON of a map. What releases since luminous added may lack. */
import { type Static, Type } from "@sinclair/typebox";
import { pg_pool_t as make_pool, type pg_pool_t, type snap_interval_t } from "./pg_pool_t.ts";
import { parse_stamp } from "./utime.ts";

const uint = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const u32 = Type.Integer({ minimum: 0, maximum: 0xffffffff });
const text = Type.String();
const epoch = Type.String({ pattern: "^[0-9]{1,10}$" });
const later = Type.Optional;

export const PoolDump = Type.Object({
  pool: uint,
  pool_name: text,
  create_time: later(text),
  flags: u32,
  type: Type.Union([Type.Literal(1), Type.Literal(3)]),
  size: uint,
  min_size: uint,
  crush_rule: uint,
  peering_crush_bucket_count: later(uint),
  peering_crush_bucket_target: later(uint),
  peering_crush_bucket_barrier: later(uint),
  peering_crush_bucket_mandatory_member: later(Type.Integer()),
  object_hash: uint,
  pg_autoscale_mode: later(
    Type.Union([Type.Literal("on"), Type.Literal("off"), Type.Literal("warn")]),
  ),
  pg_num: uint,
  pg_placement_num: uint,
  pg_placement_num_target: later(uint),
  pg_num_target: later(uint),
  pg_num_pending: later(uint),
  last_change: epoch,
  last_force_op_resend: epoch,
  last_force_op_resend_prenautilus: later(epoch),
  last_force_op_resend_preluminous: later(epoch),
  snap_seq: uint,
  snap_epoch: uint,
  pool_snaps: Type.Array(Type.Object({ snapid: uint, stamp: text, name: text })),
  removed_snaps: later(
    Type.String({ pattern: "^\\[([0-9a-f]+~[0-9a-f]+(,[0-9a-f]+~[0-9a-f]+)*)?\\]$" }),
  ),
  quota_max_bytes: uint,
  quota_max_objects: uint,
  erasure_code_profile: text,
  stripe_width: uint,
  expected_num_objects: uint,
  fast_read: Type.Boolean(),
  options: Type.Record(text, Type.Union([text, Type.Number()])),
  application_metadata: later(Type.Record(text, Type.Record(text, text))),
});

export function load_pool(p: Static<typeof PoolDump>): pg_pool_t {
  const resend = Number(p.last_force_op_resend_prenautilus ?? p.last_force_op_resend);
  return make_pool({
    type: p.type,
    size: p.size,
    min_size: p.min_size,
    crush_rule: p.crush_rule,
    object_hash: p.object_hash,
    pg_num: p.pg_num,
    pgp_num: p.pg_placement_num,
    pg_num_target: p.pg_num_target ?? p.pg_num,
    pgp_num_target: p.pg_placement_num_target ?? p.pg_placement_num,
    pg_num_pending: p.pg_num_pending ?? p.pg_num,
    flags: p.flags,
    create_time: parse_stamp(p.create_time ?? "0.000000"),
    last_change: Number(p.last_change),
    last_force_op_resend: Number(p.last_force_op_resend),
    last_force_op_resend_prenautilus: resend,
    last_force_op_resend_preluminous: Number(p.last_force_op_resend_preluminous ?? resend),
    snap_seq: p.snap_seq,
    snap_epoch: p.snap_epoch,
    snaps: new Map(p.pool_snaps.map((x) => [x.snapid, { ...x, stamp: parse_stamp(x.stamp) }])),
    removed_snaps: load_runs(p.removed_snaps ?? "[]"),
    quota_max_bytes: p.quota_max_bytes,
    quota_max_objects: p.quota_max_objects,
    erasure_code_profile: p.erasure_code_profile,
    stripe_width: p.stripe_width,
    expected_num_objects: p.expected_num_objects,
    fast_read: p.fast_read,
    // What an upgrade gives pools that had none.
    pg_autoscale_mode: p.pg_autoscale_mode ?? "warn",
    opts: new Map(Object.entries(p.options)),
    application_metadata: new Map(
      Object.entries(p.application_metadata ?? {}).map(([app, kv]) => [
        app,
        new Map(Object.entries(kv)),
      ]),
    ),
    peering_crush_bucket_count: p.peering_crush_bucket_count ?? 0,
    peering_crush_bucket_target: p.peering_crush_bucket_target ?? 0,
    peering_crush_bucket_barrier: p.peering_crush_bucket_barrier ?? 0,
    peering_crush_bucket_mandatory_member: p.peering_crush_bucket_mandatory_member ?? 0x7fffffff,
  });
}

/** `[1~2,f~1]`, in hexadecimal */
function load_runs(s: string): snap_interval_t[] {
  const runs = s
    .slice(1, -1)
    .split(",")
    .filter((r) => r !== "");
  return runs.map((r): snap_interval_t => {
    const [start = "", length = ""] = r.split("~");
    return [Number.parseInt(start, 16), Number.parseInt(length, 16)];
  });
}
