/** The steps that can be done to real processes, by the words of docs/scenario-files.md. */
import { setTimeout as sleep } from "node:timers/promises";
import { RadosError } from "@tako/client";
import { scenario_content, scenario_ms, scenario_options } from "@tako/common";
import { DrillError, type DrillOp, type DrillStage, OP_LIMIT_MS } from "./DrillStage.ts";
import { check_expectation, EXPECTATIONS } from "./drill_expectations.ts";

export type DrillStep = (s: DrillStage, args: readonly string[]) => unknown;

/** `skip`: concerns only what the simulator shows. A text: why it cannot be played here. */
export type Playable = DrillStep | "skip" | { readonly cannot: string };

const text = new TextDecoder();

// ---------------------------------------------------------------- pools and time

async function make_pool(s: DrillStage, name: string, o: Record<string, string>): Promise<void> {
  const erasure = o.k !== undefined;
  const size = erasure ? Number(o.k) + Number(o.m) : Number(o.size ?? 3);
  const pg_num = Number(o.pg_num ?? 1);
  if (erasure) await make_profile(s, o);
  const args = erasure
    ? { pg_num, pgp_num: pg_num, pool_type: "erasure", erasure_code_profile: "small" }
    : { pg_num, pgp_num: pg_num, size };
  await s.admin.pool_create(name, args);
  const set = (key: string, val: string) =>
    s.command({ prefix: "osd pool set", pool: name, var: key, val });
  if (erasure) await set("allow_ec_overwrites", "true");
  await set("min_size", o.min_size ?? (erasure ? `${Number(o.k) + 1}` : "2"));
  await s.open_pool(name);
  if (o.wait !== "no") {
    await wait_clean(s);
    if (o.place !== "crush") await place(s, [1, 0, 2, 3, 4, 5].slice(0, size));
  }
  await s.assign_letters();
}
function make_profile(s: DrillStage, o: Record<string, string>): Promise<unknown> {
  const profile = [`k=${o.k}`, `m=${o.m}`, "stripe_unit=64", "crush-failure-domain=osd"];
  const prefix = "osd erasure-code-profile set";
  return s.command({ prefix, name: "small", profile, force: true });
}
/** Where the simulator has them, too. */
async function place(s: DrillStage, osds: readonly number[]): Promise<void> {
  for (const pg of await s.pg_stats()) {
    await s.command({ prefix: "osd pg-upmap", pgid: pg.text("pgid"), id: osds });
  }
  await s.until("the PGs are where they were put", async () => {
    return (await s.pg_map()).up.join() === osds.join();
  });
  await wait_clean(s);
}
/** By the primaries themselves: the monitor hears of it later. */
async function wait_clean(s: DrillStage): Promise<void> {
  await s.until("all PGs are active+clean", async () => {
    for (const pg of await s.pg_stats()) {
      if ((await s.pg_state(pg.text("pgid"))) !== "active+clean") return false;
    }
    return true;
  });
}
async function wait(s: DrillStage, what: string, args: readonly string[]): Promise<void> {
  if (what === "clean") return wait_clean(s);
  if (what === "done") {
    return s.until(`${args.join(" ")} done`, () => args.every((l) => op_of(s, l).result));
  }
  const condition = EXPECTATIONS[what === "state" || what === "pg-state" ? what : `osds-${what}`];
  if (!condition) throw new DrillError(`cannot wait for '${what}' with real processes`);
  await check_expectation(s, condition, args, `${what} ${args.join(" ")}`);
}

// ---------------------------------------------------------------- processes

async function kill(s: DrillStage, names: readonly string[]): Promise<void> {
  for (const o of s.ids(names)) await s.signal(o, "SIGKILL");
  await wait_down(s, names);
}
async function wait_down(s: DrillStage, names: readonly string[]): Promise<void> {
  const ids = s.ids(names);
  if (!s.all.some((o) => s.is_running(o))) {
    await s.command({ prefix: "osd down", ids: ids.map(String) });
  }
  await s.until(`${names.join(" ")} down`, async () => {
    const up = await s.up_osds();
    return !ids.some((o) => up.includes(o));
  });
}
async function start(s: DrillStage, names: readonly string[]): Promise<void> {
  const boots = new Map<number, number>();
  const up_from = async (o: number) => {
    const found = (await s.osd_dump()).list("osds").find((x) => x.num("osd") === o);
    return found?.yes("up") ? found.num("up_from") : 0;
  };
  for (const o of s.ids(names)) {
    if (s.is_running(o)) continue;
    boots.set(o, await up_from(o));
    s.launch(o);
  }
  for (const [o, before] of boots) {
    await s.until(`osd.${o} up`, async () => (await up_from(o)) > before);
  }
}
/** It dies and comes back, again and again; the object is written in between. */
async function flap(s: DrillStage, [name = "", times, oid = ""]: readonly string[]): Promise<void> {
  for (let i = 1; i <= Number(times); i++) {
    await kill(s, [name]);
    await s.io().write_full(oid, `v${i}`, { timeout_ms: OP_LIMIT_MS });
    await start(s, [name]);
  }
}

