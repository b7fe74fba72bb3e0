/** Everything of @tako/mon that is pure. The daemon itself is main.ts; its disk is in io/. */
export { Monitor } from "./monitor/Monitor.ts";
export { is_mkfs_done, type MkfsOptions, mkfs, read_fsid } from "./monitor/mkfs.ts";
export type { MonitorPorts } from "./monitor/ports.ts";
export { MemMonStore } from "./store/MemMonStore.ts";
export {
  type ApplyOutcome,
  epoch_key,
  full_key,
  type MonitorDBStore,
  MonTransaction,
  type StoreOp,
} from "./store/MonitorDBStore.ts";
