/**
 * Options of the OSD and of pools. Defaults as in Ceph 16.2.15. peering.md §14, cluster.md §9.
 */
import { bool, float, int, type Service, secs, size, str } from "./option.ts";

const OSD: readonly Service[] = ["osd"];
const MON: readonly Service[] = ["mon"];
const BOTH: readonly Service[] = ["mon", "osd"];
const RATIO = { min: 0, max: 1 } as const;
const POSITIVE = { min: 1 } as const;
const NONNEG = { min: 0 } as const;

export const OSD_OPTIONS = {
  osd_data: str("", OSD, "Directory of the OSD", { startup: true }),
  osd_objectstore: str("level", OSD, "Object store: level (durable) or mem (for tests)", {
    allowed: ["level", "mem"],
    startup: true,
  }),
  osd_store_size: size(100 * 2 ** 30, OSD, "Capacity that the OSD reports and fills up to", {
    min: 1 << 20,
    tako: true,
  }),

  // maps
  osd_map_message_max: int(40, BOTH, "Maps in one message", POSITIVE),
  osd_map_message_max_bytes: size(10 << 20, BOTH, "Bytes of maps in one message", { min: 4096 }),
  osd_map_share_max_epochs: int(40, OSD, "Maps sent to a peer that is behind, at a time", POSITIVE),
  osd_map_cache_size: int(50, OSD, "Maps kept decoded in memory", { min: 2 }),
  osd_map_max_advance: int(150, OSD, "Maps a PG passes in one turn of the queue", POSITIVE),
  osd_pg_epoch_persisted_max_stale: int(40, OSD, "Epochs a PG's stored epoch may lag", POSITIVE),
  osd_pg_epoch_max_lag_factor: float(2, OSD, "PGs may lag so many osd_map_cache_size behind", {
    min: 0.1,
  }),
  osd_peering_wq_batch_size: int(20, OSD, "PGs handled in one turn of the queue", POSITIVE),
  osd_target_transaction_size: int(30, OSD, "Operations in a trim or deletion batch", POSITIVE),

  // failure detection, monitor
  osd_mon_report_interval: secs(
    5,
    OSD,
    "Failure reports and unanswered requests are sent so often",
    {
      min: 0.01,
    },
  ),
  osd_mon_report_interval_min: secs(5, OSD, "Least time between repeats of a request to the mon", {
    min: 0.01,
  }),
  osd_mon_heartbeat_interval: secs(30, OSD, "Ask the monitor for maps so often when alone", {
    min: 0.01,
  }),
  osd_mon_shutdown_timeout: secs(5, OSD, "Wait for the monitor to mark us down at a stop"),
  osd_heartbeat_interval: secs(6, OSD, "Time between pings", { min: 0.01 }),
  osd_heartbeat_grace: secs(20, BOTH, "A peer silent for so long is reported", { min: 0.02 }),
  osd_heartbeat_min_peers: int(10, OSD, "Fewest peers to ping", NONNEG),
  osd_heartbeat_min_healthy_ratio: float(
    0.33,
    OSD,
    "Part of peers that must answer to boot",
    RATIO,
  ),
  osd_heartbeat_stale: secs(600, OSD, "Ping times older than this are forgotten"),
  osd_heartbeat_min_size: size(2000, OSD, "Pings are padded to this size", { max: 1 << 20 }),
  osd_beacon_report_interval: secs(300, OSD, "Time between beacons", { min: 0.01 }),
  osd_fast_fail_on_connection_refused: bool(true, OSD, "Report at once when refused"),
  osd_max_markdown_count: int(5, OSD, "Wrong mark-downs within the period before we stop", NONNEG),
  osd_max_markdown_period: secs(600, OSD, "Period of osd_max_markdown_count"),

  // log, peering
  osd_min_pg_log_entries: int(250, OSD, "Log entries kept when clean", POSITIVE),
  osd_max_pg_log_entries: int(10000, OSD, "Log entries kept when degraded", POSITIVE),
  osd_target_pg_log_entries_per_osd: int(300000, OSD, "Log entries of all PGs of the OSD", NONNEG),
  osd_pg_log_trim_min: int(100, OSD, "Trim only when so many entries can go", NONNEG),
  osd_pg_log_trim_max: int(10000, OSD, "Entries trimmed at a time", POSITIVE),
  osd_pg_log_dups_tracked: int(3000, OSD, "Request ids remembered beyond the log", NONNEG),
  osd_find_best_info_ignore_history_les: bool(false, OSD, "Rescue: ignore last_epoch_started"),
  osd_allow_recovery_below_min_size: bool(true, OSD, "Recover with fewer than min_size members"),
  osd_max_pg_blocked_by: int(16, OSD, "OSDs named in blocked_by", NONNEG),
  osd_force_auth_primary_missing_objects: int(100, OSD, "Missing objects that cost the primary", {
    min: 0,
  }),
  osd_async_recovery_min_cost: int(100, OSD, "Log distance from which recovery is async", NONNEG),
  osd_force_recovery_pg_log_entries_factor: float(1.3, OSD, "Log growth that forces recovery", {
    min: 1,
  }),

  // recovery, backfill
  osd_max_backfills: int(1, OSD, "Reservations local and remote, each", POSITIVE),
  osd_min_recovery_priority: int(0, OSD, "Reservations below this wait", NONNEG),
  osd_recovery_max_active: int(0, OSD, "Recovery operations at a time; 0: by device", NONNEG),
  osd_recovery_max_active_hdd: int(3, OSD, "The same on rotating disks", NONNEG),
  osd_recovery_max_active_ssd: int(10, OSD, "The same on solid state disks", NONNEG),
  osd_recovery_max_single_start: int(1, OSD, "Operations a PG starts in one turn", POSITIVE),
  osd_recovery_max_chunk: size(8 << 20, OSD, "Bytes of an object in one push", { min: 1 }),
  osd_recovery_max_omap_entries_per_chunk: int(8096, OSD, "Omap entries in one push", POSITIVE),
  osd_recovery_sleep: secs(0, OSD, "Pause between recovery operations"),
  osd_recovery_sleep_hdd: secs(0.1, OSD, "The same on rotating disks"),
  osd_recovery_sleep_ssd: secs(0, OSD, "The same on solid state disks"),
  osd_recovery_delay_start: secs(0, OSD, "Wait after peering before recovery"),
  osd_recovery_priority: int(5, OSD, "Priority of recovery in the queue", { min: 1, max: 255 }),
  osd_recovery_op_priority: int(3, OSD, "Priority of recovery operations", { min: 1, max: 63 }),
  osd_client_op_priority: int(63, OSD, "Priority of client operations", { min: 1, max: 63 }),
  osd_recovery_op_warn_multiple: int(16, OSD, "Complain after so many complaint times", POSITIVE),
  osd_recovery_retry_interval: secs(30, OSD, "Retry a refused recovery reservation after", {
    min: 0.001,
  }),
  osd_recovery_cost: size(20 << 20, OSD, "Cost of a recovery item in the queue"),
  osd_max_push_objects: int(10, OSD, "Objects in one push message", POSITIVE),
  osd_max_push_cost: size(8 << 20, OSD, "Bytes in one push message", { min: 1 }),
  osd_backfill_scan_min: int(64, OSD, "Objects of a backfill scan, least", POSITIVE),
  osd_backfill_scan_max: int(512, OSD, "Objects of a backfill scan, most", POSITIVE),
  osd_backfill_retry_interval: secs(30, OSD, "Retry a refused backfill reservation after", {
    min: 0.001,
  }),
  osd_backfill_full_ratio: float(0.85, OSD, "Jewel's; the map's backfillfull_ratio decides", RATIO),
  osd_debug_skip_full_check_in_backfill_reservation: bool(
    false,
    OSD,
    "Promise room for backfill without looking whether there is any (tests)",
  ),
  osd_failsafe_full_ratio: float(0.97, OSD, "Refuse every write above this", RATIO),
  osd_auto_mark_unfound_lost: bool(false, OSD, "Give up unfound objects by ourselves"),

  // scrub
  osd_max_scrubs: int(1, OSD, "Scrubs at a time", POSITIVE),
  osd_scrub_chunk_min: int(5, OSD, "Objects in a scrub chunk, least", POSITIVE),
  osd_scrub_chunk_max: int(25, OSD, "Objects in a scrub chunk, most", POSITIVE),
  osd_scrub_min_interval: secs(86400, OSD, "Scrub a PG at most so often"),
  osd_scrub_max_interval: secs(604800, OSD, "Scrub a PG at least so often"),
  osd_scrub_interval_randomize_ratio: float(0.5, OSD, "Scrubs come up to so much later", {
    min: 0,
  }),
  osd_deep_scrub_randomize_ratio: float(0.15, OSD, "Scrubs that become deep ones by chance", RATIO),
  osd_scrub_during_recovery: bool(false, OSD, "Scrub while an OSD recovers"),
  osd_scrub_invalid_stats: bool(true, OSD, "Scrub at once what has a split's estimated sums"),
  osd_blocked_scrub_grace_period: secs(120, OSD, "A scrub without progress gives up after"),
  osd_scrub_sleep: secs(0, OSD, "Pause between chunks"),
  osd_scrub_auto_repair: bool(false, OSD, "Scheduled deep scrubs repair what they find"),
  osd_scrub_auto_repair_num_errors: int(5, OSD, "Objects that are repaired without asking", NONNEG),
  osd_deep_scrub_keys: int(1024, OSD, "Omap keys read at a time in a deep scrub", POSITIVE),
  osd_deep_scrub_update_digest_min_age: secs(7200, OSD, "Digests are recorded of older objects"),
  osd_deep_scrub_interval: secs(604800, OSD, "Read all data so often"),
  osd_deep_scrub_stride: size(512 << 10, OSD, "Bytes read at a time in a deep scrub", { min: 1 }),

  // client operations
  osd_max_object_size: size(128 << 20, OSD, "Largest object", { min: 1 }),
  osd_max_write_size: int(90, OSD, "Largest single write, MiB", { min: 1, max: 255 }),
  osd_max_object_name_len: int(2048, OSD, "Longest object name, bytes", POSITIVE),
  osd_max_object_namespace_len: int(256, OSD, "Longest namespace, bytes", POSITIVE),
  osd_max_attr_size: size(0, OSD, "Largest xattr; 0: no bound"),
  osd_max_attr_name_len: int(100, OSD, "Longest xattr name, bytes", POSITIVE),
  osd_max_pgls: int(1024, OSD, "Objects in one listing answer", POSITIVE),
  osd_max_omap_entries_per_request: int(1024, OSD, "Omap entries in one answer", POSITIVE),
  osd_max_omap_bytes_per_request: size(1 << 30, OSD, "Omap bytes in one answer", { min: 1 }),
  osd_op_complaint_time: secs(30, BOTH, "An operation is slow after"),
  osd_op_history_size: int(20, OSD, "Finished operations kept for dump_historic_ops", NONNEG),
  osd_op_history_duration: secs(600, OSD, "How long they are kept"),
  osd_op_history_slow_op_size: int(20, OSD, "Slow operations kept", NONNEG),
  osd_op_history_slow_op_threshold: secs(10, OSD, "Slow for the history is longer than"),
  osd_client_message_cap: int(256, OSD, "Client operations in memory", NONNEG),
  osd_client_message_size_cap: size(500 << 20, OSD, "Bytes of client operations in memory"),
  osd_client_watch_timeout: secs(30, OSD, "A watch without sign of life ends after"),

  // pools, CRUSH
  osd_pool_default_size: int(3, MON, "Copies of a new pool", { min: 1, max: 10 }),
  osd_pool_default_min_size: int(0, MON, "min_size of a new pool; 0: size - size/2", {
    min: 0,
    max: 255,
  }),
  osd_pool_default_pg_num: int(32, MON, "PGs of a new pool", POSITIVE),
  osd_pool_default_pgp_num: int(0, MON, "pgp_num of a new pool; 0: pg_num", NONNEG),
  osd_pool_default_type: str("replicated", MON, "Type of a new pool", {
    allowed: ["replicated", "erasure"],
  }),
  osd_pool_default_crush_rule: int(-1, MON, "Rule of a new pool; -1: the first replicated", {
    min: -1,
    max: 255,
  }),
  osd_pool_default_erasure_code_profile: str(
    "plugin=jerasure technique=reed_sol_van k=2 m=2",
    MON,
    "Profile `default` of a new cluster",
  ),
  osd_pool_erasure_code_stripe_unit: size(4096, MON, "Stripe unit of a new pool", { min: 1 }),
  osd_pool_default_ec_fast_read: bool(false, MON, "fast_read of a new erasure pool"),
  osd_pool_default_flag_hashpspool: bool(true, MON, "Flag hashpspool of a new pool"),
  osd_pool_default_pg_autoscale_mode: str("on", MON, "pg_autoscale_mode of a new pool", {
    allowed: ["off", "warn", "on"],
  }),
  osd_pool_default_read_lease_ratio: float(0.8, OSD, "Read lease, in heartbeat graces", {
    min: 0,
  }),
  osd_crush_chooseleaf_type: int(1, MON, "Failure domain of the first rule: 0 osd, 1 host", {
    min: 0,
    max: 255,
  }),
  osd_crush_update_on_start: bool(true, OSD, "Enter the CRUSH map at boot"),
  osd_crush_initial_weight: float(-1, OSD, "CRUSH weight of a new OSD; -1: size in TiB", {
    min: -1,
  }),
  osd_crush_update_weight_set: bool(true, MON, "Keep weight sets in step with weights"),
  osd_max_pg_per_osd_hard_ratio: float(3, OSD, "New PGs wait above so many mon_max_pg_per_osd", {
    min: 1,
  }),
  // Tako's own.
  osd_debug_check_invariants: bool(false, OSD, "Check a PG's invariants after each event (slow)"),
};