// ---------------------------------------------------------------- clients

/** What the client gets to see: ok, the bytes, or the name of an errno. */
async function operation(
  s: DrillStage,
  words: readonly string[],
  o: { signal?: AbortSignal; timeout_ms?: number },
): Promise<string> {
  const other = words[0] === "other";
  const [verb = "", oid = "", value = ""] = other ? words.slice(1) : words;
  const io = s.io(other);
  const data = scenario_content(value);
  try {
    if (verb === "read") return text.decode(await io.read(oid, 0, 0, o));
    if (verb === "write") await io.write_full(oid, data, o);
    else if (verb === "append") await io.append(oid, data, o);
    else if (verb === "create") await io.create(oid, true, o);
    else if (verb === "remove") await io.remove(oid, o);
    else throw new DrillError(`no such operation: ${verb}`);
    return "ok";
  } catch (e) {
    if (e instanceof RadosError) return e.code;
    throw e;
  }
}
async function now(s: DrillStage, words: readonly string[]): Promise<string | undefined> {
  const result = await operation(s, words, { timeout_ms: OP_LIMIT_MS });
  return result === "ok" ? undefined : result;
}
function begin(s: DrillStage, label: string, words: readonly string[]): void {
  const op: DrillOp = { abort: new AbortController(), result: undefined };
  s.ops.set(label, op);
  operation(s, words, { signal: op.abort.signal }).then(
    (r) => (op.result = r),
    (e: unknown) => (op.result = String(e)),
  );
}
/** CommandError when nothing was begun under that label. */
function op_of(s: DrillStage, label: string): DrillOp {
  const op = s.ops.get(label);
  if (!op) throw new DrillError(`there is no operation '${label}'`);
  return op;
}
async function expect_content(s: DrillStage, oid: string, want: string): Promise<void> {
  const got = await operation(s, ["read", oid], { timeout_ms: OP_LIMIT_MS });
  const seen = got === "ENOENT" ? "-" : got || "''";
  if (seen !== scenario_content(want)) throw new DrillError(`${oid} is '${seen}', not '${want}'`);
}
const filled = (n: string | undefined) => Array.from({ length: Number(n) }, (_, i) => `o${i + 1}`);

// ---------------------------------------------------------------- the table

const tell = (s: DrillStage, prefix: string, args: Record<string, unknown> = {}) =>
  s.command({ prefix, ...args });
const osd_ids = (prefix: string): DrillStep => {
  return (s, a) => tell(s, prefix, { ids: s.ids(a).map(String) });
};
const client = (verb: string): DrillStep => {
  return (s, a) => now(s, [verb, ...a]);
};
const signal = (name: NodeJS.Signals): DrillStep => {
  return (s, a) => Promise.all(s.ids(a).map((o) => s.signal(o, name)));
};
const WIRE = { cannot: "only the simulator can touch single messages" };
const NETWORK = { cannot: "processes on one machine cannot be cut off from each other here" };
const DISK = { cannot: "only a simulated disk can be told that" };
const INSIDE = { cannot: "only the simulator has this" };

