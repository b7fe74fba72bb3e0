/**
 * A process with one PG's PeeringState and a store, and nothing else of an OSD: what a transcript
 * drives. Everything it wants to happen later goes into the harness's one queue.
 */
import {
  type Clock,
  type Config,
  HOBJECT_MAX,
  type Log,
  type LogFields,
  make_hobject,
  NULL_LOG,
  type OSDMap,
  type pg_t,
} from "@tako/common";
import { AsyncReserver } from "../../osd/AsyncReserver.ts";
import { MemStore } from "../../store/MemStore.ts";
import type { PeeringEvent, PeeringEvt, PGCreateInfo } from "../events.ts";
import { type full_state_t, PeeringState } from "../PeeringState.ts";
import { type OutMessage, type PeeringEffect, RecoveryCtx } from "../RecoveryCtx.ts";

export const PGID: pg_t = "1.0";

export interface TestHost {
  readonly config: Config;
  readonly clock: Clock;
  /** Something to print. */
  say(line: string): void;
  map(epoch: number): OSDMap;
  send(from: TestOSD, m: OutMessage): void;
  /** Later, in order. */
  defer(fn: () => void): void;
  set_timer(osd: TestOSD, evt: PeeringEvt, delay_s: number): void;
}

export class TestOSD {
  readonly id: number;
  readonly host: TestHost;
  readonly store: MemStore;
  alive = true;
  /** Grows with each start: callbacks of an earlier life do nothing. */
  life = 0;
  /** Newest map this OSD has. */
  map: OSDMap;
  pg: PeeringState | null = null;
  full: full_state_t = "none";
  pg_temp_wanted: readonly number[] | null = null;
  recovery_queued = false;
  #local: AsyncReserver;
  #remote: AsyncReserver;
  readonly #parked: { evt: PeeringEvt; answer: () => void }[] = [];

