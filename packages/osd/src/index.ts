/** The OSD without its I/O: what the simulator, tests and the documentation generator use. */
export type { OSDIdentity, OSDStateName } from "./osd/Boot.ts";
export { OSD, type OSDPorts } from "./osd/OSD.ts";
export { peering_chart } from "./peering/chart.ts";
export { peering_coverage } from "./peering/PeeringMachine.ts";
export {
  type PeeringCoverage,
  peering_row_name,
  renderPeeringStates,
} from "./peering/render_states.ts";
export { PG } from "./pg/PG.ts";
export { type DiskSnapshot, MemStore, type MemStoreOptions } from "./store/MemStore.ts";
export { COLL_META, type coll_t, type ObjectStore } from "./store/ObjectStore.ts";
export { Transaction } from "./store/Transaction.ts";
