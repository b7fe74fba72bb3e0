/**
 * One write of an erasure-coded object as each shard stores it, and how each shard can undo it by
 * itself while it is not known to be on all. Extents and attributes are the same on all shards, so
 * one description in the log entry serves all of them.
 * Ceph counterpart: ECTransaction::generate_transactions, ObjectModDesc. peering.md §10.
 *
 *   CREATE            undone by removing the object
 *   DELETE            the old object lies in the stash collection: undone by moving it back
 *   ROLLBACK_EXTENTS  parts of the old shard lie in the stash: undone by copying them back
 *   APPEND            undone by setting the shard's old size
 *   SETATTRS          undone by setting the old values (null: there was none)
 */
import {
  type ErasureCode,
  ecutil_encode,
  ev_str,
  type eversion_t,
  hobject_hash,
  type hobject_t,
  InvariantError,
  make_hobject,
  type pg_log_entry_t,
  type pg_log_mod_desc_t,
  pg_pool,
  spg_pg,
  type spg_t,
  type stripe_info_t,
} from "@tako/common";
import type { coll_t, ObjectStore } from "../../store/ObjectStore.ts";
import { Transaction } from "../../store/Transaction.ts";
import type { LogEntryHandler } from "../LogEntryHandler.ts";
import { pg_coll, pg_stash_coll } from "../pg_colls.ts";
import type { ECStripes } from "./ECStripes.ts";

interface ShardColls {
  readonly head: coll_t;
  readonly stash: coll_t;
}
function shard_colls(spgid: spg_t): ShardColls {
  return { head: pg_coll(spgid), stash: pg_stash_coll(spgid) };
}

/** Where the state before the write of `version` is kept. */
export function stash_oid(soid: hobject_t, version: eversion_t, pool: number): hobject_t {
  return make_hobject({ pool, hash: hobject_hash(soid), oid: `${ev_str(version)}_${soid}` });
}

type extent_t = readonly [off: number, len: number];
interface ModOp {
  readonly code: string;
  readonly [k: string]: unknown;
}

export interface ECWrite {
  readonly soid: hobject_t;
  readonly version: eversion_t;
  readonly existed: boolean;
  /** Bytes of the object. */
  readonly old_size: number;
  readonly old_attrs: ReadonlyMap<string, Uint8Array>;
  readonly stripes: ECStripes;
}

export interface ECWritePlan {
  readonly mod_desc: pg_log_mod_desc_t;
  /** What shard `i`, instance `spgid` of the PG, has to do. */
  readonly transaction: (i: number, spgid: spg_t) => Transaction;
}

export function plan_ec_write(w: ECWrite, sinfo: stripe_info_t, code: ErasureCode): ECWritePlan {
  const { stripes } = w;
  const ops = mod_ops(w, sinfo);
  const chunk = sinfo.get_chunk_size();
  // Made once, however many shards ask.
  const runs = stripes.exists
    ? stripes.runs().map((r) => ({
        off: r.first * chunk,
        shards: ecutil_encode(sinfo, code, r.bytes),
      }))
    : [];
  const attrs = attr_changes(w);
  let kept: hobject_t | undefined;
  return {
    mod_desc: { rollbackable: true, ops },
    transaction: (i, spgid) => {
      const t = new Transaction();
      const { head, stash } = shard_colls(spgid);
      kept ??= stash_oid(w.soid, w.version, pg_pool(spg_pg(spgid)));
      keep_old(t, w, ops, { head, stash }, kept);
      if (!stripes.exists) return t;
      t.touch(head, w.soid);
      const old_len = w.existed && !stripes.removed ? shard_size(sinfo, w.old_size) : 0;
      const low = Math.min(old_len, shard_size(sinfo, stripes.low));
      if (low < old_len) t.truncate(head, w.soid, low);
      let len = low;
      for (const r of runs) {
        const bytes = r.shards[i];
        if (!bytes) throw new InvariantError("no such shard of the code", { shard: i });
        t.write(head, w.soid, r.off, bytes);
        len = Math.max(len, r.off + bytes.length);
      }
      const want = shard_size(sinfo, stripes.size);
      if (len < want) t.truncate(head, w.soid, want);
      for (const name of attrs.rm) t.rmattr(head, w.soid, name);
      if (attrs.set.size > 0) t.setattrs(head, w.soid, attrs.set);
      return t;
    },
  };
}

function shard_size(sinfo: stripe_info_t, object_size: number): number {
  return sinfo.logical_to_next_chunk_offset(object_size);
}

/** Oldest step first; they are undone newest first. */
function mod_ops(w: ECWrite, sinfo: stripe_info_t): ModOp[] {
  const { stripes } = w;
  if (!w.existed) return [{ code: "CREATE" }];
  if (stripes.removed) {
    return stripes.exists ? [{ code: "DELETE" }, { code: "CREATE" }] : [{ code: "DELETE" }];
  }
  const ops: ModOp[] = [];
  const extents = overwritten(w, sinfo);
  if (extents.length > 0) ops.push({ code: "ROLLBACK_EXTENTS", extents });
  const old_len = shard_size(sinfo, w.old_size);
  if (shard_size(sinfo, stripes.size) !== old_len || stripes.low < w.old_size) {
    ops.push({ code: "APPEND", old_size: old_len });
  }
  const attrs = [...stripes.attrs.keys()]
    .sort()
    .map((name) => [name, to_text(w.old_attrs.get(name))]);
  if (attrs.length > 0) ops.push({ code: "SETATTRS", attrs });
  return ops;
}

