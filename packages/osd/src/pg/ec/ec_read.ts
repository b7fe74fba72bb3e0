/**
 * Reading an erasure-coded object: whom to ask, asking, answering, decoding.
 * Ceph counterpart: ECBackend::get_min_avail_to_read_shards, do_read_op, handle_sub_read,
 * handle_sub_read_reply. peering.md §10.
 */
import {
  CRUSH_ITEM_NONE,
  ecutil_decode_concat,
  ev_eq,
  type eversion_t,
  hobject_cmp,
  type hobject_t,
  type Msg,
  pg_shard,
  type pg_shard_t,
  StoreError,
  shard_cmp,
  shard_id,
  shard_osd,
  sort_few,
} from "@tako/common";
import type { OpRequest } from "../OpTracker.ts";
import { decode_object_info, OI_ATTR } from "../object_info.ts";
import type { PG } from "../PG.ts";
import type { ECBackend } from "./ECBackend.ts";
import type { ChunkExtent, ECRead, ECReadResult, ShardAnswer } from "./ECReads.ts";

export interface ECReadRequest {
  readonly soid: hobject_t;
  readonly version: eversion_t;
  readonly extents: readonly ChunkExtent[];
  readonly want: readonly number[];
  readonly want_attrs: boolean;
  readonly op: OpRequest | null;
  readonly done: (r: ECReadResult) => void;
}

/** `done` may be called before this returns, when all that is needed is here. */
export function start_ec_read(pg: PG, ec: ECBackend, r: ECReadRequest): void {
  const read: ECRead = {
    tid: ec.reads.next_tid(),
    sources: sources_of(pg, r.soid),
    need: undefined,
    asked: new Set(),
    answers: new Map(),
    failed: [],
    ...r,
  };
  ec.reads.add(read);
  ask(pg, ec, read);
}

/** Shards with a whole copy of the object's chunk: members, then others that peering found. */
function sources_of(pg: PG, soid: hobject_t): Map<number, pg_shard_t> {
  const { peering } = pg;
  const found = new Map<number, pg_shard_t>();
  peering.acting.forEach((osd, i) => {
    if (osd === CRUSH_ITEM_NONE) return;
    const shard = pg_shard(osd, i);
    if (has_object(pg, shard, soid)) found.set(i, shard);
  });
  const elsewhere = sort_few([...peering.missing_loc.get_locations(soid)], shard_cmp);
  for (const shard of elsewhere) {
    const i = shard_id(shard);
    if (!found.has(i) && pg.osdmap.is_up(shard_osd(shard))) found.set(i, shard);
  }
  return found;
}
function has_object(pg: PG, shard: pg_shard_t, soid: hobject_t): boolean {
  const { peering } = pg;
  if (shard === pg.whoami) return !peering.missing.is_missing(soid);
  const info = peering.peer_info.get(shard);
  if (!info || peering.peer_missing.get(shard)?.is_missing(soid)) return false;
  return info.last_backfill === "MAX" || hobject_cmp(soid, info.last_backfill) < 0;
}

/** Asks whoever is still needed; ends the read when nobody is, or nobody is left. */
function ask(pg: PG, ec: ECBackend, read: ECRead): void {
  read.need ??= ec.code.minimum_to_decode(read.want, read.sources.keys());
  const { need } = read;
  if (!need) return finish(ec, read, { error: "EIO", failed: read.failed });
  const asked_now: pg_shard_t[] = [];
  for (const i of need) {
    const shard = read.sources.get(i);
    if (shard === undefined || read.asked.has(shard)) continue;
    read.asked.add(shard);
    asked_now.push(shard);
  }
  for (const shard of asked_now) {
    if (shard !== pg.whoami) pg.send(shard, sub_read(pg, read, shard));
  }
  if (asked_now.includes(pg.whoami)) {
    take_answer(pg, ec, read, pg.whoami, read_shard(pg, read));
    return;
  }
  if (need.every((i) => read.answers.has(i))) {
    finish(ec, read, { answers: read.answers, failed: read.failed });
  }
}

function drop_source(read: ECRead, i: number): void {
  read.sources.delete(i);
  read.need = undefined;
}

function finish(ec: ECBackend, read: ECRead, r: ECReadResult): void {
  ec.reads.delete(read.tid);
  read.done(r);
}

function take_answer(
  pg: PG,
  ec: ECBackend,
  read: ECRead,
  from: pg_shard_t,
  answer: ShardAnswer | null,
): void {
  const i = shard_id(from);
  if (answer) read.answers.set(i, answer);
  else {
    read.failed.push(from);
    drop_source(read, i);
  }
  ask(pg, ec, read);
}

