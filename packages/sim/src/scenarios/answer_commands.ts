/**
 * What daemons answer to commands: `answers WHO PATH WANT : PREFIX k=v ...`. WHO is `mon`, the PG's
 * primary `pg` (or `pg:2.0`), or the letter of an OSD, to whom the command is told. PATH goes into
 * the JSON of the answer: names and indexes with dots between them, `*` all of a list or object,
 * `k=v` the elements of a list with that field, `#` the length; `.` is the answer itself;
 * with a slash in it, slashes stand between the names. WANT is JSON with # for each blank, `>2`, `>=2`, `<2`, `~text` (is contained), or `absent`. `{B}` stands for B's id.
 */
import { RadosError } from "@tako/client";
import { InvariantError } from "@tako/common";
import { with_ids } from "./Cast.ts";
import type { Command, Commands } from "./Command.ts";
import { PGID, type Scene } from "./Scene.ts";

/** `osd pool set pool=p size=2`: words with `=` are arguments, a comma makes a list. */
export function command_of(words: readonly string[]): { prefix: string } & Record<string, unknown> {
  const is_arg = (w: string) => w.includes("=");
  const args = words.filter(is_arg).map((w): [string, unknown] => {
    const at = w.indexOf("=");
    const value = w.slice(at + 1);
    return [w.slice(0, at), value.includes(",") ? value.split(",") : value];
  });
  const prefix = words.filter((w) => !is_arg(w)).join(" ");
  return { prefix, ...Object.fromEntries(args) };
}

async function ask(s: Scene, who: string, words: readonly string[]): Promise<unknown> {
  const cmd = command_of(words);
  const [kind, pgid = PGID] = who.split(":");
  const send = () => {
    if (who === "mon") return s.admin.mon_command(cmd);
    if (kind === "pg") return s.admin.pg_command(pgid, cmd);
    return s.admin.osd_command(s.cast.id(who), cmd);
  };
  const { outb } = await s.world.done(send(), cmd.prefix);
  return outb === undefined ? undefined : JSON.parse(JSON.stringify(outb));
}

const entries_of = (v: unknown): unknown[] =>
  typeof v === "object" && v !== null ? Object.values(v) : [];

function step(v: unknown, name: string): unknown {
  if (name === "#") return Array.isArray(v) ? v.length : entries_of(v).length;
  if (Array.isArray(v)) return v[Number(name)];
  return typeof v === "object" && v !== null ? Reflect.get(v, name) : undefined;
}

/** After `*` and `k=v` the rest of the path is taken of each element. */
export function look_up(v: unknown, path: readonly string[]): unknown {
  const [name, ...rest] = path;
  if (name === undefined || name === "") return v;
  if (name === "*") return entries_of(v).map((x) => look_up(x, rest));
  const at = name.indexOf("=");
  if (at < 0) return look_up(step(v, name), rest);
  const [key, want] = [name.slice(0, at), name.slice(at + 1)];
  const found = entries_of(v).filter((x) => String(step(x, key)) === want);
  return rest[0] === "#" ? found.length : look_up(found[0], rest);
}

export function fits(seen: unknown, want: string): boolean {
  if (want === "absent") return seen === undefined;
  const m = /^(>=|>|<|~)(.*)$/.exec(want);
  if (!m) return JSON.stringify(seen) === want.replaceAll("#", " ");
  const [, how, limit = ""] = m;
  if (how === "~") return (JSON.stringify(seen) ?? "").includes(limit);
  if (typeof seen !== "number") return false;
  if (how === "<") return seen < Number(limit);
  return how === ">" ? seen > Number(limit) : seen >= Number(limit);
}

interface Question {
  readonly who: string;
  readonly path: readonly string[];
  readonly want: string;
  readonly command: readonly string[];
}
function question(s: Scene, words: readonly string[]): Question {
  const [who = "", path = ".", want = "", colon, ...command] = with_ids(s.cast, words);
  if (colon !== ":") throw new InvariantError("answers WHO PATH WANT : PREFIX k=v");
  const names = path === "." ? [] : path.split(path.includes("/") ? "/" : ".");
  return { who, path: names, want, command };
}

const answers: Command = async (s, a) => {
  const q = question(s, a);
  const seen = look_up(await ask(s, q.who, q.command), q.path);
  if (!fits(seen, q.want)) {
    throw new InvariantError(`assertion failed: ${a.join(" ")}; seen: ${JSON.stringify(seen)}`);
  }
  s.ok();
};

/** The same, until it is so. */
const wait_answers: Command = async (s, a) => {
  const q = question(s, a);
  const deadline = s.world.scheduler.now_ms + 600_000;
  for (;;) {
    const seen = look_up(await ask(s, q.who, q.command), q.path);
    if (fits(seen, q.want)) return;
    if (s.world.scheduler.now_ms > deadline) {
      throw new InvariantError(`waited in vain: ${a.join(" ")}; seen: ${JSON.stringify(seen)}`);
    }
    await s.world.run_for(100);
  }
};

/** `refused ERANGE mon osd pool create pool=x pg_num=2`: that errno, and nothing else. */
const refused: Command = async (s, a) => {
  const [code = "", who = "", ...words] = with_ids(s.cast, a);
  try {
    await ask(s, who, words);
  } catch (e) {
    if (!(e instanceof RadosError) || e.code !== code) throw e;
    s.say(e.message);
    return;
  }
  throw new InvariantError(`assertion failed: ${a.join(" ")}: it was not refused`);
};

/** `same LABEL WHO PATH : COMMAND`: as when it was asked under that label the first time. */
const remembered = new WeakMap<Scene, Map<string, string>>();
const same: Command = async (s, [label = "", who = "", path = "", ...words]) => {
  const q = question(s, [who, path, "-", ...words]);
  const seen = JSON.stringify(look_up(await ask(s, q.who, q.command), q.path)) ?? "absent";
  const mine = remembered.get(s) ?? new Map<string, string>();
  remembered.set(s, mine);
  const before = mine.get(label);
  mine.set(label, before ?? seen);
  if (before !== undefined && before !== seen) {
    throw new InvariantError(`assertion failed: ${label} was ${before}; seen: ${seen}`);
  }
};

export const ANSWER_COMMANDS: Commands = { answers, "wait-answers": wait_answers, refused, same };
