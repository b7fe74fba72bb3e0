/**
 * One PG of an imagined cluster: its interval, its past intervals, and who holds a copy of what.
 * Instead of objects there are moments at which writes were taken, counted by `version`: a copy has
 * those in which it took part, and those it recovered.
 */
import type { copy_info_t } from "../../peering/find_best_info.ts";
import {
  EVERSION_ZERO,
  type epoch_t,
  eversion,
  NO_SHARD,
  pg_shard,
  type pg_shard_t,
  type pg_t,
  shard_osd,
} from "../../types/osd_types.ts";
import { list_to_shards, PastIntervals } from "../intervals.ts";
import type { up_acting_t } from "../mapping_stages.ts";
import type { pool_kind } from "./pool_kind.ts";

/** What was written after `lo`, up to `hi`, is in the log but not there. */
export interface lacking {
  readonly lo: number;
  readonly hi: number;
  /** False: some of it may be there; the PG dump does not say who has what. */
  readonly sure: boolean;
}
/** One copy of a PG, or one shard of it, on one OSD. */
export interface imagined_copy {
  /** Has the log up to here. 0: knows of the PG, but never had anything of it. */
  last_update: number;
  /** Interval it was last active in, as its info and its history have it. */
  les: epoch_t;
  history_les: epoch_t;
  /** Not a backfill target that is still being filled. */
  complete: boolean;
  lacks: readonly lacking[];
}

/** What PGs are at in the first map; copies older than that are one behind. */
const START_VERSION = 10;
const STALE_VERSION = START_VERSION - 1;
const SOMETHING: lacking = { lo: 0, hi: START_VERSION, sure: false };
/** Logs reach back to here: whoever ever had a copy joins by log. */
const LOG_TAIL = eversion(1, 1);
const NO_STATS = { stat_sum: { num_objects_missing: 0 } };
const NO_COPY: copy_info_t = {
  last_update: EVERSION_ZERO,
  last_complete: EVERSION_ZERO,
  log_tail: EVERSION_ZERO,
  last_backfill: "MAX",
  last_epoch_started: 0,
  history: { last_epoch_started: 0 },
  stats: NO_STATS,
};

/** Where a PG stands in the first map. */
export interface pg_start {
  readonly at: up_acting_t;
  readonly state: string;
  /** `unknown`: the reason is in `reason`, and nothing about its history may be concluded. */
  readonly history: "clean" | "peered" | "unknown";
  readonly reason: string;
  /** First epoch of its interval. */
  readonly same_interval_since: epoch_t;
  /** Members of the CRUSH set that are down: they are likely to have older copies. */
  readonly absent: readonly pg_shard_t[];
  /** `unknown`: some members miss objects, and the PG dump does not say which. */
  readonly missing: "none" | "unknown";
}

export type pg_outcome =
  | { readonly state: "peered" }
  | { readonly state: "down"; readonly blocked_by: readonly number[] }
  | { readonly state: "incomplete" | "no_primary" | "unknown" };

export class ImaginedPG {
  readonly pgid: pg_t;
  readonly kind: pool_kind;
  readonly start: pg_start;
  cur: up_acting_t;
  same_interval_since: epoch_t;
  last_epoch_clean: epoch_t;
  readonly past = new PastIntervals();
  readonly copies = new Map<pg_shard_t, imagined_copy>();
  version = START_VERSION;
  /** Version of the newest write that was acknowledged. */
  acked = START_VERSION;
  outcome: pg_outcome;
  /** It went on from a copy that lacks writes which were acknowledged. */
  lost_writes = false;
  /** Copies and shards made so far. */
  created = 0;

  constructor(pgid: pg_t, kind: pool_kind, start: pg_start) {
    this.pgid = pgid;
    this.kind = kind;
    this.start = start;
    this.cur = start.at;
    this.same_interval_since = start.same_interval_since;
    // Clean or at least active in its interval: writes may have been taken in it.
    const active = start.history !== "unknown" && start.state.split("+").includes("active");
    this.last_epoch_clean = active ? start.same_interval_since : 0;
    this.outcome = { state: start.history === "unknown" ? "unknown" : "peered" };
    this.#first_copies();
  }

