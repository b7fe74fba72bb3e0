/**
 * One object as clients may see it, and what every operation does to it: the sequential
 * specification that histories are held against. Written from cluster.md §6.7, on purpose without
 * anything of the OSD's own code. Pure; states are immutable.
 */
import { ERRNO } from "@tako/common";
import { check_guard } from "./guards.ts";
import type { Call, FailEvent, OkEvent, Seen, Step, StepOf } from "./history.ts";

export interface ObjectFields {
  readonly exists: boolean;
  readonly content: string;
  readonly xattrs: ReadonlyMap<string, string>;
  readonly omap: ReadonlyMap<string, string>;
  readonly header: string;
  /** Has, or had since its creation or the last omap_clear, keys or a header. */
  readonly has_omap: boolean;
}

const NONE: ReadonlyMap<string, string> = new Map();
export const ABSENT: ObjectFields = {
  exists: false,
  content: "",
  xattrs: NONE,
  omap: NONE,
  header: "",
  has_omap: false,
};

/** Fields, and what is known of the version. */
export class ObjectState {
  readonly fields: ObjectFields;
  /** user_version of the last change; when not `exact`, at least this. */
  readonly ver: number;
  readonly exact: boolean;
  #key: string | undefined;

  constructor(fields: ObjectFields, ver: number, exact: boolean) {
    this.fields = fields;
    this.ver = ver;
    this.exact = exact;
  }
  /** Equal exactly when two states are. */
  get key(): string {
    this.#key ??= JSON.stringify([
      this.ver,
      this.exact,
      ...(this.fields.exists ? [this.fields.content, this.fields.header] : []),
      this.fields.has_omap,
      [...this.fields.xattrs].sort(by_key),
      [...this.fields.omap].sort(by_key),
    ]);
    return this.#key;
  }
}
export const NEW_OBJECT = new ObjectState(ABSENT, 0, true);

function by_key(a: readonly [string, string], b: readonly [string, string]): number {
  return a[0] < b[0] ? -1 : 1;
}

// ---------------------------------------------------------------- what a call does

/** What a call does to a state: nothing and a refusal, or the fields after it and what it shows. */
export type Effect =
  | { readonly errno: number }
  | { readonly errno: 0; readonly after: ObjectFields; readonly seen: readonly Seen[] };

/** The very fields of `s` as `after` when nothing changes. */
export function effect_of(call: Pick<Call, "kind" | "steps">, s: ObjectState): Effect {
  return call.kind === "write" ? write_effect(call.steps, s) : read_effect(call.steps, s);
}

function read_effect(steps: readonly Step[], s: ObjectState): Effect {
  if (!s.fields.exists) return { errno: ERRNO.ENOENT };
  const seen: Seen[] = [];
  for (const step of steps) {
    const r = observe(step, s);
    if ("seen" in r) seen.push(r.seen);
    else if (step.failok === true) seen.push(-r.errno);
    else return r;
  }
  return { errno: 0, after: s.fields, seen };
}

interface Shown {
  readonly seen: Seen;
}
interface Refused {
  readonly errno: number;
}

/** What one step of a read shows, or its errno. */
function observe(step: Step, s: ObjectState): Shown | Refused {
  const f = s.fields;
  switch (step.op) {
    case "read":
      return show(f.content.slice(step.off, step.len > 0 ? step.off + step.len : undefined));
    case "stat":
      return show(f.content.length);
    case "getxattr": {
      const v = f.xattrs.get(step.name);
      return v === undefined ? { errno: ERRNO.ENODATA } : show(v);
    }
    case "getxattrs":
      return show(pairs_text(f.xattrs));
    case "omap-get-header":
      return show(f.header);
    case "omap-get-keys": {
      const { page, more } = omap_page(f.omap, step.after, "", step.max);
      return show(
        keys_text(
          page.map(([k]) => k),
          more,
        ),
      );
    }
    case "omap-get-vals": {
      const { page, more } = omap_page(f.omap, step.after, step.prefix, step.max);
      return show(pairs_text(page, more));
    }
    case "omap-get-vals-by-keys":
      return show(pairs_text([...f.omap].filter(([k]) => step.keys.includes(k))));
    default: {
      const errno = check_guard(step, s, f.exists);
      return errno === 0 ? show(null) : { errno };
    }
  }
}
function show(seen: Seen): Shown {
  return { seen };
}

/** Keys and values as one text: how pages of omap and all xattrs stand in a history. */
export function pairs_text(pairs: Iterable<readonly [string, string]>, more = false): string {
  return JSON.stringify([...pairs].sort(by_key)) + (more ? "+" : "");
}
export function keys_text(keys: readonly string[], more: boolean): string {
  return JSON.stringify(keys) + (more ? "+" : "");
}
function omap_page(
  omap: ReadonlyMap<string, string>,
  after: string,
  prefix: string,
  max: number,
): { page: (readonly [string, string])[]; more: boolean } {
  const all = [...omap].filter(([k]) => k > after && k.startsWith(prefix)).sort(by_key);
  return { page: all.slice(0, max), more: all.length > max };
}

// ---------------------------------------------------------------- writes

/** An object while the steps of one write are carried out. */
interface Draft {
  exists: boolean;
  content: string;
  xattrs: Map<string, string>;
  omap: Map<string, string>;
  header: string;
  has_omap: boolean;
  modified: boolean;
}

function write_effect(steps: readonly Step[], s: ObjectState): Effect {
  const f = s.fields;
  const d: Draft = {
    ...f,
    xattrs: new Map(f.xattrs),
    omap: new Map(f.omap),
    modified: false,
  };
  for (const step of steps) {
    const errno = change(d, step, s);
    if (errno !== 0 && step.failok !== true) return { errno };
  }
  const { modified, ...after } = d;
  const changes = modified && (f.exists || after.exists);
  if (!changes) return { errno: 0, after: f, seen: [] };
  return { errno: 0, after: after.exists ? after : ABSENT, seen: [] };
}

