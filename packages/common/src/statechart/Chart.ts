/**
 * State charts as data: a typed table of states, flattened once at load into, for each leaf state and
 * event, the reactions from the innermost state outwards, with every exit and entry worked out.
 * This file describes and compiles; Machine.ts runs; render.ts prints.
 * Ceph counterpart: boost::statechart as src/osd/PeeringState.h uses it. Rules: peering.md §5.
 */
import { InvariantError, invariant } from "../errors.ts";

/** The event is dealt with. */
export const DISCARD = Symbol("DISCARD");
/** The enclosing state shall see the event, too. */
export const FORWARD = Symbol("FORWARD");
export type Handled = typeof DISCARD | typeof FORWARD;

interface EventBase {
  readonly type: string;
}

/** `M` is what handlers act on. Answers DISCARD, FORWARD or, if declared, a state to go to. */
export type Handler<M, E, R = Handled> = (m: M, evt: E) => R;

/**
 * What a state does about an event: go to a state; call a handler; or call a handler that may also
 * go to one of the states listed behind it.
 */
export type Reaction<S extends string, M, E> =
  | S
  | Handler<M, E>
  | readonly [Handler<M, E, Handled | S>, S, ...S[]];

export interface StateDef<S extends string, M, E extends EventBase> {
  /** Enclosing state; absent for outermost states. */
  readonly in?: S;
  /** Child entered when this state is the target. Needed exactly when there are children. */
  readonly initial?: S;
  /** `evt` is what caused the entry; undefined at initiate(). */
  readonly enter?: (m: M, evt: E | undefined) => void;
  readonly exit?: (m: M) => void;
  readonly on?: { readonly [K in E["type"]]?: Reaction<S, M, Extract<E, { type: K }>> };
}
export type Chart<S extends string, M, E extends EventBase> = {
  readonly [K in S]: StateDef<S, M, E>;
};

/** Consumes the event. A named function, so that the printed table can say "ignored". */
export function ignore(): typeof DISCARD {
  return DISCARD;
}

/** From one leaf: leave `exits` in order (innermost first), then enter `enters` (outermost first). */
export interface Path {
  readonly exits: readonly number[];
  readonly enters: readonly number[];
  readonly leaf: number;
}
export interface CompiledReaction<M, E> {
  /** Index of the state that declares it. */
  readonly state: number;
  readonly handler: Handler<M, E, Handled | string> | null;
  /** Path by target name. A plain transition has exactly one. */
  readonly paths: ReadonlyMap<string, Path>;
  readonly only: Path | null;
  /** Counter slots: reaction ran without transition, and by target. */
  readonly slot: number;
  readonly target_slots: ReadonlyMap<string, number>;
}

/** One line of the chart: what coverage counts and the documentation prints. */
export interface ChartRow<S extends string> {
  readonly state: S;
  readonly event: string;
  /** null: handled inside the state (or ignored, or forwarded). */
  readonly target: S | null;
  readonly kind: "transition" | "handler" | "ignored";
}

/**
 * A chart flattened: for each state and event, what happens, with the states around it looked
 * through.
 */
export class CompiledChart<S extends string, M, E extends EventBase> {
  readonly names: readonly S[];
  readonly defs: readonly StateDef<S, M, E>[];
  readonly rows: readonly ChartRow<S>[];
  readonly initial: Path;
  /** By leaf index (other states: null), then event type. */
  readonly table: readonly (ReadonlyMap<string, readonly CompiledReaction<M, E>[]> | null)[];
  readonly #index: ReadonlyMap<string, number>;
  readonly #slots = new Map<string, number>();

