import type { crush_map } from "./types.ts";
export interface CrushMapper {
  do_rule(
    ruleno: number,
    x: number,
    result_max: number,
    weights: readonly number[],
    choose_args_index: number,
  ): number[];
}
export function compile_mapper(_map: crush_map): CrushMapper {
  throw new Error("not yet");
}