/** OSDs left: what they were asked is asked of others. */
export function ec_sources_down(pg: PG, ec: ECBackend, osds: readonly number[]): void {
  for (const read of ec.reads.all()) {
    for (const [i, shard] of [...read.sources]) {
      if (osds.includes(shard_osd(shard)) && !read.answers.has(i)) drop_source(read, i);
    }
    ask(pg, ec, read);
  }
}

function sub_read(pg: PG, read: ECRead, to: pg_shard_t): Msg<"ec_sub_read"> {
  const { tid, soid, version, want_attrs } = read;
  return {
    type: "ec_sub_read",
    map_epoch: pg.osdmap_epoch,
    min_epoch: pg.last_peering_reset,
    from: pg.whoami,
    pgid: pg.peering.peer_spg(to),
    tid,
    soid,
    version,
    want_attrs,
    extents: read.extents.map(({ off, len }) => ({ off, len })),
  };
}

// ---------------------------------------------------------------- shard

const NO_ATTRS: ReadonlyMap<string, Uint8Array> = new Map();

type Wanted = Pick<ECRead, "soid" | "version" | "extents" | "want_attrs">;

/** null: no readable chunk of that version here. Extents beyond the end come back shorter. */
function read_shard(pg: PG, r: Wanted): ShardAnswer | null {
  const { store } = pg.host;
  try {
    const stat = store.stat(pg.coll, r.soid);
    const oi = store.getattr(pg.coll, r.soid, OI_ATTR);
    const info = oi && decode_object_info(oi);
    if (!stat || !info || !ev_eq(info.version, r.version)) return null;
    // Of another length than the object makes it: not what was written.
    if (stat.size !== pg.ec?.sinfo.logical_to_next_chunk_offset(info.size)) return null;
    const chunks: Uint8Array[] = [];
    for (const { off, len } of r.extents) {
      const end = Math.min(off + len, stat.size);
      const bytes = end > off ? store.read(pg.coll, r.soid, off, end - off) : new Uint8Array(0);
      if (bytes?.length !== Math.max(0, end - off)) return null;
      chunks.push(bytes);
    }
    const attrs = r.want_attrs ? store.getattrs(pg.coll, r.soid) : undefined;
    return { from: pg.whoami, chunks, size: stat.size, attrs: attrs ?? NO_ATTRS };
  } catch (e) {
    if (e instanceof StoreError && e.detail.code === "EIO") return null;
    throw e;
  }
}

export function do_ec_sub_read(pg: PG, m: Msg<"ec_sub_read">): void {
  const missing = pg.peering.missing.is_missing(m.soid);
  const answer = missing ? null : read_shard(pg, m);
  const data: Uint8Array[] = [...(answer?.chunks ?? [])];
  const attrs = [...(answer?.attrs ?? [])]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ({ key, value: data.push(value) - 1 }));
  if (!answer) {
    pg.log.warn({ epoch: pg.osdmap_epoch, soid: m.soid, version: m.version }, "ec_read_failed");
  }
  pg.send(m.from, {
    type: "ec_sub_read_reply",
    map_epoch: pg.osdmap_epoch,
    min_epoch: pg.last_peering_reset,
    from: pg.whoami,
    pgid: pg.peering.peer_spg(m.from),
    tid: m.tid,
    ok: answer !== null,
    size: answer?.size ?? 0,
    chunks: answer?.chunks.length ?? 0,
    attrs,
    data,
  });
}

export function do_ec_sub_read_reply(pg: PG, ec: ECBackend, m: Msg<"ec_sub_read_reply">): void {
  const read = ec.reads.get(m.tid);
  // Of an interval, or an attempt, that is over; or it was replaced by another shard.
  if (!read?.asked.has(m.from) || read.sources.get(shard_id(m.from)) !== m.from) return;
  const data = m.data ?? [];
  const attrs = new Map<string, Uint8Array>();
  for (const { key, value } of m.attrs) {
    const bytes = data[value];
    if (bytes) attrs.set(key, bytes);
  }
  const whole = m.chunks === read.extents.length && attrs.size === m.attrs.length;
  const answer = { from: m.from, chunks: data.slice(0, m.chunks), size: m.size, attrs };
  take_answer(pg, ec, read, m.from, m.ok && whole ? answer : null);
}

// ---------------------------------------------------------------- decoding

/** The object's bytes of extent number `n` of the read, whole stripes; undefined: the chunks do not fit. */
export function decode_extent(
  ec: ECBackend,
  answers: ReadonlyMap<number, ShardAnswer>,
  n: number,
): Uint8Array | undefined {
  const shards = new Map<number, Uint8Array>();
  for (const [i, a] of answers) {
    const bytes = a.chunks[n];
    if (bytes) shards.set(i, bytes);
  }
  const r = ecutil_decode_concat(ec.sinfo, ec.code, shards);
  return "error" in r ? undefined : r.bytes;
}
