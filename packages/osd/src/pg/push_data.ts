/**
 * One object in chunks: reading them from the store for a push, and writing what was pushed. An object
 * of several chunks is gathered under a temporary name and takes its place with the last one.
 * Ceph counterpart: ReplicatedBackend::build_push_op, submit_push_data, submit_push_complete.
 * peering.md §7.2.
 */
import {
  ERRNO,
  ev_eq,
  ev_str,
  type eversion_t,
  hobject_hash,
  type hobject_t,
  type Msg,
  make_hobject,
  ProtocolError,
  type PushOp,
  pg_pool,
  type RecoveryProgress,
  StoreError,
} from "@tako/common";
import type { Transaction } from "../store/Transaction.ts";
import { decode_object_info, OI_ATTR, type object_info_t } from "./object_info.ts";
import type { PG } from "./PG.ts";
import { is_complete } from "./RecoveryOps.ts";

/** A push and the segments it refers to, counted from `data.length` of the message it goes into. */
export interface BuiltPush {
  readonly push: PushOp;
  readonly data: readonly Uint8Array[];
}

/** An answer to a pull that cannot be served. */
export function failed_push(
  soid: hobject_t,
  version: eversion_t,
  progress: RecoveryProgress,
  error: number,
): PushOp {
  return {
    soid,
    version,
    size: 0,
    extents: [],
    attrs: [],
    omap_entries: [],
    before_progress: progress,
    after_progress: progress,
    error,
  };
}

/**
 * The chunk that follows `progress`, its segments numbered from `base`. -errno when this shard has no
 * readable copy of exactly that version.
 */
export function build_push_op(
  pg: PG,
  soid: hobject_t,
  version: eversion_t,
  progress: RecoveryProgress,
  base: number,
): BuiltPush | number {
  try {
    return read_chunk(pg, soid, version, progress, base);
  } catch (e) {
    if (e instanceof StoreError && e.detail.code === "EIO") return -ERRNO.EIO;
    throw e;
  }
}

function read_chunk(
  pg: PG,
  soid: hobject_t,
  version: eversion_t,
  progress: RecoveryProgress,
  base: number,
): BuiltPush | number {
  const { store, config } = pg.host;
  const stat = store.stat(pg.coll, soid);
  const attr = store.getattr(pg.coll, soid, OI_ATTR);
  if (!stat || !attr) return -ERRNO.ENOENT;
  const oi = decode_object_info(attr);
  if (!oi) return -ERRNO.EIO;
  if (!ev_eq(oi.version, version)) return -ERRNO.ENOENT;
  const data: Uint8Array[] = [];
  const seg = (b: Uint8Array) => base + data.push(b) - 1;
  const first = progress.first ? read_first(pg, soid, seg) : { attrs: [] };
  let available = config.get("osd_recovery_max_chunk");
  const omap = read_omap(pg, soid, progress, available, seg);
  available -= omap.bytes;
  const off = progress.data_recovered_to;
  const len = Math.max(0, Math.min(available, stat.size - off));
  const extents: PushOp["extents"] = [];
  if (len > 0) {
    const bytes = store.read(pg.coll, soid, off, len);
    if (bytes?.length !== len) return -ERRNO.EIO;
    extents.push({ off, seg: seg(bytes) });
  }
  const push: PushOp = {
    soid,
    version,
    size: stat.size,
    extents,
    ...first,
    omap_entries: omap.entries,
    before_progress: progress,
    after_progress: {
      first: false,
      data_recovered_to: off + len,
      data_complete: off + len >= stat.size,
      omap_recovered_to: omap.recovered_to,
      omap_complete: omap.complete,
    },
  };
  return { push, data };
}

function read_first(
  pg: PG,
  soid: hobject_t,
  seg: (b: Uint8Array) => number,
): Pick<PushOp, "attrs" | "omap_header"> {
  const { store } = pg.host;
  const attrs = [...(store.getattrs(pg.coll, soid) ?? [])]
    .sort((a, b) => (a[0] < b[0] ? -1 : 1))
    .map(([key, value]) => ({ key, value: seg(value) }));
  const header = store.omap_get_header(pg.coll, soid);
  return header && header.length > 0 ? { attrs, omap_header: seg(header) } : { attrs };
}

