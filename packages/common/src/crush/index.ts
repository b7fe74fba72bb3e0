export * from "./CrushWrapper.ts";
export * from "./CrushBuilder.ts";
export { crush_min_required_version, crush_rule_dump } from "./dump.ts";
export * from "./hash.ts";
export { crush_from_dump } from "./load.ts";
export * from "./tunables.ts";
export * from "./types.ts";
