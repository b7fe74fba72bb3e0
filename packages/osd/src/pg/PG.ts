/**
 * PG: one placement group on one OSD: its peering state, the operations that wait or run in it, and
 * its recovery. Everything enters through the methods here and is over when they return, save what
 * waits for a commit, a message or the clock.
 * The work is in the files beside this one: do_request (who may run), do_op (client operations),
 * repop (writes), ec/ (erasure-coded pools), recovery, push_pull, backfill, pg_effects (what peering wants done).
 * Ceph counterpart: PG, PrimaryLogPG (src/osd). Spec: peering.md §7, §8, §9.1, §9.3.
 */
import {
  type Connection,
  type epoch_t,
  get_split_bits,
  type hobject_t,
  is_erasure,
  type Log,
  type Message,
  make_hobject,
  type OSDMap,
  type past_intervals_wire_t,
  type pg_history_t,
  pg_pool,
  pg_ps,
  type pg_shard_t,
  type pg_t,
  shard_osd,
  sometimes,
  spg_cmp,
  spg_pg,
  type spg_t,
  type TimerHandle,
} from "@tako/common";
import type { PeeringEvent, PeeringEvt } from "../peering/events.ts";
import type { MapStep } from "../peering/map_step.ts";
import { PeeringState, type PGPool } from "../peering/PeeringState.ts";
import type { RecoveryCtx } from "../peering/RecoveryCtx.ts";
import { split_into } from "../peering/split.ts";
import { type pg_report_t, prepare_report } from "../peering/stats.ts";
import type { coll_t, ObjectStore } from "../store/ObjectStore.ts";
import type { Transaction } from "../store/Transaction.ts";
import { BackfillState } from "./BackfillState.ts";
import { remove_temp_objects } from "./delete_work.ts";
import { do_request, redo_request } from "./do_request.ts";
import { ECBackend } from "./ec/ECBackend.ts";
import { ec_log_handler } from "./ec/ec_transaction.ts";
import { ObjectContexts } from "./ObjectContext.ts";
import type { OpRequest } from "./OpTracker.ts";
import type { PGHost } from "./PGHost.ts";
import { pg_coll, pg_colls, pg_stash_coll, pg_temp_coll } from "./pg_colls.ts";
import { run_effects } from "./pg_effects.ts";
import { list_unfound, query_extra } from "./pg_query.ts";
import { RecoveryOps } from "./RecoveryOps.ts";
import { RepOpQueue } from "./RepOpQueue.ts";
import { clear_recovery_state } from "./recover_object.ts";
import { start_recovery_ops } from "./recovery.ts";
import { Scrubber } from "./scrub/Scrubber.ts";
import { in_order, WaitLists } from "./wait_lists.ts";

/** What a PG is made from when it does not exist on this OSD yet (PG::init). */
export interface PGInit {
  readonly map: OSDMap;
  readonly pool: PGPool;
  readonly up: readonly number[];
  readonly up_primary: number;
  readonly acting: readonly number[];
  readonly acting_primary: number;
  readonly history: pg_history_t;
  readonly past_intervals: past_intervals_wire_t | null;
}

export class PG {
  readonly host: PGHost;
  readonly spgid: spg_t;
  readonly pgid: pg_t;
  readonly coll: coll_t;
  readonly temp_coll: coll_t;
  /** The object that carries the PG's own metadata; no client object. */
  readonly pgmeta_oid: hobject_t;
  readonly log: Log;
  readonly peering: PeeringState;

  // What has a life of its own inside a PG; used by the files beside this one only.
  readonly waits = new WaitLists();
  readonly objects: ObjectContexts;
  readonly repops = new RepOpQueue();
  readonly recovery = new RecoveryOps();
  readonly backfill = new BackfillState();
  /** null: a replicated pool. */
  readonly ec: ECBackend | null;
  readonly scrubber: Scrubber;
  readonly timers = new Set<TimerHandle>();
  /** Grows with each interval: what a commit of an older one would do is not done. */
  generation = 0;
  #stopped = false;

  #requeued: OpRequest[] = [];
  #later: (() => void)[] = [];
  #scheduled = false;
  #depth = 0;

  private constructor(host: PGHost, spgid: spg_t, log: Log, peering: PeeringState) {
    this.host = host;
    this.spgid = spgid;
    this.pgid = spg_pg(spgid);
    this.coll = pg_coll(spgid);
    this.temp_coll = pg_temp_coll(spgid);
    this.pgmeta_oid = make_hobject({ pool: pg_pool(spgid), hash: pg_ps(spgid), oid: "" });
    this.log = log;
    this.peering = peering;
    this.objects = new ObjectContexts(host.store, this.coll);
    this.scrubber = new Scrubber(this);
    this.ec = ECBackend.of_pool(peering.pool);
    peering.machine.attach(host.state_times);
  }

