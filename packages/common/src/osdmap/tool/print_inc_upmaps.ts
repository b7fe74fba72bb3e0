/** The upmap changes of an incremental as the commands that make them, as osdmaptool prints them. */
import { type pg_t, spg_cmp } from "../../types/osd_types.ts";
import type { Incremental } from "../Incremental.ts";

type Upmaps = Pick<
  Incremental,
  "new_pg_upmap" | "old_pg_upmap" | "new_pg_upmap_items" | "old_pg_upmap_items"
>;

/**
 * The commands that make an incremental's changes to upmaps: what `osdmaptool --upmap FILE`
 * writes.
 */
export function print_inc_upmaps(inc: Upmaps): string {
  const sorted = (pgs: Iterable<pg_t>) => [...pgs].sort(spg_cmp);
  const set = <V>(command: string, m: ReadonlyMap<pg_t, V>, words: (v: V) => readonly number[]) =>
    sorted(m.keys()).flatMap((pg) => {
      const v = m.get(pg);
      return v === undefined ? [] : [`ceph osd ${command} ${[pg, ...words(v)].join(" ")}\n`];
    });
  return [
    ...sorted(inc.old_pg_upmap).map((pg) => `ceph osd rm-pg-upmap ${pg}\n`),
    ...set("pg-upmap", inc.new_pg_upmap, (osds) => osds),
    ...sorted(inc.old_pg_upmap_items).map((pg) => `ceph osd rm-pg-upmap-items ${pg}\n`),
    ...set("pg-upmap-items", inc.new_pg_upmap_items, (items) => items.flat()),
  ].join("");
}
