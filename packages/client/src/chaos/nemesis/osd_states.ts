/** What the monitor is told of OSDs: down, out, in, lost; weights; flags; as operators do it, or by mistake. */
import type { Fault, Outcome } from "./Fault.ts";
import type { Field } from "./Field.ts";
import { FLAGS } from "./restore.ts";

export const OSD_STATE_FAULTS: readonly Fault[] = [
  { kind: "mark_down", weight: 5, strike: mark_down },
  { kind: "mark_out", weight: 3, strike: mark_out },
  { kind: "mark_in", weight: 1, strike: mark_in },
  { kind: "mark_lost", weight: 1, strike: mark_lost },
  { kind: "reweight", weight: 2, strike: reweight },
  { kind: "primary_affinity", weight: 2, gentle: true, strike: primary_affinity },
  { kind: "flag", weight: 4, strike: flag },
  { kind: "pause_io", weight: 1, strike: pause_io },
  { kind: "osd_flag", weight: 1, strike: osd_flag },
];

/** Wrongly: it lives, and comes back by itself. */
function mark_down(f: Field): Outcome {
  const id = f.some_osd(f.alive);
  if (id === undefined || !f.world.mon_running || !f.world.osdmap.is_up(id)) return false;
  return f.ask({ prefix: "osd down", ids: [`${id}`] });
}
function mark_out(f: Field): Outcome {
  const id = f.some_osd();
  if (id === undefined || !f.world.mon_running || f.world.osdmap.is_out(id)) return false;
  f.lasting(1000, () => void f.ask({ prefix: "osd in", ids: [`${id}`] }));
  return f.ask({ prefix: "osd out", ids: [`${id}`] });
}
function mark_in(f: Field): Outcome {
  if (!f.world.mon_running) return false;
  const id = f.some_osd(f.world.osd_ids.filter((o) => f.world.osdmap.is_out(o)));
  if (id === undefined) return false;
  return f.ask({ prefix: "osd in", ids: [`${id}`] });
}
/** Only of one that nobody needs: every PG is clean without it. */
function mark_lost(f: Field): Outcome {
  if (!f.clean) return false;
  const id = f.some_osd(f.dead.filter((o) => f.world.osdmap.is_down(o)));
  if (id === undefined) return false;
  return f.ask({ prefix: "osd lost", id, yes_i_really_mean_it: true });
}
function reweight(f: Field): Outcome {
  const id = f.some_osd();
  if (id === undefined) return false;
  const set = (weight: number) => f.ask({ prefix: "osd reweight", id, weight });
  f.lasting(1000, () => void set(1));
  return set(f.rng.pick([0, 0.3, 0.7, 0.9]));
}
function primary_affinity(f: Field): Outcome {
  const id = f.some_osd();
  if (id === undefined) return false;
  const weight = f.rng.pick([0, 0.25, 0.5, 1]);
  return f.ask({ prefix: "osd primary-affinity", id, weight });
}
function flag(f: Field): Outcome {
  const key = f.rng.pick(FLAGS);
  f.lasting(500, () => void f.ask({ prefix: "osd unset", key }));
  return f.ask({ prefix: "osd set", key });
}
/** No client reads or writes. */
function pause_io(f: Field): Outcome {
  f.lasting(500, () => void f.ask({ prefix: "osd unset", key: "pause" }));
  return f.ask({ prefix: "osd set", key: "pause" });
}
function osd_flag(f: Field): Outcome {
  const ids = [`${f.rng.pick(f.world.osd_ids)}`];
  const key = f.rng.pick(["noup", "nodown", "noin", "noout"]);
  f.lasting(500, () => void f.ask({ prefix: `osd rm-${key}`, ids }));
  return f.ask({ prefix: `osd add-${key}`, ids });
}
