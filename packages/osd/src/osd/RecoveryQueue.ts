/**
 * RecoveryQueue: PGs that recover or backfill take turns. A turn is a job of the BackgroundQueue that
 * lasts until the operations it started are finished; so their number on this OSD is bounded.
 * With osd_recovery_sleep turns begin no faster than one each so many seconds, so that clients feel
 * less of them. With osd_recovery_delay_start none begins until so long after a PG that has something to
 * recover was activated.
 * Ceph counterpart: OSDService::_maybe_queue_recovery, OSD::do_recovery. peering.md §7.1.
 */
import type { Clock, Config, TimerHandle } from "@tako/common";
import type { PG } from "../pg/PG.ts";
import type { BackgroundQueue } from "./BackgroundQueue.ts";

export interface RecoveryQueuePorts {
  readonly background: BackgroundQueue;
  readonly clock: Clock;
  readonly config: Config;
  /** norecover (or another pause flag that stops all recovery) is set. */
  readonly paused: () => boolean;
}

/** A turn whose operations are under way. */
interface Turn {
  left: number;
  readonly done: () => void;
}

export class RecoveryQueue {
  readonly #p: RecoveryQueuePorts;
  /** Waiting for a turn; each has one job in the BackgroundQueue. */
  readonly #queued = new Set<PG>();
  readonly #turns = new Map<PG, Turn[]>();
  /** The turn being taken: operations that start now belong to it. */
  #current: { readonly pg: PG; readonly turn: Turn } | null = null;
  /** Operations that were started outside a turn (for a waiting client). */
  readonly #extra = new Map<PG, number>();
  readonly #sleeping = new Set<TimerHandle>();
  /** When the next turn may begin, mono ms. */
  #next_turn = 0;
  /** When a PG was activated last that has something to recover, mono ms. */
  #activated = Number.NEGATIVE_INFINITY;
  /** PGs that wait for osd_recovery_delay_start to pass, and the timer for that. */
  readonly #deferred = new Set<PG>();
  #defer_timer: TimerHandle | null = null;
  #stopped = false;

  constructor(ports: RecoveryQueuePorts) {
    this.#p = ports;
    this.#set_concurrency();
    const names = ["osd_recovery_max_active", "osd_recovery_max_active_ssd"] as const;
    ports.config.observe(names, () => this.#set_concurrency());
    ports.config.observe(["osd_recovery_delay_start"], () => this.#end_deferral());
  }
  #set_concurrency(): void {
    const any = this.#p.config.get("osd_recovery_max_active");
    const n = any > 0 ? any : this.#p.config.get("osd_recovery_max_active_ssd");
    this.#p.background.set_concurrency(n);
  }

  queue(pg: PG): void {
    if (this.#stopped || this.#queued.has(pg) || this.#p.paused()) return;
    if (this.#deferred_for_ms() > 0) {
      this.#defer(pg);
      return;
    }
    this.#queued.add(pg);
    this.#p.background.add((done) => this.#sleep_then_turn(pg, done));
  }
  /** A PG that has something to recover is active: nobody recovers for a while. */
  defer_recovery(): void {
    this.#activated = this.#p.clock.mono_ms();
  }
  #deferred_for_ms(): number {
    const delay_ms = this.#p.config.get("osd_recovery_delay_start") * 1000;
    return this.#activated + delay_ms - this.#p.clock.mono_ms();
  }
  #defer(pg: PG): void {
    this.#deferred.add(pg);
    this.#defer_timer ??= this.#p.clock.set_timer(this.#deferred_for_ms(), () => {
      this.#defer_timer = null;
      this.#end_deferral();
    });
  }
  #end_deferral(): void {
    this.#defer_timer?.cancel();
    this.#defer_timer = null;
    const pgs = [...this.#deferred];
    this.#deferred.clear();
    for (const pg of pgs) this.queue(pg);
  }
  #sleep_then_turn(pg: PG, done: () => void): void {
    const { clock, config } = this.#p;
    const sleep_s = config.get("osd_recovery_sleep") || config.get("osd_recovery_sleep_ssd");
    if (sleep_s <= 0) {
      this.#turn(pg, done);
      return;
    }
    const now = clock.mono_ms();
    const begin = Math.max(now, this.#next_turn);
    this.#next_turn = begin + sleep_s * 1000;
    const timer = clock.set_timer(begin - now, () => {
      this.#sleeping.delete(timer);
      this.#turn(pg, done);
    });
    this.#sleeping.add(timer);
  }
  start_op(pg: PG): void {
    if (this.#current?.pg === pg) this.#current.turn.left++;
    else this.#extra.set(pg, (this.#extra.get(pg) ?? 0) + 1);
  }
  finish_op(pg: PG): void {
    const turn = this.#turns.get(pg)?.find((t) => t.left > 0);
    if (turn) {
      turn.left--;
      if (turn !== this.#current?.turn) this.#end_if_done(pg, turn);
      return;
    }
    const extra = this.#extra.get(pg) ?? 0;
    if (extra > 1) this.#extra.set(pg, extra - 1);
    else this.#extra.delete(pg);
  }
  /** The PG lost all its operations at once (new interval, deletion). */
  forget(pg: PG): void {
    this.#queued.delete(pg);
    this.#deferred.delete(pg);
    this.#extra.delete(pg);
    for (const turn of this.#turns.get(pg) ?? []) {
      turn.left = 0;
      if (turn !== this.#current?.turn) turn.done();
    }
    this.#turns.delete(pg);
  }
  stop(): void {
    this.#stopped = true;
    for (const timer of this.#sleeping) timer.cancel();
    this.#defer_timer?.cancel();
    this.#p.background.stop();
  }
  /** Operations under way. */
  get in_flight(): number {
    let n = 0;
    for (const turns of this.#turns.values()) for (const t of turns) n += t.left;
    for (const e of this.#extra.values()) n += e;
    return n;
  }

  #turn(pg: PG, done: () => void): void {
    // forget() may have come since: then the PG has no business here any more.
    if (!this.#queued.delete(pg) || this.#stopped || this.#p.paused()) {
      done();
      return;
    }
    if (this.#deferred_for_ms() > 0) {
      this.#defer(pg);
      done();
      return;
    }
    const turn: Turn = { left: 0, done };
    const turns = this.#turns.get(pg);
    if (turns) turns.push(turn);
    else this.#turns.set(pg, [turn]);
    this.#current = { pg, turn };
    let started: number;
    try {
      started = pg.start_recovery_ops(this.#p.config.get("osd_recovery_max_single_start"));
    } finally {
      this.#current = null;
    }
    this.#end_if_done(pg, turn);
    // One that started nothing is queued again by the event it waits for.
    if (started > 0) this.queue(pg);
  }
  #end_if_done(pg: PG, turn: Turn): void {
    if (turn.left > 0) return;
    turn.done();
    const turns = this.#turns.get(pg)?.filter((t) => t !== turn) ?? [];
    if (turns.length > 0) this.#turns.set(pg, turns);
    else this.#turns.delete(pg);
  }
}