  /**
   * A new, empty PG as of init.map: its collections and metadata go into rctx.transaction. The
   * caller feeds Initialize (handle_initialize), then advances it and dispatches rctx.
   */
  static create(host: PGHost, spgid: spg_t, init: PGInit, rctx: RecoveryCtx): PG {
    const t = rctx.transaction;
    for (const c of pg_colls(spgid, init.pool.info)) {
      if (!host.store.collection_exists(c)) t.create_collection(c);
    }
    const log = pg_log_of(host, spgid);
    const peering = new PeeringState(peering_init(host, spgid, init.map, init.pool, log));
    const none = { first: 0, last: 0, all_participants: [], intervals: [] };
    peering.init(init.history, init.past_intervals ?? none, t);
    return new PG(host, spgid, log, peering);
  }

  /**
   * A stored PG. `map` is the map of peek_map_epoch (or the nearest kept one), `pool` the pool as of
   * that map (or its last record). The caller feeds Initialize, then advances it.
   */
  static load(host: PGHost, spgid: spg_t, map: OSDMap, pool: PGPool): PG {
    const log = pg_log_of(host, spgid);
    const init = peering_init(host, spgid, map, pool, log);
    return new PG(host, spgid, log, PeeringState.load(init, host.store));
  }

  /**
   * A child that splits off `parent`, at the map the parent stands at, with the parent's objects of
   * which the hash ends in the child's seed. All of it goes into `t`, the transaction of the parent's
   * turn; once that is queued the caller feeds Initialize, then advances it.
   */
  static split_off(parent: PG, spgid: spg_t, t: Transaction): PG {
    const { host, peering: ps } = parent;
    const { info } = ps.pool;
    const bits = get_split_bits(spg_pg(spgid), info.pg_num);
    for (const c of pg_colls(spgid, info)) t.create_collection(c);
    t.split_collection(parent.coll, bits, pg_ps(spgid), pg_coll(spgid));
    if (parent.ec) {
      const stash = pg_stash_coll(parent.spgid);
      t.split_collection(stash, bits, pg_ps(spgid), pg_stash_coll(spgid));
    }
    const log = pg_log_of(host, spgid);
    const init = peering_init(host, spgid, ps.osdmap, { ...ps.pool }, log);
    const pg = new PG(host, spgid, log, new PeeringState(init));
    t.touch(pg.coll, pg.pgmeta_oid);
    split_into(ps, pg.peering, bits, t);
    return pg;
  }

  /**
   * Epoch of the map that the stored PG last stood at; undefined: the rest of an interrupted
   * removal or creation, without metadata.
   */
  static peek_map_epoch(store: ObjectStore, spgid: spg_t): epoch_t | undefined {
    const pgmeta = make_hobject({ pool: pg_pool(spgid), hash: pg_ps(spgid), oid: "" });
    if (!store.exists(pg_coll(spgid), pgmeta)) return undefined;
    return PeeringState.peek_map_epoch(store, spgid);
  }

  /** spgids of the PG collections in the store, in order. */
  static list(store: ObjectStore): spg_t[] {
    const found: spg_t[] = [];
    for (const c of store.list_collections()) {
      const m = /^(\d+)\.([0-9a-f]+(?:s\d+)?)_head$/.exec(c);
      if (m) found.push(`${Number(m[1])}.${m[2]}`);
    }
    return found.sort(spg_cmp);
  }

  // ---------------------------------------------------------------- who and where

  get osdmap(): OSDMap {
    return this.peering.osdmap;
  }
  get osdmap_epoch(): epoch_t {
    return this.peering.get_osdmap_epoch();
  }
  get last_peering_reset(): epoch_t {
    return this.peering.last_peering_reset;
  }
  /** True once deletion has finished. */
  get deleted(): boolean {
    return this.peering.deleted;
  }
  is_primary(): boolean {
    return this.peering.is_primary();
  }
  get whoami(): pg_shard_t {
    return this.peering.pg_whoami;
  }
  /** acting_recovery_backfill without us, in sending order. */
  get peers(): readonly pg_shard_t[] {
    return this.peering.peers();
  }

  // ---------------------------------------------------------------- peering
  // Each of these runs the effects before it returns; the caller then dispatches rctx.

