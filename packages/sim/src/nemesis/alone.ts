/**
 * What faults of several steps have in common, that need a cluster in good order to begin with and
 * take copies away: nobody else is disturbed until all is clean again.
 */
import type { Field, Outcome, PoolRef } from "@tako/client/chaos";
import type { pg_t } from "@tako/common";
import type { World } from "../World.ts";

/** All copies are there, and nobody has anything in hand. */
export function calm(f: Field<World>): boolean {
  const idle = f.lost_disk === undefined && f.held.size === 0 && f.num_lasting === 0;
  return idle && !f.gentle_only && f.dead.length === 0 && f.clean;
}

export interface ObjectPlace {
  readonly pgid: pg_t;
  readonly acting: readonly number[];
}
/** undefined: somebody stands in for a member. */
export function clean_pg_of(f: Field<World>, pool: PoolRef, oid: string): ObjectPlace | undefined {
  const { osdmap } = f.world;
  const raw = osdmap.object_locator_to_pg({ pool: pool.id, oid })?.raw_pg;
  const pgid = raw && osdmap.raw_pg_to_pg(raw);
  if (!pgid) return undefined;
  const { up, acting } = osdmap.pg_to_up_acting_osds(pgid);
  const whole = up.join() === acting.join() && acting.every((o) => f.alive.includes(o));
  return whole ? { pgid, acting } : undefined;
}

/** Gentle faults may come meanwhile, others when all is clean again. */
export function disturb_nobody(f: Field<World>, steps: () => Promise<boolean>): Outcome {
  f.gentle_only = true;
  const done = steps();
  void done
    .then(() => f.when(() => f.clean))
    .then(() => {
      f.gentle_only = false;
    });
  return f.work(done);
}

/** Those who have just been killed and are held: the monitor knows, and gives them up if asked to. */
export async function await_down(
  f: Field<World>,
  ids: readonly number[],
  out: boolean,
): Promise<void> {
  const { world } = f;
  while (!(world.mon_running && ids.every((id) => world.osdmap.is_down(id)))) {
    await f.ask({ prefix: "osd down", ids: ids.map(String) });
    await f.pause(200);
  }
  if (out) await f.insist({ prefix: "osd out", ids: ids.map(String) });
}
export function start_held(f: Field<World>, ids: readonly number[]): void {
  for (const id of ids) {
    f.held.delete(id);
    f.world.start_osd(id);
  }
}
