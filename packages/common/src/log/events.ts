/**
 * Every event that a daemon or client logs: its level, the fields that matter, and what it means.
 * docs/logs.md is made from this table, and a test holds the sources to it both ways. An event name
 * never changes its meaning: scripts and people grep for it.
 */
import type { LogLevel } from "../ports.ts";

/** Level (several when it depends), fields besides those of docs/logs.md "Every line", meaning. */
export type EventRow = readonly [
  level: LogLevel | readonly LogLevel[],
  fields: string,
  text: string,
];

const DAEMON = {
  daemon_start: [
    "info",
    "version, pid, node, options",
    "The process begins; options not at default.",
  ],
  daemon_running: ["info", "", "It is up and serves."],
  daemon_stopping: ["info", "reason", "SIGTERM, SIGINT, or its own wish: the orderly stop begins."],
  daemon_stopped: ["info", "", "The orderly stop is done; the process ends with 0."],
  daemon_fatal: [
    "fatal",
    "exit_code, reason, detail, err",
    "It ends at once. A stack only for our own faults.",
  ],
} as const satisfies Record<string, EventRow>;

const MESSENGER = {
  ms_listen: ["info", "listen, addr", "The port is open; addr is what others are told."],
  ms_rebind: [
    "info",
    "addr",
    "A new nonce after a wrong mark-down; connections with OSDs are gone.",
  ],
  ms_connect: ["debug", "peer, addr, policy, connect_seq", "A connection stands (again)."],
  ms_connect_failed: [
    "debug",
    "peer, why, reason",
    "An attempt failed; further ones of the series are silent.",
  ],
  ms_fault: [
    "debug",
    "peer, code, reason",
    "The transport of a lossless session broke; it will be replaced.",
  ],
  ms_reset: [
    "debug",
    "peer, reason, lost",
    "A connection ended for good, with so many messages undelivered.",
  ],
  msg_in: [
    ["debug", "trace"],
    "type, peer, pg, epoch, tid",
    "A message is dispatched (pings at trace).",
  ],
  msg_out: [["debug", "trace"], "type, peer, pg, epoch, tid", "A message is written to a socket."],
  handshake_refused: [
    ["info", "warn"],
    "peer, code, reason",
    "info: the peer refused us. warn: we refused it.",
  ],
  handshake_timeout: [
    "warn",
    "timed_out, evicted, example",
    "Connections that never shook hands, of the last second.",
  ],
  bad_frame: [
    "warn",
    "remote, peer, reason",
    "Garbage, or a message not in the catalogue. That connection is closed.",
  ],
  http_request: ["warn", "remote, method, url", "Somebody takes the port for a web server."],
} as const satisfies Record<string, EventRow>;

const MON = {
  mon_store_open: ["info", "fsid, data", "The store is open and its cluster known."],
  mon_start: ["info", "fsid, epoch, first", "The monitor serves; maps first..epoch are there."],
  mon_command: ["info", "prefix, from, result", "A command was carried out or refused."],
  mon_msg_dropped: ["debug", "from, type, why", "A request of an OSD that changes nothing."],
  mon_msg_unexpected: ["debug", "from, type", "A message that no monitor handles."],
  mon_session_lost: ["debug", "mon", "The session with the monitor broke; hunting."],
  osd_boot_refused: ["warn", "from, why, epoch", "An OSD's boot came to nothing."],
  osdmap_epoch: [
    "info",
    "epoch; mon: counts, changes; osd: up, up_epoch",
    "A new map. Mon: committed. OSD: in use.",
  ],
  osdmap_trim: ["info", "first, new_first", "Old maps were forgotten."],
  osd_up: ["info", "epoch, osd, addr, up_from", "The new map has that OSD up."],
  osd_down: ["info", "epoch, osd, reason, was_up_from", "The new map has that OSD down."],
  up_thru: ["info", "epoch, osd, up_thru", "The new map grants up_thru: a primary may go active."],
  pg_temp: ["info", "epoch, pg, acting", "The new map sets (or with [] clears) pg_temp."],
  pool_created: ["info", "epoch, pool, name, pg_num, size", "A pool is new in this map."],
  pool_changed: ["info", "epoch, pool, name, pg_num, size", "A pool changed in this map."],
  pool_removed: ["info", "epoch, pool, name", "A pool is gone with this map."],
  store_failed: ["fatal", "err, path, what", "The store refused a write; the monitor ends."],
} as const satisfies Record<string, EventRow>;

