/** Sets of snapshot ids as sorted, disjoint runs. Ceph counterpart: interval_set.h. */
import type { snap_interval_t } from "./pg_pool_t.ts";

type Runs = readonly snap_interval_t[];

export function snap_union(a: Runs, b: Runs): snap_interval_t[] {
  const out: [number, number][] = [];
  for (const [start, length] of [...a, ...b].sort((x, y) => x[0] - y[0])) {
    const last = out.at(-1);
    const end = start + length;
    if (last && start <= last[0] + last[1]) last[1] = Math.max(last[0] + last[1], end) - last[0];
    else if (length > 0) out.push([start, length]);
  }
  return out;
}

export function snap_subtract(a: Runs, b: Runs): snap_interval_t[] {
  let left: snap_interval_t[] = [...a];
  for (const [start, length] of b) {
    const end = start + length;
    left = left.flatMap(([s, l]): snap_interval_t[] => {
      const before: snap_interval_t = [s, Math.min(l, start - s)];
      const from = Math.max(s, end);
      const after: snap_interval_t = [from, s + l - from];
      return [before, after].filter(([, n]) => n > 0);
    });
  }
  return left;
}