  constructor(id: number, host: TestHost, map: OSDMap) {
    this.id = id;
    this.host = host;
    this.map = map;
    this.store = new MemStore({ clock: host.clock });
    this.store.mkfs_now("peering-test");
    this.store.mount_now();
    this.#local = this.#reserver();
    this.#remote = this.#reserver();
  }
  #reserver(): AsyncReserver {
    return new AsyncReserver(1, 0, (fn) => this.host.defer(fn));
  }

  occupy(): void {
    for (const r of [this.#local, this.#remote]) r.request_reservation("9.9", 999, () => {}, null);
  }
  vacate(): void {
    for (const r of [this.#local, this.#remote]) r.cancel_reservation("9.9");
  }
  get reservations(): string {
    return `local=${this.#local.granted_count} remote=${this.#remote.granted_count}`;
  }

  // ---------------------------------------------------------------- life

  kill(): void {
    this.alive = false;
    this.life++;
    this.store.crash();
    this.pg = null;
    this.recovery_queued = false;
    this.pg_temp_wanted = null;
    this.#parked.length = 0;
  }
  start(): void {
    this.alive = true;
    this.store.mount_now();
    this.#local = this.#reserver();
    this.#remote = this.#reserver();
    if (!this.store.collection_exists(`${PGID}_head`)) return;
    const map = this.host.map(PeeringState.peek_map_epoch(this.store, PGID));
    this.map = map;
    this.pg = PeeringState.load(this.init_of(map), this.store);
    this.#turn((rctx) => {
      this.pg?.initialize(rctx);
      this.pg?.activate_map(rctx);
    });
  }

  init_of(map: OSDMap) {
    const info = map.get_pg_pool(1);
    if (!info) throw new Error("pool 1 is not in the map");
    return {
      spgid: PGID,
      whoami: this.id,
      osdmap: map,
      pool: { id: 1, name: "test", info },
      config: this.host.config,
      clock: this.host.clock,
      log: this.#log(),
      full_state: () => this.full,
      tentative_backfill_full: () => this.full !== "none" && this.full !== "nearfull",
    };
  }
  /** State changes are the transcript; the rest is for people. */
  #log(): Log {
    const say = (f: LogFields) => {
      this.host.say(`osd.${this.id} ${String(f.from)} -> ${String(f.to)} (${String(f.event)})`);
    };
    return {
      ...NULL_LOG,
      enabled: () => true,
      info: (fields, event) => {
        if (event === "pg_state") say(fields);
      },
    };
  }

  // ---------------------------------------------------------------- events

  create(c: PGCreateInfo): void {
    const map = this.host.map(c.epoch);
    const pg = new PeeringState(this.init_of(map));
    this.pg = pg;
    this.#turn((rctx) => {
      rctx.transaction.create_collection(`${PGID}_head`);
      pg.init(c.history, c.past_intervals, rctx.transaction);
      pg.initialize(rctx);
      pg.activate_map(rctx);
    });
    this.advance();
  }

  /** Takes over maps up to `map`. */
  handle_map(map: OSDMap): void {
    if (map.epoch > this.map.epoch) this.map = map;
    this.advance();
    for (const p of this.#parked.splice(0)) p.answer();
  }
  advance(): void {
    const pg = this.pg;
    if (!pg || pg.get_osdmap_epoch() === this.map.epoch) return;
    this.#turn((rctx) => {
      for (let e = pg.get_osdmap_epoch() + 1; e <= this.map.epoch; e++) {
        const map = this.host.map(e);
        const m = map.pg_to_up_acting_osds(PGID);
        const last = this.host.map(e - 1);
        pg.advance_map(map, last, m.up, m.up_primary, m.acting, m.acting_primary, rctx);
        this.#run_effects(rctx);
      }
      pg.activate_map(rctx);
    });
  }

  /** Newer than our map: it waits. */
  park(evt: PeeringEvt, answer: () => void): boolean {
    if (evt.epoch_sent <= this.map.epoch) return false;
    this.#parked.push({ evt, answer });
    return true;
  }
  handle(evt: PeeringEvt): void {
    const pg = this.pg;
    if (!pg || !this.alive) return;
    if (pg.old_peering_evt(evt)) {
      this.host.say(`osd.${this.id} drops old ${evt.evt.type}`);
      return;
    }
    this.#turn((rctx) => pg.handle_event(evt.evt, rctx));
  }
  /** An event of our own. */
  feed(evt: PeeringEvent): void {
    if (this.pg) this.handle(this.pg.own_evt(evt));
  }

  /** One turn: what was asked for is done, stored, and sent when it is durable. */
  #turn(fn: (rctx: RecoveryCtx) => void): void {
    const rctx = new RecoveryCtx();
    fn(rctx);
    this.#run_effects(rctx);
    this.pg?.check_invariants();
    const { life } = this;
    const messages = rctx.messages.slice();
    const reset = this.pg?.last_peering_reset ?? 0;
    this.store.queue_transaction(rctx.transaction, () => {
      if (life !== this.life) return;
      for (const done of rctx.on_commit) done();
      if ((this.pg?.last_peering_reset ?? 0) > reset) return;
      for (const m of messages) this.host.send(this, m);
    });
  }

  #later(evt: PeeringEvent): () => void {
    const wrapped = this.pg?.own_evt(evt);
    const { life } = this;
    return () => {
      if (wrapped && life === this.life) this.handle(wrapped);
    };
  }

  #run_effects(rctx: RecoveryCtx): void {
    for (const e of rctx.effects.splice(0)) this.#effect(e, rctx);
  }
  #effect(e: PeeringEffect, rctx: RecoveryCtx): void {
    switch (e.type) {
      case "schedule_event_on_commit":
        rctx.on_commit.push(this.#later(e.evt));
        return;
      case "start_flush":
        rctx.on_commit.push(this.#later({ type: "FlushedEvt" }));
        return;
      case "schedule_event_after":
        if (this.pg) this.host.set_timer(this, this.pg.own_evt(e.evt), e.delay_s);
        return;
      case "request_reservation": {
        const r = e.reserver === "local" ? this.#local : this.#remote;
        r.request_reservation(
          PGID,
          e.priority,
          this.#later(e.grant),
          e.preempt && this.#later(e.preempt),
        );
        return;
      }
      case "cancel_reservation":
        (e.reserver === "local" ? this.#local : this.#remote).cancel_reservation(PGID);
        return;
      case "queue_want_pg_temp":
        this.host.say(`osd.${this.id} wants pg_temp [${e.acting}]`);
        this.pg_temp_wanted = e.acting;
        return;
      case "clear_want_pg_temp":
        this.pg_temp_wanted = null;
        return;
      case "queue_recovery":
        this.recovery_queued = true;
        return;
      case "do_delete_work":
        this.#delete(rctx);
        return;
      default:
        return;
    }
  }
  #delete(rctx: RecoveryCtx): void {
    const c = `${PGID}_head`;
    if (this.pg) this.pg.deleted = true;
    this.#local.cancel_reservation(PGID);
    for (const o of this.store.collection_list(c, "MIN", HOBJECT_MAX, 10_000).objects) {
      rctx.transaction.remove(c, o);
    }
    rctx.transaction.remove_collection(c);
    rctx.on_commit.push(() => {
      this.host.say(`osd.${this.id} has removed the PG`);
      this.pg = null;
    });
  }

  readonly pgmeta = make_hobject({ pool: 1, hash: 0, oid: "" });
  object(name: string) {
    return make_hobject({ pool: 1, hash: 0, oid: name });
  }
}
