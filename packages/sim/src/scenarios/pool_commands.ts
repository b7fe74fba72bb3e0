/** Further pools beside the first one, and statistics of PGs. */
import { InvariantError, scenario_options } from "@tako/common";
import type { Commands } from "./Command.ts";
import type { Scene } from "./Scene.ts";

/**
 * `more-pool q size=2 min_size=1 at=A,C`: its PG lies there while nothing is down or out. The cast
 * stays, and so does the pool that clients use.
 */
async function more_pool(s: Scene, name: string, o: Record<string, string>): Promise<void> {
  const { world } = s;
  const { at, min_size, ...rest } = o;
  const size = Number(o.size ?? 3);
  const args = { pg_num: "1", ...rest, size };
  await world.done(s.admin.pool_create(name, { pgp_num: args.pg_num, ...args }), "pool create");
  if (min_size !== undefined) {
    await s.mon_command({ prefix: "osd pool set", pool: name, var: "min_size", val: min_size });
  }
  if (at === undefined) return;
  const id = s.cast.ids(at.split(","));
  const pool = world.osdmap.lookup_pg_pool_name(name);
  if (pool === undefined) throw new InvariantError(`pool ${name} was not made`);
  for (const pgid of world.osdmap.get_pgs(pool)) {
    await s.mon_command({ prefix: "osd pg-upmap", pgid, id });
  }
}

export const POOL_COMMANDS: Commands = {
  "more-pool": (s, a) => more_pool(s, a[0] ?? "", scenario_options(a.slice(1))),
  /** The clients work with this pool from now on. */
  use: (s, a) => s.open_pool(a[0] ?? ""),
  /** From now on, and since the last mark: see `assert copies`. */
  track: (s) => {
    s.tracking = true;
    s.recorder.mark();
  },
};
