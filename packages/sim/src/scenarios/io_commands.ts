/** What the client does: `write x v1`, `async u append x more`, `expect x v1`. */
import { InvariantError, scenario_content } from "@tako/common";
import { SimRng } from "../SimRng.ts";
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
  run(abort.signal).then(
    (result) => {
      op.result = result;
      s.say(`${label}: ${result}`);
    },
    (e: unknown) => {
      op.result = String(e);
      s.say(`${label}: ${String(e)}`);
    },
  );
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
    const names = Array.from({ length: Number(a[0]) }, (_, i) => `o${i + 1}`);
    for (let i = 0; i < names.length; i += 4) {
      const some = names
        .slice(i, i + 4)
        .map((oid) => s.io.write_full(oid, scenario_content(a[1] ?? "")));
      await s.world.done(Promise.all(some), `fill ${names[i]}`, LIMIT_MS);
    }
  },
  /**
   * `churn 200 60 7`: 200 writes, appends and removals of o1 .. o60, four at a time, as the seed 7
   * will have it. What must be there in the end is remembered for expect-churned.
   */
  churn: async (s, a) => {
    const [times = 0, objects = 1, seed = 1] = a.map(Number);
    const rng = new SimRng(seed, 77);
    for (let i = 0; i < times; i += 4) {
      const names = new Set([1, 2, 3, 4].map(() => `o${1 + rng.int(objects)}`));
      const some = [...names].map((oid, k) => churn_one(s, oid, rng.int(4), `[${i + k}]`));
      await s.world.done(Promise.all(some), `churn ${i}`, LIMIT_MS);
    }
  },
  "expect-churned": async (s) => {
    for (const [oid, want] of s.churned) await expect_content(s, oid, want);
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
