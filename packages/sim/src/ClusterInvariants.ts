/**
 * ClusterInvariants: what must hold between the copies of a PG, and over time, after every event.
 * Numbers are those of peering.md §12.1; what one PG can see by itself is checked in the OSD
 * (osd_debug_check_invariants). Only reads.
 */
import {
  ev_cmp,
  ev_lt,
  ev_str,
  type eversion_t,
  hobject_cmp,
  type hobject_t,
  InvariantError,
  type pg_shard_t,
  shard_osd,
} from "@tako/common";
import type { OSD, PG } from "@tako/osd";
import type { World } from "./World.ts";

/** What a PG instance was like after the last event. */
interface Past {
  readonly interval: number;
  readonly settled: boolean;
  readonly last_update: eversion_t;
  readonly last_backfill: hobject_t;
  readonly les: number;
  readonly history_les: number;
  readonly lec: number;
}

export class ClusterInvariants {
  readonly #world: World;
  /** Of this life of the process: what a crash takes back may begin anew. */
  #past = new WeakMap<PG, Past>();

  constructor(world: World) {
    this.#world = world;
  }

  check(): void {
    const since = new Map<string, { osd: number; text: string }>();
    const bounds = this.#world.running_osds.map(
      (o) => o.superblock.cluster_osdmap_trim_lower_bound,
    );
    const settled = Math.max(0, ...bounds);
    for (const osd of this.#world.running_osds) {
      this.#check_osd(osd);
      for (const pg of osd.pgs.all()) {
        this.#check_over_time(osd, pg);
        check_same_history(since, osd, pg, settled);
        if (pg.is_primary() && pg.peering.is_active()) this.#check_members(osd, pg);
      }
    }
  }

  /** I21, I22 */
  #check_osd(osd: OSD): void {
    const max = osd.config.get("osd_max_backfills");
    const { local_reserver, remote_reserver, published } = osd.service;
    for (const r of [local_reserver, remote_reserver]) {
      if (r.granted_count > max) fail("I21: too many reservations", osd, { dump: r.dump() });
    }
    const epoch = published?.epoch ?? 0;
    if (epoch > osd.superblock.newest_map) fail("I22: a map was published that is not stored", osd);
    for (const pg of osd.pgs.all()) {
      if (pg.osdmap_epoch > epoch) fail("I22: a PG is ahead of the published map", osd);
    }
  }

  /** I4, I6, I18 */
  #check_over_time(osd: OSD, pg: PG): void {
    const p = pg.peering;
    const h = p.info.history;
    const now: Past = {
      interval: h.same_interval_since,
      settled: p.is_peered(),
      last_update: p.info.last_update,
      last_backfill: p.info.last_backfill,
      les: p.info.last_epoch_started,
      history_les: h.last_epoch_started,
      lec: h.last_epoch_clean,
    };
    const was = this.#past.get(pg);
    this.#past.set(pg, now);
    if (!was) return;
    const same = was.settled && now.settled && was.interval === now.interval;
    if (same && ev_lt(now.last_update, was.last_update)) {
      fail("I4: last_update went back while active", osd, { was, now });
    }
    if (same && hobject_cmp(now.last_backfill, was.last_backfill) < 0) {
      fail("I18: last_backfill went back", osd, { was, now });
    }
    if (now.les < was.les && now.last_backfill !== "MIN") {
      fail("I6: last_epoch_started went back", osd, { was, now });
    }
    if (now.history_les < was.history_les || now.lec < was.lec) {
      fail("I6: history went back", osd, { was, now });
    }
  }

  /** The member of an active primary's PG, if it is in the primary's interval by now. */
  #member(pg: PG, shard: pg_shard_t): PG | undefined {
    const id = shard_osd(shard);
    const osd = this.#world.osd(id);
    const map = pg.osdmap;
    if (osd?.boot.state !== "active" || osd.boot.up_epoch !== map.get_up_from(id)) return;
    if (!map.is_up(id)) return;
    const member = osd.pgs.get(pg.peering.peer_spg(shard));
    const since = pg.peering.info.history.same_interval_since;
    return member?.peering.info.history.same_interval_since === since ? member : undefined;
  }
  /** I7/I8, I10, I12 */
  #check_members(osd: OSD, pg: PG): void {
    const p = pg.peering;
    for (const shard of pg.peers) {
      const member = this.#member(pg, shard)?.peering;
      if (!member || member.last_peering_reset > pg.osdmap_epoch) continue;
      if (!member.is_peered()) {
        fail("I8: active before a member has activated", osd, { shard, is: member.state_name });
      }
      // Of a copy that is being filled, last_epoch_started counts for nothing.
      const les = member.info.last_epoch_started;
      if (p.is_acting(shard) && les < p.info.history.last_epoch_started) {
        fail("I7: a member has not stored the epoch the PG started at", osd, { shard });
      }
      if (ev_lt(member.info.last_update, p.last_update_ondisk)) {
        fail("I10: a member lacks an entry that counts as committed by all", osd, { shard });
      }
      this.#check_peer_missing(osd, pg, shard, member);
    }
  }
  /** I12: at least what the member misses; exactly that when nothing is on its way. */
  #check_peer_missing(osd: OSD, pg: PG, shard: pg_shard_t, member: PG["peering"]): void {
    const view = pg.peering.peer_missing.get(shard);
    // Entries without data (objects given up as lost) change the view when they are sent.
    if (ev_lt(member.info.last_update, pg.peering.info.last_update)) return;
    for (const [soid, item] of member.missing.get_items()) {
      const seen = view?.get(soid);
      if (seen && ev_cmp(seen.need, item.need) === 0 && seen.is_delete === item.is_delete) continue;
      fail("I12: a member misses what its primary does not know of", osd, {
        shard,
        soid,
        own: ev_str(item.need),
        view: seen && ev_str(seen.need),
      });
    }
    // Copies that turned out to be bad are there, and count as missing.
    if (pg.recovery.recovering.size > 0 || !view || pg.peering.state_test("repair")) return;
    for (const soid of view.get_items().keys()) {
      if (member.missing.is_missing(soid)) continue;
      fail("I12: the primary takes an object for missing that is there", osd, { shard, soid });
    }
  }

  /** I5, I22: dearer, for moments when nothing moves. */
  check_quiet(): void {
    for (const osd of this.#world.running_osds) {
      const { oldest_map, newest_map } = osd.superblock;
      for (let e = oldest_map; e <= newest_map; e++) {
        if (!osd.maps.try_get_map(e)) fail("I22: a map in the range is not stored", osd, { e });
      }
      for (const pg of osd.pgs.all()) if (pg.is_primary()) this.#check_logs(osd, pg);
    }
  }
  #check_logs(osd: OSD, pg: PG): void {
    const mine = entries_of(pg);
    for (const shard of pg.peers) {
      const member = this.#member(pg, shard);
      if (!member) continue;
      const theirs = entries_of(member);
      const n = Math.min(mine.length, theirs.length);
      const alike = n === 0 || mine.slice(-n).join() === theirs.slice(-n).join();
      if (!alike) fail("I5: logs differ where they overlap", osd, { shard, mine, theirs });
    }
  }
}

function entries_of(pg: PG): string[] {
  return [...pg.peering.pg_log.log.log].map((e) => `${ev_str(e.version)} ${e.op} ${e.soid}`);
}

/**
 * I14: what comes from maps only is the same wherever the PG stands at the same map. Who had to skip
 * maps that the monitor has trimmed takes a change among them for one at the first it gets (`settled`).
 */
function check_same_history(
  since: Map<string, { osd: number; text: string }>,
  osd: OSD,
  pg: PG,
  settled: number,
): void {
  const { same_interval_since, same_up_since, same_primary_since } = pg.peering.info.history;
  const key = `${pg.spgid} ${pg.osdmap_epoch}`;
  const text = [same_interval_since, same_up_since, same_primary_since]
    .map((e) => Math.max(e, settled))
    .join(" ");
  const other = since.get(key);
  if (other === undefined) since.set(key, { osd: osd.whoami, text });
  else if (other.text !== text) {
    fail("I14: same_*_since differ at one map", osd, { pg: key, text, other });
  }
}

function fail(what: string, osd: OSD, detail: Record<string, unknown> = {}): never {
  throw new InvariantError(what, { osd: osd.whoami, epoch: osd.osdmap_epoch, ...detail });
}
