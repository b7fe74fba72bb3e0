/**
 * OSDs that are in but down, and the CRUSH buckets of which nothing that is in is up.
 * Ceph counterpart: the first part of OSDMap::check_health, OSDMap::subtree_type_is_down.
 */
import type { CrushWrapper } from "../../crush/CrushWrapper.ts";
import { CEPH_OSD_NEW } from "../flags.ts";
import type { OSDMap } from "../OSDMap.ts";

/** In the order of their making: highest id first. */
export interface down_bucket {
  readonly id: number;
  readonly num_osds: number;
}
export interface down_subtrees {
  /** The type of roots. */
  readonly max_type: number;
  /** Highest type first; only those with a bucket that is down. */
  readonly by_type: readonly {
    readonly type: number;
    readonly type_name: string;
    readonly buckets: readonly down_bucket[];
  }[];
  /** Ascending. */
  readonly osds: readonly number[];
}

/** `root=default,rack=r1,host=h2`: the ancestors of an item, nearest last. */
export function location_text(crush: CrushWrapper, id: number): string {
  const loc = [...crush.get_full_location(id)].reverse();
  return loc.map(([type, name]) => `${type}=${name}`).join(",");
}

class Search {
  readonly #m: OSDMap;
  readonly down_in_osds = new Set<number>();
  readonly #up_in_osds = new Set<number>();
  readonly #subtree_up = new Set<number>();
  /** By type. */
  readonly down = new Map<number, Set<number>>();

  constructor(m: OSDMap) {
    this.#m = m;
  }

  /** From a down OSD upwards, as long as nothing below is up. */
  climb(osd: number): void {
    if (this.down_in_osds.has(osd) || this.#up_in_osds.has(osd) || this.#m.is_up(osd)) return;
    this.down_in_osds.add(osd);
    const { crush } = this.#m;
    let current = crush.get_immediate_parent_id(osd);
    for (let n = crush.map.buckets.size; current !== undefined && n > 0; n--) {
      if (this.#subtree_up.has(current) || !this.#is_down(current)) return;
      current = crush.get_immediate_parent_id(current);
    }
  }

  #is_down(id: number): boolean {
    const m = this.#m;
    if (id >= 0) {
      const down = m.is_down(id);
      if (m.is_in(id)) (down ? this.down_in_osds : this.#up_in_osds).add(id);
      return down;
    }
    const type = m.crush.get_item_type(id);
    const known = this.down.get(type) ?? new Set<number>();
    this.down.set(type, known);
    if (known.has(id)) return true;
    for (const item of m.crush.get_bucket(id)?.items ?? []) {
      if (this.#is_down(item)) continue;
      this.#subtree_up.add(id);
      return false;
    }
    known.add(id);
    return true;
  }
}

export function find_down_subtrees(m: OSDMap): down_subtrees {
  const search = new Search(m);
  for (let o = 0; o < m.max_osd; o++) {
    if (m.is_in(o) && (m.get_state(o) & CEPH_OSD_NEW) === 0) search.climb(o);
  }
  const { crush } = m;
  const num_osds = new Map<number, number>();
  const types = [...crush.map.type_names.keys()].filter((t) => t > 0).sort((a, b) => a - b);
  const by_type = types.map((type) => {
    const ids = [...(search.down.get(type) ?? [])].sort((a, b) => b - a);
    const buckets = ids.map((id) => {
      const items = crush.get_bucket(id)?.items ?? [];
      const n = items.reduce((sum, i) => sum + (i >= 0 ? 1 : (num_osds.get(i) ?? 0)), 0);
      num_osds.set(id, n);
      return { id, num_osds: n };
    });
    return { type, type_name: crush.get_type_name(type) ?? "", buckets };
  });
  return {
    max_type: types.at(-1) ?? 0,
    by_type: by_type.filter((t) => t.buckets.length > 0).reverse(),
    osds: [...search.down_in_osds].sort((a, b) => a - b),
  };
}
