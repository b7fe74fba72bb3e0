/** What of @tako/common touches the outside: sockets, clock, chance, log, process. */

export {
  type DaemonContext,
  type DaemonSpec,
  EXIT,
  exit_code,
  type RunningDaemon,
  run_daemon,
} from "./daemon.ts";
export { MON_PORT, mon_hosts_of, UsageError } from "./daemon_options.ts";
export {
  check_level_files,
  damaged,
  error_code,
  has_level_files,
  to_store_error,
} from "./level_files.ts";
export { PinoLog, type Threshold } from "./PinoLog.ts";
export { SystemClock } from "./SystemClock.ts";
export { SystemRng } from "./SystemRng.ts";
export {
  type HostPort,
  parse_host_port,
  WsMessenger,
  type WsMessengerOptions,
} from "./WsMessenger.ts";
