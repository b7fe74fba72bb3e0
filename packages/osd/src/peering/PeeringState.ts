/**
 * PeeringState: all that one PG instance knows about itself and its peers, the state machine that
 * acts on it, and the changes that the PG (client writes, recovery, backfill) makes to it.
 *
 * Must not: send, store, wait, or read a clock other than for stamps. What is to be done goes into
 * the RecoveryCtx of the event. The work is done in the files beside this one, by subject:
 * interval.ts, peer_infos.ts, acting.ts, activate.ts, completion.ts, log_ops.ts, recovery_ops.ts,
 * stats.ts, query.ts, persist.ts, invariants.ts; the reactions are in chart.ts and states/.
 * Ceph counterpart: PeeringState (src/osd/PeeringState.{h,cc}). Spec: peering.md §2.6, §5, §6.
 */
import {
  type Clock,
  type Config,
  CRUSH_ITEM_NONE,
  EVERSION_ZERO,
  type epoch_t,
  type eversion_t,
  get_is_readable_predicate,
  get_is_recoverable_predicate,
  type hobject_t,
  InvariantError,
  info_is_incomplete,
  invariant,
  type Log,
  type OSDMap,
  type object_stat_sum_t,
  PastIntervals,
  type PriorSet,
  type past_intervals_wire_t,
  type pg_history_t,
  pg_info_t,
  type pg_log_entry_t,
  type pg_shard_t,
  type pg_state_t,
  type pg_stats_t,
  shard_osd,
  sort_few,
  spg_pg,
  type spg_t,
  state_string,
} from "@tako/common";
import type { LogEntryHandler, log_place_t } from "../pg/PGLog.ts";
import { PGLog } from "../pg/PGLog.ts";
import type { pg_missing_t } from "../pg/pg_missing.ts";
import type { ObjectStore } from "../store/ObjectStore.ts";
import type { Transaction } from "../store/Transaction.ts";
import * as completion from "./completion.ts";
import type { Evt, PeeringEvent, PeeringEvt } from "./events.ts";
import type { LastWrittenInfo } from "./fast_info.ts";
import * as interval from "./interval.ts";
import * as invariants from "./invariants.ts";
import { Leases } from "./leases.ts";
import * as log_ops from "./log_ops.ts";
import { MissingLoc } from "./MissingLoc.ts";
import { type MapStep, skip_map } from "./map_step.ts";
import { PeeringMachine } from "./PeeringMachine.ts";
import type { full_state_t, PeeringStateInit, PGPool } from "./PeeringStateInit.ts";
import * as persist from "./persist.ts";
import { data_chunks, remove_handler } from "./pool_kind.ts";
import { get_delete_priority } from "./priority.ts";
import * as query from "./query.ts";
import type { RecoveryCtx } from "./RecoveryCtx.ts";
import * as recovery_ops from "./recovery_ops.ts";
import * as stats from "./stats.ts";
import * as unfound from "./unfound.ts";

export type { full_state_t, PeeringStateInit, PGPool } from "./PeeringStateInit.ts";

export class PeeringState {
  // ---- who and where
  readonly spgid: spg_t;
  readonly pg_whoami: pg_shard_t;
  readonly whoami: number;
  readonly pool: PGPool;
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly full_state: () => full_state_t;
  readonly tentative_backfill_full: (bytes: number) => boolean;
  readonly machine: PeeringMachine;
  readonly #oldest_map: () => epoch_t;
  readonly #get_log_handler: (t: Transaction) => LogEntryHandler;
  #peers: { of: ReadonlySet<pg_shard_t>; list: readonly pg_shard_t[] } | undefined;
  /** The ctx of the event being processed; null between events. */
  rctx: RecoveryCtx | null = null;

  // ---- persisted (peering.md §2.1-2.5); change only through the methods below
  info: pg_info_t;
  past_intervals: PastIntervals;
  readonly pg_log: PGLog;
  dirty_info = false;
  /** Also past_intervals must be written. */
  dirty_big_info = false;
  /** The pg_num by which the objects here are divided: that of the map after each split. */
  split_pg_num: number;
  /** Map epoch written with the info last. */
  last_persisted_epoch: epoch_t = 0;
  /** The info as `_info` has it; undefined: not known, to be written whole. */
  last_written_info: LastWrittenInfo | undefined;
  /** Where the metadata lies; known from the first write on. */
  place: log_place_t | undefined;

