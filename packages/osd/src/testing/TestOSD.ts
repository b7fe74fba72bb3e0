/**
 * TestOSD: what a PG needs of an OSD, with the real queues and none of the rest: no boot, heartbeats,
 * sessions or map storage.
 */
import {
  type Config,
  type Connection,
  type epoch_t,
  type Log,
  type Message,
  type OSDMap,
  type past_intervals_wire_t,
  type pg_history_t,
  pg_info_t,
  type pg_t,
  shard_osd,
  type spg_t,
} from "@tako/common";
import { AsyncReserver } from "../osd/AsyncReserver.ts";
import { SlotQueue } from "../osd/BackgroundQueue.ts";
import { CtxDispatcher } from "../osd/CtxDispatcher.ts";
import { Outbox } from "../osd/Outbox.ts";
import { PeeringWQ } from "../osd/PeeringWQ.ts";
import { epoch_of, is_peering_message, peering_events_of } from "../osd/peering_messages.ts";
import { RecoveryQueue } from "../osd/RecoveryQueue.ts";
import { ScrubQueue } from "../osd/ScrubQueue.ts";
import type { Evt, PeeringEvt } from "../peering/events.ts";
import type { full_state_t } from "../peering/PeeringState.ts";
import { type OutMessage, RecoveryCtx } from "../peering/RecoveryCtx.ts";
import { CommitLatency } from "../pg/CommitLatency.ts";
import { OpTracker } from "../pg/OpTracker.ts";
import { PG } from "../pg/PG.ts";
import type { PGHost } from "../pg/PGHost.ts";
import { StateTimes } from "../pg/StateTimes.ts";
import { MemStore } from "../store/MemStore.ts";
import type { PGCluster } from "./PGCluster.ts";
import type { SeededRng, VirtualClock } from "./VirtualClock.ts";

/** A peer OSD or a client, as far as a PG looks at it. */
export function fake_connection(
  peer_name: Connection["peer_name"],
  send: (m: Message) => void,
): Connection & { is_open: boolean } {
  return {
    peer_name,
    peer_addr: { host: "h", port: 1, nonce: 0 },
    policy: "lossy",
    is_open: true,
    queued_bytes: 0,
    priv: null,
    send,
    mark_down() {
      this.is_open = false;
    },
  };
}

export class TestOSD implements PGHost {
  readonly id: number;
  readonly whoami: number;
  readonly cluster: PGCluster;
  readonly clock: VirtualClock;
  readonly rng: SeededRng;
  readonly log: Log;
  readonly config: Config;
  readonly store: MemStore;
  readonly pgs = new Map<spg_t, PG>();
  running = true;
  full: full_state_t = "none";
  readonly scrubs: ScrubQueue;
  local_reserver: AsyncReserver;
  remote_reserver: AsyncReserver;
  op_tracker: OpTracker;
  readonly commit_latency: CommitLatency;
  readonly state_times = new StateTimes();
  #map: OSDMap;
  #wq: PeeringWQ;
  #recovery: RecoveryQueue;
  #ctx: CtxDispatcher;
  /** Messages for maps that have not come, and for PGs that do not exist yet. */
  #parked: { epoch: epoch_t; fn: () => void }[] = [];
  /** Each process start is another: callbacks of the one that died do nothing. */
  #life = 0;

  constructor(cluster: PGCluster, id: number) {
    this.id = id;
    this.whoami = id;
    this.cluster = cluster;
    this.clock = cluster.clock;
    this.rng = cluster.rng;
    this.config = cluster.config;
    this.log = cluster.log.child({ osd: id });
    this.#map = cluster.map;
    this.store = new MemStore({ clock: cluster.clock, commit_latency_ms: 1 + id });
    this.store.mkfs_now("f");
    this.store.mount_now();
    this.commit_latency = new CommitLatency(cluster.clock);
    const parts = this.#make_parts();
    this.scrubs = new ScrubQueue({
      clock: this.clock,
      config: this.config,
      pgs: () => this.pgs.values(),
      is_recovery_active: () =>
        this.local_reserver.granted_count + this.remote_reserver.granted_count > 0,
    });
    this.local_reserver = parts.local;
    this.remote_reserver = parts.remote;
    this.op_tracker = parts.op_tracker;
    this.#wq = parts.wq;
    this.#recovery = parts.recovery;
    this.#ctx = parts.ctx;
  }

