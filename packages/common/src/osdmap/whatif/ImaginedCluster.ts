/**
 * A cluster that exists only as its map: steps make the next maps, PGs that a map moves start new
 * intervals, and where time passes they peer, write and recover. PGs that nothing touches cost
 * nothing. Pure: no clock, no chance; a PG's turn comes in the order of ids.
 */
import { InvariantError } from "../../errors.ts";
import { pg_pool, type pg_t, shard_osd, spg_cmp } from "../../types/osd_types.ts";
import { type Incremental, new_incremental } from "../Incremental.ts";
import { check_new_interval } from "../intervals.ts";
import type { OSDMap } from "../OSDMap.ts";
import { OSDMapMapping } from "../OSDMapMapping.ts";
import { ImaginedPG, type pg_start } from "./ImaginedPG.ts";
import { peer_pg, type peering_result } from "./peer.ts";
import type { pg_dump } from "./pg_dump.ts";
import { get_pg_start } from "./pg_start.ts";
import { get_pool_kind, type pool_kind } from "./pool_kind.ts";
import { recover_pg } from "./recover.ts";
import { step_incremental } from "./step_incremental.ts";
import type { whatif_step } from "./steps.ts";

/** An acting set that is asked for is there in the next round, and then stands. */
const MAX_ROUNDS = 16;

export class ImaginedCluster {
  readonly first_map: OSDMap;
  map: OSDMap;
  readonly first: OSDMapMapping;
  readonly now: OSDMapMapping;
  readonly kinds: ReadonlyMap<number, pool_kind>;
  readonly #dump: pg_dump | undefined;
  readonly #touched = new Map<pg_t, ImaginedPG>();
  /** Those that have to peer. */
  readonly #dirty = new Set<ImaginedPG>();
  readonly notes: string[] = [];

  constructor(map: OSDMap, dump?: pg_dump) {
    this.first_map = map;
    this.map = map;
    this.now = new OSDMapMapping(map);
    this.first = this.now.copy();
    this.#dump = dump;
    const kinds = new Map<number, pool_kind>();
    for (const id of map.pool_ids()) {
      const pool = map.get_pg_pool(id);
      if (pool) kinds.set(id, get_pool_kind(map, id, pool));
    }
    this.kinds = kinds;
  }

