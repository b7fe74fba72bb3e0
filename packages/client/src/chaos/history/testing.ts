/** For tests: histories made from a true object, with calls that overlap and outcomes that get lost. */
import type { Rng } from "@tako/common";
import type { HistoryEvent, OpKind, Step } from "./history.ts";
import { effect_of, NEW_OBJECT, ObjectState } from "./ObjectState.ts";

export interface TrueCall {
  readonly kind: OpKind;
  readonly steps: readonly Step[];
}

/** A step of a test: what it reads or writes is small, so that calls meet. */
export function random_call(rng: Rng, tag: string): TrueCall {
  const w = (...steps: Step[]): TrueCall => ({ kind: "write", steps });
  const r = (...steps: Step[]): TrueCall => ({ kind: "read", steps });
  const kinds: (() => TrueCall)[] = [
    () => w({ op: "append", data: `[${tag}]` }),
    () => w({ op: "append", data: `[${tag}]` }),
    () => w({ op: "writefull", data: `[${tag}]` }),
    () => w({ op: "write", off: rng.int(12), data: `[${tag}]` }),
    () => w({ op: "delete" }),
    () => w({ op: "create", exclusive: true }),
    () => w({ op: "truncate", size: rng.int(9) }),
    () => w({ op: "setxattr", name: "a", value: `${rng.int(3)}` }),
    () =>
      w({ op: "cmpxattr", name: "a", cmp: "eq", value: "1" }, { op: "append", data: `[${tag}]` }),
    () => w({ op: "omap-set-vals", vals: [[`k${rng.int(2)}`, `[${tag}]`]] }),
    () => w({ op: "omap-clear" }),
    () => r({ op: "read", off: 0, len: 0 }),
    () => r({ op: "read", off: 0, len: 0 }),
    () => r({ op: "read", off: 0, len: 0 }, { op: "getxattrs" }),
    () => r({ op: "stat" }),
    () => r({ op: "omap-get-vals", after: "", prefix: "", max: 9 }),
  ];
  return (kinds[rng.int(kinds.length)] as () => TrueCall)();
}

export interface TrueHistoryOptions {
  readonly calls: number;
  readonly processes: number;
  /** Of calls whose outcome gets lost; every other one of these does not happen at all. */
  readonly lost: number;
  readonly make?: (rng: Rng, tag: string) => TrueCall;
}

interface Running {
  readonly id: number;
  readonly call: TrueCall;
  outcome: HistoryEvent | null;
}

/** Each process has one call at a time; a call takes effect some time between its begin and its end. */
export function true_history(rng: Rng, o: TrueHistoryOptions): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  const running: (Running | undefined)[] = Array.from({ length: o.processes }, () => undefined);
  let state = NEW_OBJECT;
  let last_version = 0;
  let begun = 0;
  const happen = (r: Running) => {
    const e = effect_of(r.call, state);
    const at = { id: r.id, t_ms: events.length };
    if (!("after" in e)) {
      r.outcome = { type: "fail", ...at, errno: e.errno };
      return;
    }
    if (e.after !== state.fields) {
      last_version += 1 + rng.int(3);
      state = new ObjectState(e.after, last_version, true);
      r.outcome = { type: "ok", ...at, ver: last_version, seen: e.seen };
    } else {
      r.outcome = { type: "ok", ...at, ver: state.fields.exists ? state.ver : 0, seen: e.seen };
    }
  };
  while (begun < o.calls || running.some((r) => r)) {
    const p = rng.int(o.processes);
    const r = running[p];
    if (!r) {
      if (begun === o.calls) continue;
      const id = ++begun;
      const call = (o.make ?? random_call)(rng, `${p}.${id}`);
      running[p] = { id, call, outcome: null };
      const who = { process: `client.${p}`, object: "pool/o" };
      events.push({ type: "invoke", id, t_ms: events.length, ...who, ...call });
    } else if (r.outcome === null) {
      happen_or_not(r, happen, rng.next() < o.lost, rng.int(2) === 0, events.length);
    } else {
      events.push({ ...r.outcome, t_ms: events.length });
      running[p] = undefined;
    }
  }
  return events;
}

function happen_or_not(
  r: Running,
  happen: (r: Running) => void,
  lost: boolean,
  happens: boolean,
  t_ms: number,
): void {
  if (!lost || happens) happen(r);
  if (lost) r.outcome = { type: "info", id: r.id, t_ms, why: "timeout" };
}