/** Parts of the old shard that this write changes or cuts off. */
function overwritten(w: ECWrite, sinfo: stripe_info_t): extent_t[] {
  const old_len = shard_size(sinfo, w.old_size);
  const low = Math.min(old_len, shard_size(sinfo, w.stripes.low));
  const chunk = sinfo.get_chunk_size();
  const width = sinfo.get_stripe_width();
  const out: extent_t[] = [];
  for (const r of w.stripes.runs()) {
    const off = r.first * chunk;
    const end = Math.min(low, off + (r.bytes.length / width) * chunk);
    if (end > off) out.push([off, end - off]);
  }
  if (low < old_len) out.push([low, old_len - low]);
  return out;
}

function keep_old(
  t: Transaction,
  w: ECWrite,
  ops: readonly ModOp[],
  { head, stash }: ShardColls,
  kept: hobject_t,
): void {
  for (const op of ops) {
    if (op.code === "DELETE") t.collection_move_rename(head, w.soid, stash, kept);
    if (op.code !== "ROLLBACK_EXTENTS") continue;
    for (const [off, len] of extents_of(op)) {
      t.clone_range(head, w.soid, stash, kept, off, len, off);
    }
  }
}

function attr_changes(w: ECWrite): { set: Map<string, Uint8Array>; rm: string[] } {
  const set = new Map<string, Uint8Array>();
  const rm: string[] = [];
  for (const [name, value] of w.stripes.attrs) {
    if (value) set.set(name, value);
    else if (!w.stripes.removed && w.old_attrs.has(name)) rm.push(name);
  }
  return { set, rm };
}

// ---------------------------------------------------------------- undoing

function extents_of(op: ModOp): extent_t[] {
  const list = Array.isArray(op.extents) ? op.extents : [];
  return list.map((e: unknown): extent_t => {
    const [off, len] = Array.isArray(e) ? e : [];
    if (!Number.isSafeInteger(off) || !Number.isSafeInteger(len)) throw bad_mod_desc(op);
    return [Number(off), Number(len)];
  });
}
function attrs_of(op: ModOp): [string, string | null][] {
  const list = Array.isArray(op.attrs) ? op.attrs : [];
  return list.map((a: unknown): [string, string | null] => {
    const [name, value] = Array.isArray(a) ? a : [];
    const ok = typeof name === "string" && (value === null || typeof value === "string");
    if (!ok) throw bad_mod_desc(op);
    return [name, value];
  });
}
function bad_mod_desc(op: ModOp): InvariantError {
  return new InvariantError("a log entry's rollback information makes no sense", { op });
}

/** What a shard's log wants done, written into `t`. */
export function ec_log_handler(spgid: spg_t, store: ObjectStore, t: Transaction): LogEntryHandler {
  const { head, stash } = shard_colls(spgid);
  const pool = pg_pool(spg_pg(spgid));
  const forget = (e: pg_log_entry_t) => {
    if (e.mod_desc?.ops.some(keeps_old)) t.try_remove(stash, stash_oid(e.soid, e.version, pool));
  };
  return {
    rollback(e) {
      const kept = stash_oid(e.soid, e.version, pool);
      for (const op of [...(e.mod_desc?.ops ?? [])].reverse()) {
        undo(t, op, e.soid, { head, stash }, kept);
      }
    },
    rollforward: forget,
    trim: forget,
    remove(hoid) {
      t.try_remove(head, hoid);
    },
    try_stash(hoid, v) {
      if (!store.exists(head, hoid)) return;
      const kept = stash_oid(hoid, { epoch: 0, version: v }, pool);
      t.collection_move_rename(head, hoid, stash, kept);
    },
  };
}

function keeps_old(op: ModOp): boolean {
  return op.code === "DELETE" || op.code === "ROLLBACK_EXTENTS";
}

function undo(
  t: Transaction,
  op: ModOp,
  soid: hobject_t,
  { head, stash }: ShardColls,
  kept: hobject_t,
): void {
  switch (op.code) {
    case "CREATE":
      t.try_remove(head, soid);
      return;
    case "DELETE":
      t.collection_move_rename(stash, kept, head, soid);
      return;
    case "ROLLBACK_EXTENTS":
      for (const [off, len] of extents_of(op)) {
        t.clone_range(stash, kept, head, soid, off, len, off);
      }
      t.remove(stash, kept);
      return;
    case "APPEND":
      t.truncate(head, soid, Number(op.old_size));
      return;
    case "SETATTRS":
      for (const [name, value] of attrs_of(op)) {
        if (value !== null) t.setattr(head, soid, name, to_bytes(value));
        else t.rmattr(head, soid, name);
      }
      return;
    default:
      throw bad_mod_desc(op);
  }
}

/** The bytes as characters: the head of a message has no binary fields. */
function to_text(bytes: Uint8Array | undefined): string | null {
  if (!bytes) return null;
  let text = "";
  for (const b of bytes) text += String.fromCharCode(b);
  return text;
}
function to_bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (c) => c.charCodeAt(0));
}
