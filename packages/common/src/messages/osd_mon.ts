/** Messages by which OSDs ask the monitor to change the map, and what it asks of them. */
import { Type } from "@sinclair/typebox";
import * as f from "./fields.ts";

/**
 * MOSDBoot: osd -> mon; answered by osd_map showing the OSD up. cluster.md §3.2.
 * Our one endpoint serves the four roles of Ceph's addresses.
 */
export const osd_boot = f.message("osd_boot", {
  osd: f.osd,
  cluster_fsid: f.text,
  osd_fsid: f.text,
  current_epoch: f.epoch,
  oldest_map: f.epoch,
  newest_map: f.epoch,
  mounted: f.epoch,
  clean_thru: f.epoch,
  /** 0 for a fresh process, else the epoch at which this process was last up. */
  boot_epoch: f.epoch,
  /** Map epoch of the OSD. */
  version: f.epoch,
  addr: f.addr,
  /** hostname, store, total bytes, ...: `osd metadata`. Values are text. */
  metadata: Type.Record(Type.String({ maxLength: 64 }), f.text, { maxProperties: 64 }),
  /** CRUSH weight to enter with (TiB), and location, e.g. {root: "default", host: "h1"}. */
  crush_weight: f.num,
  crush_location: Type.Record(Type.String({ maxLength: 64 }), f.text, { maxProperties: 16 }),
  device_class: f.text,
});
/** MOSDAlive: osd -> mon; `want` = same_interval_since of a PG that needs up_thru. */
export const osd_alive = f.message("osd_alive", { osd: f.osd, version: f.epoch, want: f.epoch });
/** MOSDPGTemp: acting primary -> mon. An empty list clears. */
export const osd_pg_temp = f.message("osd_pg_temp", {
  map_epoch: f.epoch,
  pg_temp: f.list(f.obj({ pgid: f.pgid, osds: f.list(f.osd_or_none) })),
  forced: f.bool,
});
/** MOSDFailure: osd -> mon. is_failed false cancels. `immediate`: connection refused. */
export const osd_failure = f.message("osd_failure", {
  target_osd: f.osd,
  target_addr: f.addr,
  /** Seconds since the reporter last heard of the target. */
  failed_for: f.num,
  epoch: f.epoch,
  is_failed: f.bool,
  immediate: f.bool,
});
/** MOSDMarkMeDown: osd -> mon at an orderly stop; sent back by the mon once committed. */
export const osd_mark_me_down = f.message("osd_mark_me_down", {
  target_osd: f.osd,
  target_addr: f.addr,
  epoch: f.epoch,
  request_ack: f.bool,
  down_and_dead: f.bool,
});
/** MOSDMarkMeDead: osd -> mon. */
export const osd_mark_me_dead = f.message("osd_mark_me_dead", { osd: f.osd, epoch: f.epoch });
/** MOSDBeacon: osd -> mon. PGs it is primary of, and the least last_epoch_clean among them. */
export const osd_beacon = f.message("osd_beacon", {
  version: f.epoch,
  min_last_epoch_clean: f.epoch,
  pgs: f.list(f.pgid),
  report_interval_s: f.num,
});
/** MOSDFull: osd -> mon. */
export const osd_full = f.message("osd_full", {
  version: f.epoch,
  full: f.bool,
  backfillfull: f.bool,
  nearfull: f.bool,
});
/**
 * MPGStats: osd -> mon, no reply. `pg_stats` are pg_stat_t objects as in cluster.md §3.17 (only PGs
 * the sender is primary of), `osd_stat` one osd_stat_t. Checked field by field where they are used;
 * what is absent is 0, empty or false. Stamps are ms since 1970.
 */
export const pg_stats = f.message("pg_stats", {
  epoch: f.epoch,
  pg_stats: f.list(
    f.obj({
      pgid: f.pgid,
      reported_epoch: f.epoch,
      reported_seq: f.uint,
      state: f.text,
      stat: Type.Record(Type.String({ maxLength: 64 }), Type.Any(), { maxProperties: 96 }),
    }),
  ),
  osd_stat: Type.Record(Type.String({ maxLength: 64 }), Type.Any(), { maxProperties: 64 }),
  /** Operations blocked longer than osd_op_complaint_time, and the age of the oldest (s). */
  slow_ops: f.uint,
  oldest_slow_op_s: f.num,
});
/** MOSDPGCreate: mon -> acting primary, through subscription "osd_pg_creates". */
export const osd_pg_create = f.message("osd_pg_create", {
  epoch: f.epoch,
  pgs: f.list(
    f.obj({
      pgid: f.pgid,
      create_epoch: f.epoch,
      /** Milliseconds since 1970. */
      create_stamp: f.num,
      history: f.pg_history,
      past_intervals: f.nullable(f.past_intervals),
    }),
  ),
});
/** MOSDPGCreated: primary -> mon, when a new PG has become active. */
export const osd_pg_created = f.message("osd_pg_created", { pgid: f.pgid });
/** MOSDScrub2: mon -> osd: an operator wants these PGs, of which it is the primary, scrubbed. §11 */
export const osd_scrub = f.message("osd_scrub", {
  epoch: f.epoch,
  scrub_pgs: f.list(f.pgid),
  repair: f.bool,
  deep: f.bool,
});

/** MOSDForceRecovery: mon -> primary; no reply, the states in its statistics show it. */
export const osd_force_recovery = f.message("osd_force_recovery", {
  forced_pgs: f.list(f.pgid),
  op: f.oneOf("force-recovery", "force-backfill", "cancel-force-recovery", "cancel-force-backfill"),
});

export const osd_mon_family = [
  osd_boot,
  osd_alive,
  osd_pg_temp,
  osd_failure,
  osd_mark_me_down,
  osd_mark_me_dead,
  osd_beacon,
  osd_full,
  pg_stats,
  osd_pg_create,
  osd_pg_created,
  osd_force_recovery,
  osd_scrub,
] as const;