  // ---- mapping
  osdmap: OSDMap;
  last_peering_reset: epoch_t = 0;
  /** First map after a gap in the maps this PG has been through; 0 = none. */
  map_gap_end: epoch_t = 0;
  /** Ordered OSD ids; CRUSH_ITEM_NONE = hole (EC). */
  up: readonly number[] = [];
  acting: readonly number[] = [];
  up_primary: pg_shard_t | null = null;
  primary: pg_shard_t | null = null;
  upset: ReadonlySet<pg_shard_t> = new Set();
  actingset: ReadonlySet<pg_shard_t> = new Set();
  /** Index in acting, -1 = stray. */
  role = -1;
  readonly state_bits = new Set<pg_state_t>();

  // ---- volatile, everybody
  send_notify = false;
  flushes_in_progress = 0;
  deleting = false;
  deleted = false;
  /** Bytes that this copy will have when the backfill for which room is reserved is done. */
  reserved_num_bytes = 0;
  last_complete_ondisk: eversion_t = EVERSION_ZERO;
  last_update_applied: eversion_t = EVERSION_ZERO;
  last_rollback_info_trimmed_to_applied: eversion_t = EVERSION_ZERO;

  // ---- volatile, primary
  readonly peer_info = new Map<pg_shard_t, pg_info_t>();
  readonly peer_missing = new Map<pg_shard_t, pg_missing_t>();
  readonly peer_log_requested = new Set<pg_shard_t>();
  readonly peer_missing_requested = new Set<pg_shard_t>();
  readonly peer_purged = new Set<pg_shard_t>();
  readonly stray_set = new Set<pg_shard_t>();
  readonly might_have_unfound = new Set<pg_shard_t>();
  readonly peer_last_complete_ondisk = new Map<pg_shard_t, eversion_t>();
  readonly peer_activated = new Set<pg_shard_t>();
  /** What a target had in its store when its backfill was begun anew. */
  readonly peer_bytes = new Map<pg_shard_t, number>();
  /** OSDs whose answer is awaited: reported in the statistics. */
  readonly blocked_by = new Set<number>();
  /** Newest version that is durable on every member. */
  last_update_ondisk: eversion_t = EVERSION_ZERO;
  min_last_complete_ondisk: eversion_t = EVERSION_ZERO;
  pg_trim_to: eversion_t = EVERSION_ZERO;
  /** Acting set asked of the mon; empty = none. */
  want_acting: readonly number[] = [];
  /** Everybody who takes part in writes. On replicas: acting. */
  acting_recovery_backfill: ReadonlySet<pg_shard_t> = new Set();
  backfill_targets: ReadonlySet<pg_shard_t> = new Set();
  async_recovery_targets: ReadonlySet<pg_shard_t> = new Set();
  /** The OSD asks the mon for up_thru >= same_interval_since while this is set. */
  need_up_thru = false;
  prior_set: PriorSet | null = null;
  history_les_bound = false;
  readonly missing_loc: MissingLoc;
  /** Both local and all remote reservations for backfill are held. */
  backfill_reserved = false;
  activation_epoch: epoch_t = 0;
  /** readable_until and all that belongs to it. */
  readonly leases = new Leases();
  readonly pg_stats: stats.VolatileStats;

  constructor(init: PeeringStateInit) {
    this.spgid = init.spgid;
    this.whoami = init.whoami;
    this.pg_whoami = interval.own_shard(init.whoami, init.spgid);
    this.pool = init.pool;
    this.config = init.config;
    this.clock = init.clock;
    this.log = init.log;
    this.full_state = init.full_state;
    this.tentative_backfill_full = init.tentative_backfill_full;
    this.#oldest_map = init.oldest_map ?? (() => 0);
    this.#get_log_handler = init.get_log_handler ?? ((t) => remove_handler(init.spgid, t));
    this.osdmap = init.osdmap;
    this.split_pg_num = init.pool.info.pg_num;
    this.info = pg_info_t(init.spgid);
    this.past_intervals = new PastIntervals();
    this.pg_log = new PGLog();
    this.missing_loc = new MissingLoc((oid) => this.pg_log.reverting_to(oid));
    const k = data_chunks(init.pool);
    this.missing_loc.set_backend_predicates(
      get_is_readable_predicate(k, this.pg_whoami),
      get_is_recoverable_predicate(k),
    );
    this.pg_stats = stats.new_volatile_stats(init.clock.now_ms());
    this.machine = new PeeringMachine(this);
  }

