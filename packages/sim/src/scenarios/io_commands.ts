/** What the client does: `write x v1`, `async u append x more`, `expect x v1`. */

import { SimRng } from "@tako/client/chaos";
import { InvariantError, scenario_content } from "@tako/common";
import type { Commands } from "./Command.ts";
import { type AsyncOp, outcome, type Scene } from "./Scene.ts";

const text = new TextDecoder();
const LIMIT_MS = 60_000;

/** What the client gets to see. */
async function run(s: Scene, words: readonly string[], signal?: AbortSignal): Promise<string> {
  const other = words[0] === "other";
  const io = other ? s.other_io : s.io;
  const [verb = "", oid = "", written = ""] = other ? words.slice(1) : words;
  const value = scenario_content(written);
  const o = signal ? { signal } : {};
  switch (verb) {
    case "write":
      await io.write_full(oid, value, o);
      return "ok";
    case "append":
      await io.append(oid, value, o);
      return "ok";
    case "create":
      await io.create(oid, true, o);
      return "ok";
    case "remove":
      await io.remove(oid, o);
      return "ok";
    case "read":
      return text.decode(await io.read(oid, 0, 0, o));
    default:
      throw new InvariantError(`no such operation: ${verb}`);
  }
}
function start(s: Scene, words: readonly string[], signal?: AbortSignal): Promise<string> {
  return outcome(run(s, words, signal));
}

async function now(s: Scene, words: readonly string[]): Promise<void> {
  const result = await s.world.done(start(s, words), words.join(" "), LIMIT_MS);
  if (result !== "ok") s.say(`${words.join(" ")}: ${result}`);
}

function begin(s: Scene, label: string, words: readonly string[]): void {
  begin_op(s, label, (signal) => start(s, words, signal));
}
/** Its result is said when it comes; `wait done LABEL` waits for it. */
export function begin_op(
  s: Scene,
  label: string,
  run: (signal: AbortSignal) => Promise<string>,
): void {
  const abort = new AbortController();
  const op: AsyncOp = { abort, result: undefined };
  s.ops.set(label, op);
  const end = (result: string) => {
    op.result = result;
    s.say(`${label}: ${result}`);
  };
  run(abort.signal).then(end, (e: unknown) => end(String(e)));
}

export function op_of(s: Scene, label: string | undefined): AsyncOp {
  const op = s.ops.get(label ?? "");
  if (!op) throw new InvariantError(`there is no operation '${label}'`);
  return op;
}

/** What the client reads, `-` for ENOENT; must be what was promised to it. */
async function expect_content(s: Scene, oid: string, want: string): Promise<void> {
  const got = await s.world.done(start(s, ["read", oid]), `read ${oid}`, LIMIT_MS);
  const seen = got === "ENOENT" ? "-" : got || "''";
  if (seen !== scenario_content(want))
    throw new InvariantError(`${oid} is '${seen}', expected '${want}'`);
}

async function churn_one(s: Scene, oid: string, dice: number, text: string): Promise<void> {
  const had = s.churned.get(oid);
  if (dice === 0) {
    s.churned.set(oid, "-");
    await outcome(s.io.remove(oid).then(() => "ok"));
  } else if (dice === 1 && had !== undefined && had !== "-") {
    s.churned.set(oid, had + text);
    await s.io.append(oid, text);
  } else {
    s.churned.set(oid, text);
    await s.io.write_full(oid, text);
  }
}

async function churn(s: Scene, [times = 0, objects = 1, seed = 1]: number[]): Promise<void> {
  const rng = new SimRng(seed, 77);
  for (let i = 0; i < times; i += 4) {
    const names = new Set([1, 2, 3, 4].map(() => `o${1 + rng.int(objects)}`));
    await Promise.all([...names].map((oid, k) => churn_one(s, oid, rng.int(4), `[${i + k}]`)));
  }
}

