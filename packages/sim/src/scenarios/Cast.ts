/**
 * Cast: who is who in a scenario. Members of the PG go by letters, taken from its up set when the
 * pool has been made (A is the primary); the other OSDs get the letters after these, by id.
 */
import type { entity_name_t, OSDMap, pg_t } from "@tako/common";
import { CRUSH_ITEM_NONE, InvariantError, scenario_letters } from "@tako/common";

export class Cast {
  readonly #by_letter = new Map<string, number>();
  readonly #by_id = new Map<number, string>();
  /** Epochs are shown counted from the beginning of the PG's first interval, which is 1. */
  #base = 0;

  assign(map: OSDMap, pgid: pg_t): void {
    const { up } = map.pg_to_up_acting_osds(pgid);
    for (const [letter, o] of scenario_letters(up, map.get_all_osds())) {
      if (letter === "") throw new InvariantError("a scenario has at most 26 OSDs");
      this.#by_letter.set(letter, o);
      this.#by_id.set(o, letter);
    }
  }
  /** Another name for an OSD. */
  alias(name: string, id: number): void {
    this.#by_letter.set(name, id);
  }
  set_base(epoch: number): void {
    this.#base = epoch - 1;
  }

  /** `A`, or `osd.2`. */
  id(name: string): number {
    const m = /^osd\.(\d+)$/.exec(name);
    const id = m ? Number(m[1]) : this.#by_letter.get(name);
    if (id === undefined) throw new InvariantError(`nobody is called ${name}`);
    return id;
  }
  ids(names: readonly string[]): number[] {
    return names.map((n) => this.id(n));
  }
  get all(): number[] {
    return [...this.#by_id].sort((a, b) => (a[1] < b[1] ? -1 : 1)).map(([id]) => id);
  }
  letter(id: number): string {
    if (id === CRUSH_ITEM_NONE) return "-";
    return this.#by_id.get(id) ?? `osd.${id}`;
  }
  letters(ids: Iterable<number>): string {
    return [...ids].map((o) => this.letter(o)).join(",");
  }
  /** `osd.2` -> `A`; the first client is the operator and the other one, the second the client. */
  name(entity: entity_name_t | string): string {
    if (entity.startsWith("osd.")) return this.letter(Number(entity.slice(4)));
    if (entity === "client.1") return "other";
    return entity.slice(0, entity.indexOf("."));
  }
  /** Does `entity` answer to `pattern`: a letter, `mon`, `client` or `*`? */
  is(entity: string, pattern: string): boolean {
    if (pattern === "*") return true;
    const id = this.#by_letter.get(pattern);
    return id === undefined ? this.name(entity) === pattern : entity === `osd.${id}`;
  }
  epoch(e: number): number {
    return e > this.#base ? e - this.#base : 0;
  }
  version(v: { readonly epoch: number; readonly version: number }): string {
    return `${this.epoch(v.epoch)}'${v.version}`;
  }
}

/** `{B}` in the words of a command is the id of B. */
export function with_ids(c: Cast, words: readonly string[]): string[] {
  return words.map((w) => w.replace(/\{(\w+)\}/g, (_, name: string) => String(c.id(name))));
}
