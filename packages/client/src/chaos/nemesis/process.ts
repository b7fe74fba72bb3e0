/** Faults of processes: they die, stand still, come back. */
import type { Fault, Outcome } from "./Fault.ts";
import type { Field } from "./Field.ts";

export const PROCESS_FAULTS: readonly Fault[] = [
  { kind: "kill_osd", weight: 10, strike: (f) => kill(f, false) },
  { kind: "kill_osd_synced", weight: 5, strike: (f) => kill(f, true) },
  { kind: "restart_osd", weight: 14, strike: restart },
  { kind: "stop_osd", weight: 3, strike: stop },
  { kind: "kill_all_osds", weight: 1, strike: kill_all },
  { kind: "flap", weight: 2, strike: flap },
  { kind: "long_dead", weight: 1, strike: long_dead },
  { kind: "pause_osd", weight: 4, strike: pause },
  { kind: "pause_mon", weight: 1, strike: pause_mon },
];
export const MON_FAULTS: readonly Fault[] = [{ kind: "kill_mon", weight: 2, strike: kill_mon }];

function kill(f: Field, synced: boolean): Outcome {
  const id = f.may_kill ? f.some_osd(f.alive) : undefined;
  if (id === undefined) return false;
  f.world.kill_osd(id, synced);
  return true;
}
function restart(f: Field): Outcome {
  const id = f.some_osd(f.dead.filter((o) => !f.held.has(o)));
  if (id === undefined) return false;
  f.world.start_osd(id);
  return true;
}
/** In order: it tells the monitor. */
function stop(f: Field): Outcome {
  const id = f.may_kill ? f.some_osd(f.alive.filter((o) => !f.world.is_frozen(o))) : undefined;
  if (id === undefined) return false;
  const osd = f.world.osd(id);
  f.world.begin_stop_osd(id);
  void f.work(f.when(() => f.world.osd(id) !== osd).then(() => true));
  return true;
}
/** A power cut, and they come back one by one. */
function kill_all(f: Field): Outcome {
  for (const id of f.alive) f.world.kill_osd(id, f.rng.chance(0.5));
  for (const id of f.world.osd_ids) {
    if (f.held.has(id)) continue;
    f.later(f.rng.between(0, 4000), () => start(f, id));
  }
  return true;
}
function start(f: Field, id: number): void {
  if (!f.held.has(id)) f.world.start_osd(id);
}
/** Dies and comes back, again and again, before anybody can get used to it. */
function flap(f: Field): Outcome {
  const id = f.may_kill ? f.some_osd(f.alive) : undefined;
  if (id === undefined) return false;
  let left = 2 + f.rng.int(5);
  const [shortest, longest] = f.rng.pick([
    [5, 100],
    [50, 1500],
    [500, 6000],
  ]);
  const down = () => {
    f.world.kill_osd(id, f.rng.chance(0.5));
    f.later(f.rng.between(shortest ?? 5, longest ?? 100), up);
  };
  const up = () => {
    start(f, id);
    if (--left > 0 && !f.ended) f.later(f.rng.between(shortest ?? 5, longest ?? 100), down);
  };
  down();
  return true;
}
/** Away for so long that logs and maps are trimmed behind it. */
function long_dead(f: Field): Outcome {
  const free = f.alive.filter((o) => !f.held.has(o));
  const id = f.may_kill ? f.some_osd(free) : undefined;
  if (id === undefined || f.held.size > 0) return false;
  f.held.add(id);
  f.world.kill_osd(id);
  f.later(f.rng.between(3, 6) * f.options.max_lasting_ms, () => {
    f.held.delete(id);
    f.world.start_osd(id);
  });
  return true;
}
/** SIGSTOP, and after a while SIGCONT: others may have taken it for dead. */
function pause(f: Field): Outcome {
  const id = f.some_osd(f.alive.filter((o) => !f.world.is_frozen(o)));
  if (id === undefined) return false;
  f.world.freeze_osd(id);
  f.lasting(50, () => f.world.thaw_osd(id));
  return true;
}
function pause_mon(f: Field): Outcome {
  if (!f.world.mon_running || f.world.mon_frozen) return false;
  f.world.freeze_mon();
  f.lasting(50, () => f.world.thaw_mon());
  return true;
}
export function kill_mon(f: Field): Outcome {
  if (!f.world.mon_running) return false;
  f.world.kill_mon();
  f.later(f.rng.between(10, 3000), () => f.world.start_mon());
  return true;
}