  handle_initialize(rctx: RecoveryCtx): void {
    this.#feed(rctx, () => this.peering.initialize(rctx));
  }
  /** AdvMap: once for every existing epoch. */
  handle_advance_map(
    lastmap: OSDMap,
    map: OSDMap,
    up: readonly number[],
    up_primary: number,
    acting: readonly number[],
    acting_primary: number,
    rctx: RecoveryCtx,
  ): void {
    this.#feed(rctx, () => {
      this.peering.advance_map(map, lastmap, up, up_primary, acting, acting_primary, rctx);
    });
  }
  /** A map that changes nothing for the PG, instead of both. False: it may, feed them. */
  skip_map(step: MapStep): boolean {
    if (this.waits.waiting_for_map.size > 0 || !this.peering.skip_map(step)) return false;
    this.host.on_pg_turn?.(this);
    return true;
  }
  /** ActMap: once after the advances of a turn. */
  handle_activate_map(rctx: RecoveryCtx): void {
    this.#feed(rctx, () => this.peering.activate_map(rctx));
    this.requeue(this.waits.take_waiting_for_map());
    this.#schedule_requeued();
    // Flags that hold recovery back may have been cleared.
    const { peering } = this;
    if (!peering.is_primary()) return;
    if (peering.is_recovering() || peering.is_backfilling()) this.host.queue_recovery(this);
  }
  /** Drops `evt` when it is old (old_peering_evt); otherwise handles it. */
  handle_peering_event(evt: PeeringEvt, rctx: RecoveryCtx): void {
    if (this.deleted || this.old_peering_evt(evt)) return;
    this.#feed(rctx, () => this.peering.handle_event(evt.evt, rctx));
  }
  /** The PG was reset since the event was made. */
  old_peering_evt(evt: PeeringEvt): boolean {
    return this.peering.old_peering_evt(evt);
  }
  /** Into the PG's own queue, as of the map it stands at. */
  queue_peering_event(evt: PeeringEvent): void {
    if (!this.#stopped) this.host.queue_peering_event(this, this.peering.own_evt(evt));
  }
  /**
   * What the event sets free runs in a later turn: the caller has yet to queue rctx.transaction, and
   * no transaction of ours may get in front of it.
   */
  #feed(rctx: RecoveryCtx, fn: () => void): void {
    this.#depth++;
    try {
      fn();
      run_effects(this, rctx);
    } finally {
      this.#depth--;
    }
    this.host.on_pg_turn?.(this);
    this.#schedule_requeued();
  }

  // ---------------------------------------------------------------- operations

  /** osd_op, and every object message between OSDs (ops family). Checked by the catalogue already. */
  do_request(con: Connection, msg: Message): void {
    if (this.#stopped || this.deleted) return;
    this.run(() => do_request(this, this.host.op_tracker.create(con, msg)));
  }
  /** The PG's turn in the recovery queue; returns how many operations it started (<= max). */
  start_recovery_ops(max: number): number {
    if (this.#stopped) return 0;
    return this.run(() => start_recovery_ops(this, max));
  }
  /** The session of a client is gone: forget its waiting ops. */
  on_session_reset(con: Connection): void {
    const gone = this.waits.drop_session(con);
    for (const op of gone) this.host.op_tracker.drop(op);
  }

  /**
   * Runs `fn` as one turn: what it requeues runs when it is done, before anything newer. Every entry
   * from outside, commit callbacks included, goes through here.
   */
  run<T>(fn: () => T): T {
    if (this.#depth === 0) this.#run_requeued();
    this.#depth++;
    let result: T;
    try {
      result = fn();
    } finally {
      this.#depth--;
    }
    if (this.#depth === 0) {
      this.#run_requeued();
      if (this.scrubber.wants_turn) this.#scrub_turn();
      this.host.on_pg_turn?.(this);
    }
    return result;
  }
  #scrub_turn(): void {
    this.#depth++;
    try {
      this.scrubber.turn();
    } finally {
      this.#depth--;
    }
    this.#run_requeued();
  }
  /** As run, from a callback: does nothing when the interval in which it was made is over. */
  run_if_current(generation: number, fn: () => void): void {
    if (generation === this.generation && !this.#stopped) this.run(fn);
  }
  /** Before everything else that is to be requeued, in their own order (requeue_ops). */
  requeue(ops: readonly OpRequest[]): void {
    if (ops.length > 0) this.#requeued = [...ops, ...this.#requeued];
  }
  /** From an effect: `fn` when the event's transaction has been queued. */
  run_later(fn: () => void): void {
    const { generation } = this;
    this.#later.push(() => generation === this.generation && fn());
  }
  #schedule_requeued(): void {
    if (this.#scheduled || (this.#requeued.length === 0 && this.#later.length === 0)) return;
    this.#scheduled = true;
    this.host.clock.defer(() => {
      this.#scheduled = false;
      if (!this.#stopped) this.run(() => undefined);
    });
  }
  #run_requeued(): void {
    while (this.#requeued.length > 0 || this.#later.length > 0) {
      const later = this.#later;
      const ops = this.#requeued;
      this.#later = [];
      this.#requeued = [];
      this.#depth++;
      try {
        for (const fn of later) fn();
        this.#redo(ops);
      } finally {
        this.#depth--;
      }
    }
  }
  #redo(ops: readonly OpRequest[]): void {
    for (const [i, op] of ops.entries()) {
      redo_request(this, op);
      if (this.#requeued.length === 0) continue;
      // What it released was waiting before the ops behind it arrived, or it would not have been.
      this.#requeued.push(...ops.slice(i + 1));
      return;
    }
  }

  /** To the OSD of `peer`, as of the map this PG stands at. */
  send(peer: pg_shard_t, m: Message): void {
    if (!this.#stopped) this.host.send_cluster(shard_osd(peer), m, this.osdmap_epoch);
  }

  /**
   * A new interval: what is in flight is given up. Nothing is undone: entries stay in the log, and
   * peering decides about them (§8.4.8). Client ops run again, in order, when we are still primary.
   */
  on_change(still_primary: boolean, rctx: RecoveryCtx): void {
    this.generation++;
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
    const reading = this.ec?.reads.abort() ?? [];
    const aborted = this.repops.abort();
    if (still_primary && aborted.length > 0) sometimes("aborted writes queued again");
    const ops = in_order([...aborted, ...reading, ...this.waits.take_all()]);
    this.ec?.clear();
    this.objects.clear();
    clear_recovery_state(this);
    this.scrubber.on_change(still_primary);
    remove_temp_objects(this, rctx.transaction);
    const keep = (op: OpRequest) => still_primary || op.msg.type !== "osd_op";
    for (const op of ops) if (!keep(op)) this.host.op_tracker.drop(op);
    this.requeue(ops.filter(keep));
  }

  // ---------------------------------------------------------------- reports

  /** pg_stat_t as reported to the mon (only meaningful on the primary). cluster.md §3.17. */
  get_stats(): Omit<pg_report_t, "pgid"> {
    return prepare_report(this.peering);
  }
  /** `pg <pgid> query`: JSON in Ceph's shape. */
  query(): Record<string, unknown> {
    // The state's "degraded", and the counts, as of now.
    if (this.is_primary()) this.peering.prepare_stats_for_publish();
    return { ...this.peering.dump_query(query_extra(this)) };
  }
  /** `pg <pgid> list_unfound`. */
  list_unfound(offset?: string): Record<string, unknown> {
    return list_unfound(this, offset);
  }
  dump_pgstate_history(): Record<string, unknown> {
    return { pg: this.spgid, ...this.peering.machine.history.dump() };
  }
  /** Client ops waiting in the PG. */
  get num_waiting_ops(): number {
    return this.waits.size;
  }

  /** The OSD stops: cancels reservations, timers and operations; nothing is sent any more. */
  shutdown(): void {
    this.#stopped = true;
    this.generation++;
    for (const timer of this.timers) timer.cancel();
    this.timers.clear();
    this.scrubber.shutdown();
    this.host.cancel_recovery(this);
    this.host.local_reserver.cancel_reservation(this.spgid);
    this.host.remote_reserver.cancel_reservation(this.spgid);
    this.ec?.clear();
    const reading = this.ec?.reads.abort() ?? [];
    const ops = [...this.repops.abort(), ...reading, ...this.waits.take_all()];
    for (const op of [...ops, ...this.waits.take_waiting_for_map()]) this.host.op_tracker.drop(op);
    this.#requeued = [];
    this.#later = [];
  }
}

function pg_log_of(host: PGHost, spgid: spg_t): Log {
  return host.log.child({ pg: spgid });
}
function peering_init(host: PGHost, spgid: spg_t, map: OSDMap, pool: PGPool, log: Log) {
  return {
    spgid,
    whoami: host.whoami,
    osdmap: map,
    pool,
    config: host.config,
    clock: host.clock,
    log: log.child({ subsys: "peering" }),
    full_state: () => host.full_state(),
    tentative_backfill_full: (bytes: number) => host.tentative_backfill_full(bytes),
    ...(is_erasure(pool.info) && {
      get_log_handler: (t: Transaction) => ec_log_handler(spgid, host.store, t),
    }),
    oldest_map: () => host.oldest_map(),
  };
}
