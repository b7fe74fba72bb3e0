/**
 * Recorder: what the OSDs did since the last look: state changes of the PG, changes of the map that
 * concern it, messages that the scenario watches. Also remembers, since the last mark, what
 * assertions ask about.
 */
import type {
  entity_name_t,
  LogFields,
  Message,
  OSDMap,
  object_stat_sum_t,
  pg_t,
} from "@tako/common";
import type { World } from "../World.ts";
import type { Cast } from "./Cast.ts";
import { show_message } from "./show_message.ts";

export interface Sent {
  readonly from: entity_name_t;
  readonly to: entity_name_t;
  readonly m: Message;
}

export class Recorder {
  readonly #world: World;
  readonly crowds = new Crowds();
  readonly copies = new Copies();
  readonly #cast: Cast;
  readonly pgid: pg_t;
  readonly watched = new Set<string>();
  #map: OSDMap | null = null;
  /** Written out when looked at: letters are given when the pool is made. */
  #map_lines: (() => string)[] = [];
  #states = new Map<number, string[]>();
  #messages: (() => string)[] = [];
  /** Since the last mark. */
  readonly entered = new Map<number, string[]>();
  readonly sent: Sent[] = [];
  readonly events: { readonly who: string; readonly event: string; readonly fields: LogFields }[] =
    [];

  constructor(world: World, cast: Cast, pgid: pg_t) {
    this.#world = world;
    this.#cast = cast;
    this.pgid = pgid;
    world.log.on_event = (who, event, fields) => this.#on_event(who, event, fields);
    world.net.on_deliver = (from, to, m) => this.#on_deliver(from, to, m);
  }

  mark(): void {
    this.crowds.mark();
    this.copies.mark();
    this.entered.clear();
    this.sent.length = 0;
    this.events.length = 0;
  }
  /** Something that is not a state, in the line of an OSD: `(killed)`. */
  note(osd: number, what: string): void {
    push(this.#states, osd, what);
  }

  #on_event(who: string, event: string, fields: LogFields): void {
    this.events.push({ who, event, fields });
    if (event === "pg_state") this.crowds.note(who, String(fields.pg), String(fields.to));
    const shard = String(fields.pg).replace(/s\d+$/, "");
    if (event !== "pg_state" || shard !== this.pgid) return;
    const osd = Number(who.slice(4));
    push(this.#states, osd, String(fields.to));
    push(this.entered, osd, String(fields.to));
  }
  #on_deliver(from: entity_name_t, to: entity_name_t, m: Message): void {
    if (m.type === "osd_ping" || m.type === "pg_stats") return;
    this.sent.push({ from, to, m });
    if (!this.watched.has(m.type)) return;
    const c = this.#cast;
    this.#messages.push(() => `${c.name(from)} -> ${c.name(to)} ${show_message(c, m)}`);
  }

  /** After each event of the simulation. */
  look_at_map(): void {
    if (!this.#world.mon_running) return;
    const map = this.#world.osdmap;
    const last = this.#map;
    if (map === last) return;
    this.#map = map;
    if (!last || !map.have_pg_pool(1)) return;
    if (this.#changes(last, map).length === 0) return;
    this.#map_lines.push(() => `map: ${this.#changes(last, map).join(", ")}`);
  }
  #changes(last: OSDMap, map: OSDMap): string[] {
    const c = this.#cast;
    const out: string[] = [];
    for (const o of this.#world.osd_ids) {
      const name = c.letter(o);
      if (last.exists(o) && !map.exists(o)) out.push(`${name} removed`);
      else if (last.is_up(o) !== map.is_up(o)) out.push(`${name} ${map.is_up(o) ? "up" : "down"}`);
      else if (last.get_up_from(o) !== map.get_up_from(o)) out.push(`${name} up again`);
      if (last.get_lost_at(o) !== map.get_lost_at(o)) out.push(`${name} lost`);
      if (last.get_up_thru(o) !== map.get_up_thru(o) && map.is_up(o)) out.push(`up_thru ${name}`);
    }
    const was = last.pg_to_up_acting_osds(this.pgid);
    const is = map.pg_to_up_acting_osds(this.pgid);
    if (was.up.join() !== is.up.join() || was.acting.join() !== is.acting.join()) {
      out.push(`up [${c.letters(is.up)}] acting [${c.letters(is.acting)}]`);
    }
    const temp = map.pg_temp.get(this.pgid);
    if (last.pg_temp.get(this.pgid)?.join() !== temp?.join()) {
      out.push(`pg_temp ${temp ? `[${c.letters(temp)}]` : "gone"}`);
    }
    return out;
  }

  /** What was seen since the last call. */
  take(): string[] {
    const states = [...this.#states]
      .map(([osd, names]) => `${this.#cast.letter(osd)}: ${names.join(" ")}`)
      .sort();
    const out = [...this.#map_lines.map((f) => f()), ...states, ...this.#messages.map((f) => f())];
    this.#map_lines = [];
    this.#states = new Map();
    this.#messages = [];
    return out;
  }
}

export interface copy_counts {
  readonly degraded: number;
  readonly misplaced: number;
  readonly missing_on_primary: number;
}
type Sums = Pick<
  object_stat_sum_t,
  "num_objects_degraded" | "num_objects_misplaced" | "num_objects_missing_on_primary"
>;

/** By state of the PG: what was reported of its copies first, and last, since the mark. */
export class Copies {
  readonly seen = new Map<string, { first: copy_counts; last: copy_counts }>();

  note(state: string, sums: Sums): void {
    const last = {
      degraded: sums.num_objects_degraded,
      misplaced: sums.num_objects_misplaced,
      missing_on_primary: sums.num_objects_missing_on_primary,
    };
    this.seen.set(state, { first: this.seen.get(state)?.first ?? last, last });
  }
  mark(): void {
    this.seen.clear();
  }
}

/** How many PGs of an OSD have been in a state at the same time, and in which order they came. */
class Crowds {
  /** `osd.1 1.3` -> state */
  readonly #state = new Map<string, string>();
  readonly #now = new Map<string, number>();
  #peak = new Map<string, number>();
  /** By state: PGs in the order in which they entered it first, since the mark. */
  readonly entered = new Map<string, Set<string>>();

  note(who: string, pg: string, state: string): void {
    const key = `${who} ${pg}`;
    const left = this.#state.get(key);
    if (left !== undefined) this.#count(`${who} ${left}`, -1);
    this.#state.set(key, state);
    this.#count(`${who} ${state}`, 1);
    const order = this.entered.get(state) ?? new Set();
    this.entered.set(state, order.add(pg));
  }
  #count(key: string, n: number): void {
    const now = (this.#now.get(key) ?? 0) + n;
    this.#now.set(key, now);
    this.#peak.set(key, Math.max(now, this.#peak.get(key) ?? 0));
  }
  mark(): void {
    this.#peak = new Map(this.#now);
    this.entered.clear();
  }
  peak(osd: number, state: string): number {
    return this.#peak.get(`osd.${osd} ${state}`) ?? 0;
  }
}

function push(into: Map<number, string[]>, osd: number, what: string): void {
  const list = into.get(osd);
  if (list) list.push(what);
  else into.set(osd, [what]);
}
