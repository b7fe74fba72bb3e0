/**
 * The range of objects that is scrubbed at a time, and when it may be.
 * Ceph counterpart: PgScrubber::select_range, PrimaryLogPG::_range_available_for_scrub. peering.md §11.
 */
import {
  EVERSION_ZERO,
  ev_le,
  type eversion_t,
  hobject_cmp,
  type hobject_t,
  parse_hobject,
} from "@tako/common";
import type { PG } from "../PG.ts";

export interface Chunk {
  readonly end: hobject_t;
}

/**
 * Where the chunk that begins at `start` ends. Never between an object and its clones: they are
 * judged together. undefined: something in it is being recovered, or is to be.
 */
export function select_range(pg: PG, start: hobject_t): Chunk | undefined {
  const { config, store } = pg.host;
  const least = config.get("osd_scrub_chunk_min");
  for (let max = Math.max(least, config.get("osd_scrub_chunk_max")); ; ) {
    const { objects, next } = store.collection_list(pg.coll, start, "MAX", max);
    const end = chunk_end(pg, start, objects, next, max);
    if (range_available(pg, start, end)) return { end };
    if (max <= least) return undefined;
    max = Math.max(least, Math.floor(max / 2));
  }
}

function chunk_end(
  pg: PG,
  start: hobject_t,
  objects: readonly hobject_t[],
  next: hobject_t,
  max: number,
): hobject_t {
  let end = next;
  let i = objects.length;
  for (; i > 0 && end !== "MAX" && same_head(objects[i - 1], end); i--) {
    end = objects[i - 1] ?? end;
  }
  if (i > 0 || objects.length === 0) return end;
  // All of it is one object with its clones: as far as that goes.
  const more = pg.host.store.collection_list(pg.coll, start, "MAX", max * 2);
  return more.objects.length > objects.length
    ? chunk_end(pg, start, more.objects, more.next, max * 2)
    : more.next;
}
function same_head(a: hobject_t | undefined, b: hobject_t): boolean {
  const x = a && parse_hobject(a);
  const y = parse_hobject(b);
  if (!x || !y || x.hash !== y.hash || x.pool !== y.pool) return false;
  return x.oid === y.oid && x.nspace === y.nspace && x.key === y.key;
}

/** Every member has all of it, and nobody is about to give it to another. */
function range_available(pg: PG, start: hobject_t, end: hobject_t): boolean {
  const inside = (o: hobject_t) => hobject_cmp(o, start) >= 0 && hobject_cmp(o, end) < 0;
  if (recovering_in(pg, inside)) return false;
  const { peering } = pg;
  const sets = [peering.missing, ...pg.peers.map((p) => peering.peer_missing.get(p))];
  for (const missing of sets) {
    if (!missing || missing.num_missing() === 0) continue;
    for (const [soid] of missing.get_items()) if (inside(soid)) return false;
  }
  return true;
}

export function recovering_in(pg: PG, inside: (o: hobject_t) => boolean): boolean {
  for (const soid of pg.recovery.recovering.keys()) if (inside(soid)) return true;
  return false;
}

/** The newest entry about an object of the range; older ones are on every member's disk. */
export function last_update_in(pg: PG, inside: (o: hobject_t) => boolean): eversion_t {
  const { log } = pg.peering.pg_log.log;
  for (let pos = log.end - 1; pos >= log.begin; pos--) {
    const e = log.at(pos);
    if (ev_le(e.version, pg.peering.last_update_ondisk)) break;
    if (inside(e.soid)) return e.version;
  }
  return EVERSION_ZERO;
}
