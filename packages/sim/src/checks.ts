/**
 * What must hold of a cluster once faults have stopped (I26 of peering.md §12.1): all PGs clean, all
 * copies the same, nothing left over.
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
import { COLL_META, type MemStore, type OSD, type PG } from "@tako/osd";
import type { World } from "./World.ts";

/** PGs of all pools in `map`. */
export function all_pgs(map: OSDMap): pg_t[] {
  return [...map.pools.keys()].sort((a, b) => a - b).flatMap((id) => [...map.get_pgs(id)]);
}

function primary_of(w: World, map: OSDMap, pgid: pg_t): PG | undefined {
  const { acting_primary } = map.pg_to_up_acting_osds(pgid);
  if (acting_primary < 0) return undefined;
  const pg = w.osd(acting_primary)?.pgs.find_primary(pgid);
  return pg?.is_primary() ? pg : undefined;
}

/** Why the cluster is not all active+clean; undefined when it is. */
export function why_not_clean(w: World): string | undefined {
  if (!w.mon_running) return "no monitor";
  const map = w.osdmap;
  for (const o of w.running_osds) {
    if (!map.is_up(o.whoami)) return `osd.${o.whoami} is not up`;
    if (o.osdmap_epoch !== map.epoch) return `osd.${o.whoami} lacks the newest map`;
  }
  for (const pgid of all_pgs(map)) {
    const pg = primary_of(w, map, pgid);
    const state = pg?.peering.get_pg_state_string() ?? "no primary";
    if (state !== "active+clean") return `pg ${pgid} is ${state}`;
  }
  return undefined;
}

export function check_quiescent(w: World): void {
  const map = w.osdmap;
  if (map.pg_temp.size > 0) fail("pg_temp left", { pg_temp: [...map.pg_temp] });
  for (const osd of w.running_osds) check_osd(w, osd, map);
  for (const pgid of all_pgs(map)) check_pg(w, map, pgid);
}

function check_osd(w: World, osd: OSD, map: OSDMap): void {
  const id = osd.whoami;
  for (const r of [osd.service.local_reserver, osd.service.remote_reserver]) {
    if (r.granted_count > 0) fail("reservations left", { osd: id, dump: r.dump() });
  }
  if (osd.recovery.in_flight > 0) fail("recovery ops left", { osd: id });
  for (const pg of osd.pgs.all()) {
    const { acting } = map.pg_to_up_acting_osds(pg.pgid);
    if (!acting.includes(id)) fail("stray left", { osd: id, pg: pg.spgid });
    const p = pg.peering;
    p.check_invariants();
    if (p.missing.num_missing() > 0) fail("missing left", { osd: id, pg: pg.spgid });
    if (!p.past_intervals.empty()) {
      fail("past_intervals left", { osd: id, pg: pg.spgid, past: p.past_intervals.to_wire() });
    }
  }
  for (const c of w.store(id).list_collections()) {
    if (c === COLL_META || c.endsWith("_head")) continue;
    const { objects } = w.store(id).collection_list(c, "MIN", "MAX", 10);
    if (objects.length > 0) fail("temporary objects left", { osd: id, coll: c, objects });
  }
}

