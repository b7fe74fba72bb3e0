/** Faults of processes that only simulated ones can have: one comes twice, one dies at a certain moment. */
import { type Field, kill_mon, type Outcome } from "@tako/client/chaos";
import type { World } from "../World.ts";
import type { SimFault } from "./SimFault.ts";

export const SAME_ID_TWICE: SimFault = { kind: "same_id_twice", weight: 1, strike: same_id_twice };
export const KILL_MON_IN_COMMIT: SimFault = {
  kind: "kill_mon_in_commit",
  weight: 2,
  strike: kill_mon_in_commit,
};

/** A stranger's disk under this id: the monitor must not let it in. */
function same_id_twice(f: Field<World>): Outcome {
  const id = f.some_osd(f.alive);
  if (id === undefined) return false;
  f.world.start_impostor(id);
  f.lasting(2000, () => f.world.kill_impostor(id));
  return true;
}
/** At the next commit, while it is on its way to the disk. */
function kill_mon_in_commit(f: Field<World>): Outcome {
  if (!f.world.mon_running || f.world.on_mon_commit) return false;
  f.world.on_mon_commit = (ms) => {
    f.world.on_mon_commit = null;
    if (!f.ended) f.later(f.rng.between(0, ms), () => void kill_mon(f));
  };
  return true;
}
