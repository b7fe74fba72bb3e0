/**
 * Looks into the stores: what a copy of the PG consists of, byte for byte, and what its sums should be.
 */
import { parse_hobject } from "@tako/common";
import type { PG } from "../pg/PG.ts";

/** Objects with data, attributes and omap as text, by name: equal copies give equal values. */
export function copy_of(pg: PG): Record<string, unknown> {
  const { store } = pg.host;
  const { objects } = store.collection_list(pg.coll, "MIN", "MAX", 1_000_000);
  const out: Record<string, unknown> = {};
  const show = (b: Uint8Array | undefined) => Buffer.from(b ?? []).toString("latin1");
  for (const o of objects) {
    if (o === pg.pgmeta_oid) continue;
    const keys = store.omap_list(pg.coll, o, "", "", 1_000_000)?.keys ?? [];
    const vals = store.omap_get_values(pg.coll, o, keys) ?? new Map();
    out[parse_hobject(o)?.oid ?? o] = {
      data: show(store.read(pg.coll, o, 0, 0)),
      attrs: [...(store.getattrs(pg.coll, o) ?? [])].map(([k, v]) => [k, show(v)]).sort(),
      header: show(store.omap_get_header(pg.coll, o)),
      omap: [...vals].map(([k, v]) => [k, show(v)]).sort(),
    };
  }
  return out;
}

/** What info.stats should say of what is in the store. */
export function sums_of(pg: PG): { num_objects: number; num_bytes: number } {
  const { store } = pg.host;
  const { objects } = store.collection_list(pg.coll, "MIN", "MAX", 1_000_000);
  let num_objects = 0;
  let num_bytes = 0;
  for (const o of objects) {
    if (o === pg.pgmeta_oid) continue;
    num_objects++;
    num_bytes += store.stat(pg.coll, o)?.size ?? 0;
  }
  return { num_objects, num_bytes };
}
