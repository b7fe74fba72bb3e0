/** The client library over real sockets. */
export { NOT_OPTIONS, type OpenOptions, open_rados, parse_mon_host } from "./open_rados.ts";
