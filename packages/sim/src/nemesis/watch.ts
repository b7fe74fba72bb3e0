/** Waiting for the moment: some faults do harm only while a PG is in the middle of something. */
import type { Field } from "@tako/client/chaos";
import type { PG } from "@tako/osd";
import type { World } from "../World.ts";

/**
 * Shows `look` each PG that an event has reached, right after it, until it says true; it may change
 * disks and links there and then, but not kill. False: it has not happened in so many ms, or the faults
 * have ended.
 */
export function watch(f: Field<World>, ms: number, look: (pg: PG) => boolean): Promise<boolean> {
  const { world } = f;
  return new Promise((resolve) => {
    let over = false;
    const end = (seen: boolean) => {
      if (over) return;
      over = true;
      unwatch();
      // In an event of its own: who waits for this may do anything.
      world.after(0, () => resolve(seen));
    };
    const unwatch = world.watch_pgs((pg) => {
      if (over) return;
      // Of another process with the id of this OSD, or of one that is gone.
      if (world.osd(pg.host.whoami)?.pgs.get(pg.spgid) !== pg) return;
      if (f.ended) end(false);
      else if (look(pg)) end(true);
    });
    world.after(ms, () => end(false));
  });
}

/** Of each kind one at a time. */
const waiting = new WeakMap<Field<World>, Set<string>>();

/** False: one of that kind is still at it. */
export function alone(
  f: Field<World>,
  kind: string,
  begin: () => Promise<boolean>,
): false | Promise<boolean> {
  const kinds = waiting.get(f) ?? new Set();
  waiting.set(f, kinds);
  if (kinds.has(kind)) return false;
  kinds.add(kind);
  return f.work(begin().finally(() => kinds.delete(kind)));
}
