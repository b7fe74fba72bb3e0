/**
 * ClusterInvariants: what must hold between the copies of a PG, and over time, after every event.
 * Numbers are those of peering.md §12.1; what one PG can see by itself is checked in the OSD
 * (osd_debug_check_invariants). Only reads.
 */
import {
  type epoch_t,
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

/** What a PG instance was like after the last event that reached it. */
interface Past {
  interval: number;
  up_since: number;
  primary_since: number;
  epoch: epoch_t;
  settled: boolean;
  last_update: eversion_t;
  last_backfill: hobject_t;
  les: number;
  history_les: number;
  lec: number;
}
/** What decides who is a member of what, beside the PGs themselves. */
interface Life {
  readonly osd: OSD;
  readonly state: string;
  readonly up_epoch: epoch_t;
}

export class ClusterInvariants {
  readonly #world: World;
  /** Of this life of the process: what a crash takes back may begin anew. */
  readonly #past = new WeakMap<PG, Past>();
  /** Of all running OSDs, in their order. */
  #lives: Life[] = [];
  /** PGs that the event has reached. */
  readonly #touched = new Set<PG>();

  /** From now on `world` tells which PGs an event reaches. */
  constructor(world: World) {
    this.#world = world;
    world.on_pg_turn = (pg) => this.#touched.add(pg);
  }

  /** All PGs of all OSDs. */
  check(): void {
    this.#touched.clear();
    for (const osd of this.#world.running_osds) {
      this.#check_osd(osd);
      for (const pg of osd.pgs.all()) this.#check_pg(osd, pg);
    }
  }

  /**
   * What the last event can have broken; finds what check() finds. An OSD changes a PG in the PG's
   * turns only, and whom it counts as a member changes with the map of the PG or an OSD's life.
   */
  check_touched(): void {
    if (!this.#check_living()) {
      this.#lives = this.#world.running_osds.map((osd) => {
        const { state, up_epoch } = osd.boot;
        return { osd, state, up_epoch };
      });
      this.check();
      return;
    }
    if (this.#touched.size === 0) return;
    for (const pg of this.#touched) {
      const osd = this.#world.osd(pg.host.whoami);
      // A process that has died takes its PGs with it.
      if (osd?.pgs.get(pg.spgid) !== pg) continue;
      this.#check_pg(osd, pg);
      if (!pg.is_primary()) this.#check_primary_of(pg);
    }
    this.#touched.clear();
  }
  /** False: not all OSDs that ran after the last event run, in the same state, and nobody else. */
  #check_living(): boolean {
    // Asked after each event: one walk.
    const { running_osds } = this.#world;
    const lives = this.#lives;
    if (running_osds.length !== lives.length) return false;
    for (let i = 0; i < lives.length; i++) {
      const life = lives[i] as Life;
      if (life.osd !== running_osds[i] || !is_same(life)) return false;
      this.#check_osd(life.osd);
    }
    return true;
  }
  #check_pg(osd: OSD, pg: PG): void {
    if (pg.osdmap_epoch > osd.osdmap_epoch) {
      fail("I22: a PG is ahead of the published map", osd, { pg: pg.spgid });
    }
    if (this.#check_over_time(osd, pg)) this.#check_same_history(osd, pg);
    if (pg.is_primary() && pg.peering.is_active()) this.#check_members(osd, pg);
  }
  /** What its primary thinks of a PG that has changed. */
  #check_primary_of(pg: PG): void {
    const { primary } = pg.peering;
    if (primary === null) return;
    const osd = this.#world.osd(shard_osd(primary));
    const leader = osd?.pgs.get(pg.peering.peer_spg(primary));
    if (!osd || !leader?.is_primary() || !leader.peering.is_active()) return;
    if (leader.peers.includes(pg.whoami)) this.#check_member(osd, leader, pg.whoami);
  }

  /** I21, I22 */
  #check_osd(osd: OSD): void {
    const { local_reserver, remote_reserver } = osd.service;
    const granted = Math.max(local_reserver.granted_count, remote_reserver.granted_count);
    if (granted > 0 && granted > osd.config.get("osd_max_backfills")) {
      const dump = [local_reserver.dump(), remote_reserver.dump()];
      fail("I21: too many reservations", osd, { dump });
    }
    if (osd.osdmap_epoch > osd.superblock.newest_map) {
      fail("I22: a map was published that is not stored", osd);
    }
  }

  /** I4, I6, I18. False: what comes from maps is as it was. */
  #check_over_time(osd: OSD, pg: PG): boolean {
    const { info } = pg.peering;
    const settled = pg.peering.is_peered();
    const was = this.#past.get(pg);
    if (!was) {
      this.#past.set(pg, past_of(pg));
      return true;
    }
    const h = info.history;
    const same = was.settled && settled && was.interval === h.same_interval_since;
    if (same && ev_lt(info.last_update, was.last_update)) {
      fail("I4: last_update went back while active", osd, { was, now: past_of(pg) });
    }
    if (
      same &&
      info.last_backfill !== was.last_backfill &&
      hobject_cmp(info.last_backfill, was.last_backfill) < 0
    ) {
      fail("I18: last_backfill went back", osd, { was, now: past_of(pg) });
    }
    if (info.last_epoch_started < was.les && info.last_backfill !== "MIN") {
      fail("I6: last_epoch_started went back", osd, { was, now: past_of(pg) });
    }
    if (h.last_epoch_started < was.history_les || h.last_epoch_clean < was.lec) {
      fail("I6: history went back", osd, { was, now: past_of(pg) });
    }
    const moved =
      was.epoch !== pg.osdmap_epoch ||
      was.interval !== h.same_interval_since ||
      was.up_since !== h.same_up_since ||
      was.primary_since !== h.same_primary_since;
    note(was, pg);
    return moved;
  }

  /**
   * I14: what comes from maps only is the same wherever the PG stands at the same map. Who had to skip
   * maps that the monitor has trimmed takes a change among them for one at the first it gets.
   */
  #check_same_history(osd: OSD, pg: PG): void {
    const epoch = pg.osdmap_epoch;
    const mine = pg.peering.info.history;
    for (const other of this.#world.running_osds) {
      const copy = other === osd ? undefined : other.pgs.get(pg.spgid);
      if (copy?.osdmap_epoch !== epoch) continue;
      const theirs = copy.peering.info.history;
      const settled = this.#settled();
      const alike =
        Math.max(mine.same_interval_since, settled) ===
          Math.max(theirs.same_interval_since, settled) &&
        Math.max(mine.same_up_since, settled) === Math.max(theirs.same_up_since, settled) &&
        Math.max(mine.same_primary_since, settled) === Math.max(theirs.same_primary_since, settled);
      if (alike) continue;
      const detail = { pg: pg.spgid, at: epoch, mine, other: other.whoami, theirs };
      fail("I14: same_*_since differ at one map", osd, detail);
    }
  }
  /** The oldest map that any OSD counts on: of what was before, they may know different things. */
  #settled(): number {
    let oldest = 0;
    for (const osd of this.#world.running_osds) {
      oldest = Math.max(oldest, osd.superblock.cluster_osdmap_trim_lower_bound);
    }
    return oldest;
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
    for (const shard of pg.peers) this.#check_member(osd, pg, shard);
  }
  #check_member(osd: OSD, pg: PG, shard: pg_shard_t): void {
    const p = pg.peering;
    const member = this.#member(pg, shard)?.peering;
    if (!member || member.last_peering_reset > pg.osdmap_epoch) return;
    if (!member.is_peered()) {
      fail("I8: active before a member has activated", osd, { shard, is: member.state_name });
    }
    // Of a copy that is being filled, last_epoch_started counts for nothing.
    const les = member.info.last_epoch_started;
    if (les < p.info.history.last_epoch_started && p.is_acting(shard)) {
      fail("I7: a member has not stored the epoch the PG started at", osd, { shard });
    }
    if (ev_lt(member.info.last_update, p.last_update_ondisk)) {
      fail("I10: a member lacks an entry that counts as committed by all", osd, { shard });
    }
    this.#check_peer_missing(osd, pg, shard, member);
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
        if (!osd.maps.get_map_bl(e)) fail("I22: a map in the range is not stored", osd, { e });
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

function is_same({ osd, state, up_epoch }: Life): boolean {
  return osd.boot.state === state && osd.boot.up_epoch === up_epoch;
}

function past_of(pg: PG): Past {
  const { last_update, last_backfill } = pg.peering.info;
  const zero = { interval: 0, up_since: 0, primary_since: 0, epoch: 0, les: 0 };
  const past = { ...zero, settled: false, last_update, last_backfill, history_les: 0, lec: 0 };
  note(past, pg);
  return past;
}
/** In place, as it comes after each turn of a PG. */
function note(past: Past, pg: PG): void {
  const { info } = pg.peering;
  const h = info.history;
  past.interval = h.same_interval_since;
  past.up_since = h.same_up_since;
  past.primary_since = h.same_primary_since;
  past.epoch = pg.osdmap_epoch;
  past.settled = pg.peering.is_peered();
  past.last_update = info.last_update;
  past.last_backfill = info.last_backfill;
  past.les = info.last_epoch_started;
  past.history_les = h.last_epoch_started;
  past.lec = h.last_epoch_clean;
}

function fail(what: string, osd: OSD, detail: Record<string, unknown> = {}): never {
  throw new InvariantError(what, { osd: osd.whoami, epoch: osd.osdmap_epoch, ...detail });
}