  constructor(chart: Chart<S, M, E>, initial: NoInfer<S>) {
    this.names = Object.keys(chart) as S[];
    this.defs = this.names.map((n) => chart[n]);
    this.#index = new Map(this.names.map((n, i) => [n, i]));
    this.#check();
    this.rows = this.#make_rows();
    for (const r of this.rows)
      this.#slots.set(row_key(r.state, r.event, r.target), this.#slots.size);
    this.initial = { exits: [], ...this.#descend(this.index(initial), -1) };
    this.table = this.names.map((_, i) => (this.#is_leaf(i) ? this.#flatten(i) : null));
  }

  index(name: string): number {
    const i = this.#index.get(name);
    if (i === undefined) throw new InvariantError("state chart: unknown state", { state: name });
    return i;
  }
  parent(i: number): number {
    const p = this.defs[i]?.in;
    return p === undefined ? -1 : this.index(p);
  }
  /** `i` and its enclosing states, innermost first. */
  ancestry(i: number): number[] {
    const out: number[] = [];
    for (let s = i; s >= 0; s = this.parent(s)) {
      invariant(out.length <= this.names.length, "state chart: `in` runs in a circle", {
        state: this.names[i],
      });
      out.push(s);
    }
    return out;
  }
  /** `Started/Primary/Peering` */
  path_name(i: number): string {
    return this.ancestry(i)
      .reverse()
      .map((s) => this.names[s])
      .join("/");
  }
  children(i: number): number[] {
    const out: number[] = [];
    for (let c = 0; c < this.names.length; c++) if (this.parent(c) === i) out.push(c);
    return out;
  }

  #is_leaf(i: number): boolean {
    return this.defs[i]?.initial === undefined;
  }

  #check(): void {
    for (const [i, def] of this.defs.entries()) {
      this.ancestry(i);
      const kids = this.children(i);
      const state = this.names[i];
      if (def.initial === undefined) {
        invariant(kids.length === 0, "state chart: a state with children needs `initial`", {
          state,
        });
      } else {
        const ok = kids.includes(this.index(def.initial));
        invariant(ok, "state chart: `initial` is not a child", { state, initial: def.initial });
      }
    }
  }

  #make_rows(): ChartRow<S>[] {
    const rows: ChartRow<S>[] = [];
    for (const [i, def] of this.defs.entries()) {
      const state = this.names[i] as S;
      for (const [event, r] of reactions(def)) {
        if (typeof r === "string") {
          rows.push({ state, event, target: r, kind: "transition" });
          continue;
        }
        const kind = r === ignore ? "ignored" : "handler";
        rows.push({ state, event, target: null, kind });
        if (typeof r === "function") continue;
        for (const t of r.slice(1) as S[]) {
          rows.push({ state, event, target: t, kind: "transition" });
        }
      }
    }
    return rows;
  }

  #flatten(leaf: number): Map<string, CompiledReaction<M, E>[]> {
    const out = new Map<string, CompiledReaction<M, E>[]>();
    for (const state of this.ancestry(leaf)) {
      for (const [event, r] of reactions(this.defs[state] as StateDef<S, M, E>)) {
        const chain = out.get(event) ?? [];
        chain.push(this.#compile(leaf, state, event, r));
        out.set(event, chain);
      }
    }
    return out;
  }

  #compile(
    leaf: number,
    state: number,
    event: string,
    r: Reaction<S, M, E>,
  ): CompiledReaction<M, E> {
    const name = this.names[state] as S;
    const targets =
      typeof r === "string" ? [r] : typeof r === "function" ? [] : (r.slice(1) as S[]);
    const paths = new Map<string, Path>();
    const target_slots = new Map<string, number>();
    for (const t of targets) {
      paths.set(t, this.#path(leaf, state, this.index(t)));
      target_slots.set(t, this.slot(name, event, t));
    }
    const handler = typeof r === "string" ? null : typeof r === "function" ? r : r[0];
    const only = typeof r === "string" ? (paths.get(r) ?? null) : null;
    const slot = typeof r === "string" ? this.slot(name, event, r) : this.slot(name, event, null);
    return { state, handler, paths, only, slot, target_slots };
  }

  /** Counter slot of a row. */
  slot(state: string, event: string, target: string | null): number {
    return this.#slots.get(row_key(state, event, target)) ?? -1;
  }

  /**
   * Leaves everything below the innermost state that encloses both the declaring state and the
   * target without being either: a transition to itself leaves and enters again.
   */
  #path(leaf: number, source: number, target: number): Path {
    const outer = new Set(this.ancestry(source).slice(1));
    const common = this.ancestry(target)
      .slice(1)
      .find((s) => outer.has(s));
    const stop = common ?? -1;
    const exits: number[] = [];
    for (let s = leaf; s !== stop; s = this.parent(s)) exits.push(s);
    return { exits, ...this.#descend(target, stop) };
  }

  /** States entered on the way from `above` (exclusive) to `target` and on into initial children. */
  #descend(target: number, above: number): { enters: number[]; leaf: number } {
    const enters: number[] = [];
    for (let s = target; s !== above; s = this.parent(s)) enters.unshift(s);
    let leaf = target;
    for (let c = this.defs[leaf]?.initial; c !== undefined; c = this.defs[leaf]?.initial) {
      leaf = this.index(c);
      enters.push(leaf);
    }
    return { enters, leaf };
  }
}

function reactions<S extends string, M, E extends EventBase>(
  def: StateDef<S, M, E>,
): [string, Reaction<S, M, E>][] {
  // The table is typed event by event; once flattened, a handler only ever gets its own event.
  return Object.entries(def.on ?? {}) as [string, Reaction<S, M, E>][];
}
export function row_key(state: string, event: string, target: string | null): string {
  return `${state} ${event} ${target ?? ""}`;
}
