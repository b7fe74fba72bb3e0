/**
 * Sorting of what has a handful of elements: the members of a PG, the peers of an OSD. The engine's own
 * sort takes 1.4 KB for its bookkeeping however short the list is, and that at every step of peering.
 */

/** Beyond this insertion is slower than the engine. */
const FEW = 12;

/** Sorts `list` in place, equal elements in their order, and returns it. */
export function sort_few<T>(list: T[], cmp: (a: T, b: T) => number): T[] {
  if (list.length > FEW) return list.sort(cmp);
  for (let i = 1; i < list.length; i++) {
    const x = list[i] as T;
    let j = i;
    for (; j > 0 && cmp(list[j - 1] as T, x) > 0; j--) list[j] = list[j - 1] as T;
    list[j] = x;
  }
  return list;
}
