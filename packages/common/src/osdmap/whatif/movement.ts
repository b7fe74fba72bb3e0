/**
 * What has to be copied: shards that come to be where they were not, against the fewest that any
 * placement would have to move.
 */
import { pg_pool, type pg_shard_t, type pg_t, shard_osd } from "../../types/osd_types.ts";
import type { OSDMap } from "../OSDMap.ts";
import type { ImaginedCluster } from "./ImaginedCluster.ts";
import type { ImaginedPG } from "./ImaginedPG.ts";
import type { pg_dump } from "./pg_dump.ts";

export interface moved_amount {
  readonly pgs: number;
  /** Copies of replicated PGs, shards of erasure-coded ones. */
  readonly shards: number;
  /** null without a PG dump. */
  readonly bytes: number | null;
}
export interface whatif_movement extends moved_amount {
  /** Of these, copied in `settle` steps. */
  readonly done: moved_amount;
  /** Of these, in PGs that cannot copy anything as they are: down, incomplete, without primary. */
  readonly blocked: moved_amount;
  /**
   * The fewest that would do: what is on OSDs that are down or out has to be made anew elsewhere, as
   * far as the map has room for it.
   */
  readonly lower_bound: moved_amount;
  /** PGs that move of which the PG dump does not say the size: in shards, not in bytes. */
  readonly pgs_of_unknown_size: number;
}

class Sum {
  pgs = 0;
  shards = 0;
  bytes = 0;
  add(shards: number, bytes: number): void {
    if (shards === 0) return;
    this.pgs++;
    this.shards += shards;
    this.bytes += bytes * shards;
  }
  amount(with_bytes: boolean): moved_amount {
    return { pgs: this.pgs, shards: this.shards, bytes: with_bytes ? this.bytes : null };
  }
}

export function get_movement(cluster: ImaginedCluster, dump: pg_dump | undefined): whatif_movement {
  const [all, done, blocked, bound] = [new Sum(), new Sum(), new Sum(), new Sum()];
  let pgs_of_unknown_size = 0;
  for (const pg of cluster.touched()) {
    const size = shard_bytes(cluster, pg.pgid, dump);
    const left = shards_to_come(pg).length;
    const moved = pg.created + left;
    if (moved > 0 && size === undefined) pgs_of_unknown_size++;
    all.add(moved, size ?? 0);
    done.add(pg.created, size ?? 0);
    if (!["peered", "unknown"].includes(pg.outcome.state)) blocked.add(left, size ?? 0);
    bound.add(fewest(pg, cluster.map), size ?? 0);
  }
  const with_bytes = dump !== undefined;
  return {
    ...all.amount(with_bytes),
    done: done.amount(with_bytes),
    blocked: blocked.amount(with_bytes),
    lower_bound: bound.amount(with_bytes),
    pgs_of_unknown_size: with_bytes ? pgs_of_unknown_size : 0,
  };
}

/** Size of one copy, or of one shard. */
function shard_bytes(
  cluster: ImaginedCluster,
  pgid: pg_t,
  dump: pg_dump | undefined,
): number | undefined {
  const bytes = dump?.pgs.get(pgid)?.num_bytes;
  const kind = cluster.kinds.get(pg_pool(pgid));
  if (bytes === undefined || !kind) return undefined;
  return kind.ec ? Math.ceil(bytes / kind.needed) : bytes;
}

/** Who had all of the PG, or may have had. */
function first_holders(pg: ImaginedPG): Set<pg_shard_t> {
  const holders = new Set([...pg.shards(pg.start.at.acting), ...pg.start.absent]);
  if (pg.start.history === "unknown") for (const s of pg.shards(pg.start.at.up)) holders.add(s);
  return holders;
}

/** Members of up that have no whole copy, be it an old one: that would be brought up by log. */
export function shards_to_come(pg: ImaginedPG): pg_shard_t[] {
  if (pg.start.history === "unknown") {
    const holders = first_holders(pg);
    return pg.shards(pg.cur.up).filter((s) => !holders.has(s));
  }
  return pg.shards(pg.cur.up).filter((s) => !pg.is_whole(s));
}

/** As many as the map has found places for, less those that need not move. */
function fewest(pg: ImaginedPG, map: OSDMap): number {
  const places = new Set(pg.shards(pg.cur.up));
  const may_stay = [...first_holders(pg)].filter((s) => {
    const o = shard_osd(s);
    // There are rules that place on an OSD whether it is in or not.
    return (map.is_up(o) && map.is_in(o)) || places.has(s);
  });
  return Math.max(0, places.size - may_stay.length);
}
