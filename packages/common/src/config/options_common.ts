/**
 * Options of every daemon, of the messenger and of clients. cluster.md §9; own ones are marked.
 */
import { bool, int, type Service, secs, size, str } from "./option.ts";

const ALL: readonly Service[] = ["mon", "osd", "client"];
const CLIENT: readonly Service[] = ["osd", "client"];
const STARTUP = { startup: true } as const;
const OWN = { tako: true } as const;
const POSITIVE = { min: 0.001 } as const;

export const COMMON_OPTIONS = {
  fsid: str("", ALL, "Cluster id; empty: take the one that the monitor tells", STARTUP),
  mon_host: str("", ALL, "Addresses of the monitors, host:port, separated by commas", STARTUP),
  public_addr: str("", ALL, "host[:port] under which others reach us; empty: as listened", STARTUP),
  listen: str("", ALL, "host:port to listen on; port 0 takes a free one", { ...STARTUP, ...OWN }),
  log_level: str("info", ALL, "Least level that is logged", {
    allowed: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
    ...OWN,
  }),
  host: str("", ALL, "Host name for the CRUSH location; empty: ask the system", STARTUP),
  crush_location: str("", ALL, "Where a new OSD goes: root=default rack=r1 host=h1", STARTUP),

  // messenger
  ms_tcp_nodelay: bool(true, ALL, "Send small frames at once", STARTUP),
  ms_initial_backoff: secs(0.2, ALL, "Wait before the second attempt to connect", POSITIVE),
  ms_max_backoff: secs(15, ALL, "Longest wait between attempts to connect", POSITIVE),
  ms_connection_ready_timeout: secs(10, ALL, "A handshake must be over by then", POSITIVE),
  ms_connection_idle_timeout: secs(
    900,
    ALL,
    "Close a lossy connection without traffic for so long",
    {
      min: 0.01,
    },
  ),
  ms_ping_interval: secs(10, ALL, "Ping a connection that was silent for so long", {
    ...POSITIVE,
    ...OWN,
  }),
  ms_ping_timeout: secs(20, ALL, "Break a connection that did not answer for so long", {
    ...POSITIVE,
    ...OWN,
  }),
  ms_ack_delay: secs(0.05, ALL, "Acknowledge by then when nothing else is sent", {
    ...POSITIVE,
    ...OWN,
  }),
  ms_max_frame_size: size(256 << 20, ALL, "Largest frame that is sent or accepted", {
    min: 64 << 10,
    max: 1 << 30,
    ...STARTUP,
    ...OWN,
  }),
  ms_send_high_water: size(8 << 20, ALL, "Stop filling a socket above so many unsent bytes", {
    min: 4096,
    ...OWN,
  }),
  ms_max_unauthenticated: int(256, ALL, "Connections that may be shaking hands at a time", {
    min: 1,
    ...OWN,
  }),

  // client
  objecter_tick_interval: secs(5, CLIENT, "Time between ticks of the Objecter", POSITIVE),
  objecter_timeout: secs(10, CLIENT, "After so long ask for a newer map", POSITIVE),
  objecter_inflight_ops: int(1024, CLIENT, "Operations in flight", { min: 1 }),
  objecter_inflight_op_bytes: size(100 << 20, CLIENT, "Bytes in flight", { min: 1 }),
  rados_osd_op_timeout: secs(0, CLIENT, "Give up an operation after; 0: never"),
  rados_mon_op_timeout: secs(0, CLIENT, "Give up a monitor command after; 0: never"),
  mon_client_hunt_interval: secs(3, ALL, "Try another monitor after", POSITIVE),
  mon_client_hunt_parallel: int(3, ALL, "Monitors tried at the same time", { min: 1 }),
  mon_client_ping_interval: secs(10, ALL, "Time between pings to the monitor", POSITIVE),
  mon_client_ping_timeout: secs(30, ALL, "Leave a monitor that is silent for so long", POSITIVE),
  mgr_stats_period: secs(5, ALL, "Time between PG stats reports", POSITIVE),
};
