/**
 * Options of the monitor. Defaults as in Ceph 16.2.15. cluster.md §9.
 */
import { bool, float, int, type Service, secs, size, str } from "./option.ts";

const MON: readonly Service[] = ["mon"];
const MON_OSD: readonly Service[] = ["mon", "osd"];
const RATIO = { min: 0, max: 1 } as const;

export const MON_OPTIONS = {
  mon_data: str("", MON, "Directory of the monitor's store", { startup: true }),
  mon_tick_interval: secs(5, MON, "Time between ticks: timeouts, automatic out, trimming", {
    min: 0.01,
  }),
  mon_lease: secs(5, MON, "Length of the leader's lease", { min: 0.01 }),
  mon_lease_renew_interval_factor: float(0.6, MON, "Part of mon_lease after which it is renewed", {
    min: 0.01,
    max: 0.99,
  }),
  mon_election_timeout: secs(5, MON, "Wait for votes before a new election", { min: 0.01 }),
  mon_election_default_strategy: int(1, MON, "Election strategy: 1 classic", { min: 1, max: 3 }),
  paxos_propose_interval: secs(1, MON, "Pending changes are gathered this long under load"),
  paxos_min_wait: secs(0.05, MON, "Least time to gather changes after a period of quiet"),
  paxos_service_trim_min: int(250, MON, "Trim only when at least so many epochs can go", {
    min: 0,
  }),
  paxos_service_trim_max: int(500, MON, "Trim at most so many epochs at a time; 0: no bound", {
    min: 0,
  }),
  paxos_service_trim_max_multiplier: int(20, MON, "Raises paxos_service_trim_max when far behind", {
    min: 0,
  }),
  mon_min_osdmap_epochs: int(500, MON, "Full and incremental maps that are always kept", {
    min: 1,
  }),
  mon_osd_force_trim_to: int(0, MON, "Trim maps up to this epoch, PGs clean or not; 0: off", {
    min: 0,
  }),
  mon_osd_cache_size: int(500, MON, "Maps kept decoded in memory", { min: 1 }),
  mon_subscribe_interval: secs(86400, MON, "How often a subscription must be renewed"),
  mon_osd_min_down_reporters: int(2, MON_OSD, "Subtrees that must report an OSD as failed", {
    min: 1,
  }),
  mon_osd_reporter_subtree_level: str(
    "host",
    MON_OSD,
    "CRUSH type by which reporters are counted, and heartbeat peers chosen",
  ),
  mon_osd_adjust_heartbeat_grace: bool(true, MON, "Longer grace for OSDs that were laggy"),
  mon_osd_report_timeout: secs(900, MON, "An OSD without beacon for so long is marked down"),
  mon_osd_min_up_ratio: float(0.3, MON, "Below this part up, OSDs are not marked down", RATIO),
  mon_osd_min_in_ratio: float(0.75, MON, "Below this part in, OSDs are not marked out", RATIO),
  mon_osd_down_out_interval: secs(600, MON, "Down for so long is marked out; 0: never"),
  mon_osd_destroyed_out_interval: secs(600, MON, "The same for destroyed OSDs; 0: never"),
  mon_osd_adjust_down_out_interval: bool(true, MON, "Longer down-out time for laggy OSDs"),
  mon_osd_down_out_subtree_limit: str(
    "rack",
    MON,
    "A subtree of this type or greater that is down as a whole is not marked out",
  ),
  mon_osd_auto_mark_in: bool(false, MON, "Mark every booting OSD in"),
  mon_osd_auto_mark_auto_out_in: bool(true, MON, "Mark booting OSDs in that were out by timeout"),
  mon_osd_auto_mark_new_in: bool(true, MON, "Mark new OSDs in"),
  mon_osd_auto_create: bool(true, MON, "A booting OSD with an unused id is created in the map", {
    tako: true,
  }),
  mon_log_max: int(1000, MON, "Entries of the cluster log that are kept", { min: 1 }),
  mon_osd_laggy_halflife: secs(3600, MON, "Half-life of the laggy estimates", { min: 0.001 }),
  mon_osd_laggy_weight: float(0.3, MON, "Weight of a new sample in the laggy estimates", RATIO),
  mon_osd_laggy_max_interval: secs(300, MON, "Longest laggy interval that counts"),
  mon_osd_nearfull_ratio: float(0.85, MON, "nearfull_ratio of a new cluster", RATIO),
  mon_osd_backfillfull_ratio: float(0.9, MON, "backfillfull_ratio of a new cluster", RATIO),
  mon_osd_full_ratio: float(0.95, MON, "full_ratio of a new cluster", RATIO),
  mon_allow_pool_delete: bool(false, MON, "Allow `osd pool rm`"),
  mon_allow_pool_size_one: bool(false, MON, "Allow pools with one copy"),
  mon_max_pool_pg_num: int(65536, MON, "Greatest pg_num of a pool", { min: 1 }),
  mon_max_pg_per_osd: int(250, MON_OSD, "PG copies an OSD should have at most", { min: 1 }),
  mon_osd_max_creating_pgs: int(1024, MON, "PGs being created at the same time", { min: 1 }),
  mon_osd_max_initial_pgs: int(1024, MON, "PGs a pool starts with at most", { min: 1 }),
  mon_max_osd: int(10000, MON, "Greatest number of OSDs", { min: 1, max: 1 << 20 }),
  mon_osd_prime_pg_temp: bool(true, MON, "Set pg_temp together with the change that needs it"),
  mon_osd_prime_pg_temp_max_time: secs(0.5, MON, "Most time spent on priming an epoch"),
  mon_osd_prime_pg_temp_max_estimate: float(
    0.25,
    MON,
    "Prime all PGs when more than this part of them is touched",
    RATIO,
  ),
  mon_osd_initial_require_min_compat_client: str(
    "luminous",
    MON,
    "require_min_compat_client of a new cluster",
  ),
  mon_osd_crush_smoke_test: bool(true, MON, "Try a new CRUSH map before it is accepted"),
  mon_osd_mapping_pgs_per_chunk: int(4096, MON, "PGs mapped at one go", { min: 1 }),
  mon_osd_blocklist_default_expire: secs(3600, MON, "How long a blocklist entry lasts"),
  mon_stat_smooth_intervals: int(6, MON, "Stats intervals over which rates are averaged", {
    min: 1,
  }),
  mon_reweight_min_pgs_per_osd: int(10, MON, "Fewer PGs an OSD are too few to reweight by", {
    min: 0,
  }),
  mon_reweight_min_bytes_per_osd: size(100 << 20, MON, "Too little on an OSD to reweight by", {
    min: 0,
  }),
  mon_reweight_max_osds: int(4, MON, "OSDs that are reweighted at a time", { min: 1 }),
  mon_reweight_max_change: float(0.05, MON, "Largest step of a weight at a time", RATIO),
  mon_pg_stuck_threshold: secs(60, MON, "A PG in a bad state for longer is stuck"),
  mon_health_max_detail: int(50, MON, "Most detail lines of one health check", { min: 0 }),
  mon_warn_on_misplaced: bool(false, MON, "Misplaced objects are a health warning"),
  mon_warn_on_pool_no_redundancy: bool(true, MON, "A pool of size 1 is a health warning"),
  mon_warn_on_pool_no_app: bool(true, MON, "A used pool without application is a warning"),
  mon_warn_on_pool_pg_num_not_power_of_two: bool(true, MON, "Warn on an odd pg_num"),
  mon_warn_on_too_few_osds: bool(true, MON, "Warn on fewer OSDs than the default pool size"),
  mon_warn_on_osd_down_out_interval_zero: bool(true, MON, "Warn when nothing is marked out"),
  target_max_misplaced_ratio: float(
    0.05,
    MON,
    "pgp_num follows pg_num while less than this part is misplaced",
    RATIO,
  ),
  mon_warn_on_slow_ping_ratio: float(0.05, MON, "Slow ping: this part of the grace", RATIO),
  mon_warn_on_slow_ping_time: float(0, MON, "Slow ping: milliseconds; 0: use the ratio", {
    min: 0,
  }),
  mon_warn_pg_not_scrubbed_ratio: float(0.5, MON, "Warn when a scrub is so much late", { min: 0 }),
  mon_warn_pg_not_deep_scrubbed_ratio: float(0.75, MON, "The same for deep scrubs", { min: 0 }),
  mon_osd_warn_num_repaired: int(10, MON, "Warn when an OSD repaired more reads than this", {
    min: 0,
  }),
  mon_osd_warn_op_age: secs(32, MON, "Warn of operations older than this"),
  mon_pg_warn_min_per_osd: int(0, MON, "Warn below so many PGs an OSD; 0: off", { min: 0 }),
  mon_pg_warn_max_object_skew: float(10, MON, "Warn when PGs of a pool hold far more objects", {
    min: 0,
  }),
  mon_pg_warn_min_objects: int(10000, MON, "Fewer objects in the cluster: no skew warning", {
    min: 0,
  }),
  mon_pg_warn_min_pool_objects: int(1000, MON, "Fewer objects in the pool: no skew warning", {
    min: 0,
  }),
  mon_client_bytes: size(100 << 20, MON, "Bytes of client requests in memory", { min: 4096 }),
};
