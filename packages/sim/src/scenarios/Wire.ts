/**
 * Wire: a scenario's hand on the network: holds messages of one kind between two daemons (and what
 * is behind them), takes single ones off the wire to hand them over late, or loses them.
 */
import type { Message } from "@tako/common";
import { decode_incremental, encode_incremental, InvariantError } from "@tako/common";
import type { World } from "../World.ts";
import type { Cast } from "./Cast.ts";
import { show_message } from "./show_message.ts";

/** `rep_op A->B`: types (comma-separated, `osd_ping/PING`, or `*`), sender, receiver. */
export interface Rule {
  readonly text: string;
  readonly types: readonly string[];
  readonly from: string;
  readonly to: string;
  hits: number;
}
interface Taken {
  readonly line: string;
  readonly late: () => void;
}

export function parse_rule(words: readonly string[]): Rule {
  const [types, pair] = words;
  const m = /^(\S+)->(\S+)$/.exec(pair ?? "");
  if (!types || !m) throw new InvariantError(`'${words.join(" ")}' is not like: rep_op A->B`);
  return {
    text: `${types} ${pair}`,
    types: types.split(","),
    from: m[1] ?? "",
    to: m[2] ?? "",
    hits: 0,
  };
}

/** `crc`: well-formed, but it does not lead to the map whose checksum it names. */
export type MapDamage = "crc" | "bytes" | "cut";

function damaged(b: Uint8Array, how: MapDamage): Uint8Array {
  if (how === "cut") return b.slice(0, b.length >> 1);
  if (how === "bytes") return b.map((x, i) => (i % 7 === 3 ? x ^ 0xff : x));
  const inc = decode_incremental(b);
  return encode_incremental({ ...inc, full_crc: (inc.full_crc + 1) >>> 0 });
}

export class Wire {
  readonly #world: World;
  readonly #cast: Cast;
  #holds: Rule[] = [];
  #takes: Rule[] = [];
  #drops: Rule[] = [];
  #damages: { readonly rule: Rule; readonly how: MapDamage }[] = [];
  #taken: Taken[] = [];

  constructor(world: World, cast: Cast) {
    this.#world = world;
    this.#cast = cast;
    world.net.alter = (from, to, m) => this.#alter(from, to, m);
    world.net.stall = (from, to, m) => this.#hit(this.#holds, from, to, m);
    world.net.take = (from, to, m, late) => {
      if (this.#hit(this.#drops, from, to, m)) return true;
      if (!this.#hit(this.#takes, from, to, m)) return false;
      const who = `${cast.name(from)} -> ${cast.name(to)}`;
      this.#taken.push({ line: `${who} ${show_message(cast, m)} (late)`, late });
      return true;
    };
  }
  matches(r: Rule, from: string, to: string, m: Message): boolean {
    const type = r.types.includes(m.type) || (r.types[0] === "*" && m.type !== "osd_ping");
    const op = "op" in m && r.types.includes(`${m.type}/${m.op}`);
    return (type || op) && this.#cast.is(from, r.from) && this.#cast.is(to, r.to);
  }
  #hit(rules: readonly Rule[], from: string, to: string, m: Message): boolean {
    for (const r of rules) {
      if (!this.matches(r, from, to, m)) continue;
      r.hits++;
      return true;
    }
    return false;
  }

  /** The next incremental map that the rule meets arrives damaged. */
  damage(rule: Rule, how: MapDamage): void {
    this.#damages.push({ rule, how });
  }
  #alter(from: string, to: string, m: Message): Message {
    if (m.type !== "osd_map" || m.incremental.length === 0) return m;
    const i = this.#damages.findIndex((d) => this.matches(d.rule, from, to, m));
    const [d] = i < 0 ? [] : this.#damages.splice(i, 1);
    if (!d) return m;
    d.rule.hits++;
    const last = m.data.length - 1;
    return { ...m, data: m.data.map((b, n) => (n === last ? damaged(b, d.how) : b)) };
  }

  hold(r: Rule): void {
    this.#holds.push(r);
  }
  take(r: Rule): void {
    this.#takes.push(r);
  }
  drop(r: Rule): void {
    this.#drops.push(r);
  }
  /** Has the rule met a message yet? */
  has_met(text: string): boolean {
    const damages = this.#damages.map((d) => d.rule);
    return [...this.#holds, ...this.#takes, ...this.#drops, ...damages].some(
      (r) => r.text === text && r.hits > 0,
    );
  }
  /** Ends holds, all or one, and loss and taking; what was held goes on. */
  release(text: string): void {
    const keep = (r: Rule) => text !== "" && r.text !== text;
    this.#holds = this.#holds.filter(keep);
    this.#takes = this.#takes.filter(keep);
    this.#drops = this.#drops.filter(keep);
    this.#world.net.unstall();
  }
  /** Hands over what was taken, in order. */
  deliver(): string[] {
    const taken = this.#taken;
    this.#taken = [];
    for (const t of taken) t.late();
    return taken.map((t) => t.line);
  }
}
