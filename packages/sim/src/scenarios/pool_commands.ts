/** Further pools beside the first one, and statistics of PGs. */
import { calc_pg_upmaps, InvariantError, new_incremental, scenario_options } from "@tako/common";
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

/**
 * `balance a b deviation=1`: upmaps of these pools until no OSD has more PGs too many or too few, as the
 * balancer of Ceph's manager does it, and `osdmaptool --upmap`.
 */
async function balance(s: Scene, words: readonly string[]): Promise<void> {
  const { deviation = "1" } = scenario_options(words.filter((w) => w.includes("=")));
  const names = words.filter((w) => !w.includes("="));
  const { osdmap } = s.world;
  const only_pools = names.map((n) => osdmap.lookup_pg_pool_name(n));
  const pending = new_incremental(osdmap);
  calc_pg_upmaps(osdmap, pending, { max_deviation: Number(deviation), max: 1000, only_pools });
  for (const [pgid, items] of pending.new_pg_upmap_items) {
    const id = items.flat().map(String);
    await s.mon_command({ prefix: "osd pg-upmap-items", pgid, id });
  }
}

export const POOL_COMMANDS: Commands = {
  "more-pool": (s, a) => more_pool(s, a[0] ?? "", scenario_options(a.slice(1))),
  balance,
  /** The clients work with this pool from now on. */
  use: (s, a) => s.open_pool(a[0] ?? ""),
  /** `note-oldest-map first`: the oldest map that the monitor keeps is remembered under this name. */
  "note-oldest-map": (s, a) => {
    s.noted.set(a[0] ?? "", s.world.mon.first_committed);
  },
  /** From now on, and since the last mark: see `assert copies`. */
  track: (s) => {
    s.tracking = true;
    s.recorder.mark();
  },
};
