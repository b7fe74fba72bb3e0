/**
 * What an explanation is made of: causes, each with the fields that decide it, what would unblock it,
 * and what the drastic ways out would lose. Data only, for people (rendered) and programs (JSON).
 * Ceph has no counterpart.
 */

/** A field that decides, by its place in the file it came from: `query.info.history.last_epoch_started`. */
export interface explain_fact {
  readonly path: string;
  readonly value: unknown;
  readonly means: string;
}

/** Never advice: it says what the option would cost. */
export interface drastic_option {
  readonly option: string;
  readonly would_lose: string;
}

/** How bad: from no I/O to a mere remark. The order is the order of printing. */
export const CAUSE_KINDS = [
  "unavailable",
  "data_at_risk",
  "redundancy",
  "placement",
  "remark",
] as const;
export type cause_kind = (typeof CAUSE_KINDS)[number];

export interface explained_cause {
  readonly id: cause_id;
  readonly kind: cause_kind;
  /** The first says it all in brief. */
  readonly sentences: readonly string[];
  readonly facts: readonly explain_fact[];
  /** Those whose state decides. */
  readonly osds: readonly number[];
  readonly unblocks: readonly string[];
  readonly drastic: readonly drastic_option[];
}

export interface pg_explanation {
  readonly pgid: string;
  readonly state: string;
  /** Does it serve I/O? */
  readonly active: boolean;
  readonly up: readonly number[];
  readonly acting: readonly number[];
  readonly since: pg_since;
  readonly summary: string;
  readonly causes: readonly explained_cause[];
  /** What the sources could not tell. */
  readonly notes: readonly string[];
}

/** Stamps as in the source; undefined where it has none. */
export interface pg_since {
  /** The state text is the same since. */
  readonly last_change: string | undefined;
  /** The innermost state that the primary tells, and when it entered it. */
  readonly state_name: string | undefined;
  readonly enter_time: string | undefined;
  /** Up and acting are the same since this epoch. */
  readonly same_interval_since: number | undefined;
  readonly last_active: string | undefined;
  readonly last_clean: string | undefined;
  /** Seconds between last_change and the last report. */
  readonly seconds: number | undefined;
}

/** Every cause there is, and what it says. */
export const CAUSES = {
  "unknown.not_reported": "nobody has reported the PG to the monitor yet",
  "unknown.no_osds": "the PG maps to no OSD at all",
  "stale.all_down": "every OSD of the acting set is down, so nobody reports",
  "stale.primary_down": "the primary that reported last went down, and no successor has reported",
  "stale.silent": "the primary is up in the map, but does not report",
  "creating.no_osds": "the PG is to be created, but CRUSH gives no OSD for it",
  "creating.peering": "the PG is being created and has not finished peering",
  "query.no_primary": "the PG has no primary that could be asked",
  "query.silent_primary": "the primary does not answer, whatever was reported of the PG",
  "query.not_primary": "the answer comes from an OSD that does not lead the PG",
  "peering.starting": "a new interval has just begun",
  "peering.get_info": "the primary waits for the info of OSDs that may know of writes",
  "peering.get_log": "the primary waits for the authoritative log",
  "peering.get_missing": "the primary waits for what its peers miss",
  "peering.wait_up_thru": "the monitor has not recorded that the primary is alive",
  "peering.wait_acting_change": "the primary waits for a pg_temp that puts better copies in charge",
  "peering.activating": "members have not committed the activation yet",
  "peering.unspecified": "peering goes on; the source does not say where it stands",
  "down.blocked": "OSDs that may hold acknowledged writes are down and cannot be asked",
  "incomplete.history_les_bound": "complete copies exist, but the PG was active after their time",
  "incomplete.no_complete_copy": "no copy that can be asked is complete",
  "incomplete.not_enough_shards": "fewer shards than the erasure code needs",
  "incomplete.below_min_size": "enough shards to decode, but fewer than min_size",
  "incomplete.log_gap": "the primary's log does not reach the authoritative one",
  "incomplete.unspecified": "the source does not show which copy is at fault",
  "peered.below_min_size": "fewer members than min_size",
  "lease.wait": "an old primary may still be serving reads on its lease",
  "lease.laggy": "the primary's own lease has run out",
  "undersized.osd_down": "OSDs are down, but still in: their places stay empty",
  "undersized.returning": "OSDs have come up since the PG was last heard of",
  "undersized.too_few_osds": "fewer OSDs are up and in than the pool has copies",
  "undersized.crush": "CRUSH finds too few places although OSDs are there",
  "undersized.filling": "up is full, but some of its members have no complete copy yet",
  "undersized.unspecified": "fewer members than the pool's size",
  "degraded.recovering": "missing objects are being copied",
  "degraded.norecover": "the flag norecover stops recovery",
  "degraded.recovery_wait_local": "recovery waits for a slot of the primary",
  "degraded.recovery_wait_remote": "recovery waits for a slot of another member",
  "degraded.recovery_wait": "recovery waits for a slot",
  "degraded.recovery_toofull": "recovery stopped because a member is full",
  "degraded.recovery_unfound": "objects whose newest version is on no OSD that can be asked",
  "degraded.idle": "objects lack copies and nothing is copied",
  "remapped.backfilling": "copies are being moved",
  "remapped.nobackfill": "the flag nobackfill stops backfill",
  "remapped.norebalance": "the flag norebalance stops moving copies that lack nothing",
  "remapped.backfill_wait_local": "backfill waits for a slot of the primary",
  "remapped.backfill_wait_remote": "backfill waits for a slot of a target",
  "remapped.backfill_wait": "backfill waits for a slot",
  "remapped.backfill_toofull": "a target of backfill is too full",
  "remapped.backfill_unfound": "backfill stopped at objects that nobody has",
  "remapped.idle": "acting is not up, and nothing is copied",
  "scrub.inconsistent": "scrub found copies that differ",
  "scrub.failed_repair": "a repair could not mend everything",
  "scrub.running": "a scrub or repair is running",
  "snaptrim.running": "deleted snapshots are being trimmed",
  "snaptrim.error": "trimming deleted snapshots failed",
  "premerge.waiting": "the PG waits to be merged with its neighbour",
  "io.pause": "the flags pauserd, pausewr stop client I/O",
  "io.osd_full": "an OSD of the PG is full: writes wait or fail",
  "io.pool_full": "the pool is full: writes wait or fail",
  "osd.down": "an OSD is down",
  "osd.nearly_full": "an OSD is nearly full",
  "cluster.flags": "flags of the cluster hold something back",
} as const;
export type cause_id = keyof typeof CAUSES;
