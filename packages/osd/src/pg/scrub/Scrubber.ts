/**
 * Scrubber: a PG's part in scrubbing: what is wanted and when, the scrub under way on its primary, and
 * the answers of its members. The work is in the files beside this one: schedule, reservations,
 * chunk, steps (the states of a scrub, one function each), select_auth and compare_maps (pure), finish.
 * Ceph counterpart: PgScrubber, ScrubMachine (src/osd/scrubber). peering.md §11.
 *
 * A scrub waits for something most of the time. It is looked at again after every turn of the PG in
 * which that may have come, so nobody has to tell it.
 */
import type { hobject_t, Msg, object_stat_sum_t, pg_pool_t, TimerHandle } from "@tako/common";
import type { PG } from "../PG.ts";
import type { inconsistent_obj_t } from "./inconsistent.ts";
import { ReplicaScrub } from "./ReplicaScrub.ts";
import { handle_scrub_reserve, release_replicas, reserve_replicas } from "./reservations.ts";
import { ScrubRun } from "./ScrubRun.ts";
import {
  NOTHING_REQUESTED,
  type requested_scrub_t,
  type ScrubAllowed,
  type ScrubFacts,
  scrub_allowed,
  scrub_deadline,
  scrub_mode,
  scrub_time,
} from "./schedule.ts";
import { STEPS } from "./steps.ts";

/** Somebody was busy with another scrub: how long the next attempt waits, ms. */
const RETRY_MS = { least: 1000, most: 5000 } as const;

export class Scrubber {
  readonly #pg: PG;
  readonly replica: ReplicaScrub;
  run: ScrubRun | null = null;
  /** m_planned_scrub */
  planned: requested_scrub_t = NOTHING_REQUESTED;
  /** A repair is under way: whether it has helped is looked at when the PG is clean again. */
  scrub_after_recovery = false;
  /** Scrub::Store: what the last scrub found. */
  store: { readonly epoch: number; readonly objects: inconsistent_obj_t[] } | null = null;
  /** The run waits for what a turn of the PG may bring. */
  #waiting = false;
  #timer: TimerHandle | null = null;
  #watchdog: TimerHandle | null = null;
  #attempts = 0;
  #retry_at = 0;
  /** Of the interval that begins with this stamp. */
  #jitter: { readonly stamp: number; readonly value: number } | null = null;

  constructor(pg: PG) {
    this.#pg = pg;
    this.replica = new ReplicaScrub(pg);
  }

  // ---------------------------------------------------------------- when

