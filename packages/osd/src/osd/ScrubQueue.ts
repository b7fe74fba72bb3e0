/**
 * ScrubQueue: which PG of this OSD is scrubbed next, and the slots of osd_max_scrubs: for scrubs that
 * we lead and for those that we take part in.
 * Ceph counterpart: OSD::sched_scrub, OSDService::inc_scrubs_local and its kin. peering.md §11.
 */
import { type Clock, type Config, spg_cmp, utime_str } from "@tako/common";
import type { PG } from "../pg/PG.ts";
import type { ScrubSlots } from "../pg/PGHost.ts";

export interface ScrubQueuePorts {
  readonly clock: Clock;
  readonly config: Config;
  readonly pgs: () => Iterable<PG>;
  /** Some PG recovers or backfills here. */
  readonly is_recovery_active: () => boolean;
}

export class ScrubQueue implements ScrubSlots {
  readonly #p: ScrubQueuePorts;
  #local = 0;
  #remote = 0;
  #kicked = false;
  #stopped = false;

  constructor(ports: ScrubQueuePorts) {
    this.#p = ports;
  }

  #inc(): boolean {
    return this.#local + this.#remote < this.#p.config.get("osd_max_scrubs");
  }
  inc_scrubs_local(): boolean {
    if (!this.#inc()) return false;
    this.#local++;
    return true;
  }
  dec_scrubs_local(): void {
    this.#local--;
  }
  inc_scrubs_remote(): boolean {
    if (!this.#inc()) return false;
    this.#remote++;
    return true;
  }
  dec_scrubs_remote(): void {
    this.#remote--;
  }
  kick(): void {
    if (this.#kicked || this.#stopped) return;
    this.#kicked = true;
    this.#p.clock.defer(() => {
      this.#kicked = false;
      this.tick();
    });
  }
  stop(): void {
    this.#stopped = true;
  }

  /** Once a second, and when something has changed: begins what is due, the longest due first. */
  tick(): void {
    if (this.#stopped || !this.#inc()) return;
    const { config } = this.#p;
    if (this.#p.is_recovery_active() && !config.get("osd_scrub_during_recovery")) return;
    const now = this.#p.clock.now_ms();
    for (const { pg } of this.#in_order(now)) {
      if (!this.#inc()) return;
      pg.scrubber.sched_scrub();
    }
  }
  #in_order(until_ms = Number.POSITIVE_INFINITY): { pg: PG; at: number }[] {
    const out: { pg: PG; at: number }[] = [];
    for (const pg of this.#p.pgs()) {
      const at = pg.scrubber.scrub_time();
      if (at !== undefined && at <= until_ms) out.push({ pg, at });
    }
    return out.sort((a, b) => a.at - b.at || spg_cmp(a.pg.spgid, b.pg.spgid));
  }

  // ---------------------------------------------------------------- for `tell`

  dump_scrubs(): unknown {
    return this.#in_order().map(({ pg, at }) => {
      const deadline = pg.scrubber.scrub_deadline();
      return {
        pgid: pg.pgid,
        sched_time: utime_str(at),
        deadline: utime_str(Number.isFinite(deadline) ? deadline : 0),
        forced: pg.scrubber.planned.must_scrub,
      };
    });
  }
  dump_scrub_reservations(): Record<"scrubs_local" | "scrubs_remote" | "osd_max_scrubs", number> {
    return {
      scrubs_local: this.#local,
      scrubs_remote: this.#remote,
      osd_max_scrubs: this.#p.config.get("osd_max_scrubs"),
    };
  }
}