  // ---------------------------------------------------------------- life

  /**
   * A new PG instance, at the map it was constructed with: history and past intervals come from the
   * mon, the message that creates it, or the parent. The collection must be created by `t` before.
   */
  init(history: pg_history_t, past: past_intervals_wire_t | PastIntervals, t: Transaction): void {
    persist.init_new(this, history, past, t);
  }
  /** An existing instance, from the store. StoreError `corrupt` when what is there makes no sense. */
  static load(init: PeeringStateInit, store: ObjectStore): PeeringState {
    return persist.load(new PeeringState(init), store);
  }
  /** Epoch that the info in the store belongs to: the map to construct with before load(). */
  static peek_map_epoch(store: ObjectStore, spgid: spg_t): epoch_t {
    return persist.peek_map_epoch(store, spgid);
  }

  // ---------------------------------------------------------------- events

  /** Processes one event to completion and writes what became dirty into rctx.transaction. */
  handle_event(evt: PeeringEvent, rctx: RecoveryCtx): void {
    invariant(this.rctx === null, "peering events may not nest", { pg: this.spgid, evt: evt.type });
    this.rctx = rctx;
    try {
      if (this.log.enabled("debug")) {
        const state = this.machine.state;
        this.log.debug({ epoch: this.get_osdmap_epoch(), event: evt.type, state }, "peering_event");
      }
      this.machine.process_event(evt);
      this.write_if_dirty(rctx.transaction);
    } finally {
      this.rctx = null;
    }
  }
  /** Initialize: right after init() or load(). */
  initialize(rctx: RecoveryCtx): void {
    this.handle_event({ type: "Initialize" }, rctx);
  }
  /** One map further (peering.md §4.5): for every map that exists, in order. -1 = no primary. */
  advance_map(
    osdmap: OSDMap,
    lastmap: OSDMap,
    newup: readonly number[],
    up_primary: number,
    newacting: readonly number[],
    acting_primary: number,
    rctx: RecoveryCtx,
  ): void {
    const m = { newup, up_primary, newacting, acting_primary };
    interval.advance_map(this, osdmap, lastmap, m, rctx);
  }
  /** Once after the last advance_map of a turn. */
  activate_map(rctx: RecoveryCtx): void {
    interval.activate_map(this, rctx);
  }
  /** Goes on to a map that is none of its business, instead of both. False: it may be, feed them. */
  skip_map(step: MapStep): boolean {
    return skip_map(this, step);
  }
  /** Is `evt` of an interval (or peering attempt) that is over? peering.md §4.2. */
  old_peering_evt(evt: Pick<PeeringEvt, "epoch_sent" | "epoch_requested">): boolean {
    return this.old_peering_msg(evt.epoch_sent, evt.epoch_requested);
  }
  old_peering_msg(reply_epoch: epoch_t, query_epoch: epoch_t): boolean {
    return this.last_peering_reset > reply_epoch || this.last_peering_reset > query_epoch;
  }
  /** Wraps an event of our own: it belongs to the map the PG stands at. */
  own_evt(evt: PeeringEvent): PeeringEvt {
    const e = this.get_osdmap_epoch();
    return { epoch_sent: e, epoch_requested: e, evt, requires_pg: true };
  }
  /** Is a message of map epoch `e` of this PG's current interval? */
  pg_has_reset_since(e: epoch_t): boolean {
    return this.deleted || e < this.last_peering_reset;
  }

  // ---------------------------------------------------------------- questions