function read_omap(
  pg: PG,
  soid: hobject_t,
  progress: RecoveryProgress,
  available: number,
  seg: (b: Uint8Array) => number,
): { entries: PushOp["omap_entries"]; bytes: number; recovered_to: string; complete: boolean } {
  const recovered_to = progress.omap_recovered_to;
  if (progress.omap_complete) return { entries: [], bytes: 0, recovered_to, complete: true };
  const { store, config } = pg.host;
  const max = config.get("osd_recovery_max_omap_entries_per_chunk");
  const list = store.omap_list(pg.coll, soid, recovered_to, "", max);
  const keys = list?.keys ?? [];
  const values = store.omap_get_values(pg.coll, soid, keys);
  const entries: PushOp["omap_entries"] = [];
  let bytes = 0;
  for (const key of keys) {
    const value = values?.get(key) ?? new Uint8Array(0);
    // At least one, or a value larger than a chunk would never get through.
    if (entries.length > 0 && bytes + key.length + value.length > available) {
      return { entries, bytes, recovered_to: keys[entries.length - 1] ?? "", complete: false };
    }
    bytes += key.length + value.length;
    entries.push({ key, value: seg(value) });
  }
  const complete = list?.more !== true;
  return { entries, bytes, recovered_to: keys.at(-1) ?? recovered_to, complete };
}

/** Where the chunks of `soid` are gathered; never listed, removed at the next interval. */
function temp_oid(pg: PG, soid: hobject_t, version: eversion_t): hobject_t {
  return make_hobject({
    pool: -2 - pg_pool(pg.pgid),
    hash: hobject_hash(soid),
    oid: `temp_recovering_${pg.spgid}_${ev_str(version)}_${soid}`,
  });
}

/** Writes one chunk with `t`; true when the object is complete with it. */
export function submit_push_data(pg: PG, m: Msg<"pg_push">, push: PushOp, t: Transaction): boolean {
  const first = push.before_progress.first;
  const complete = is_complete(push.after_progress);
  const direct = first && complete;
  const temp = temp_oid(pg, push.soid, push.version);
  const [c, o] = direct ? [pg.coll, push.soid] : [pg.temp_coll, temp];
  if (first) {
    t.try_remove(c, o);
    t.touch(c, o);
    t.setattrs(c, o, new Map(push.attrs.map((a) => [a.key, segment(m, a.value)])));
    if (push.omap_header !== undefined) t.omap_setheader(c, o, segment(m, push.omap_header));
  }
  for (const e of push.extents) t.write(c, o, e.off, segment(m, e.seg));
  if (push.omap_entries.length > 0) {
    const entries = push.omap_entries.map((e): [string, Uint8Array] => [
      e.key,
      segment(m, e.value),
    ]);
    t.omap_setkeys(c, o, new Map(entries));
  }
  if (complete && !direct) {
    t.try_remove(pg.coll, push.soid);
    t.collection_move_rename(c, o, pg.coll, push.soid);
  }
  return complete;
}

/** What the sender holds the object to be; from the first chunk, kept with what has come so far. */
export function pushed_object_info(
  pg: PG,
  m: Msg<"pg_push">,
  push: PushOp,
): object_info_t | undefined {
  const pushed = push.attrs.find((a) => a.key === OI_ATTR);
  const attr = pushed
    ? segment(m, pushed.value)
    : pg.host.store.getattr(pg.temp_coll, temp_oid(pg, push.soid, push.version), OI_ATTR);
  return attr && decode_object_info(attr);
}

function segment(m: Msg<"pg_push">, i: number): Uint8Array {
  const bytes = m.data?.[i];
  if (bytes) return bytes;
  const path = `data/${i}`;
  const reason = "no such segment";
  const detail = { code: "bad_message", type: m.type, path, reason } as const;
  throw new ProtocolError(`pg_push: ${reason}`, detail);
}
