/**
 * RecoveryQueue: PGs that recover or backfill take turns; operations in flight on this OSD are
 * bounded. Ceph counterpart: OSDService::_maybe_queue_recovery, OSD::do_recovery. peering.md §7.1.
 */
import type { Clock, Config } from "@tako/common";
import type { PG } from "../pg/PG.ts";

export interface RecoveryQueuePorts {
  readonly clock: Clock;
  readonly config: Config;
  /** norecover (or another pause flag that stops all recovery) is set. */
  readonly paused: () => boolean;
}

export class RecoveryQueue {
  readonly #p: RecoveryQueuePorts;
  readonly #queue = new Set<PG>();
  readonly #active = new Map<PG, number>();
  #in_flight = 0;
  #scheduled = false;
  #stopped = false;

  constructor(ports: RecoveryQueuePorts) {
    this.#p = ports;
  }

  queue(pg: PG): void {
    if (this.#stopped) return;
    this.#queue.add(pg);
    this.#schedule();
  }
  cancel(pg: PG): void {
    this.#queue.delete(pg);
  }
  start_op(pg: PG): void {
    this.#in_flight++;
    this.#active.set(pg, (this.#active.get(pg) ?? 0) + 1);
  }
  finish_op(pg: PG): void {
    const n = this.#active.get(pg);
    if (n === undefined) return;
    this.#in_flight--;
    if (n > 1) this.#active.set(pg, n - 1);
    else this.#active.delete(pg);
    this.#schedule();
  }
  /** The PG lost all its operations at once (new interval, deletion). */
  forget(pg: PG): void {
    this.#queue.delete(pg);
    this.#in_flight -= this.#active.get(pg) ?? 0;
    this.#active.delete(pg);
    this.#schedule();
  }
  /** After norecover was cleared or options changed. */
  kick(): void {
    this.#schedule();
  }
  stop(): void {
    this.#stopped = true;
    this.#queue.clear();
  }
  get in_flight(): number {
    return this.#in_flight;
  }

  #max_active(): number {
    const any = this.#p.config.get("osd_recovery_max_active");
    return any > 0 ? any : this.#p.config.get("osd_recovery_max_active_ssd");
  }
  #schedule(): void {
    if (this.#scheduled || this.#stopped || this.#queue.size === 0) return;
    if (this.#p.paused() || this.#in_flight >= this.#max_active()) return;
    this.#scheduled = true;
    this.#p.clock.defer(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }
  #turn(): void {
    if (this.#stopped || this.#p.paused()) return;
    const free = this.#max_active() - this.#in_flight;
    const next = this.#queue.values().next();
    if (free <= 0 || next.done) return;
    const pg = next.value;
    this.#queue.delete(pg);
    const budget = Math.min(free, this.#p.config.get("osd_recovery_max_single_start"));
    // A PG that started something goes to the end of the line; one that did not is queued again by
    // the event it waits for.
    if (pg.start_recovery_ops(budget) > 0) this.#queue.add(pg);
    this.#schedule();
  }
}