const OSD = {
  osd_start: ["info", "osd_fsid, epoch, pgs", "The OSD has read its disk and begins to boot."],
  osd_state: [
    "info",
    "from, to, epoch",
    "initializing, preboot, booting, active, waiting_for_healthy, stopping.",
  ],
  osd_boot: [
    ["debug", "info"],
    "epoch, boot_epoch, addr",
    "Asks the monitor to be marked up (repetitions at debug).",
  ],
  osd_stop: ["info", "epoch", "The OSD closes its store."],
  osd_stalled: ["warn", "stalled_ms", "The process stood still; failure reports wait a while."],
  boot_waits_noup: ["warn", "epoch", "Flag noup is set: booting waits until it is cleared."],
  wrongly_marked_down: [
    "warn",
    "epoch, down_at",
    "The map says we are down; we take a new nonce and boot again.",
  ],
  heartbeat_no_reply: [
    "warn",
    "peer, silent_s",
    "A peer has not answered within osd_heartbeat_grace.",
  ],
  failure_report: ["info", "peer, epoch, failed_for, immediate", "Reports a peer to the monitor."],
  failure_cancel: ["info", "peer, epoch", "Takes the report back: the peer answers again."],
  you_died: ["info", "epoch", "A peer's map has us down; asks for newer maps."],
  map_gap: [
    ["info", "warn"],
    "epoch, first, oldest",
    "Maps are missing: asked for, or (warn) trimmed and skipped.",
  ],
  osd_map_dropped: ["warn", "fsid, reason", "A map message of another cluster, or without maps."],
  osd_map_incomplete: ["warn", "epoch, last", "A map message lacks an epoch that it announces."],
  osdmap_bad: [
    "warn",
    "epoch, form, reason",
    "A map cannot be decoded or applied; a full one is asked for.",
  ],
  osdmap_crc_mismatch: [
    "warn",
    "epoch, crc, full_crc",
    "An incremental led to another map than the monitor's.",
  ],
  osdmap_request_full: ["info", "first, last", "Asks the monitor for full maps."],
  peer_instance_gone: [
    "debug",
    "peer, epoch",
    "The map has that peer down or elsewhere; its connection is closed.",
  ],
  unexpected_message: ["warn", "msg, from", "A message from one who should not send it; dropped."],
  msg_dropped: ["debug", "msg, to, epoch", "Not sent: the receiver is not up as of that epoch."],
  up_thru_wanted: ["debug", "epoch, want", "A PG needs up_thru; the monitor is asked."],
  osd_mkfs: ["info", "data", "A fresh data directory was made."],
} as const satisfies Record<string, EventRow>;

