/** What of @tako/common touches the outside: sockets, clock, chance, log, process. */
export { PinoLog, type Threshold } from "./PinoLog.ts";
export { SystemClock } from "./SystemClock.ts";
export { SystemRng } from "./SystemRng.ts";
export {
  type HostPort,
  parse_host_port,
  WsMessenger,
  type WsMessengerOptions,
} from "./WsMessenger.ts";