  #facts(): ScrubFacts {
    const { info } = this.#pg.peering;
    const { last_scrub_stamp, last_deep_scrub_stamp } = info.history;
    const { num_deep_scrub_errors } = info.stats.stat_sum;
    const { stats_invalid } = info.stats;
    const stamps = { last_scrub_stamp, last_deep_scrub_stamp };
    return { pool: this.pool, ...stamps, num_deep_scrub_errors, stats_invalid };
  }
  /** By the newest map: the PG is not shown every map, least of all those that only set a flag. */
  get pool(): pg_pool_t {
    const { pool } = this.#pg.peering;
    return this.#pg.host.osdmap().get_pg_pool(pool.id) ?? pool.info;
  }
  get allowed(): ScrubAllowed {
    return scrub_allowed(this.#pg.host.osdmap(), this.pool);
  }
  /** An operator, or a repair that has to be looked at: as soon as there is a slot. */
  request(deep: boolean, repair: boolean): void {
    const { must_deep_scrub, must_repair, check_repair } = this.planned;
    this.planned = {
      must_scrub: true,
      must_deep_scrub: must_deep_scrub || deep,
      must_repair: must_repair || repair,
      check_repair,
    };
    this.#retry_at = 0;
    this.#pg.host.scrubs.kick();
  }
  /** Primary, active, clean and at rest. */
  get can_scrub(): boolean {
    const { peering } = this.#pg;
    return this.run === null && peering.is_primary() && peering.is_active() && peering.is_clean();
  }
  /** ms since 1970; undefined while it cannot be. */
  scrub_time(): number | undefined {
    if (!this.can_scrub) return undefined;
    const { clock, config } = this.#pg.host;
    const at = scrub_time(this.#facts(), this.planned, config, clock.now_ms(), () => this.#draw());
    return Math.max(at, this.#retry_at);
  }
  scrub_deadline(): number {
    return scrub_deadline(this.#facts(), this.#pg.host.config);
  }
  #draw(): number {
    const stamp = this.#pg.peering.info.history.last_scrub_stamp;
    if (this.#jitter?.stamp !== stamp) {
      this.#jitter = { stamp, value: this.#pg.host.rng.next() };
    }
    return this.#jitter.value;
  }

  // ---------------------------------------------------------------- the scrub, on the primary

  /** Its time has come: asks for the slots. False: not now. */
  sched_scrub(): boolean {
    const pg = this.#pg;
    const { host } = pg;
    if (!this.can_scrub) return false;
    const { clock, config, rng } = host;
    const now = clock.now_ms();
    const facts = this.#facts();
    const mode = scrub_mode(facts, this.planned, this.allowed, config, now, () => rng.next());
    if (!mode || !host.scrubs.inc_scrubs_local()) return false;
    this.run = new ScrubRun(mode, ++this.#attempts, pg.osdmap_epoch);
    pg.run(() => {
      if (this.run) reserve_replicas(pg, this.run);
      this.#waiting = true;
    });
    return true;
  }
  /** A turn of the PG has ended: something may have come that the scrub waits for. */
  get wants_turn(): boolean {
    return this.#waiting || this.replica.waiting;
  }
  turn(): void {
    this.replica.advance();
    while (this.run && this.#waiting) {
      const { run } = this;
      const next = STEPS[run.state](this.#pg, run);
      if (next === "wait" || this.run !== run) return;
      if (next === "later") this.#later();
      else run.state = next;
    }
  }
  /** Others first. */
  #later(): void {
    const pg = this.#pg;
    const { generation } = pg;
    this.#waiting = false;
    const go_on = () => {
      this.#timer = null;
      this.#waiting = true;
      pg.run_if_current(generation, () => undefined);
    };
    const pause_s = this.run?.state === "NewChunk" ? pg.host.config.get("osd_scrub_sleep") : 0;
    if (pause_s > 0) this.#timer = pg.host.clock.set_timer(pause_s * 1000, go_on);
    else pg.host.clock.defer(() => this.run && go_on());
  }
  /** A chunk begins, or cannot: it must get on, since clients or other scrubs wait for it. */
  watch(run: ScrubRun): void {
    const pg = this.#pg;
    const { clock, config } = pg.host;
    const { generation } = pg;
    this.#watchdog?.cancel();
    this.#watchdog = clock.set_timer(config.get("osd_blocked_scrub_grace_period") * 1000, () => {
      pg.run_if_current(generation, () => {
        if (this.run !== run) return;
        const what = run.state === "RangeBlocked" ? "recovery" : `${[...run.waiting_on_whom]}`;
        pg.host.cluster_log("WRN", `${pg.pgid} ${run.name} blocked by ${what}, given up for now`);
        this.abort(run, "no progress");
      });
    });
  }
  #retry_later(): void {
    const { clock, rng, scrubs } = this.#pg.host;
    const { least, most } = RETRY_MS;
    const delay = least + rng.next() * (most - least);
    this.#retry_at = clock.now_ms() + delay;
    clock.set_timer(delay + 1, () => scrubs.kick());
  }

  /** The run has ended, well or not: gives back what it holds. */
  cleanup(run: ScrubRun): void {
    const pg = this.#pg;
    release_replicas(pg, run);
    this.#drop();
    pg.requeue(pg.waits.take("waiting_for_scrub"));
    pg.host.publish_stats(pg);
  }
  #drop(): void {
    if (!this.run) return;
    this.run = null;
    this.#waiting = false;
    this.#timer?.cancel();
    this.#timer = null;
    this.#watchdog?.cancel();
    this.#watchdog = null;
    this.#pg.host.scrubs.dec_scrubs_local();
    const { peering } = this.#pg;
    peering.state_clear("scrubbing", "deep");
    if (!peering.needs_recovery()) peering.state_clear("repair");
  }
  /** Ends without a result. Who asked for it still wants it. */
  abort(run: ScrubRun, why: string): void {
    this.#pg.log.info({ epoch: this.#pg.osdmap_epoch, scrub: run.name, why }, "scrub_aborted");
    this.#retry_later();
    this.#replan(run);
    this.cleanup(run);
  }
  #replan(run: ScrubRun): void {
    const { mode } = run;
    if (!mode.required) return;
    this.planned = {
      must_scrub: true,
      must_deep_scrub: this.planned.must_deep_scrub || mode.deep,
      must_repair: this.planned.must_repair || mode.repair,
      check_repair: this.planned.check_repair || mode.check_repair,
    };
  }

  // ---------------------------------------------------------------- what the PG tells

  /** A new interval: everybody drops what he held for the old one. */
  on_change(still_primary: boolean): void {
    if (this.run) this.#replan(this.run);
    this.#drop();
    this.#retry_at = 0;
    this.replica.on_change();
    if (still_primary) {
      if (this.scrub_after_recovery) this.#plan_check();
    } else this.planned = NOTHING_REQUESTED;
    this.scrub_after_recovery = false;
  }
  shutdown(): void {
    this.#drop();
    this.replica.on_change();
  }
  /** Recovery is over. */
  on_clean(): void {
    if (this.scrub_after_recovery) {
      this.scrub_after_recovery = false;
      this.#plan_check();
    }
    if (this.planned.must_scrub) this.#pg.host.scrubs.kick();
  }
  #plan_check(): void {
    this.planned = {
      ...this.planned,
      must_scrub: true,
      must_deep_scrub: true,
      check_repair: true,
    };
  }
  /** Would a write to `soid` change what is being compared? */
  write_blocked_by_scrub(soid: hobject_t): boolean {
    const { run } = this;
    return run?.range_held === true && run.in_range(soid);
  }
  stats_of_handled_objects(soid: hobject_t, delta: Partial<object_stat_sum_t>): void {
    this.run?.stats_of_handled_objects(soid, delta);
  }

  // ---------------------------------------------------------------- messages

  handle_scrub_reserve(m: Msg<"scrub_reserve">): void {
    handle_scrub_reserve(this.#pg, m);
  }
  handle_rep_scrub(m: Msg<"rep_scrub">): void {
    this.replica.begin(m);
  }
  handle_rep_scrub_map(m: Msg<"rep_scrub_map">): void {
    const { run } = this;
    if (!run || run.tid !== m.tid || !run.waiting_on_whom.delete(m.from)) return;
    run.add_map(m);
  }
}
