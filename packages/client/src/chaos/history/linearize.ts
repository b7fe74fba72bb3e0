/**
 * Is there an order of calls on one object, in keeping with who ended before who began, in which each
 * does by the specification what it did? The search of Wing and Gong with Lowe's memoisation, bounded:
 * it says "unknown" rather than guess. Pure.
 *
 * What keeps it short: an answer carries the object's version, and versions only rise, so of
 * the calls that may come next only those with the lowest version are tried, and before them only
 * as many of unknown outcome as there are versions between; a call that fits and
 * changes nothing is taken at once; calls whose outcome nobody knows are tried last, and, where they
 * are known by what they wrote, only until a read has shown it.
 */
import type { Call } from "./history.ts";
import { NEW_OBJECT, type ObjectState, step_state } from "./ObjectState.ts";
import { tags_seen, tags_written } from "./tags.ts";

export interface Linearization {
  readonly result: "yes" | "no" | "unknown";
  /** The longest order found. */
  readonly order: readonly Call[];
  /** The state after it. */
  readonly state: ObjectState;
  /** Steps that the search took. */
  readonly tried: number;
}

/** Doubly linked, so that a call can be taken out and put back in place. Slot n is the end. */
class CallList {
  readonly calls: readonly Call[];
  readonly next: Int32Array;
  readonly prev: Int32Array;

  constructor(calls: readonly Call[]) {
    this.calls = calls;
    const n = calls.length;
    this.next = new Int32Array(n + 1);
    this.prev = new Int32Array(n + 1);
    for (let i = 0; i <= n; i++) {
      this.next[i] = i === n ? 0 : i + 1;
      this.prev[i] = i === 0 ? n : i - 1;
    }
  }
  get head(): number {
    return this.next[this.calls.length] ?? 0;
  }
  take(i: number): void {
    const p = this.prev[i] ?? 0;
    const n = this.next[i] ?? 0;
    this.next[p] = n;
    this.prev[n] = p;
  }
  put_back(i: number): void {
    this.next[this.prev[i] ?? 0] = i;
    this.prev[this.next[i] ?? 0] = i;
  }
}

interface Candidate {
  readonly list: CallList;
  readonly at: number;
  readonly call: Call;
  readonly after: ObjectState;
}
interface Frame {
  readonly candidates: readonly Candidate[];
  readonly state: ObjectState;
  at: number;
}

/**
 * Calls of one object, ordered by invocation. Searches first as if of the calls of unknown outcome
 * only those had happened that somebody has seen, then with those that leave no trace, then with all
 * but few of them in a row, at last with all: an order found early is as good as any. The last search
 * gives up after `budget` steps, those before after a part of them.
 */
export function linearize(calls: readonly Call[], budget: number): Linearization {
  const all = with_evidence(calls);
  const seen = all.filter((c) => c.outcome !== null || c.must);
  const likely = all.filter((c) => c.outcome !== null || c.must || c.tags.length === 0);
  for (const some of [seen, likely]) {
    if (some.length === all.length) break;
    const found = new Search(some, budget / 4).run();
    if (found.result === "yes") return found;
  }
  for (const in_a_row of [1, 2]) {
    const search = new Search(all, budget / 4, in_a_row);
    const found = search.run();
    if (found.result === "yes" || (found.result === "no" && !search.was_limited)) return found;
  }
  return new Search(all, budget).run();
}

/** A call, and what the others tell about it. */
interface Traced extends Call {
  /** Has been seen: it has happened, by the end of the first read that shows it. */
  readonly must: boolean;
  /** By which it would be known. */
  readonly tags: readonly string[];
}

