/**
 * All copies of a PG hold the same bytes, attributes and keys; all shards chunks that belong together;
 * every object is where its hash puts it. For moments when nothing moves (I26 of peering.md §12.1).
 */
import {
  hobject_hash,
  type hobject_t,
  InvariantError,
  is_erasure,
  type OSDMap,
  pg_pool,
  pg_t,
} from "@tako/common";
import type { MemStore } from "@tako/osd";
import type { World } from "./World.ts";

interface Copy {
  readonly osd: number;
  readonly store: MemStore;
  readonly coll: string;
  /** Of clients; not the PG's metadata. */
  readonly objects: readonly hobject_t[];
}

export function check_copies(w: World, map: OSDMap, pgid: pg_t): void {
  const { acting } = map.pg_to_up_acting_osds(pgid);
  const pool = map.get_pg_pool(pg_pool(pgid));
  const erasure = pool !== undefined && is_erasure(pool);
  const copies = acting
    .map((osd, i) => ({ osd, coll: erasure ? `${pgid}s${i}_head` : `${pgid}_head` }))
    // Holes of erasure-coded sets.
    .filter(({ osd }) => w.osd_ids.includes(osd))
    .map(({ osd, coll }) => {
      const store = w.store(osd);
      return { osd, store, coll, objects: objects_of(store, coll) };
    });
  const first = copies[0];
  if (!first) return;
  check_placement(map, pgid, first);
  for (const c of copies.slice(1)) {
    if (same_names(first.objects, c.objects)) continue;
    const only = (x: Copy, y: Copy) => x.objects.filter((o) => !y.objects.includes(o));
    fail("copies hold different objects", pgid, [first, c], {
      only_first: only(first, c),
      only_second: only(c, first),
    });
  }
  for (const o of first.objects) {
    for (const c of copies.slice(1)) check_attrs(pgid, first, c, o);
    if (erasure && copies.length === acting.length) check_chunks(w, pgid, copies, o);
    if (erasure) continue;
    for (const c of copies.slice(1)) check_content(pgid, first, c, o);
  }
}

/** Every object is in the PG that its hash and the pool's pg_num name. */
function check_placement(map: OSDMap, pgid: pg_t, c: Copy): void {
  for (const o of c.objects) {
    const belongs = map.raw_pg_to_pg(pg_t(pg_pool(pgid), hobject_hash(o)));
    if (belongs !== pgid) fail("an object is in the wrong PG", pgid, [c], { object: o, belongs });
  }
}
function objects_of(store: MemStore, coll: string): hobject_t[] {
  const { objects } = store.collection_list(coll, "MIN", "MAX", Number.MAX_SAFE_INTEGER);
  return objects.filter((o) => !o.endsWith(":::head"));
}

// ---------------------------------------------------------------- one object

function check_attrs(pgid: pg_t, a: Copy, b: Copy, o: hobject_t): void {
  const x = a.store.getattrs(a.coll, o) ?? new Map();
  const y = b.store.getattrs(b.coll, o) ?? new Map();
  const differs = first_difference(x, y);
  if (differs) fail("attributes differ", pgid, [a, b], { object: o, ...differs });
}

/** Replicas: data, keys and header, byte for byte. */
function check_content(pgid: pg_t, a: Copy, b: Copy, o: hobject_t): void {
  const x = a.store.read(a.coll, o, 0, 0);
  const y = b.store.read(b.coll, o, 0, 0);
  if (!same_bytes(x, y)) {
    fail("copies differ", pgid, [a, b], { object: o, first: show(x), second: show(y) });
  }
  const differs = first_difference(omap_of(a, o), omap_of(b, o));
  if (differs) fail("keys differ", pgid, [a, b], { object: o, ...differs });
}
function omap_of({ store, coll }: Copy, o: hobject_t): Map<string, Uint8Array> {
  const keys = store.omap_list(coll, o, "", "", 1 << 20)?.keys ?? [];
  const all = new Map(keys.length > 0 ? store.omap_get_values(coll, o, keys) : []);
  const header = store.omap_get_header(coll, o);
  // No key is empty.
  if (header && header.length > 0) all.set("", header);
  return all;
}

/** Shards: the coding chunks are those of the data chunks. */
function check_chunks(w: World, pgid: pg_t, copies: readonly Copy[], o: hobject_t): void {
  const ec = copies[0] && w.osd(copies[0].osd)?.pgs.get(`${pgid}s0`)?.ec;
  if (!ec) fail("no shard 0 of an erasure-coded PG", pgid, copies, {});
  const all = copies.map((c) => c.store.read(c.coll, o, 0, 0) ?? new Uint8Array(0));
  const coding = all.slice(ec.k).map((c) => new Uint8Array(c.length));
  ec.code.encode_chunks(all.slice(0, ec.k), coding);
  for (const [i, chunk] of coding.entries()) {
    if (same_bytes(chunk, all[ec.k + i])) continue;
    fail("chunks differ", pgid, copies, { object: o, chunk: ec.k + i });
  }
}

// ---------------------------------------------------------------- bytes

function same_names(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}
function same_bytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
function first_difference(
  a: ReadonlyMap<string, Uint8Array>,
  b: ReadonlyMap<string, Uint8Array>,
): Record<string, string> | undefined {
  for (const name of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    const [x, y] = [a.get(name), b.get(name)];
    if (!same_bytes(x, y)) return { name, first: show(x), second: show(y) };
  }
  return undefined;
}
function show(b: Uint8Array | undefined): string {
  if (!b) return "none";
  const text = new TextDecoder("latin1").decode(b.subarray(0, 200));
  return JSON.stringify(b.length > 200 ? `${text}… (${b.length})` : text);
}

function fail(
  what: string,
  pgid: pg_t,
  copies: readonly Copy[],
  detail: Record<string, unknown>,
): never {
  const osds = copies.map((c) => c.osd);
  throw new InvariantError(`after faults stopped: ${what}`, { pg: pgid, osds, ...detail });
}