  /** Ascending. */
  touched(): ImaginedPG[] {
    return [...this.#touched.values()].sort((a, b) => spg_cmp(a.pgid, b.pgid));
  }
  find(pgid: pg_t): ImaginedPG | undefined {
    return this.#touched.get(pgid);
  }
  start_of(pgid: pg_t): pg_start {
    const known = this.#touched.get(pgid);
    if (known) return known.start;
    const kind = this.kind_of(pgid);
    return get_pg_start(this.first_map, kind, pgid, this.first.get(pgid), this.#dump);
  }
  kind_of(pgid: pg_t): pool_kind {
    const kind = this.kinds.get(pg_pool(pgid));
    if (!kind) throw new InvariantError("a PG of no pool", { pg: pgid });
    return kind;
  }
  touch(pgid: pg_t): ImaginedPG {
    let pg = this.#touched.get(pgid);
    if (!pg) {
      pg = new ImaginedPG(pgid, this.kind_of(pgid), this.start_of(pgid));
      this.#touched.set(pgid, pg);
    }
    return pg;
  }

  // ---------------------------------------------------------------- steps

  run(step: whatif_step): void {
    switch (step.verb) {
      case "write":
        this.#write();
        return;
      case "settle":
        this.#settle();
        return;
      default:
    }
    const { inc, unchanged } = step_incremental(this.map, step.verb, step.osds);
    if (unchanged.length > 0) {
      const who =
        unchanged.length > 3 ? `${unchanged.length} OSDs` : unchanged.map((o) => `osd.${o}`);
      this.notes.push(`'${step.text}' changes nothing for ${who}`);
    }
    if (unchanged.length < step.osds.length) this.#apply(inc);
    if (step.verb === "up") this.#hear_strays(step.osds);
  }
  /** Whoever comes back with a copy says so: a PG that is short of members may want it. */
  #hear_strays(osds: readonly number[]): void {
    const back = new Set(osds);
    for (const pg of this.#touched.values()) {
      const stray = [...pg.copies.keys()].some((s) => back.has(shard_osd(s)));
      if (stray && pg.start.history !== "unknown") this.#dirty.add(pg);
    }
  }

  /** All PGs find out where they stand. */
  peer(): void {
    for (let round = 0; this.#dirty.size > 0; round++) {
      if (round > MAX_ROUNDS) throw new InvariantError("PGs do not agree on their acting sets");
      const wants = new_incremental(this.map);
      const done = new Map<ImaginedPG, peering_result>();
      for (const pg of this.#in_order(this.#dirty)) {
        if (pg.start.history === "unknown") continue;
        const r = peer_pg(pg, this.map);
        if (r.result === "want_acting") wants.new_pg_temp.set(pg.pgid, r.want);
        else done.set(pg, r);
      }
      this.#dirty.clear();
      this.#finish_peering(done);
      if (wants.new_pg_temp.size === 0) break;
      wants.epoch = this.map.epoch + 1;
      this.#apply(wants);
    }
    this.#requeue_unpeered();
  }

  #finish_peering(done: ReadonlyMap<ImaginedPG, peering_result>): void {
    const thru = new_incremental(this.map);
    for (const [pg, r] of done) {
      const primary = pg.cur.acting_primary;
      if (r.result === "peered" && this.map.get_up_thru(primary) < pg.same_interval_since) {
        thru.new_up_thru.set(primary, this.map.epoch);
      }
    }
    if (thru.new_up_thru.size > 0) this.#apply(thru);
    for (const [pg, r] of done) {
      if (r.result === "peered") pg.activate(this.map.epoch, r.auth, r.backfill);
      else if (r.result === "down") pg.outcome = { state: "down", blocked_by: r.blocked_by };
      else if (r.result !== "want_acting") pg.outcome = { state: r.result };
    }
  }
  /** What could not peer tries again when the map is another: any map may be what it waits for. */
  #requeue_unpeered(): void {
    for (const pg of this.#touched.values()) {
      const { state } = pg.outcome;
      if (state !== "peered" && state !== "unknown") this.#dirty.add(pg);
    }
  }

  #write(): void {
    this.peer();
    for (const pg of this.#touched.values()) pg.write();
  }

  #settle(): void {
    this.#touch_unfinished();
    for (let round = 0; round <= MAX_ROUNDS; round++) {
      this.#write();
      let progress = false;
      for (const pg of this.touched()) {
        if (!recover_pg(pg, this.map)) continue;
        progress = true;
        this.#dirty.add(pg);
      }
      if (!progress) return;
    }
    throw new InvariantError("recovery comes to no end");
  }
  /** What was recovering or backfilling at the start goes on with it. */
  #touch_unfinished(): void {
    for (const id of this.first_map.pool_ids()) {
      for (const pgid of this.first_map.get_pgs(id)) {
        if (this.start_of(pgid).history === "peered") this.touch(pgid);
      }
    }
  }

  // ---------------------------------------------------------------- maps

  #apply(inc: Incremental): void {
    this.#drop_dead_temps(inc);
    const last = this.map;
    const next = last.apply_incremental(inc);
    // PGs are made from the map before: where they are now has to be known first.
    const { changed } = this.now.update(next);
    this.map = next;
    for (const pgid of changed) this.#new_interval(this.touch(pgid), last, next);
  }
  #new_interval(pg: ImaginedPG, lastmap: OSDMap, osdmap: OSDMap): void {
    const cur = this.now.get(pg.pgid);
    const ended = check_new_interval({
      old: pg.cur,
      cur,
      same_interval_since: pg.same_interval_since,
      last_epoch_clean: pg.last_epoch_clean,
      osdmap,
      lastmap,
      pg: pg.pgid,
      could_have_gone_active: pg.kind.is_recoverable,
      past_intervals: pg.past,
    });
    pg.cur = cur;
    if (!ended) return;
    pg.same_interval_since = osdmap.epoch;
    this.#dirty.add(pg);
  }
  /** As the monitor does in the same epoch: a temp whose members are all down is none. */
  #drop_dead_temps(inc: Incremental): void {
    const { pg_temp, primary_temp } = this.map;
    if ((pg_temp.size === 0 && primary_temp.size === 0) || inc.new_state.size === 0) return;
    const up = (o: number) => this.map.is_up(o) && !inc.new_state.has(o);
    for (const [pgid, osds] of pg_temp) if (!osds.some(up)) inc.new_pg_temp.set(pgid, []);
    for (const [pgid, osd] of primary_temp) if (!up(osd)) inc.new_primary_temp.set(pgid, -1);
  }

  #in_order(pgs: Iterable<ImaginedPG>): ImaginedPG[] {
    return [...pgs].sort((a, b) => spg_cmp(a.pgid, b.pgid));
  }
}