/** Every word that a scenario may begin a line with, except `cluster`. */
export const DRILL_STEPS: Readonly<Record<string, Playable>> = {
  pool: (s, a) => make_pool(s, a[0] ?? "p", scenario_options(a.slice(1))),
  wait: (s, a) => wait(s, a[0] ?? "", a.slice(1)),
  advance: (_s, a) => sleep(scenario_ms(a[0]) ?? 0),
  assert: async (s, a) => {
    const check = EXPECTATIONS[a[0] ?? ""];
    if (!check) return "skip";
    return check_expectation(s, check, a.slice(1), a.join(" "));
  },
  mark: "skip",
  watch: "skip",
  unwatch: "skip",
  dump: "skip",
  log: "skip",
  track: "skip",
  explain: "skip",
  "explain-cluster": "skip",
  answers: "skip",
  "wait-answers": "skip",
  same: "skip",
  refused: "skip",
  inconsistent: "skip",

  set: (s, a) => tell(s, "osd set", { key: a[0] }),
  unset: (s, a) => tell(s, "osd unset", { key: a[0] }),
  "mark-down": osd_ids("osd down"),
  out: osd_ids("osd out"),
  in: osd_ids("osd in"),
  "mark-lost": (s, a) => tell(s, "osd lost", { id: s.id(a[0] ?? ""), yes_i_really_mean_it: true }),
  "osd-purge": (s, a) => tell(s, "osd purge", { id: s.id(a[0] ?? ""), yes_i_really_mean_it: true }),
  "pool-set": (s, a) => tell(s, "osd pool set", { pool: s.io().pool_name, var: a[0], val: a[1] }),
  "pool-delete": (s) => s.admin.pool_delete(s.io().pool_name),
  remap: (s, a) => tell(s, "osd pg-upmap", { pgid: "1.0", id: s.ids(a) }),
  "remap-pg": (s, [pgid, ...a]) => tell(s, "osd pg-upmap", { pgid, id: s.ids(a) }),
  health: async (s) => (await tell(s, "health")).text("status"),
  mon: (s, a) => tell(s, prefix_of(a), args_of(a)),
  tell: (s, [who = "", ...a]) =>
    s.admin.osd_command(s.id(who), { prefix: prefix_of(a), ...args_of(a) }),
  "pg-command": (s, a) => s.admin.pg_command("1.0", { prefix: a[0] ?? "", ...args_of(a) }),
  scrub: (s) => tell(s, "pg scrub", { pgid: "1.0" }),
  "deep-scrub": (s) => tell(s, "pg deep-scrub", { pgid: "1.0" }),
  repair: (s) => tell(s, "pg repair", { pgid: "1.0" }),
  "scrub-now": (s, a) => tell(s, `pg ${a[0] ?? "scrub"}`, { pgid: "1.0" }),
  "pg-command-async": (s, a) => {
    void s.admin.pg_command("1.0", { prefix: a[0] ?? "", ...args_of(a) }).catch(() => {});
  },
  epochs: async (s, a) => {
    for (let i = 0; i < Number(a[0]); i++) {
      await tell(s, i % 2 === 0 ? "osd set" : "osd unset", { key: "nosnaptrim" });
    }
  },

  kill: (s, a) => kill(s, a),
  "kill-now": signal("SIGKILL"),
  "power-cut": (s) => Promise.all(s.all.map((o) => s.signal(o, "SIGKILL"))),
  "wait-down": (s, a) => wait_down(s, a),
  start: (s, a) => start(s, a),
  "start-now": (s, a) => {
    for (const o of s.ids(a)) s.launch(o);
  },
  stop: signal("SIGTERM"),
  freeze: signal("SIGSTOP"),
  thaw: signal("SIGCONT"),
  flap: (s, a) => flap(s, a),
  "kill-mon": (s) => s.signal("mon", "SIGKILL"),
  "start-mon": (s) => s.launch("mon"),

  write: client("write"),
  append: client("append"),
  create: client("create"),
  remove: client("remove"),
  read: client("read"),
  other: client("other"),
  async: (s, a) => begin(s, a[0] ?? "", a.slice(1)),
  "give-up": (s, a) => op_of(s, a[0] ?? "").abort.abort(),
  fill: async (s, a) => {
    for (const oid of filled(a[0])) await now(s, ["write", oid, a[1] ?? ""]);
  },
  shrink: async (s, a) => {
    for (const oid of filled(a[0]).slice(-Number(a[1]))) await now(s, ["remove", oid]);
  },
  "expect-filled": async (s, a) => {
    for (const oid of filled(a[0])) await expect_content(s, oid, a[1] ?? "");
  },
  expect: (s, a) => expect_content(s, a[0] ?? "", a[1] ?? "-"),

  hold: WIRE,
  take: WIRE,
  drop: WIRE,
  damage: WIRE,
  release: WIRE,
  deliver: WIRE,
  partition: NETWORK,
  heal: NETWORK,
  disk: DISK,
  capacity: DISK,
  "replace-disk": DISK,
  flip: DISK,
  lose: DISK,
  "cut-off": DISK,
  rewrite: INSIDE,
  "failing-removes": DISK,
  "begin-churn": INSIDE,
  "add-osd": INSIDE,
  balance: INSIDE,
  "note-oldest-map": INSIDE,
  "fill-pool": INSIDE,
  "fill-as": INSIDE,
  "shrink-as": INSIDE,
  "expect-as": INSIDE,
  let: INSIDE,
  "more-pool": INSIDE,
  use: INSIDE,
  churn: INSIDE,
  "expect-churned": INSIDE,
};

function prefix_of(words: readonly string[]): string {
  return words.filter((w) => !w.includes("=")).join(" ");
}
function args_of(words: readonly string[]): Record<string, unknown> {
  const given = Object.entries(scenario_options(words.filter((w) => w.includes("="))));
  return Object.fromEntries(given.map(([k, v]) => [k, v.includes(",") ? v.split(",") : v]));
}
