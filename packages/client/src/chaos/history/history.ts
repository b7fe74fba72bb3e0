/**
 * A history: what clients asked of objects and what they were told, in the order in which it happened.
 * One JSON line an event, so that a run of real processes can be checked like a simulated one. Pure.
 * Model: the histories of Jepsen: every invocation ends as ok, fail or info (nobody knows).
 */
import { CommandError } from "@tako/common";

export type CmpOp = "eq" | "ne" | "gt" | "gte" | "lt" | "lte";

type NoArgs = Record<never, never>;

/** Arguments of each step; names are those of the messages, payloads are text. */
interface StepArgs {
  readonly create: { readonly exclusive: boolean };
  readonly write: { readonly off: number; readonly data: string };
  readonly writefull: { readonly data: string };
  readonly append: { readonly data: string };
  readonly truncate: { readonly size: number };
  readonly zero: { readonly off: number; readonly len: number };
  readonly delete: NoArgs;
  readonly setxattr: { readonly name: string; readonly value: string };
  readonly rmxattr: { readonly name: string };
  readonly "omap-set-vals": { readonly vals: readonly (readonly [string, string])[] };
  readonly "omap-rm-keys": { readonly keys: readonly string[] };
  readonly "omap-clear": NoArgs;
  readonly "omap-set-header": { readonly data: string };
  readonly "assert-exists": NoArgs;
  readonly "assert-version": { readonly ver: number };
  readonly cmpxattr: {
    readonly name: string;
    readonly cmp: CmpOp;
    readonly value: string | number;
  };
  readonly cmpext: { readonly off: number; readonly data: string };
  readonly "omap-cmp": { readonly key: string; readonly cmp: CmpOp; readonly value: string };
  /** len 0: to the end. */
  readonly read: { readonly off: number; readonly len: number };
  readonly stat: NoArgs;
  readonly getxattr: { readonly name: string };
  readonly getxattrs: NoArgs;
  readonly "omap-get-header": NoArgs;
  readonly "omap-get-keys": { readonly after: string; readonly max: number };
  readonly "omap-get-vals": {
    readonly after: string;
    readonly prefix: string;
    readonly max: number;
  };
  readonly "omap-get-vals-by-keys": { readonly keys: readonly string[] };
}
/** One of the steps named; `failok`: may fail without failing the whole. */
export type StepOf<K extends keyof StepArgs> = K extends keyof StepArgs
  ? { readonly op: K; readonly failok?: boolean } & StepArgs[K]
  : never;
export type Step = StepOf<keyof StepArgs>;

/** What one step of a read showed: its text or number; null for guards; -errno where that is allowed. */
export type Seen = string | number | null;

export type OpKind = "write" | "read" | "list";

interface EventBase {
  readonly id: number;
  readonly t_ms: number;
}
export interface InvokeEvent extends EventBase {
  readonly type: "invoke";
  readonly process: string;
  /** `pool/oid`; `pool/` for a listing. */
  readonly object: string;
  readonly kind: OpKind;
  readonly steps: readonly Step[];
}
export interface OkEvent extends EventBase {
  readonly type: "ok";
  /** user_version of the answer. */
  readonly ver: number;
  /** By step of a read; names of a listing. Empty for writes. */
  readonly seen: readonly Seen[];
}
export interface FailEvent extends EventBase {
  readonly type: "fail";
  readonly errno: number;
}
/** Nobody knows whether it took, or will take, effect. */
export interface InfoEvent extends EventBase {
  readonly type: "info";
  readonly why: string;
}
export type Outcome = OkEvent | FailEvent | InfoEvent;
export type HistoryEvent = InvokeEvent | Outcome;

/** Collects the events of a run. */
export class HistoryRecorder {
  readonly events: HistoryEvent[] = [];
  readonly #open = new Map<number, InvokeEvent>();
  readonly #now_ms: () => number;
  #next_id = 0;

  constructor(now_ms: () => number) {
    this.#now_ms = now_ms;
  }
  #stamp(): number {
    return Math.round(this.#now_ms() * 1000) / 1000;
  }
  /** Returns the operation's id. */
  invoke(process: string, object: string, kind: OpKind, steps: readonly Step[]): number {
    const id = ++this.#next_id;
    const e: InvokeEvent = {
      type: "invoke",
      id,
      t_ms: this.#stamp(),
      process,
      object,
      kind,
      steps,
    };
    this.events.push(e);
    this.#open.set(id, e);
    return id;
  }
  ok(id: number, ver: number, seen: readonly Seen[]): void {
    this.#end({ type: "ok", id, t_ms: this.#stamp(), ver, seen });
  }
  fail(id: number, errno: number): void {
    this.#end({ type: "fail", id, t_ms: this.#stamp(), errno });
  }
  info(id: number, why: string): void {
    this.#end({ type: "info", id, t_ms: this.#stamp(), why });
  }
  /** An operation ends once; what comes after that (its process was killed) is not heard. */
  #end(e: Outcome): void {
    if (this.#open.delete(e.id)) this.events.push(e);
  }
  get num_open(): number {
    return this.#open.size;
  }
}

// ---------------------------------------------------------------- text

export function history_to_lines(events: readonly HistoryEvent[]): string {
  return events.map((e) => `${JSON.stringify(e)}\n`).join("");
}

/** CommandError, with the number of the line, for what is no history. */
export function history_from_lines(text: string): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const e = parse_line(line);
    if (!is_event(e)) {
      const what = `line ${i + 1} is not an event of a history: ${line.slice(0, 80)}`;
      throw new CommandError("EINVAL", what);
    }
    events.push(e);
  }
  return events;
}
function parse_line(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
function is_event(x: unknown): x is HistoryEvent {
  if (typeof x !== "object" || x === null) return false;
  const e: { [K in "id" | "t_ms" | "type" | "steps" | "seen" | "errno"]?: unknown } = x;
  if (typeof e.id !== "number" || typeof e.t_ms !== "number") return false;
  if (e.type === "invoke") return Array.isArray(e.steps);
  if (e.type === "ok") return Array.isArray(e.seen);
  return e.type === "fail" ? typeof e.errno === "number" : e.type === "info";
}

// ---------------------------------------------------------------- calls

/** An invocation with its end. */
export interface Call {
  readonly id: number;
  readonly process: string;
  readonly object: string;
  readonly kind: OpKind;
  readonly steps: readonly Step[];
  /** Places in the history; `ret` is infinite when nobody knows the end. */
  readonly inv: number;
  readonly ret: number;
  readonly inv_ms: number;
  readonly ret_ms: number;
  /** null: unknown. */
  readonly outcome: OkEvent | FailEvent | null;
}

/** Invocations in order, each with its answer; without one, or with `info`, the outcome is unknown. */
export function calls_of(events: readonly HistoryEvent[]): Call[] {
  const ends = new Map<number, { at: number; e: OkEvent | FailEvent }>();
  for (const [at, e] of events.entries()) {
    if (e.type === "ok" || e.type === "fail") ends.set(e.id, { at, e });
  }
  const calls: Call[] = [];
  for (const [inv, e] of events.entries()) {
    if (e.type !== "invoke") continue;
    const end = ends.get(e.id);
    const { id, process, object, kind, steps, t_ms: inv_ms } = e;
    const known = { ret: end?.at ?? Number.POSITIVE_INFINITY, outcome: end?.e ?? null };
    const ret_ms = end?.e.t_ms ?? Number.POSITIVE_INFINITY;
    calls.push({ id, process, object, kind, steps, inv, inv_ms, ret_ms, ...known });
  }
  return calls;
}