const PG = {
  pg_state: [
    "info",
    "pg, epoch, from, to, event, interval, duration_ms",
    "A state of the chart was entered; time spent in the one before.",
  ],
  pg_interval: ["info", "pg, epoch, up, acting", "A new interval begins: peering starts over."],
  pg_not_readable: [
    "info",
    "pg, epoch, state",
    "Active, but no client is served: wait (an earlier interval may still serve) or laggy (no lease).",
  ],
  pg_readable: [
    "info",
    "pg, epoch",
    "Clients are served again: the reason for wait or laggy is gone.",
  ],
  pg_prior_set: ["info", "pg, epoch", "Whom GetInfo asks, and who is down but might matter."],
  pg_choose_acting: ["info", "pg, epoch", "Which members the primary wants."],
  pg_activate: [
    "info",
    "pg, epoch",
    "The primary activates: who is complete, who is missing what.",
  ],
  peering_event: ["debug", "pg, epoch, event, state", "An event goes into the chart."],
  pg_loaded: ["debug", "pg, epoch", "Read from disk at the start."],
  pg_of_unknown_pool: [
    "error",
    "pg, epoch",
    "Its pool was deleted, and no map that had the pool is stored: it stays on the disk, left alone.",
  ],
  pg_split: [
    "info",
    "pg, epoch, pg_num, children",
    "pg_num has grown: objects, log and missing set went over to the children.",
  ],
  pg_created_here: ["debug", "pg, epoch", "Made on this OSD."],
  pg_create_no_map: [
    "debug",
    "pg, epoch, at",
    "Cannot be made yet: the map of its creation is not here.",
  ],
  pg_create_not_mine: ["debug", "pg, epoch", "A create for a PG that maps elsewhere by now."],
  pg_create_withheld: [
    "warn",
    "pg, epoch, num_pgs",
    "This OSD has as many PGs as mon_max_pg_per_osd and osd_max_pg_per_osd_hard_ratio allow: a new one waits.",
  ],
  pg_removed: ["info", "pg, epoch", "The PG is gone from this OSD."],
  pg_deleted: ["info", "pg, epoch", "Its last object was deleted."],
  query_old: [
    "debug",
    "pg, epoch, query_epoch",
    "A query of an interval long past; answered with nothing.",
  ],
  scrub_start: ["info", "pg, epoch, scrub", "All slots are held: the objects are compared."],
  scrub_aborted: [
    "info",
    "pg, epoch, scrub, why",
    "Given up: a slot was refused, a flag set, or an object cannot be found. Tried again later.",
  ],
  scrub_done: [
    "info",
    "pg, epoch, scrub, objects, shallow_errors, deep_errors, fixed",
    "All objects were compared; details are in the cluster log.",
  ],
  unfound_marked_lost: [
    "warn",
    "pg, epoch, mode, objects",
    "The operator gave up objects of which no copy was known: back to older versions, or deleted.",
  ],
  recovery_progress: [
    "info",
    "pg, epoch, recovered, missing, unfound",
    "Log-based recovery, now and then and at its end.",
  ],
  backfill_start: [
    "info",
    "pg, epoch, from, targets",
    "Backfill of these members begins or goes on.",
  ],
  backfill_progress: [
    "info",
    "pg, epoch, objects, total, last_backfill",
    "Backfill, now and then and at its end.",
  ],
  ec_read_failed: [
    "warn",
    "pg, epoch, soid, version",
    "A chunk that the primary asked for is not here in that version, or not readable.",
  ],
  ec_recovery_failed: [
    "error",
    "pg, epoch, soid, why",
    "An object's chunks cannot be rebuilt now: too few shards that fit together.",
  ],
  pull_failed: [
    "warn",
    "pg, epoch, soid, error",
    "A member cannot give the object; another is asked.",
  ],
  push_read_failed: [
    "error",
    "pg, epoch, soid, error",
    "An object that should be here cannot be read.",
  ],
} as const satisfies Record<string, EventRow>;

const OPS = {
  slow_op: ["warn", "count, oldest_s", "Operations older than osd_op_complaint_time."],
  op_dropped: ["debug", "pg, epoch, type, why", "The client will send it again."],
  op_no_pg: ["debug", "pg, msg, peer", "The PG is not here; dropped."],
  op_misdirected: ["debug", "pg, epoch, client", "A client took us for the primary."],
  pg_queue_full: [
    "warn",
    "pg, client, ops, bytes",
    "Too much waits for this PG; the operation is dropped.",
  ],
  session_overflow: ["warn", "peer", "Too much waits for a map on that connection; it is closed."],
  osd_session_reset: [
    "debug",
    "osd, epoch",
    "Client: the connection broke; its operations are sent again.",
  ],
} as const satisfies Record<string, EventRow>;

/** By who logs it, in the order of docs/logs.md. */
export const EVENT_GROUPS = {
  "Every daemon": DAEMON,
  "Messenger (subsys ms)": MESSENGER,
  Monitor: MON,
  OSD,
  "Placement groups": PG,
  Operations: OPS,
} as const;

export type EventName =
  | keyof typeof DAEMON
  | keyof typeof MESSENGER
  | keyof typeof MON
  | keyof typeof OSD
  | keyof typeof PG
  | keyof typeof OPS;
