/**
 * Carries out the vectors peering/peering_runs: whole runs of one PG as prose steps, in the simulator.
 * Every kind of step is a pattern here, every field of `final` something to look at. The fixture: an
 * erasure-coded pool k=2 m=2, min_size 2; devices 0..3 are A..D, any other number is one that has nothing
 * yet. Peering, and the epochs that it needs for up_thru, happen by themselves here.
 */
import { ev_str, type eversion_t, InvariantError } from "@tako/common";
import { play } from "./run_transcript.ts";
import { PGID, type Scene } from "./Scene.ts";

export interface PeeringRun {
  readonly name: string;
  readonly applies_to_16_2: boolean;
  readonly steps: readonly string[];
  readonly final: Readonly<Record<string, unknown>>;
}

interface Run {
  scene: Scene;
  /** Writes of which the client heard nothing: everything is killed before the next peering. */
  unacked: string[];
  entries: number;
  epoch: number;
}
const SETUP = ["cluster osds=5", "pool p k=2 m=2 min_size=2"];
const LETTERS = ["A", "B", "C", "D"];
const letter = (device: string | number): string => LETTERS[Number(device)] ?? "E";
/** Two whole stripes: no shard has to be read first. */
const FULL = "write x v*128";

async function partial_write(r: Run, shards: readonly number[]): Promise<void> {
  const rest = LETTERS.filter((_, i) => !shards.includes(i));
  const label = `w${++r.entries}`;
  r.unacked.push(label);
  await play(r.scene, [
    ...rest.map((x) => `hold ec_sub_write A->${x}`),
    `async ${label} ${FULL}`,
    ...shards.map((i) => `wait head ${letter(i)} ${r.entries}`),
  ]);
}
async function peer(r: Run): Promise<void> {
  if (r.unacked.length === 0) {
    await r.scene.world.run_for(5000);
    return;
  }
  await play(r.scene, [
    "advance 100ms",
    ...r.unacked.map((w) => `give-up ${w}`),
    "power-cut",
    "release",
    "start A B C D",
    "wait clean",
  ]);
  r.unacked = [];
}

