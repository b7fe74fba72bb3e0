export * from "./CrushWrapper.ts";
export * from "./CrushBuilder.ts";
export * from "./hash.ts";
export * from "./tunables.ts";
export * from "./types.ts";