function make(d: Draft): void {
  d.exists = true;
  d.modified = true;
}

/** Carries out one step; its errno. Guards see the object as it was before the operation. */
function change(d: Draft, step: Step, s: ObjectState): number {
  switch (step.op) {
    case "setxattr":
      make(d);
      d.xattrs.set(step.name, step.value);
      return 0;
    case "rmxattr":
      if (!d.exists) return ERRNO.ENOENT;
      d.xattrs.delete(step.name);
      d.modified = true;
      return 0;
    case "omap-set-vals":
      make(d);
      d.has_omap = true;
      for (const [k, v] of step.vals) d.omap.set(k, v);
      return 0;
    case "omap-set-header":
      make(d);
      d.has_omap = true;
      d.header = step.data;
      return 0;
    case "omap-clear":
    case "omap-rm-keys":
      return change_keys(d, step);
    case "create":
    case "write":
    case "writefull":
    case "append":
    case "truncate":
    case "zero":
    case "delete":
      return change_data(d, step);
    default:
      return check_guard(step, s, d.exists);
  }
}

function change_keys(d: Draft, step: StepOf<"omap-clear" | "omap-rm-keys">): number {
  if (!d.exists) return ERRNO.ENOENT;
  if (!d.has_omap) return 0;
  d.modified = true;
  if (step.op === "omap-rm-keys") {
    for (const k of step.keys) d.omap.delete(k);
    return 0;
  }
  d.omap.clear();
  d.header = "";
  d.has_omap = false;
  return 0;
}

type DataStep = StepOf<
  "create" | "write" | "writefull" | "append" | "truncate" | "zero" | "delete"
>;

function change_data(d: Draft, step: DataStep): number {
  switch (step.op) {
    case "create":
      if (d.exists) return step.exclusive ? ERRNO.EEXIST : 0;
      make(d);
      return 0;
    case "write":
      make(d);
      d.content = overlay(d.content, step.off, step.data);
      return 0;
    case "writefull":
      make(d);
      d.content = step.data;
      return 0;
    case "append":
      make(d);
      d.content += step.data;
      return 0;
    case "truncate":
      if (!d.exists) return 0;
      d.modified = true;
      d.content = d.content.slice(0, step.size).padEnd(step.size, "\0");
      return 0;
    case "zero": {
      const end = Math.min(step.off + step.len, d.content.length);
      if (!d.exists || end <= step.off) return 0;
      d.modified = true;
      d.content = overlay(d.content, step.off, "\0".repeat(end - step.off));
      return 0;
    }
    case "delete":
      if (!d.exists) return ERRNO.ENOENT;
      Object.assign(d, { ...ABSENT, xattrs: new Map(), omap: new Map(), modified: true });
      return 0;
  }
}
/** Behind the end, the gap is zeros. */
function overlay(content: string, off: number, data: string): string {
  return content.slice(0, off).padEnd(off, "\0") + data + content.slice(off + data.length);
}

// ---------------------------------------------------------------- one step of a linearization

/**
 * The state after `call`, had it taken effect in `s` with the outcome that it had; null when it can
 * not have. An unknown outcome fits every state in which the call would change something.
 */
export function step_state(
  s: ObjectState,
  call: Pick<Call, "kind" | "steps">,
  outcome: OkEvent | FailEvent | null,
): ObjectState | null {
  const asked = s.exact || !s.fields.exists ? undefined : asked_version(call.steps);
  if (asked !== undefined && asked >= s.ver) return step_if_version(s, asked, call, outcome);
  const e = effect_of(call, s);
  if (!("after" in e)) return outcome?.type === "fail" && outcome.errno === e.errno ? s : null;
  if (outcome?.type === "fail") return null;
  const changes = e.after !== s.fields;
  if (outcome === null) return changes ? new ObjectState(e.after, s.ver + 1, false) : null;
  if (changes) return changed(s, e.after, outcome);
  return same_seen(e.seen, outcome.seen) ? with_version(s, outcome.ver) : null;
}

function asked_version(steps: readonly Step[]): number | undefined {
  for (const step of steps) if (step.op === "assert-version") return step.ver;
  return undefined;
}
/** Whether the guard holds is not known: what the outcome says about it is taken over. */
function step_if_version(
  s: ObjectState,
  asked: number,
  call: Pick<Call, "kind" | "steps">,
  outcome: OkEvent | FailEvent | null,
): ObjectState | null {
  const holds = new ObjectState(s.fields, asked, true);
  const after = step_state(holds, call, outcome);
  if (after !== null) return outcome?.type === "fail" ? s : after;
  if (outcome?.type !== "fail") return null;
  if (outcome.errno === ERRNO.EOVERFLOW) return s;
  return outcome.errno === ERRNO.ERANGE ? new ObjectState(s.fields, asked + 1, false) : null;
}

function changed(s: ObjectState, after: ObjectFields, o: OkEvent): ObjectState | null {
  return o.ver > s.ver ? new ObjectState(after, o.ver, true) : null;
}

/** An operation that changed nothing has said that the version is `ver`. */
function with_version(s: ObjectState, ver: number): ObjectState | null {
  // What does not exist has no version of its own.
  if (!s.fields.exists) return ver === 0 ? s : null;
  if (s.exact) return ver === s.ver ? s : null;
  return ver >= s.ver ? new ObjectState(s.fields, ver, true) : null;
}

function same_seen(a: readonly Seen[], b: readonly Seen[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