  get_osdmap_epoch(): epoch_t {
    return this.osdmap.epoch;
  }
  /** Innermost state of the machine. */
  get state_name(): string {
    return this.machine.state;
  }
  state_test(s: pg_state_t): boolean {
    return this.state_bits.has(s);
  }
  state_set(s: pg_state_t): void {
    this.state_bits.add(s);
  }
  state_clear(...s: readonly pg_state_t[]): void {
    for (const x of s) this.state_bits.delete(x);
  }
  /** `active+undersized+degraded`: what `ceph pg` prints. */
  get_pg_state_string(): string {
    return state_string(this.state_bits);
  }
  is_primary(): boolean {
    return this.primary === this.pg_whoami;
  }
  is_acting(s: pg_shard_t): boolean {
    return this.actingset.has(s);
  }
  is_up(s: pg_shard_t): boolean {
    return this.upset.has(s);
  }
  is_acting_recovery_backfill(s: pg_shard_t): boolean {
    return this.acting_recovery_backfill.has(s);
  }
  is_backfill_target(s: pg_shard_t): boolean {
    return this.backfill_targets.has(s);
  }
  is_async_recovery_target(s: pg_shard_t): boolean {
    return this.async_recovery_targets.has(s);
  }
  is_active(): boolean {
    return this.state_test("active");
  }
  is_activating(): boolean {
    return this.state_test("activating");
  }
  is_down(): boolean {
    return this.state_test("down");
  }
  is_recovering(): boolean {
    return this.state_test("recovering");
  }
  is_backfilling(): boolean {
    return this.state_test("backfilling");
  }
  /** Active, or below min_size and otherwise ready. */
  is_peered(): boolean {
    return this.state_test("active") || this.state_test("peered");
  }
  is_clean(): boolean {
    return this.state_test("clean");
  }
  is_degraded(): boolean {
    return this.state_test("degraded");
  }
  is_undersized(): boolean {
    return this.state_test("undersized");
  }
  is_deleted(): boolean {
    return this.deleted;
  }
  /** Can the data be had from these shards? (Replicated: any; EC: enough to decode.) */
  is_recoverable(have: ReadonlySet<pg_shard_t>): boolean {
    return this.missing_loc.is_recoverable(have);
  }
  /** No past interval before this epoch can matter. */
  oldest_map(): epoch_t {
    return Math.max(this.#oldest_map(), this.map_gap_end);
  }
  /** Enough members for writes? */
  acting_set_writeable(): boolean {
    return this.actingset.size >= this.pool.info.min_size && this.is_recoverable(this.actingset);
  }
  /** Members of acting without holes, in acting order. */
  acting_osds(): number[] {
    return this.acting.filter((o) => o !== CRUSH_ITEM_NONE);
  }
  up_osds(): number[] {
    return this.up.filter((o) => o !== CRUSH_ITEM_NONE);
  }
  /** acting_recovery_backfill without this OSD's own shard, in sending order. */
  peers(): readonly pg_shard_t[] {
    const of = this.acting_recovery_backfill;
    if (this.#peers?.of !== of) this.#peers = { of, list: interval.others(of, this.pg_whoami) };
    return this.#peers.list;
  }
  get missing(): pg_missing_t {
    return this.pg_log.missing;
  }
  get_peer_info(s: pg_shard_t): pg_info_t {
    const i = this.peer_info.get(s);
    if (!i) throw new InvariantError("no info of this peer", { pg: this.spgid, peer: s });
    return i;
  }
  /** Missing set of a member, own shard included. */
  get_shard_missing(s: pg_shard_t): pg_missing_t | undefined {
    return s === this.pg_whoami ? this.missing : this.peer_missing.get(s);
  }
  /** Some acting_recovery_backfill member lacks an object that its log says it has. */
  needs_recovery(): boolean {
    return unfound.needs_recovery(this);
  }
  needs_backfill(): boolean {
    return unfound.needs_backfill(this);
  }
  /** Anything unfound? */
  have_unfound(): boolean {
    return this.missing_loc.have_unfound();
  }
  get_num_unfound(): number {
    return this.missing_loc.num_unfound();
  }
  all_unfound_are_queried_or_lost(): boolean {
    return unfound.all_unfound_are_queried_or_lost(this);
  }
  /** Is `soid` missing on any member of acting_recovery_backfill that must have it for a write? */
  is_degraded_object(soid: hobject_t): boolean {
    return recovery_ops.is_degraded_object(this, soid);
  }
  is_missing_object(soid: hobject_t): boolean {
    return this.missing.is_missing(soid);
  }
  /** Unreadable on the primary: missing here and not readable from others either. */
  is_unreadable_object(soid: hobject_t): boolean {
    return recovery_ops.is_unreadable_object(this, soid);
  }
  /** Does this shard hold only part of the objects? */
  is_incomplete(): boolean {
    return info_is_incomplete(this.info);
  }
  get_recovery_priority(): number {
    return recovery_ops.recovery_priority(this);
  }
  get_backfill_priority(): number {
    return recovery_ops.backfill_priority(this);
  }
  /** Bytes still to come by the backfill for which room has been reserved here. */
  pending_backfill_bytes(): number {
    return recovery_ops.pending_backfill(this, this.reserved_num_bytes);
  }
  get_delete_priority(): number {
    return get_delete_priority(this.full_state());
  }
  /** Adds the OSDs this PG wants heartbeats with. */
  add_heartbeat_peers(osds: Set<number>): void {
    interval.add_heartbeat_peers(this, osds);
  }

  // ---------------------------------------------------------------- log and writes (§6.11, §8.4)

  /** Version for the next log entry. */
  next_version(): eversion_t {
    return { epoch: this.get_osdmap_epoch(), version: this.pg_log.head.version + 1 };
  }
  /** Primary, before a write is sent: what each peer's info and missing become. */
  pre_submit_op(soid: hobject_t, logv: readonly pg_log_entry_t[], at_version: eversion_t): void {
    log_ops.pre_submit_op(this, soid, logv, at_version);
  }
  /**
   * Every member, with the write's transaction: appends, trims and persists.
   * `transaction_applied` false: the data was withheld (object beyond last_backfill).
   * `async`: the object may be missing here and stays so (async recovery target).
   */
  append_log(
    logv: readonly pg_log_entry_t[],
    trim_to: eversion_t,
    roll_forward_to: eversion_t,
    mlcod: eversion_t,
    t: Transaction,
    opts: { readonly transaction_applied: boolean; readonly async: boolean },
  ): void {
    log_ops.append_log(this, logv, trim_to, roll_forward_to, mlcod, t, opts);
  }
  /** Log-only entries (ERROR, lost marks) on the primary: own log and missing, peers' missing. */
  merge_new_log_entries(
    entries: readonly pg_log_entry_t[],
    t: Transaction,
    trim_to: eversion_t,
    roll_forward_to: eversion_t,
  ): void {
    log_ops.merge_new_log_entries(this, entries, t, trim_to, roll_forward_to);
  }
  /** The same on a replica (pg_update_log_missing). */
  append_log_entries_update_missing(
    entries: readonly pg_log_entry_t[],
    t: Transaction,
    trim_to: eversion_t,
    roll_forward_to: eversion_t,
  ): void {
    log_ops.append_log_entries_update_missing(this, entries, t, trim_to, roll_forward_to);
  }
  /** Recomputes pg_trim_to; the value travels with the next write. */
  calc_trim_to(): eversion_t {
    return log_ops.calc_trim_to(this);
  }
  /** A write of ours is durable on every member. */
  complete_write(v: eversion_t, lc: eversion_t): void {
    log_ops.complete_write(this, v, lc);
  }
  local_write_applied(v: eversion_t): void {
    log_ops.local_write_applied(this, v);
  }
  update_last_complete_ondisk(lcod: eversion_t): void {
    this.last_complete_ondisk = lcod;
  }
  update_peer_last_complete_ondisk(from: pg_shard_t, lcod: eversion_t): void {
    this.peer_last_complete_ondisk.set(from, lcod);
  }
  /** Recomputes min_last_complete_ondisk; true when it moved. */
  calc_min_last_complete_ondisk(): boolean {
    return log_ops.calc_min_last_complete_ondisk(this);
  }

  // ---------------------------------------------------------------- recovery and backfill (§7)

  /** A complete object of version `v` was stored here by `t` (or its deletion). */
  recover_got(soid: hobject_t, v: eversion_t, is_delete: boolean, t: Transaction): void {
    recovery_ops.recover_got(this, soid, v, is_delete, t);
  }
  /** A push to `peer` begins: until it ends the peer has nothing usable of it. */
  begin_peer_recover(peer: pg_shard_t, soid: hobject_t): void {
    recovery_ops.begin_peer_recover(this, peer, soid);
  }
  /** `peer` has stored it durably. */
  on_peer_recover(peer: pg_shard_t, soid: hobject_t, v: eversion_t): void {
    recovery_ops.on_peer_recover(this, peer, soid, v);
  }
  /** Nobody misses it any more. */
  object_recovered(soid: hobject_t, delta: Partial<object_stat_sum_t>): void {
    recovery_ops.object_recovered(this, soid, delta);
  }
  /** A peer turned out not to have a good copy: it misses it now. */
  force_object_missing(peer: pg_shard_t, soid: hobject_t, need: eversion_t, t: Transaction): void {
    recovery_ops.force_object_missing(this, peer, soid, need, t);
  }
  /** A peer turned out to have what was deleted at `need`. */
  force_object_deleted(peer: pg_shard_t, soid: hobject_t, need: eversion_t, t: Transaction): void {
    recovery_ops.force_object_deleted(this, peer, soid, need, t);
  }
  /** Target: PROGRESS or FINISH. Persisted with `t`. */
  update_backfill_progress(last_backfill: hobject_t, s: pg_stats_t, t: Transaction): void {
    recovery_ops.update_backfill_progress(this, last_backfill, s, t);
  }
  /** Primary: what the target has been told. */
  update_peer_last_backfill(peer: pg_shard_t, last_backfill: hobject_t): void {
    recovery_ops.update_peer_last_backfill(this, peer, last_backfill);
  }
  update_complete_backfill_object_stats(peer: pg_shard_t, delta: Partial<object_stat_sum_t>): void {
    recovery_ops.add_peer_stats(this, peer, delta);
  }

  // ---------------------------------------------------------------- statistics, query

  /** Changes info.stats; the info is written with the next write_if_dirty. */
  update_stats(f: (s: pg_stats_t) => void): void {
    f(this.info.stats);
    this.dirty_info = true;
  }
  /** Changes the info outside of an event, and lets the members know (scrub). */
  update_and_share(rctx: RecoveryCtx, f: (info: pg_info_t) => void): void {
    completion.update_and_share(this, rctx, f);
  }
  /** pg_stat_t for the mon with fresh stamps and derived counts. */
  prepare_stats_for_publish(): stats.pg_stat_t {
    return stats.prepare_stats_for_publish(this);
  }
  /** `ceph pg <pgid> query`; `extra` are the PG's parts of the Active entry. */
  dump_query(extra: query.QueryExtra): query.PGQuery {
    return query.dump_query(this, extra);
  }

  // ---------------------------------------------------------------- persistence, checks

  dirty(): boolean {
    return this.dirty_info || this.dirty_big_info || this.pg_log.is_dirty();
  }
  write_if_dirty(t: Transaction): void {
    persist.write_if_dirty(this, t);
  }
  /** InvariantError when one of the invariants of peering.md §12.1 that one PG can see is broken. */
  check_invariants(): void {
    invariants.check_invariants(this);
  }

  // ---------------------------------------------------------------- for the reactions

  /** Acts on objects through `t`, or through the transaction of the event. */
  log_entry_handler(t: Transaction = this.get_rctx().transaction): LogEntryHandler {
    return this.#get_log_handler(t);
  }

  /** The current event's ctx. */
  get_rctx(): RecoveryCtx {
    invariant(this.rctx, "no peering event is being processed", { pg: this.spgid });
    return this.rctx;
  }
  /** Feeds `evt` when the transaction of the current event is durable. */
  schedule_event_on_commit(evt: PeeringEvent): void {
    this.get_rctx().effect({ type: "schedule_event_on_commit", evt });
  }
  schedule_event_after(evt: PeeringEvent, delay_s: number): void {
    this.get_rctx().effect({ type: "schedule_event_after", evt, delay_s });
  }
  publish_stats(): void {
    if (this.is_primary()) this.get_rctx().effect({ type: "publish_stats" });
  }
  /** The spg of this PG on `to`. */
  peer_spg(to: pg_shard_t): spg_t {
    return interval.spg_of(spg_pg(this.spgid), to);
  }
  /** OSDs of `shards`, each once, ascending. */
  osds_of(shards: Iterable<pg_shard_t>): number[] {
    return sort_few([...new Set([...shards].map(shard_osd))], (a, b) => a - b);
  }
  set_mapping(
    m: Pick<Evt<"AdvMap">, "newup" | "up_primary" | "newacting" | "acting_primary">,
  ): void {
    interval.set_mapping(this, m);
  }
}
