/**
 * PGRegistry: the PGs of this OSD: loading, creation from a message or a mon request, answers for
 * those that do not exist, removal.
 * Ceph counterpart: OSD::load_pgs, handle_pg_create_info, handle_pg_query_nopg (src/osd/OSD.cc).
 * Rules: peering.md §3.7 (load_pgs), §4.6, §9.1.
 */
import {
  EVERSION_ZERO,
  type epoch_t,
  get_ancestor,
  get_parent,
  invariant,
  is_erasure,
  is_new_interval,
  type Log,
  type Msg,
  NO_SHARD,
  type OSDMap,
  pg_history_t,
  pg_info_t,
  pg_pool,
  pg_ps,
  type pg_t,
  StoreError,
  shard_osd,
  spg_cmp,
  spg_pg,
  spg_shard,
  spg_t,
} from "@tako/common";
import type { Evt, PeeringEvt, PGCreateInfo } from "../peering/events.ts";
import { type PGPool, pool_of } from "../peering/PeeringStateInit.ts";
import type { OutMessage } from "../peering/RecoveryCtx.ts";
import { RecoveryCtx } from "../peering/RecoveryCtx.ts";
import { PG } from "../pg/PG.ts";
import type { PGHost } from "../pg/PGHost.ts";
import { Transaction } from "../store/Transaction.ts";
import type { MapStore } from "./MapStore.ts";
import type { PeeringWQ } from "./PeeringWQ.ts";

export interface PGRegistryPorts {
  readonly host: PGHost;
  readonly log: Log;
  readonly maps: MapStore;
  readonly wq: PeeringWQ;
  /** Answers for PGs that do not exist, sent as of map epoch `epoch`. */
  readonly send: (out: OutMessage, epoch: epoch_t) => void;
  /** A PG exists now: messages that waited for it may go in. */
  readonly on_pg_added: (pg: PG) => void;
}

export class PGRegistry {
  readonly #p: PGRegistryPorts;
  readonly #pgs = new Map<spg_t, PG>();
  /** all(), until the next change. */
  #sorted: readonly PG[] | undefined;
  /** Events for children that their parent has yet to split off, by child. */
  readonly #primed = new Map<spg_t, PeeringEvt[]>();
  /** Events for PGs that may not be created yet: this OSD has as many as it may. By PG. */
  readonly #withheld = new Map<spg_t, PeeringEvt[]>();

  constructor(ports: PGRegistryPorts) {
    this.#p = ports;
  }

