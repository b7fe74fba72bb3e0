/**
 * The decisions of peering that depend on maps and infos alone. OSDs take them when they peer;
 * offline tools take the same ones for clusters that are only imagined.
 */
export * from "./choose_acting.ts";
export * from "./find_best_info.ts";
export * from "./PriorSet.ts";
export * from "./recoverable.ts";
