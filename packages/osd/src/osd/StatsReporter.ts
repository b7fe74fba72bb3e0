/**
 * StatsReporter: statistics of PGs and of this OSD for the monitor: soon after a change, and at least
 * every mgr_stats_period. Ceph counterpart: MgrClient reports, OSD::collect_pg_stats. cluster.md §3.17.
 */
import type { Clock, Config, epoch_t, Message, TimerHandle } from "@tako/common";
import type { PG } from "../pg/PG.ts";
import type { StatFs } from "../store/ObjectStore.ts";

export interface StatsReporterPorts {
  readonly clock: Clock;
  readonly config: Config;
  readonly epoch: () => epoch_t;
  readonly pgs: () => readonly PG[];
  readonly statfs: () => StatFs;
  readonly heartbeat_peers: () => readonly number[];
  /** Mean since it was asked last. */
  readonly commit_latency_ms: () => number;
  readonly slow_ops: () => { count: number; oldest_s: number };
  readonly send: (m: Message) => void;
}

/**
 * Changes within this time go out together. Sums that a write changed can wait; a state cannot:
 * people and the monitor's rules look at it. But while states go on changing, as in the peering of
 * many PGs, most of what could be told is over before it arrives: then the longer time holds.
 */
const COALESCE_MS = { soon: 50, later: 500 } as const;
export type StatsUrgency = keyof typeof COALESCE_MS;

export class StatsReporter {
  readonly #p: StatsReporterPorts;
  readonly #changed = new Set<PG>();
  #timer: TimerHandle | null = null;
  #due = Number.POSITIVE_INFINITY;
  /** Of what has not been sent yet. */
  #first_change = Number.POSITIVE_INFINITY;
  #last_state_change = Number.NEGATIVE_INFINITY;
  #last_full = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(ports: StatsReporterPorts) {
    this.#p = ports;
  }

  publish(pg: PG, urgency: StatsUrgency = "soon"): void {
    if (this.#stopped) return;
    this.#changed.add(pg);
    const now = this.#p.clock.mono_ms();
    this.#first_change = Math.min(this.#first_change, now);
    if (urgency === "soon") this.#last_state_change = now;
    this.#arm(now, now + COALESCE_MS[urgency]);
  }
  #arm(now: number, due: number): void {
    if (this.#due <= due) return;
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = this.#p.clock.set_timer(due - now, () => this.#fire());
  }
  #fire(): void {
    this.#timer = null;
    this.#due = Number.POSITIVE_INFINITY;
    const now = this.#p.clock.mono_ms();
    const quiet = this.#last_state_change + COALESCE_MS.soon;
    const due = Math.min(quiet, this.#first_change + COALESCE_MS.later);
    if (due > now) this.#arm(now, due);
    else this.#send([...this.#changed]);
  }
  forget(pg: PG): void {
    this.#changed.delete(pg);
  }
  /** Each tick: everything once a period, or a little later when states are just changing. */
  tick(): void {
    const period_ms = this.#p.config.get("mgr_stats_period") * 1000;
    const now = this.#p.clock.mono_ms();
    const since = now - this.#last_full;
    const changing = now - this.#last_state_change < COALESCE_MS.soon;
    if (since >= (changing ? 2 : 1) * period_ms) this.report_all();
  }
  /** A new mon session, `tell flush_pg_stats`: everything now. */
  report_all(): void {
    this.#last_full = this.#p.clock.mono_ms();
    this.#send(this.#p.pgs());
  }
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #send(pgs: readonly PG[]): void {
    for (const pg of pgs) this.#changed.delete(pg);
    if (this.#changed.size === 0) this.#first_change = Number.POSITIVE_INFINITY;
    const slow = this.#p.slow_ops();
    this.#p.send({
      type: "pg_stats",
      epoch: this.#p.epoch(),
      pg_stats: pgs
        .filter((pg) => !pg.deleted && pg.is_primary())
        .map((pg) => ({ pgid: pg.pgid, ...pg.get_stats() })),
      osd_stat: this.#osd_stat(),
      slow_ops: slow.count,
      oldest_slow_op_s: slow.oldest_s,
    });
  }
  #osd_stat(): Record<string, unknown> {
    const fs = this.#p.statfs();
    const kb = (n: number) => Math.floor(n / 1024);
    return {
      kb: kb(fs.total),
      kb_used: kb(fs.used),
      kb_used_data: kb(fs.data),
      kb_used_omap: kb(fs.omap),
      kb_used_meta: kb(fs.meta),
      kb_avail: kb(fs.available),
      hb_peers: [...this.#p.heartbeat_peers()],
      snap_trim_queue_len: 0,
      num_snap_trimming: 0,
      num_pgs: this.#p.pgs().length,
      // Applied means visible, and that is at once (ObjectStore: queued = visible).
      perf_stat: { commit_latency_ms: this.#p.commit_latency_ms(), apply_latency_ms: 0 },
    };
  }
}