  #make_parts() {
    const life = ++this.#life;
    const alive = () => this.running && life === this.#life;
    const clock = {
      now_ms: () => this.clock.now_ms(),
      mono_ms: () => this.clock.mono_ms(),
      set_timer: (ms: number, fn: () => void) => this.clock.set_timer(ms, () => alive() && fn()),
      defer: (fn: () => void) => this.clock.defer(() => alive() && fn()),
    };
    const slots = this.config.get("osd_max_backfills");
    const outbox = new Outbox((to, m, epoch) => this.send_cluster(to, m, epoch));
    return {
      local: new AsyncReserver(slots, 0, clock.defer),
      remote: new AsyncReserver(slots, 0, clock.defer),
      op_tracker: new OpTracker(clock, this.config),
      wq: new PeeringWQ({
        clock,
        config: this.config,
        osdmap: () => this.osdmap(),
        try_get_map: (e) => this.try_get_map(e),
        min_pg_epoch: () => undefined,
        dispatch_context: (pg, rctx) => this.dispatch_context(pg, rctx),
        add_split_children: () => {
          throw new Error("pools do not grow here");
        },
        end_of_batch: (want) => this.#end_of_batch(want),
      }),
      recovery: new RecoveryQueue({
        background: new SlotQueue(1, (fn) => clock.defer(fn)),
        clock,
        config: this.config,
        paused: () => this.osdmap().test_flag("norecover"),
      }),
      ctx: new CtxDispatcher({
        store: this.store,
        send: (out: OutMessage, epoch) => {
          outbox.add(out, epoch);
          clock.defer(() => outbox.flush());
        },
      }),
    };
  }

  // ---------------------------------------------------------------- life

  crash(): void {
    for (const pg of this.pgs.values()) pg.shutdown();
    this.running = false;
    this.#life++;
    this.#parked = [];
    this.pgs.clear();
    this.store.crash();
  }
  start(): void {
    this.store.mount_now();
    this.running = true;
    const parts = this.#make_parts();
    this.local_reserver = parts.local;
    this.remote_reserver = parts.remote;
    this.op_tracker = parts.op_tracker;
    this.#wq = parts.wq;
    this.#recovery = parts.recovery;
    this.#ctx = parts.ctx;
    for (const spgid of PG.list(this.store)) {
      const epoch = PG.peek_map_epoch(this.store, spgid);
      const map = epoch === undefined ? undefined : this.try_get_map(epoch);
      if (!map) continue;
      const pg = PG.load(this, spgid, map, { ...this.cluster.pool });
      this.pgs.set(spgid, pg);
      const rctx = new RecoveryCtx();
      pg.handle_initialize(rctx);
      pg.handle_activate_map(rctx);
      this.dispatch_context(pg, rctx);
      this.#wq.queue(pg);
    }
  }
  create_pg(
    spgid: spg_t,
    history: pg_history_t,
    past_intervals: past_intervals_wire_t,
    epoch: epoch_t,
  ): PG | undefined {
    const map = this.try_get_map(epoch);
    if (!map) return undefined;
    const rctx = new RecoveryCtx();
    const mapping = map.pg_to_up_acting_osds("1.0");
    const pool = { ...this.cluster.pool };
    const pg = PG.create(this, spgid, { map, pool, history, past_intervals, ...mapping }, rctx);
    this.pgs.set(spgid, pg);
    pg.handle_initialize(rctx);
    pg.handle_activate_map(rctx);
    this.dispatch_context(pg, rctx);
    this.#wq.queue(pg);
    return pg;
  }

  // ---------------------------------------------------------------- what comes in

  handle_osd_map(map: OSDMap): void {
    if (!this.running || map.epoch <= this.#map.epoch) return;
    this.#map = map;
    const ready = this.#parked.filter((p) => p.epoch <= map.epoch);
    this.#parked = this.#parked.filter((p) => p.epoch > map.epoch);
    for (const p of ready) p.fn();
    const e = map.epoch;
    for (const pg of this.pgs.values()) {
      const evt = { type: "NullEvt" } as const;
      this.#wq.queue_event(pg, { epoch_sent: e, epoch_requested: e, evt, requires_pg: true });
    }
  }
  /** Runs `fn` when the map of `epoch` is here. */
  park(epoch: epoch_t, fn: () => void): void {
    if (epoch <= this.#map.epoch) fn();
    else this.#parked.push({ epoch, fn });
  }
  ms_dispatch(from: number, m: Message): void {
    if (!this.running) return;
    if (is_peering_message(m)) {
      this.park(epoch_of(m), () => {
        for (const { spgid, evt } of peering_events_of(m, from)) this.#enqueue(spgid, evt);
      });
      return;
    }
    const con = fake_connection(`osd.${from}`, () => {});
    const epoch = "map_epoch" in m ? m.map_epoch : 0;
    this.park(epoch, () => this.pgs.get("1.0")?.do_request(con, m));
  }
  client_op(con: Connection, m: Message & { map_epoch: epoch_t }): void {
    if (!this.running) return;
    this.park(m.map_epoch, () => {
      const pg = this.pgs.get("1.0");
      if (pg) pg.do_request(con, m);
      // The PG is about to be created by a peer's message: the op waits, as in session_waiting_for_pg,
      // until the map has taken the PG somewhere else; the client sends it there.
      else if (this.#map.pg_to_up_acting_osds("1.0").acting_primary === this.id) {
        this.clock.set_timer(20, () => con.is_open && this.client_op(con, m));
      }
    });
  }

  #enqueue(spgid: spg_t, evt: PeeringEvt): void {
    let pg = this.pgs.get(spgid);
    if (!pg && evt.evt.type === "MQuery") return this.#answer_for_absent(spgid, evt.evt);
    if (!pg && evt.create_info) {
      const { up, acting } = this.#map.pg_to_up_acting_osds("1.0");
      if (!up.includes(this.id) && !acting.includes(this.id)) return;
      const { history, past_intervals, epoch } = evt.create_info;
      pg = this.create_pg(spgid, { ...history }, past_intervals, epoch);
    }
    if (pg) this.#wq.queue_event(pg, evt);
  }
  #answer_for_absent(spgid: spg_t, q: Evt<"MQuery">): void {
    const { query } = q;
    if (query.type !== "INFO") return;
    this.send_cluster(
      shard_osd(q.from),
      {
        type: "pg_notify",
        epoch: this.#map.epoch,
        pg_list: [
          {
            query_epoch: query.epoch_sent,
            epoch_sent: this.#map.epoch,
            info: pg_info_t(spgid),
            to: query.from,
            from: query.to,
            past_intervals: null,
          },
        ],
      },
      this.#map.epoch,
    );
  }
  #end_of_batch(up_thru_wanted: epoch_t): void {
    if (up_thru_wanted <= this.#map.get_up_thru(this.id)) return;
    const { epoch } = this.#map;
    const { id } = this;
    this.cluster.want((inc) => {
      if (this.cluster.map.is_up(id)) inc.new_up_thru.set(id, epoch);
    });
  }

  // ---------------------------------------------------------------- PGHost

  osdmap(): OSDMap {
    return this.#map;
  }
  oldest_map(): number {
    return 0;
  }
  try_get_map(e: epoch_t): OSDMap | undefined {
    return this.cluster.maps.get(e);
  }
  send_cluster(to: number, m: Message, from_epoch: epoch_t): void {
    const map = this.#map;
    if (!this.running || !map.is_up(to) || map.get_up_from(to) > from_epoch) return;
    this.cluster.send(this.id, to, m);
  }
  dispatch_context(pg: PG, rctx: RecoveryCtx): void {
    this.#ctx.dispatch(pg, rctx);
  }
  queue_peering_event(pg: PG, evt: PeeringEvt): void {
    if (this.pgs.get(pg.spgid) === pg) this.#wq.queue_event(pg, evt);
  }
  is_stopping(): boolean {
    return false;
  }
  queue_want_pg_temp(pgid: pg_t, acting: readonly number[]): void {
    this.cluster.want((inc) => {
      // As OSDMonitor::clean_temps: nothing that names only dead OSDs, or says what CRUSH says.
      const { up } = this.cluster.map.pg_to_up_acting_osds(pgid);
      const live = acting.filter((o) => this.cluster.map.is_up(o));
      const same = live.length === up.length && live.every((o, i) => o === up[i]);
      inc.new_pg_temp.set(pgid, same ? [] : live);
    });
  }
  clear_want_pg_temp(): void {}
  queue_recovery(pg: PG): void {
    this.#recovery.queue(pg);
  }
  defer_recovery(): void {
    this.#recovery.defer_recovery();
  }
  cancel_recovery(pg: PG): void {
    this.#recovery.forget(pg);
  }
  start_recovery_op(pg: PG): void {
    this.#recovery.start_op(pg);
  }
  finish_recovery_op(pg: PG): void {
    this.#recovery.finish_op(pg);
  }
  publish_stats(): void {}
  send_pg_created(): void {}
  update_heartbeat_peers(): void {}
  tentative_backfill_full(): boolean {
    return this.full !== "none" && this.full !== "nearfull";
  }
  full_state(): full_state_t {
    return this.full;
  }
  pg_deleted(pg: PG): void {
    this.pgs.delete(pg.spgid);
    this.#wq.forget(pg);
  }
  cluster_log(prio: string, text: string): void {
    this.cluster.clog.push(`${prio} ${text}`);
  }
}
