/** What recovery and backfill of an imagined PG come to, once there is time for them. */
import { shard_osd } from "../../types/osd_types.ts";
import type { OSDMap } from "../OSDMap.ts";
import type { ImaginedPG } from "./ImaginedPG.ts";

/** Copies all that can be copied. True if the PG has to peer again because of it. */
export function recover_pg(pg: ImaginedPG, map: OSDMap): boolean {
  if (pg.outcome.state !== "peered") return false;
  const is_up = (o: number) => map.is_up(o);
  const can_be_had = (lo: number, hi: number) => pg.can_be_had(is_up, lo, hi) === "yes";
  if (pg.can_be_had(is_up) === "unknown") resolve_unknown(pg, map);
  const members = pg.shards(pg.cur.acting).flatMap((s) => pg.copies.get(s) ?? []);
  // First all is decided, then it is done: what one copy lacks it may get from another.
  const left = members.map((c) => c.lacks.filter((l) => !can_be_had(l.lo, l.hi)));
  members.forEach((c, i) => {
    c.lacks = left[i] ?? [];
  });
  if (pg.can_be_had(is_up) !== "yes") return false;
  let filled = false;
  for (const s of pg.shards(pg.cur.up)) {
    const c = pg.copies.get(s);
    if (!c || c.complete) continue;
    pg.copies.set(s, { ...c, complete: true, lacks: [], last_update: pg.version });
    pg.created++;
    filled = true;
  }
  if (!filled) become_clean(pg, map);
  return filled;
}

/** The members together have all, as long as none of the first ones is gone. */
function resolve_unknown(pg: ImaginedPG, map: OSDMap): void {
  const first = pg.shards(pg.start.at.acting);
  if (!first.every((s) => map.is_up(shard_osd(s)))) return;
  for (const s of first) {
    const c = pg.copies.get(s);
    if (c) c.lacks = c.lacks.filter((l) => l.sure);
  }
}

function become_clean(pg: ImaginedPG, map: OSDMap): void {
  // Also where CRUSH finds fewer OSDs for it than serve it by pg_temp.
  const members = pg.shards(pg.cur.acting);
  if (members.length !== pg.kind.pool.size) return;
  pg.past.clear();
  pg.last_epoch_clean = map.epoch;
  // Strays that are there are told to remove their copies.
  for (const s of [...pg.copies.keys()]) {
    if (map.is_up(shard_osd(s)) && !members.includes(s)) pg.copies.delete(s);
  }
}
