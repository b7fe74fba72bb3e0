/**
 * Rules that need no search, each decided by looking at every call once: no append twice, no bytes
 * that nobody wrote, nothing acknowledged lost where nothing is ever taken away, versions that only
 * rise, listings that show what is there. Pure.
 */
import type { Violation } from "./check_history.ts";
import type { Call, Step } from "./history.ts";
import { show_call } from "./show_call.ts";
import { tags_in, tags_written } from "./tags.ts";

export function check_rules(
  calls: readonly Call[],
  objects: ReadonlyMap<string, readonly Call[]>,
): Violation[] {
  const out: Violation[] = [];
  for (const [object, own] of objects) {
    const fail = (rule: string, ...about: readonly (Call | string)[]) =>
      out.push({ object, rule, lines: about.map((c) => text_of(c)) });
    check_tags(own, fail);
    check_versions(own, fail);
  }
  check_listings(calls, out);
  return out;
}
type Fail = (rule: string, ...about: readonly (Call | string)[]) => void;

function text_of(c: Call | string): string {
  return typeof c === "string" ? c : show_call(c);
}

/** What a read of the whole object has seen; undefined for all other calls. */
function content_seen(call: Call): string | undefined {
  if (call.kind !== "read" || call.outcome?.type !== "ok") return undefined;
  const i = call.steps.findIndex((s) => s.op === "read" && s.off === 0 && s.len === 0);
  const seen = i < 0 ? undefined : call.outcome.seen[i];
  return typeof seen === "string" ? seen : undefined;
}

function check_tags(calls: readonly Call[], fail: Fail): void {
  const writer = new Map<string, Call>();
  for (const c of calls) for (const tag of tags_written(c)) writer.set(tag, c);
  const appends_only = calls.every((c) => c.kind === "read" || c.steps.every(is_append));
  for (const read of calls) {
    const seen = content_seen(read);
    if (seen === undefined) continue;
    const tags: readonly string[] = tags_in(seen);
    const set = new Set(tags);
    for (const tag of set) {
      const by = writer.get(tag);
      if (!by || by.inv > read.ret) fail("read what nobody had written", tag, read);
    }
    const twice = set.size === tags.length ? undefined : tags.find((t, i) => tags.indexOf(t) < i);
    if (twice) fail("applied twice", twice, writer.get(twice) ?? "", read);
    if (!appends_only) continue;
    for (const [tag, by] of writer) {
      const acked = by.outcome?.type === "ok" && by.ret < read.inv;
      if (acked && !set.has(tag)) fail("acknowledged append lost", by, read);
    }
  }
}
function is_append(s: Step): boolean {
  return s.op === "append";
}

/** Changes the object whatever its state was. */
function surely_changes(call: Call): boolean {
  if (call.kind !== "write" || call.steps.some((s) => s.op === "delete")) return false;
  return call.steps.some(
    (s) => s.op === "append" || s.op === "writefull" || s.op === "setxattr" || s.op === "write",
  );
}

/** A call never tells of an older version than one that had ended before it began. */
function check_versions(calls: readonly Call[], fail: Fail): void {
  const told = calls.filter((c) => c.outcome?.type === "ok" && c.outcome.ver > 0);
  const by_ret = [...told].sort((a, b) => a.ret - b.ret);
  const writers = new Map<number, Call>();
  let newest: Call | undefined;
  let done = 0;
  for (const c of told) {
    for (let d = by_ret[done]; d && d.ret < c.inv; d = by_ret[++done]) {
      if (!newest || version(d) > version(newest)) newest = d;
    }
    const again = surely_changes(c);
    if (newest && (version(c) < version(newest) || (again && version(c) === version(newest)))) {
      fail("version went back", newest, c);
    }
    if (!again) continue;
    const other = writers.get(version(c));
    if (other) fail("two writes of one version", other, c);
    writers.set(version(c), c);
  }
}
function version(c: Call): number {
  return c.outcome?.type === "ok" ? c.outcome.ver : 0;
}

// ---------------------------------------------------------------- listings

interface Life {
  /** Earliest end of a call after which the object is there. */
  there: number;
  /** Earliest invocation of a call that may take it away, or that may make it. */
  may_go: number;
  may_come: number;
}

/** A listing shows all that is there from before it began until it has ended, and nothing unheard of. */
function check_listings(calls: readonly Call[], out: Violation[]): void {
  const lists = calls.filter((c) => c.kind === "list" && c.outcome?.type === "ok");
  if (lists.length === 0) return;
  const lives = lives_of(calls);
  for (const l of lists) {
    const names = new Set(l.outcome?.type === "ok" ? l.outcome.seen : []);
    const fail = (rule: string, object: string) =>
      out.push({ object, rule, lines: [show_call(l)] });
    for (const [object, life] of lives) {
      if (!object.startsWith(l.object)) continue;
      const listed = names.has(object.slice(l.object.length));
      if (!listed && life.there < l.inv && life.may_go > l.ret) fail("not listed", object);
      if (listed && life.may_come > l.ret) fail("listed before it was made", object);
    }
    for (const n of names)
      if (!lives.has(l.object + n)) fail("listed, but never made", l.object + n);
  }
}

function lives_of(calls: readonly Call[]): Map<string, Life> {
  const lives = new Map<string, Life>();
  const never = Number.POSITIVE_INFINITY;
  for (const c of calls) {
    if (c.kind !== "write") continue;
    const life = lives.get(c.object) ?? { there: never, may_go: never, may_come: never };
    lives.set(c.object, life);
    life.may_come = Math.min(life.may_come, c.inv);
    if (c.steps.some((s) => s.op === "delete")) life.may_go = Math.min(life.may_go, c.inv);
    else if (surely_changes(c) && c.outcome?.type === "ok") {
      life.there = Math.min(life.there, c.ret);
    }
  }
  return lives;
}