  get(spgid: spg_t): PG | undefined {
    return this.#pgs.get(spgid);
  }
  /** In spg order: the order of everything that visits all PGs. */
  all(): readonly PG[] {
    this.#sorted ??= [...this.#pgs.values()].sort((a, b) => spg_cmp(a.spgid, b.spgid));
    return this.#sorted;
  }
  get size(): number {
    return this.#pgs.size;
  }
  /** The PG of `pgid` in whichever shard this OSD holds, primary first. Once a client op. */
  find_primary(pgid: pg_t): PG | undefined {
    const replicated = this.#pgs.get(pgid);
    if (replicated) return replicated;
    const shards = this.all().filter((pg) => pg.pgid === pgid);
    return shards.find((pg) => pg.is_primary()) ?? shards[0];
  }
  min_epoch(): epoch_t | undefined {
    let min: epoch_t | undefined;
    for (const pg of this.#pgs.values()) {
      if (min === undefined || pg.osdmap_epoch < min) min = pg.osdmap_epoch;
    }
    return min;
  }
  min_persisted_epoch(): epoch_t | undefined {
    let min: epoch_t | undefined;
    for (const pg of this.#pgs.values()) {
      const e = pg.peering.last_persisted_epoch;
      if (min === undefined || e < min) min = e;
    }
    return min;
  }
  #add(spgid: spg_t, pg: PG): void {
    this.#pgs.set(spgid, pg);
    this.#sorted = undefined;
  }
  remove(pg: PG): void {
    if (this.#pgs.get(pg.spgid) !== pg) return;
    this.#pgs.delete(pg.spgid);
    this.#sorted = undefined;
    this.#p.wq.forget(pg);
  }

  // ------------------------------------------------------------ load_pgs

  /** Instantiates every stored PG at the map it last stood at. They advance when queued. */
  load_pgs(): void {
    const { host, maps, log } = this.#p;
    for (const spgid of PG.list(host.store)) {
      const stored = PG.peek_map_epoch(host.store, spgid);
      if (stored === undefined) continue;
      const map = maps.try_get_map(stored) ?? this.#nearest_map(stored);
      const pool = map && this.#pool_for(spgid, map);
      if (!pool && !host.osdmap().have_pg_pool(pg_pool(spgid))) {
        log.error({ pg: spgid, epoch: stored }, "pg_of_unknown_pool");
        continue;
      }
      if (!map || !pool) {
        throw new StoreError(`pg ${spgid} stands at osdmap ${stored}, which is not stored`, {
          code: "not_found",
          path: `${spgid}_head`,
          what: `osdmap ${stored}`,
        });
      }
      const pg = PG.load(host, spgid, map, pool);
      this.#add(spgid, pg);
      // No ActMap at this old map: the PG acts only once it stands at a map that shows us up again.
      const rctx = new RecoveryCtx();
      pg.handle_initialize(rctx);
      host.dispatch_context(pg, rctx);
      log.debug({ pg: spgid, epoch: map.epoch }, "pg_loaded");
      this.#p.wq.queue(pg);
    }
    const t = new Transaction();
    this.#p.maps.forget_final_pools(t, new Set(this.all().map((pg) => pg_pool(pg.spgid))));
    if (!t.empty) host.store.queue_transaction(t);
  }
  #nearest_map(e: epoch_t): OSDMap | undefined {
    const newest = this.#p.host.osdmap().epoch;
    for (let i = e + 1; i <= newest; i++) {
      const m = this.#p.maps.try_get_map(i);
      if (m) return m;
    }
    return undefined;
  }
  #pool_for(spgid: spg_t, map: OSDMap): PGPool | undefined {
    const id = pg_pool(spgid);
    const last = map.have_pg_pool(id) ? map : this.#p.maps.final_pool_map(id);
    return last && pool_of(last, id);
  }

  // ------------------------------------------------------------ events for PGs

  /** Queues `evt` for `spgid`; for an absent PG applies the rules of §4.6. */
  enqueue_peering_evt(spgid: spg_t, evt: PeeringEvt): void {
    const pg = this.#pgs.get(spgid);
    // One whose last removal is on its way to the disk is gone for everybody who asks.
    if (pg && !pg.deleted) {
      this.#p.wq.queue_event(pg, evt);
      return;
    }
    if (!pg && this.#is_primed(spgid)) {
      const waiting = this.#primed.get(spgid);
      if (waiting) waiting.push(evt);
      else this.#primed.set(spgid, [evt]);
      return;
    }
    if (evt.evt.type === "MQuery") {
      this.#answer_for_absent(spgid, evt.evt);
    } else if (this.#withhold(spgid, evt)) {
      return;
    } else if (evt.create_info) {
      const made = this.#create_from_event(spgid, evt.create_info);
      if (made) this.#p.wq.queue_event(made, evt);
    }
  }

  // ------------------------------------------------------------ as many as there may be

  /** maybe_wait_for_max_pg: with too many PGs on this OSD, a new one waits until another has gone. */
  #withhold(spgid: spg_t, evt: PeeringEvt): boolean {
    const waiting = this.#withheld.get(spgid);
    if (!waiting && (!evt.create_info || this.size < this.#max_pgs())) return false;
    if (!waiting) {
      const { log, host } = this.#p;
      log.warn({ pg: spgid, epoch: host.osdmap().epoch, num_pgs: this.size }, "pg_create_withheld");
    }
    // The oldest are of intervals long past when there are so many.
    this.#withheld.set(spgid, [...(waiting ?? []), evt].slice(-MAX_WITHHELD_EVENTS));
    return true;
  }
  #max_pgs(): number {
    const { config } = this.#p.host;
    return config.get("mon_max_pg_per_osd") * config.get("osd_max_pg_per_osd_hard_ratio");
  }
  /** resume_creating_pg: each tick. */
  resume_withheld(): void {
    for (const [spgid, events] of [...this.#withheld].sort(([a], [b]) => spg_cmp(a, b))) {
      const map = this.#p.host.osdmap();
      const wanted =
        map.have_pg_pool(pg_pool(spgid)) && places_here(map, spgid, this.#p.host.whoami);
      if (wanted && this.size >= this.#max_pgs()) continue;
      this.#withheld.delete(spgid);
      if (wanted) for (const evt of events) this.enqueue_peering_evt(spgid, evt);
    }
  }

  // ------------------------------------------------------------ splits

  /**
   * Will a PG of ours split `spgid` off when it has advanced to the newest map? Its own answer is
   * the only true one, so until then nobody else may answer for it or create it.
   */
  #is_primed(spgid: spg_t): boolean {
    const pgid = spg_pg(spgid);
    const newest = this.#p.host.osdmap();
    if (pg_ps(pgid) >= newest.get_pg_num(pg_pool(pgid))) return false;
    for (let p = pgid; pg_ps(p) > 0; ) {
      p = get_parent(p);
      const ancestor = this.#pgs.get(spg_t(p, spg_shard(spgid)));
      if (!ancestor || ancestor.deleted) continue;
      const { split_pg_num } = ancestor.peering;
      if (pg_ps(pgid) >= split_pg_num && get_ancestor(pgid, split_pg_num) === p) return true;
    }
    return false;
  }

  /** Their parent's turn, which made them, is queued for the disk: they begin to live. */
  add_split_children(children: readonly PG[]): void {
    const { host, wq } = this.#p;
    const newest = host.osdmap().epoch;
    for (const pg of children) {
      invariant(!this.#pgs.has(pg.spgid), "a split-off PG exists already", { pg: pg.spgid });
      this.#add(pg.spgid, pg);
      const rctx = new RecoveryCtx();
      pg.handle_initialize(rctx);
      // Otherwise it follows at the end of its own advance.
      if (pg.osdmap_epoch >= newest) pg.handle_activate_map(rctx);
      host.dispatch_context(pg, rctx);
      wq.queue(pg);
      this.#p.on_pg_added(pg);
    }
  }
  /** Events that no parent holds up any more: for the child that there is now, or for nobody. */
  release_primed(): void {
    for (const [spgid, events] of [...this.#primed].sort(([a], [b]) => spg_cmp(a, b))) {
      if (!this.#pgs.has(spgid) && this.#is_primed(spgid)) continue;
      this.#primed.delete(spgid);
      for (const evt of events) this.enqueue_peering_evt(spgid, evt);
    }
  }

  /** handle_pg_query_nopg: an empty answer, so that the asker does not wait for ever. */
  #answer_for_absent(spgid: spg_t, q: Evt<"MQuery">): void {
    const map = this.#p.host.osdmap();
    const pgid = spg_pg(spgid);
    if (!map.have_pg_pool(pg_pool(spgid))) return;
    if (!this.#same_interval(pgid, q.query_epoch, map)) {
      this.#p.log.debug({ pg: spgid, epoch: map.epoch, query_epoch: q.query_epoch }, "query_old");
      return;
    }
    const info = pg_info_t(spgid);
    const to = shard_osd(q.from);
    const { query } = q;
    if (query.type === "INFO") {
      const notify = {
        query_epoch: query.epoch_sent,
        epoch_sent: map.epoch,
        info,
        to: query.from,
        from: query.to,
        past_intervals: null,
      };
      this.#p.send({ to, kind: "notify", notify }, map.epoch);
      return;
    }
    const zero = EVERSION_ZERO;
    const msg: Msg<"pg_log"> = {
      type: "pg_log",
      epoch: map.epoch,
      query_epoch: query.epoch_sent,
      pgid: spg_t(pgid, query.from),
      to: query.from,
      from: query.to,
      info,
      log: {
        head: zero,
        tail: zero,
        can_rollback_to: zero,
        rollback_info_trimmed_to: zero,
        entries: [],
        dups: [],
      },
      missing: { may_include_deletes: true, items: [] },
      past_intervals: null,
    };
    this.#p.send({ to, kind: "message", msg }, map.epoch);
  }

  /** No interval change of `pgid` between epoch `since` and `now` as far as stored maps tell. */
  #same_interval(pgid: pg_t, since: epoch_t, now: OSDMap): boolean {
    let prev = this.#p.maps.try_get_map(since);
    if (!prev) return since >= now.epoch;
    for (let e = since + 1; e <= now.epoch; e++) {
      const next = e === now.epoch ? now : this.#p.maps.try_get_map(e);
      if (!next) continue;
      const was = prev.pg_to_up_acting_osds(pgid);
      const is = next.pg_to_up_acting_osds(pgid);
      if (is_new_interval(was, is, prev, next, pgid)) return false;
      prev = next;
    }
    return true;
  }

  #create_from_event(spgid: spg_t, ci: PGCreateInfo): PG | undefined {
    const { host, maps, log } = this.#p;
    const newest = host.osdmap();
    const pgid = spg_pg(spgid);
    if (!newest.have_pg_pool(pg_pool(spgid))) return undefined;
    if (!places_here(newest, spgid, host.whoami)) {
      log.debug({ pg: spgid, epoch: newest.epoch }, "pg_create_not_mine");
      return undefined;
    }
    const now = newest.pg_to_up_acting_osds(pgid);
    if (ci.by_mon && now.acting_primary !== host.whoami) return undefined;
    const map = maps.try_get_map(ci.epoch);
    const pool = map && this.#pool_for(spgid, map);
    if (!map || !pool) {
      log.debug({ pg: spgid, epoch: newest.epoch, at: ci.epoch }, "pg_create_no_map");
      return undefined;
    }
    return this.#create(spgid, { ...map.pg_to_up_acting_osds(pgid), map, pool, ...ci });
  }

  #create(spgid: spg_t, init: Parameters<typeof PG.create>[2]): PG {
    const { host } = this.#p;
    const rctx = new RecoveryCtx();
    const pg = PG.create(host, spgid, init, rctx);
    this.#add(spgid, pg);
    pg.handle_initialize(rctx);
    pg.handle_activate_map(rctx);
    host.dispatch_context(pg, rctx);
    this.#p.log.debug({ pg: spgid, epoch: init.map.epoch }, "pg_created_here");
    this.#p.wq.queue(pg);
    this.#p.on_pg_added(pg);
    return pg;
  }

  // ------------------------------------------------------------ orders of the mon

  /** MOSDForceRecovery, §7.4: as far as this OSD is the primary of these PGs. */
  handle_force_recovery(m: Msg<"osd_force_recovery">): void {
    const type = FORCE_EVENTS[m.op];
    for (const pgid of m.forced_pgs) {
      const pg = this.find_primary(spg_pg(pgid));
      if (pg?.is_primary()) pg.queue_peering_event({ type });
    }
  }

  /** MOSDPGCreate, §9.1: every listed PG whose primary this OSD is. */
  handle_pg_create(m: Msg<"osd_pg_create">): void {
    const { host } = this.#p;
    for (const c of m.pgs) {
      const map = host.osdmap();
      const { acting_primary, acting } = map.pg_to_up_acting_osds(c.pgid);
      const pool = map.get_pg_pool(pg_pool(c.pgid));
      if (!pool || acting_primary !== host.whoami) continue;
      const shard = is_erasure(pool) ? acting.indexOf(host.whoami) : NO_SHARD;
      const spgid = spg_t(c.pgid, shard);
      const existing = this.#pgs.get(spgid);
      if (existing) {
        // Created before and the mon did not hear of it: it repeats until told.
        if (existing.peering.is_active() && existing.is_primary()) host.send_pg_created(c.pgid);
        continue;
      }
      // The mon tracks intervals until the PG exists: history and past_intervals are as of m.epoch.
      const history = pg_history_t({ ...c.history });
      if (history.same_primary_since > m.epoch) continue;
      const create_info: PGCreateInfo = {
        epoch: m.epoch,
        history,
        past_intervals: c.past_intervals ?? {
          first: 0,
          last: 0,
          all_participants: [],
          intervals: [],
        },
        by_mon: true,
      };
      this.enqueue_peering_evt(spgid, {
        epoch_sent: m.epoch,
        epoch_requested: m.epoch,
        evt: { type: "NullEvt" },
        requires_pg: true,
        create_info,
      });
    }
  }
}

/** Kept for a PG that is withheld. */
const MAX_WITHHELD_EVENTS = 16;

const FORCE_EVENTS = {
  "force-recovery": "SetForceRecovery",
  "force-backfill": "SetForceBackfill",
  "cancel-force-recovery": "UnsetForceRecovery",
  "cancel-force-backfill": "UnsetForceBackfill",
} as const;

/** The pg_shards that `map` gives to the PG, up or acting. */
function places_here(map: OSDMap, spgid: spg_t, whoami: number): boolean {
  const shard = spg_shard(spgid);
  const { up, acting } = map.pg_to_up_acting_osds(spg_pg(spgid));
  if (shard === NO_SHARD) return up.includes(whoami) || acting.includes(whoami);
  return up[shard] === whoami || acting[shard] === whoami;
}
