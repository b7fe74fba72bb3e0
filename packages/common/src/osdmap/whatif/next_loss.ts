/** Whose loss would hurt next: each OSD and each failure domain, by what would go with it. */
import type { CrushWrapper } from "../../crush/CrushWrapper.ts";
import { type pg_shard_t, shard_osd } from "../../types/osd_types.ts";
import type { OSDMap } from "../OSDMap.ts";
import type { judged_pg } from "./verdict.ts";

export interface next_loss {
  /** `osd.3`, or the name of a bucket. */
  readonly name: string;
  /** `osd`, `host`, ... */
  readonly type: string;
  readonly id: number;
  /** PGs of which the last copy that is up would go, or of which too few shards would be left. */
  readonly last_copy: number;
  /** PGs that would be left below min_size. */
  readonly inactive: number;
  /** PGs that would be left with exactly min_size. */
  readonly no_margin: number;
  /** PGs it serves. */
  readonly pgs: number;
}

class Tally {
  last_copy = 0;
  inactive = 0;
  no_margin = 0;
  pgs = 0;
}

/** A kind of failure domain: for each OSD the one it is in. */
interface Level {
  readonly type: string;
  readonly domain: Int32Array;
  readonly tallies: Map<number, Tally>;
}
const NOWHERE = 0x7fffffff;

function count_pg(level: Level, p: judged_pg, copies: Copies | undefined): void {
  const domain_of = (shard: pg_shard_t) => level.domain[shard_osd(shard)] ?? NOWHERE;
  const members = p.members.map(domain_of);
  const holders = copies?.holders.map(domain_of) ?? [];
  const all = copies?.holders === p.members ? members : [...members, ...holders];
  const { min_size } = p.kind.pool;
  for (let i = 0; i < all.length; i++) {
    const domain = all[i] ?? NOWHERE;
    if (domain === NOWHERE || all.indexOf(domain) !== i) continue;
    const t = tally_of(level, domain);
    let left = 0;
    for (const d of members) if (d !== domain) left++;
    if (left < members.length) {
      t.pgs++;
      if (p.pg.active !== "no" && left < min_size) t.inactive++;
      if (p.pg.active !== "no" && left === min_size) t.no_margin++;
    }
    if (copies && !copies.enough((o) => level.domain[o] !== domain)) t.last_copy++;
  }
}
function tally_of(level: Level, domain: number): Tally {
  let t = level.tallies.get(domain);
  if (!t) {
    t = new Tally();
    level.tallies.set(domain, t);
  }
  return t;
}

interface Copies {
  readonly holders: readonly pg_shard_t[];
  /** Of those on OSDs that pass. */
  enough(test: (osd: number) => boolean): boolean;
}
/** undefined: not all data can be had as it is, or nobody knows whether. */
function copies_of(map: OSDMap, p: judged_pg): Copies | undefined {
  const { touched, members, kind } = p;
  if (!touched) {
    if (p.start.missing === "unknown" || p.start.history === "unknown") return undefined;
    if (members.length < kind.needed) return undefined;
    const enough = (test: (o: number) => boolean) => {
      let left = 0;
      for (const s of members) if (test(shard_osd(s))) left++;
      return left >= kind.needed;
    };
    return { holders: members, enough };
  }
  if (touched.start.history === "unknown") return undefined;
  const is_up = (o: number) => map.is_up(o);
  if (touched.can_be_had(is_up) !== "yes") return undefined;
  const holders = [...touched.copies.keys()].filter((s) => is_up(shard_osd(s)));
  const enough = (test: (o: number) => boolean) =>
    touched.can_be_had((o) => is_up(o) && test(o)) === "yes";
  return { holders, enough };
}

/** One level for OSDs, one for each type of bucket that has something above it. */
function levels_of(map: OSDMap): Level[] {
  const { crush } = map;
  const own = Int32Array.from({ length: map.max_osd }, (_, o) => o);
  const levels: Level[] = [{ type: "osd", domain: own, tallies: new Map() }];
  for (const type of [...crush.map.type_names.keys()].sort((a, b) => a - b)) {
    if (type <= 0) continue;
    const domain = domains(crush, type, map.max_osd);
    if (domain.every((d) => d === NOWHERE)) continue;
    levels.push({ type: crush.get_type_name(type) ?? "", domain, tallies: new Map() });
  }
  return levels;
}
function domains(crush: CrushWrapper, type: number, max_osd: number): Int32Array {
  const out = new Int32Array(max_osd).fill(NOWHERE);
  for (const b of crush.map.buckets.values()) {
    if (b.type !== type || crush.is_shadow_item(b.id)) continue;
    // All of a tree is no failure domain.
    if (crush.get_parents(b.id).length === 0) continue;
    for (const o of crush.get_leaves(b.id)) if (o < max_osd) out[o] = b.id;
  }
  return out;
}

/** By type of domain, the OSDs first; in each the most painful first. Those that serve nothing not. */
export function rank_next_losses(map: OSDMap, pgs: Iterable<judged_pg>): next_loss[][] {
  const levels = levels_of(map);
  for (const p of pgs) {
    const copies = copies_of(map, p);
    for (const level of levels) count_pg(level, p, copies);
  }
  return levels.map(({ type, tallies }) => {
    const rows = [...tallies].map(([id, t]): next_loss => {
      const name = id >= 0 ? `osd.${id}` : (map.crush.get_item_name(id) ?? String(id));
      return { name, type, id, ...t };
    });
    return rows.sort(
      (a, b) =>
        b.last_copy - a.last_copy ||
        b.inactive - a.inactive ||
        b.no_margin - a.no_margin ||
        b.pgs - a.pgs ||
        Math.abs(a.id) - Math.abs(b.id),
    );
  });
}