async function fill(s: Scene, n: number, value: string): Promise<void> {
  const names = Array.from({ length: n }, (_, i) => `o${i + 1}`);
  for (let i = 0; i < names.length; i += 4) {
    const some = names.slice(i, i + 4).map((oid) => s.io.write_full(oid, scenario_content(value)));
    await s.world.done(Promise.all(some), `fill ${names[i]}`, LIMIT_MS);
  }
}
function series(name: string, n: string | undefined): string[] {
  return Array.from({ length: Number(n) }, (_, i) => `${name}_${i + 1}`);
}

export const IO_COMMANDS: Commands = {
  write: (s, a) => now(s, ["write", ...a]),
  append: (s, a) => now(s, ["append", ...a]),
  create: (s, a) => now(s, ["create", ...a]),
  remove: (s, a) => now(s, ["remove", ...a]),
  read: (s, a) => now(s, ["read", ...a]),
  /** `other write x v1`: a second client. */
  other: (s, a) => now(s, ["other", ...a]),
  /** `async LABEL OPERATION ...`: its result shows where it comes. */
  async: (s, a) => begin(s, a[0] ?? "", a.slice(1)),
  /** The client forgets about it. */
  "give-up": (s, a) => op_of(s, a[0]).abort.abort(),
  /** `fill N v`: objects o1 .. oN get this content, four at a time. */
  fill: async (s, a) => {
    await fill(s, Number(a[0]), a[1] ?? "");
  },
  /** `fill-pool q 60 v`: the same in another pool, which clients use from then on. */
  "fill-pool": async (s, [pool = "", n, value = ""]) => {
    await s.open_pool(pool);
    await fill(s, Number(n), value);
  },
  /**
   * `churn 200 60 7`: 200 writes, appends and removals of o1 .. o60, four at a time, as the seed 7
   * will have it. What must be there in the end is remembered for expect-churned.
   */
  churn: (s, a) => s.world.done(churn(s, a.map(Number)), `churn ${a.join(" ")}`, LIMIT_MS),
  /** `begin-churn LABEL 200 60 7`: nobody waits for it. */
  "begin-churn": (s, [label = "", ...a]) => {
    begin_op(s, label, () => outcome(churn(s, a.map(Number)).then(() => "ok")));
  },
  "expect-churned": async (s) => {
    for (const [oid, want] of s.churned) await expect_content(s, oid, want);
    s.ok();
  },
  /** `rewrite x 20 v`: x is written so many times, one after the other. */
  rewrite: async (s, [oid = "", times, value = ""]) => {
    for (let i = 0; i < Number(times); i++) {
      await s.world.done(s.io.write_full(oid, scenario_content(value)), `write ${oid}`, LIMIT_MS);
    }
  },
  /** `failing-removes x 20`: of an object that is not there. */
  "failing-removes": async (s, [oid = "", times]) => {
    for (let i = 0; i < Number(times); i++) {
      const result = await s.world.done(start(s, ["remove", oid]), `remove ${oid}`, LIMIT_MS);
      if (result !== "ENOENT") throw new InvariantError(`remove ${oid}: ${result}`);
    }
  },
  /** `fill-as old 9 v1`: objects old_1 .. old_9; also shrink-as (all are removed), expect-as. */
  "fill-as": async (s, [name = "", n, value = ""]) => {
    for (const oid of series(name, n)) await now(s, ["write", oid, value]);
  },
  "shrink-as": async (s, [name = "", n]) => {
    for (const oid of series(name, n)) await now(s, ["remove", oid]);
  },
  "expect-as": async (s, [name = "", n, want = "-"]) => {
    for (const oid of series(name, n)) await expect_content(s, oid, want);
    s.ok();
  },
  /** `shrink 60 40`: of o1 .. o60 the last 40 are removed. */
  shrink: async (s, a) => {
    const from = Number(a[0]);
    for (let i = from; i > from - Number(a[1]); i--) {
      await s.world.done(s.io.remove(`o${i}`), `remove o${i}`, LIMIT_MS);
    }
  },
  "expect-filled": async (s, a) => {
    for (let i = 1; i <= Number(a[0]); i++) await expect_content(s, `o${i}`, a[1] ?? "");
    s.ok();
  },
  expect: async (s, a) => {
    await expect_content(s, a[0] ?? "", a[1] ?? "-");
    s.ok();
  },
};