/** Writes of unknown outcome end, at the latest, when a read has shown what only they can have written. */
function with_evidence(calls: readonly Call[]): Traced[] {
  const first_seen = new Map<string, number>();
  if (calls.some((c) => c.outcome === null)) {
    for (const c of calls) {
      for (const tag of tags_seen(c)) {
        if ((first_seen.get(tag) ?? Number.POSITIVE_INFINITY) > c.ret) first_seen.set(tag, c.ret);
      }
    }
  }
  return calls.flatMap((c) => {
    if (c.outcome !== null) return [{ ...c, must: false, tags: [] }];
    if (c.kind !== "write") return [];
    const tags = tags_written(c);
    const ret = Math.min(...tags.map((t) => first_seen.get(t) ?? Number.POSITIVE_INFINITY));
    return [{ ...c, ret, must: ret < Number.POSITIVE_INFINITY, tags }];
  });
}

class Search {
  /** That have happened. */
  readonly #known: CallList;
  /** That may have. */
  readonly #unknown: CallList;
  readonly #lowest_from: Float64Array;
  readonly #budget: number;
  /** Most calls that may have happened to be taken between two that have. */
  readonly #in_a_row: number;
  /** An order that was left out because of that might have been one. */
  was_limited = false;
  /** Calls that may have happened and were used, by what had happened and the state that it led to. */
  readonly #seen = new Map<string, bigint[]>();
  readonly #stack: Frame[] = [];
  readonly #taken: Candidate[] = [];
  /** Bits of the calls taken that may have happened. */
  #used = 0n;
  /** Of the set of calls taken that have. */
  #hash_a = 0;
  #hash_b = 0;
  #tried = 0;
  #best: { readonly order: readonly Call[]; readonly state: ObjectState } = {
    order: [],
    state: NEW_OBJECT,
  };

  constructor(calls: readonly Traced[], budget: number, in_a_row = Number.POSITIVE_INFINITY) {
    this.#known = new CallList(calls.filter((c) => c.outcome !== null || c.must));
    this.#unknown = new CallList(calls.filter((c) => c.outcome === null && !c.must));
    this.#lowest_from = lowest_from(this.#known.calls);
    this.#budget = budget;
    this.#in_a_row = in_a_row;
  }

  run(): Linearization {
    let left = this.#known.calls.length;
    this.#push(NEW_OBJECT);
    for (;;) {
      if (left === 0) return this.#end("yes");
      const frame = this.#stack.at(-1);
      const c = frame?.candidates[frame.at++];
      if (c) {
        this.#take(c);
        if (frame.candidates.length > 1 && this.#been_here(c.after)) {
          this.#untake();
          continue;
        }
        if (c.list === this.#known) left--;
        this.#push(c.after);
        continue;
      }
      if (this.#tried > this.#budget) return this.#end("unknown");
      this.#stack.pop();
      if (this.#stack.length === 0) return this.#end("no");
      if (this.#untake()?.list === this.#known) left++;
    }
  }
  #end(result: Linearization["result"]): Linearization {
    this.#remember_best(this.#taken.at(-1)?.after ?? NEW_OBJECT);
    return { result, ...this.#best, tried: this.#tried };
  }
  #remember_best(state: ObjectState): void {
    if (this.#taken.length < this.#best.order.length) return;
    this.#best = { order: this.#taken.map((c) => c.call), state };
  }

  #push(state: ObjectState): void {
    const candidates = this.#tried > this.#budget ? [] : this.#candidates(state);
    if (candidates.length === 0 && this.#taken.length > this.#best.order.length) {
      this.#remember_best(state);
    }
    this.#stack.push({ candidates, state, at: 0 });
  }
  #take(c: Candidate): void {
    c.list.take(c.at);
    this.#taken.push(c);
    this.#toggle(c);
  }
  #untake(): Candidate | undefined {
    const c = this.#taken.pop();
    if (!c) return undefined;
    c.list.put_back(c.at);
    this.#toggle(c);
    return c;
  }
  #toggle(c: Candidate): void {
    if (c.list === this.#unknown) {
      this.#used ^= 1n << BigInt(c.at);
      return;
    }
    this.#hash_a ^= mix(c.call.id, 0x9e3779b1);
    this.#hash_b ^= mix(c.call.id, 0x85ebca6b);
  }
  /** The same has been reached before, with the same or fewer of the calls that may have happened. */
  #been_here(state: ObjectState): boolean {
    const row = this.#in_a_row < Number.POSITIVE_INFINITY ? this.#row() : 0;
    const key = `${this.#hash_a} ${this.#hash_b} ${row} ${state.key}`;
    const used = this.#seen.get(key);
    if (!used) {
      this.#seen.set(key, [this.#used]);
      return false;
    }
    if (used.some((u) => (u & ~this.#used) === 0n)) return true;
    used.push(this.#used);
    return false;
  }

  /** Calls that may take effect next, with the states after them: the likeliest first. */
  #candidates(state: ObjectState): Candidate[] {
    const { enabled, min_ret, rest } = this.#enabled();
    const lowest = this.#lowest_version(enabled, rest);
    const out: Candidate[] = [];
    for (const at of enabled) {
      const call = this.#known.calls[at];
      if (!call || version_of(call) > lowest) continue;
      const c = this.#try(state, this.#known, at, call);
      if (!c || c.after.ver > lowest) continue;
      // Fits, and leaves everything as it is: at no other place would it do better.
      if (c.after === state) return [c];
      out.push(c);
    }
    const { next, calls } = this.#unknown;
    if (this.#row() >= this.#in_a_row) {
      this.was_limited = true;
      return out;
    }
    for (let at = this.#unknown.head; at < calls.length; at = next[at] ?? 0) {
      const call = calls[at];
      if (!call || call.inv > min_ret) break;
      // It would take a version that the next answer leaves no room for.
      if (state.ver >= lowest) break;
      const c = this.#try(state, this.#unknown, at, call);
      if (c) out.push(c);
    }
    return out;
  }
  /** How many of the calls taken last may have happened only. */
  #row(): number {
    const i = this.#taken.findLastIndex((c) => c.list === this.#known);
    return this.#taken.length - 1 - i;
  }
  #try(state: ObjectState, list: CallList, at: number, call: Call): Candidate | undefined {
    this.#tried++;
    const after = step_state(state, call, call.outcome);
    return after === null ? undefined : { list, at, call, after };
  }
  /** Of all calls left: the enabled ones, and all from place `rest` on. */
  #lowest_version(enabled: readonly number[], rest: number): number {
    let lowest = this.#lowest_from[rest] ?? Number.POSITIVE_INFINITY;
    for (const at of enabled) {
      const call = this.#known.calls[at];
      const ver = call ? version_of(call) : 0;
      if (ver > 0 && ver < lowest) lowest = ver;
    }
    return lowest;
  }
  /** Calls that have happened, and began before any of those left had ended. */
  #enabled(): { enabled: number[]; min_ret: number; rest: number } {
    const { calls, next } = this.#known;
    const enabled: number[] = [];
    let min_ret = Number.POSITIVE_INFINITY;
    let at = this.#known.head;
    for (; at < calls.length; at = next[at] ?? 0) {
      const call = calls[at];
      if (!call || call.inv > min_ret) break;
      enabled.push(at);
      min_ret = Math.min(min_ret, call.ret);
    }
    return { enabled, min_ret, rest: at };
  }
}

/** Version that the answer names; 0 when it names none. */
function version_of(call: Call): number {
  return call.outcome?.type === "ok" ? call.outcome.ver : 0;
}
/** By place: the lowest version that a call from there on names. */
function lowest_from(calls: readonly Call[]): Float64Array {
  const out = new Float64Array(calls.length + 1).fill(Number.POSITIVE_INFINITY);
  for (let i = calls.length - 1; i >= 0; i--) {
    const call = calls[i];
    const ver = call ? version_of(call) : 0;
    out[i] = Math.min(out[i + 1] ?? 0, ver > 0 ? ver : Number.POSITIVE_INFINITY);
  }
  return out;
}

/** A number's hash; equal numbers give equal ones. */
function mix(n: number, salt: number): number {
  let h = Math.imul(n ^ (n >>> 16), salt);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
