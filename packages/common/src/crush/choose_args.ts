/**
 * Which choose_args of a map count.
 * Ceph counterpart: CrushWrapper::update_choose_args, which decoding calls.
 */
import { CRUSH_BUCKET_STRAW2, type crush_map, DEFAULT_CHOOSE_ARGS } from "./types.ts";

/**
 * Those of buckets that draw with weight sets. A map file may carry others; Ceph drops them when it
 * loads the file, we when the map is shown or edited: so the file stays the same to the byte.
 */
export function usable_choose_args(m: crush_map): crush_map["choose_args"] {
  const usable = (bucket: number) => m.buckets.get(bucket)?.alg === CRUSH_BUCKET_STRAW2;
  return new Map(
    [...m.choose_args].map(([set, args]) => [
      set,
      new Map([...args].filter(([bucket]) => usable(bucket))),
    ]),
  );
}

/**
 * Does placement take clients that know of choose_args? One weight a device, for all pools, is what
 * older clients get instead of the real weights.
 */
export function has_incompat_choose_args(m: crush_map): boolean {
  const sets = usable_choose_args(m);
  const compat = sets.get(DEFAULT_CHOOSE_ARGS);
  if (!compat || sets.size > 1) return sets.size > 0;
  return [...compat.values()].some(
    (a) =>
      a.weight_set.length + a.ids.length > 0 && (a.weight_set.length !== 1 || a.ids.length > 0),
  );
}
