/** Everything of @tako/common that is pure: no sockets, disks, clocks. See ./io for the rest. */
export * from "./codec/index.ts";
export * from "./config/index.ts";
export * from "./crush/index.ts";
export * from "./ec/index.ts";
export * from "./errors.ts";
export * from "./messages/index.ts";
export * from "./mon/MonClient.ts";
export * from "./msg/Messenger.ts";
export { message_fields } from "./msg/message_fields.ts";
export * from "./osdmap/index.ts";
export * from "./peering/index.ts";
export * from "./ports.ts";
export * from "./statechart/index.ts";
export * from "./types/entity.ts";
export * from "./types/hobject.ts";
export * from "./types/osd_types.ts";
export * from "./types/pg_state.ts";
