/** Faults of disks: slow, full, broken, empty, old. */
import type { Field, Outcome } from "@tako/client/chaos";
import type { DiskSnapshot, PG } from "@tako/osd";
import { DISK_BYTES, type World } from "../World.ts";
import type { SimFault } from "./SimFault.ts";

export const DISK_FAULTS: readonly SimFault[] = [
  { kind: "slow_disk", weight: 3, strike: slow },
  { kind: "full_disk", weight: 2, strike: full },
  { kind: "write_error", weight: 2, strike: write_error },
  { kind: "empty_disk", weight: 1, strike: empty },
  { kind: "snapshot_disk", weight: 1, gentle: true, strike: snapshot },
  { kind: "old_disk", weight: 2, strike: old },
];

function slow(f: Field<World>): Outcome {
  const id = f.some_osd();
  if (id === undefined) return false;
  const ms = f.rng.between(5, f.rng.pick([50, 500, 4000]));
  f.note(`disk of osd.${id} takes ${ms.toFixed(0)} ms`);
  f.world.store(id).set_commit_latency_ms(ms);
  f.lasting(500, () => f.world.store(id).set_commit_latency_ms(f.rng.between(0.05, 5)));
  return true;
}
/** As full as this, and a little more room again in the end. */
function full(f: Field<World>): Outcome {
  const id = f.some_osd(f.alive);
  if (id === undefined) return false;
  const store = f.world.store(id);
  const before = store.statfs();
  if (before.total < DISK_BYTES) return false;
  const used = f.rng.pick([0.86, 0.91, 0.955, 0.98]);
  const bytes = Math.ceil(before.used / used);
  f.note(`disk of osd.${id} is ${used * 100}% full`);
  store.set_capacity_bytes(bytes);
  f.lasting(1000, () => {
    f.note(`disk of osd.${id} has room`);
    store.set_capacity_bytes(DISK_BYTES);
  });
  return true;
}
/** The OSD stops; what it was writing is not there. */
function write_error(f: Field<World>): Outcome {
  const id = f.may_kill ? f.some_osd(f.alive) : undefined;
  if (id === undefined) return false;
  f.note(`the next write on osd.${id} fails`);
  f.world.store(id).inject_write_failure();
  return true;
}

/** A disk may go when every PG has all its copies, and no other is being filled. */
function may_lose_disk(f: Field<World>): boolean {
  return f.lost_disk === undefined && f.held.size === 0 && f.clean;
}
/** A new disk under the old id, as an operator does it: destroy, new. */
function empty(f: Field<World>): Outcome {
  if (!may_lose_disk(f)) return false;
  const id = f.some_osd();
  return id === undefined ? false : f.work(replace(f, id));
}
async function replace(f: Field<World>, id: number): Promise<boolean> {
  const { world } = f;
  f.lost_disk = id;
  f.held.add(id);
  if (snapshots.get(f)?.id === id) snapshots.delete(f);
  world.kill_osd(id);
  while (!(world.mon_running && world.osdmap.is_down(id))) {
    await f.ask({ prefix: "osd down", ids: [`${id}`] });
    await f.pause(200);
  }
  await f.insist({ prefix: "osd destroy", id, yes_i_really_mean_it: true });
  await f.insist({ prefix: "osd new", uuid: world.replace_disk(id), id });
  f.held.delete(id);
  world.start_osd(id);
  void f
    .when(() => f.clean)
    .then(() => {
      f.lost_disk = undefined;
    });
  return true;
}

/** Of one OSD, to come back later. */
interface Taken {
  readonly id: number;
  readonly disk: DiskSnapshot;
  readonly epoch: number;
}
const snapshots = new WeakMap<Field<World>, Taken>();

function snapshot(f: Field<World>): Outcome {
  const id = f.some_osd();
  if (id === undefined || f.lost_disk === id || !f.world.mon_running) return false;
  f.note(`snapshot of the disk of osd.${id}`);
  const { epoch } = f.world.osdmap;
  snapshots.set(f, { id, disk: f.world.snapshot_disk(id), epoch });
  return true;
}
/**
 * It starts with what its disk held some time ago, and has forgotten what it promised since. All
 * others know better, so they must be there: until everything is clean again nobody is disturbed.
 * Erasure-coded PGs go back to what all shards have, and a disk that forgets is none that they provide
 * for: only where a later interval has begun since does everybody see that it is old.
 */
function old(f: Field<World>): Outcome {
  const taken = snapshots.get(f);
  if (!taken || f.num_lasting > 0 || f.dead.length > 0 || !may_lose_disk(f)) return false;
  const pgs = f.world.osd(taken.id)?.pgs.all() ?? [];
  const seen = (pg: PG) => pg.ec === null || pg.peering.info.last_epoch_started > taken.epoch;
  if (!pgs.every(seen)) return false;
  snapshots.delete(f);
  const { id, disk } = taken;
  f.gentle_only = true;
  f.world.kill_osd(id);
  f.world.restore_disk(id, disk);
  f.world.start_osd(id);
  void f
    .when(() => f.clean)
    .then(() => {
      f.gentle_only = false;
    });
  return true;
}