type Step = readonly [RegExp, (r: Run, m: readonly string[]) => Promise<void> | void];
const STEPS: readonly Step[] = [
  [/^empty PG on \d+ devices$/, () => {}],
  [/^create the PG on the acting primary$/, () => {}],
  [/^initialise with up = acting = \[[\d,]+\] on device 0$/, () => {}],
  [/^(new epoch recording up_thru of the primary|epoch with up_thru)$/, () => {}],
  [/^peer$/, peer],
  [
    /^peer to active\+clean$/,
    async (r) => {
      await play(r.scene, ["wait clean"]);
    },
  ],
  [
    /^entry E'\d+ on shards? ([\d, and]+) only$/,
    (r, m) => partial_write(r, (m[1]?.match(/\d+/g) ?? []).map(Number)),
  ],
  [
    /^entries ((?:E'\d+ ?)+) ?on all shards, async recovery threshold (\d+)$/,
    async (r, m) => {
      const n = m[1]?.match(/E'/g)?.length ?? 0;
      r.entries += n;
      const key = "key=osd_async_recovery_min_cost";
      await play(r.scene, [
        `tell * config set ${key} value=${m[2]}`,
        ...Array.from({ length: n }, () => FULL),
      ]);
    },
  ],
  [
    /^device (\d+) replaces device (\d+) in up and acting$/,
    async (r, m) => {
      r.epoch = r.scene.world.osdmap.epoch;
      const to = LETTERS.map((x) => (x === letter(m[2] ?? "") ? letter(m[1] ?? "") : x));
      await play(r.scene, ["set norecover", `remap ${to.join(" ")}`]);
    },
  ],
];

export function not_understood(c: PeeringRun): string[] {
  return c.steps.filter((s) => !STEPS.some(([re]) => re.test(s)));
}
export async function run(c: PeeringRun): Promise<Run> {
  const r: Run = { scene: await play(null, SETUP), unacked: [], entries: 0, epoch: 0 };
  for (const text of c.steps) {
    for (const [re, fn] of STEPS) {
      const m = re.exec(text);
      if (m) await fn(r, m);
    }
  }
  return r;
}

// ---------------------------------------------------------------- what is to be seen

/**
 * What a run is held to. Asynchronous recovery is not here (peering.md marks it [OPT]): a member with much
 * to recover stays in acting, so nobody asks for another acting set, and none has to be taken back.
 */
export function expected(c: PeeringRun): Record<string, unknown> {
  const { acting_changed_by_request, after_object_recovered, ...rest } = c.final;
  if (!c.steps.some((s) => s.includes("async recovery"))) return { ...c.final };
  const { extra_epoch_needed, ...after } = Object(after_object_recovered);
  return { ...rest, after_object_recovered: after };
}

/** `E'3`: whatever the epoch. */
function version(v: eversion_t): string {
  return v.version === 0 ? ev_str(v) : `E'${v.version}`;
}
function of_device(s: Scene, name: string): Record<string, unknown> {
  const p = s.pg(s.cast.id(name))?.peering;
  if (!p) throw new InvariantError(`${name} has no copy of the PG`);
  return {
    last_update: version(p.info.last_update),
    last_complete: version(p.info.last_complete),
    log_head: version(p.pg_log.head),
    log_tail: version(p.info.log_tail),
    missing: p.missing.num_missing(),
    unfound: p.missing_loc.num_unfound(),
  };
}
/** Of all that there is to see, the fields that `want` names. */
function part(all: Record<string, unknown>, want: unknown): Record<string, unknown> {
  const names = Object.keys(Object(want));
  return Object.fromEntries(names.map((k) => [k, k in all ? all[k] : `unknown field ${k}`]));
}
function up_names(s: Scene): string[] {
  return s.world.osdmap.pg_to_up_acting_osds(PGID).up.map((o) => s.cast.letter(o));
}
/** More words may be in the state (degraded, undersized): those that follow from a member missing. */
function state_with(s: Scene, want: unknown): unknown {
  const words = s.pg_state().split("+");
  const all = String(want).split("+");
  const clean = s.pg_state() === want || !all.includes("clean");
  return clean && all.every((w) => words.includes(w)) ? want : s.pg_state();
}

export async function seen(r: Run, c: PeeringRun): Promise<Record<string, unknown>> {
  const out: Record<string, unknown> = {};
  for (const [k, want] of Object.entries(expected(c))) out[k] = await field(r, k, want);
  return out;
}
async function field(r: Run, name: string, want: unknown): Promise<unknown> {
  const { scene: s } = r;
  const peering = s.primary()?.peering;
  switch (name) {
    case "primary":
      return state_with(s, want);
    case "all":
      return all_alike(up_names(s).map((x) => part(of_device(s, x), want)));
    case "devices":
      return devices(s, want);
    case "acting_changed_by_request":
      return s.world.osdmap.pg_temp.has(PGID);
    case "after_object_recovered":
      return recovered(r, want);
    case "role":
      return peering?.role;
    case "is_primary":
      return peering?.is_primary();
    case "is_nonprimary":
      return peering && !peering.is_primary() && peering.role >= 0;
    case "new_interval_signalled":
      return (peering?.info.history.same_interval_since ?? 0) > 0;
    default:
      return `unknown field ${name}`;
  }
}
function all_alike(list: readonly Record<string, unknown>[]): unknown {
  const texts = new Set(list.map((x) => JSON.stringify(x)));
  return texts.size === 1 ? list[0] : list;
}
/** By number; `others`: those of the up set that have no number of their own. */
function devices(s: Scene, want: unknown): Record<string, unknown> {
  const wanted = Object.entries(Object(want));
  const named = wanted.filter(([k]) => k !== "others").map(([k]) => letter(k));
  const rest = up_names(s).filter((x) => !named.includes(x));
  return Object.fromEntries(
    wanted.map(([k, fields]) => {
      const names = k === "others" ? rest : [letter(k)];
      return [k, all_alike(names.map((x) => part(of_device(s, x), fields)))];
    }),
  );
}
async function recovered(r: Run, want: unknown): Promise<Record<string, unknown>> {
  const before = r.scene.world.osdmap.pg_temp.has(PGID);
  await play(r.scene, ["unset norecover", "wait clean"]);
  const gone = !r.scene.world.osdmap.pg_temp.has(PGID);
  const all = {
    primary: state_with(r.scene, Reflect.get(Object(want), "primary")),
    extra_epoch_needed: before && gone,
  };
  return part(all, want);
}