  #first_copies(): void {
    const les = this.same_interval_since;
    const current = { last_update: START_VERSION, les, history_les: les };
    const lacks = this.start.missing === "none" ? [] : [SOMETHING];
    for (const s of this.shards(this.start.at.acting)) {
      this.copies.set(s, { ...current, complete: true, lacks });
    }
    for (const s of this.shards(this.start.at.up)) {
      if (!this.copies.has(s)) this.copies.set(s, { ...current, complete: false, lacks: [] });
    }
    const stale = { last_update: STALE_VERSION, les: 1, history_les: 1 };
    for (const s of this.start.absent) {
      if (!this.copies.has(s)) this.copies.set(s, { ...stale, complete: true, lacks: [] });
    }
  }

  /** Each once: an upmap may name an OSD twice. */
  shards(osds: readonly number[]): pg_shard_t[] {
    const shards = list_to_shards(osds, this.kind.ec);
    return shards.filter((s, i) => s !== shards[i - 1]);
  }
  /** The shard that the acting primary is. */
  primary_shard(): pg_shard_t {
    const { acting, acting_primary } = this.cur;
    return pg_shard(acting_primary, this.kind.ec ? acting.indexOf(acting_primary) : NO_SHARD);
  }
  info(s: pg_shard_t): copy_info_t {
    const c = this.copies.get(s);
    if (!c) return NO_COPY;
    if (c.last_update === 0) return { ...NO_COPY, history: { last_epoch_started: c.history_les } };
    const last_update = eversion(1, c.last_update);
    return {
      last_update,
      last_complete: c.lacks.length > 0 ? EVERSION_ZERO : last_update,
      log_tail: LOG_TAIL,
      last_backfill: c.complete ? "MAX" : "MIN",
      last_epoch_started: c.les,
      history: { last_epoch_started: c.history_les },
      stats: NO_STATS,
    };
  }

  /** Does it have all, or all that its log says? Not so for backfill targets. */
  is_whole(s: pg_shard_t): boolean {
    const c = this.copies.get(s);
    return c ? c.complete && c.last_update > 0 : false;
  }
  /** The primary takes over what its peers know of the history: it has the PG now, if only in name. */
  learn(history_les: epoch_t): void {
    const s = this.primary_shard();
    const c = this.copies.get(s);
    if (c) c.history_les = Math.max(c.history_les, history_les);
    else this.copies.set(s, { last_update: 0, les: 0, history_les, complete: true, lacks: [] });
  }

  num_acting(): number {
    return this.shards(this.cur.acting).length;
  }
  /** Going by what peering came to and the number of members. */
  is_active(): boolean {
    return this.outcome.state === "peered" && this.num_acting() >= this.kind.pool.min_size;
  }
  /** Copies that have what was written last at `v`, on OSDs that `is_up`. */
  #holders(v: number, is_up: (osd: number) => boolean, sure: boolean): Set<pg_shard_t> {
    const found = new Set<pg_shard_t>();
    for (const [s, c] of this.copies) {
      if (!c.complete || c.last_update < v || !is_up(shard_osd(s))) continue;
      if (!c.lacks.some((l) => l.lo < v && v <= l.hi && (sure || l.sure))) found.add(s);
    }
    return found;
  }
  /** Versions between which all are alike: who has one of them has those down to the one before. */
  #marks(): number[] {
    const marks = new Set([this.version]);
    for (const c of this.copies.values()) {
      marks.add(c.last_update);
      for (const l of c.lacks) marks.add(l.lo).add(l.hi);
    }
    return [...marks].filter((v) => v > 0 && v <= this.version);
  }
  /** Can what was written after `lo`, up to `hi`, be had from the OSDs that are up? */
  can_be_had(is_up: (osd: number) => boolean, lo = 0, hi = this.version): "yes" | "no" | "unknown" {
    const marks = this.#marks().filter((v) => lo < v && v <= hi);
    const at = (sure: boolean) =>
      marks.every((v) => this.kind.is_recoverable(this.#holders(v, is_up, sure)));
    if (at(true)) return "yes";
    return at(false) ? "unknown" : "no";
  }

  /** Peering came to an end with these members: all have the log of `auth`. */
  activate(epoch: epoch_t, auth: pg_shard_t, backfill: ReadonlySet<pg_shard_t>): void {
    const last_update = this.copies.get(auth)?.last_update ?? this.version;
    this.version = last_update;
    if (last_update < this.acked) this.lost_writes = true;
    const started = { last_update, les: epoch, history_les: epoch };
    for (const s of this.shards(this.cur.acting)) {
      const c = this.copies.get(s);
      const lacks = c ? joined(c, last_update) : [{ lo: 0, hi: last_update, sure: true }];
      this.copies.set(s, { ...started, complete: true, lacks });
    }
    for (const s of backfill) {
      this.copies.set(s, { ...started, complete: false, lacks: [] });
    }
    this.outcome = { state: "peered" };
  }
  /** Members and backfill targets take part in a write. */
  write(): void {
    if (!this.is_active()) return;
    const before = this.version;
    // Above all that was ever acknowledged: what was lost does not come back as current.
    this.version = Math.max(this.version, this.acked) + 1;
    this.acked = this.version;
    for (const s of [...this.shards(this.cur.acting), ...this.shards(this.cur.up)]) {
      const c = this.copies.get(s);
      if (c && c.last_update === before) c.last_update = this.version;
    }
  }
}

/** What a copy lacks once it has the log up to `version`: what it did, and what it slept through. */
function joined(c: imagined_copy, version: number): lacking[] {
  const lacks = c.lacks.flatMap((l) =>
    l.lo < version ? { ...l, hi: Math.min(l.hi, version) } : [],
  );
  if (c.last_update < version) lacks.push({ lo: c.last_update, hi: version, sure: true });
  return lacks;
}
