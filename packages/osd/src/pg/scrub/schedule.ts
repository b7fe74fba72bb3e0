/**
 * When a PG is to be scrubbed next, and how thoroughly.
 * Ceph counterpart: PgScrubber::reg_next_scrub, PG::sched_scrub, PG::verify_scrub_mode. peering.md §11.
 */
import { type Config, type OSDMap, type pg_pool_t, pool_has_flag } from "@tako/common";

/** requested_scrub_t: what is to be done whatever the time. */
export interface requested_scrub_t {
  readonly must_scrub: boolean;
  readonly must_deep_scrub: boolean;
  readonly must_repair: boolean;
  /** Looks whether a repair has helped. */
  readonly check_repair: boolean;
}
export const NOTHING_REQUESTED: requested_scrub_t = Object.freeze({
  must_scrub: false,
  must_deep_scrub: false,
  must_repair: false,
  check_repair: false,
});

/** What one scrub does. */
export interface ScrubMode {
  readonly deep: boolean;
  readonly repair: boolean;
  /** Somebody wants it: noscrub does not hold it back. */
  readonly required: boolean;
  readonly check_repair: boolean;
  /** Repairs by itself when there is not much to repair. */
  readonly auto_repair: boolean;
  /** Finding something shallow, looks deeply and repairs. */
  readonly deep_scrub_on_error: boolean;
}

/** Of the PG. Times in ms since 1970. */
export interface ScrubFacts {
  readonly pool: pg_pool_t;
  readonly last_scrub_stamp: number;
  readonly last_deep_scrub_stamp: number;
  readonly num_deep_scrub_errors: number;
  /** The sums are estimates: only a scrub makes them right again. */
  readonly stats_invalid: boolean;
}

function interval_s(
  pool: pg_pool_t,
  opt: "scrub_min_interval" | "scrub_max_interval" | "deep_scrub_interval",
  by_default: number,
): number {
  const own = Number(pool.opts.get(opt) ?? 0);
  return own > 0 ? own : by_default;
}

/** From when on a scrub may begin; `jitter` in [0, 1) is asked for once that is near. */
export function scrub_time(
  f: ScrubFacts,
  requested: requested_scrub_t,
  config: Config,
  now: number,
  jitter: () => number,
): number {
  if (requested.must_scrub || (f.stats_invalid && config.get("osd_scrub_invalid_stats"))) return 0;
  const min = config.get("osd_scrub_min_interval");
  const interval = interval_s(f.pool, "scrub_min_interval", min) * 1000;
  const earliest = f.last_scrub_stamp + interval;
  if (now < earliest) return earliest;
  return earliest + interval * config.get("osd_scrub_interval_randomize_ratio") * jitter();
}
/** When it is late; Infinity: never. */
export function scrub_deadline(f: ScrubFacts, config: Config): number {
  const max = config.get("osd_scrub_max_interval");
  const interval = interval_s(f.pool, "scrub_max_interval", max) * 1000;
  return interval > 0 ? f.last_scrub_stamp + interval : Number.POSITIVE_INFINITY;
}

export interface ScrubAllowed {
  readonly scrub: boolean;
  readonly deep: boolean;
}
/** By the flags of the cluster and the pool. */
export function scrub_allowed(map: OSDMap, pool: pg_pool_t): ScrubAllowed {
  return {
    scrub: !map.test_flag("noscrub") && !pool_has_flag(pool, "noscrub"),
    deep: !map.test_flag("nodeep-scrub") && !pool_has_flag(pool, "nodeep-scrub"),
  };
}

/** What the scrub that is due now would do; undefined: flags forbid it. */
export function scrub_mode(
  f: ScrubFacts,
  requested: requested_scrub_t,
  allowed: ScrubAllowed,
  config: Config,
  now: number,
  chance: () => number,
): ScrubMode | undefined {
  const { must_scrub, must_deep_scrub, must_repair, check_repair } = requested;
  const none = { check_repair, auto_repair: false, deep_scrub_on_error: false };
  if (must_scrub) {
    const deep = must_deep_scrub || must_repair;
    return { deep, repair: must_repair, required: true, ...none };
  }
  const deep_errors = f.num_deep_scrub_errors > 0;
  // A shallow one would lose what the deep one has found.
  if (deep_errors && !allowed.deep) return undefined;
  const deep_interval = config.get("osd_deep_scrub_interval");
  const deep_due =
    f.last_deep_scrub_stamp + interval_s(f.pool, "deep_scrub_interval", deep_interval) * 1000;
  const sometimes = () => chance() < config.get("osd_deep_scrub_randomize_ratio");
  const deep = allowed.deep && (deep_errors || now >= deep_due || (allowed.scrub && sometimes()));
  if (!deep && !allowed.scrub) return undefined;
  const auto = config.get("osd_scrub_auto_repair");
  return {
    deep,
    repair: false,
    required: false,
    check_repair,
    auto_repair: auto && deep,
    deep_scrub_on_error: auto && !deep && allowed.deep,
  };
}

/** Must a scrub under way end because a flag was set? */
export function forbidden_now(mode: ScrubMode, allowed: ScrubAllowed): boolean {
  return !mode.required && !(mode.deep ? allowed.deep : allowed.scrub);
}