function check_pg(w: World, map: OSDMap, pgid: pg_t): void {
  const { acting } = map.pg_to_up_acting_osds(pgid);
  const pool = map.get_pg_pool(pg_pool(pgid));
  const erasure = pool !== undefined && is_erasure(pool);
  for (const [i, o] of acting.entries()) {
    check_placement(w, map, pgid, o, erasure ? `${pgid}s${i}_head` : `${pgid}_head`);
  }
  if (erasure) return check_shards(w, pgid, acting);
  const copies = acting.map((o) => ({ osd: o, text: copy_of(w.store(o), `${pgid}_head`) }));
  const first = copies[0];
  for (const c of copies) {
    if (first && c.text !== first.text) {
      const differs = first_difference(first.text, c.text);
      fail("copies differ", { pg: pgid, osds: [first.osd, c.osd], ...differs });
    }
  }
}
/** All shards hold the same objects, and chunks that belong together. */
function check_shards(w: World, pgid: pg_t, acting: readonly number[]): void {
  const shards = acting.map((osd, i) => ({ osd, coll: `${pgid}s${i}_head` }));
  const names = shards.map(({ osd, coll }) => objects_of(w.store(osd), coll).join("\n"));
  if (names.some((n) => n !== names[0])) fail("shards hold different objects", { pg: pgid, names });
  const first = shards[0];
  if (!first) return;
  const ec = w.osd(first.osd)?.pgs.get(`${pgid}s0`)?.ec;
  if (!ec) fail("no shard 0 of an erasure-coded PG", { pg: pgid, osd: first.osd });
  for (const o of objects_of(w.store(first.osd), first.coll)) {
    const chunks = shards.map(({ osd, coll }) => w.store(osd).read(coll, o, 0, 0));
    const all = chunks.map((c) => c ?? new Uint8Array(0));
    const coding = all.slice(ec.k).map((c) => new Uint8Array(c.length));
    ec.code.encode_chunks(all.slice(0, ec.k), coding);
    const seen = all.slice(ec.k).map(to_hex).join();
    if (seen !== coding.map(to_hex).join()) fail("chunks differ", { pg: pgid, object: o });
    const attrs = shards.map(({ osd, coll }) => attrs_text(w.store(osd), coll, o));
    if (attrs.some((a) => a !== attrs[0]))
      fail("attributes differ", { pg: pgid, object: o, attrs });
  }
}
function attrs_text(store: MemStore, coll: string, o: hobject_t): string {
  const attrs = [...(store.getattrs(coll, o) ?? [])].sort();
  return attrs.map(([k, v]) => `${k}=${to_hex(v)}`).join();
}

/** Every object is in the PG that its hash and the pool's pg_num name. */
function check_placement(w: World, map: OSDMap, pgid: pg_t, osd: number, coll: string): void {
  for (const o of objects_of(w.store(osd), coll)) {
    const belongs = map.raw_pg_to_pg(pg_t(pg_pool(pgid), hobject_hash(o)));
    if (belongs !== pgid)
      fail("an object is in the wrong PG", { osd, pg: pgid, object: o, belongs });
  }
}
/** Objects of clients; not the PG's metadata. */
function objects_of(store: MemStore, coll: string): hobject_t[] {
  const { objects } = store.collection_list(coll, "MIN", "MAX", Number.MAX_SAFE_INTEGER);
  return objects.filter((o) => !o.endsWith(":::head"));
}

function first_difference(a: string, b: string): Record<string, unknown> {
  const x = a.split("\n");
  const y = b.split("\n");
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    if (x[i] !== y[i]) return { a: x[i], b: y[i] };
  }
  return {};
}

/** Every object of a collection with its bytes, attributes and omap, as text. PG metadata left out. */
function copy_of(store: MemStore, coll: string): string {
  const hex = (b: Uint8Array | undefined) => (b ? to_hex(b) : "-");
  const lines: string[] = [];
  for (const o of objects_of(store, coll)) {
    const attrs = [...(store.getattrs(coll, o) ?? [])].sort().map(([k, v]) => `${k}=${hex(v)}`);
    const keys = store.omap_list(coll, o, "", "", 1 << 20)?.keys ?? [];
    const omap = keys.map((k) => `${k}=${hex(store.omap_get_values(coll, o, [k])?.get(k))}`);
    lines.push(`${o} ${hex(store.read(coll, o, 0, 0))} {${attrs}} {${omap}}`);
  }
  return lines.join("\n");
}

function fail(what: string, detail: Record<string, unknown>): never {
  throw new InvariantError(`after faults stopped: ${what}`, detail);
}

function to_hex(b: Uint8Array): string {
  return Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
}
