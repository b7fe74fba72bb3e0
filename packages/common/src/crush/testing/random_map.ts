/** CRUSH maps of all kinds, as text: the same from the same seed. */

class Dice {
  #s: number;
  constructor(seed: number) {
    this.#s = seed >>> 0;
  }
  int(n: number): number {
    this.#s = (this.#s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#s ^ (this.#s >>> 15), this.#s | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * n);
  }
  chance(percent: number): boolean {
    return this.int(100) < percent;
  }
  pick<T>(list: readonly [T, ...T[]]): T {
    return list[this.int(list.length)] ?? list[0];
  }
  /** `2.125`: what 16.16 holds and three decimals print, so that text and map say the same. */
  weight(): string {
    return this.chance(10) ? "0.000" : `${this.int(4)}.${this.pick(["000", "500", "250", "125"])}`;
  }
}

interface Bucket {
  readonly id: number;
  readonly items: readonly string[];
}

const CLASSY_ALGS = ["straw2", "straw2", "straw2", "straw", "list", "tree"] as const;
const ALGS = [...CLASSY_ALGS, "uniform"] as const;
const CLASSES = ["hdd", "ssd", "nvme"] as const;
const LEVELS = ["host", "rack", "root"] as const;

class Writer {
  readonly lines: string[] = [];
  readonly #d: Dice;
  readonly #buckets: Bucket[] = [];
  readonly #classes: string[] = [];
  /** Buckets say which ids they have, and can have weight sets. */
  readonly #with_ids: boolean;
  /** Then without classes: a uniform bucket has no shadow, and with it nobody has. */
  readonly #with_uniform: boolean;

  constructor(d: Dice) {
    this.#d = d;
    this.#with_ids = d.chance(70);
    this.#with_uniform = d.chance(30);
  }

  tunables(): void {
    const d = this.#d;
    const tunable = (name: string, value: number) => this.lines.push(`tunable ${name} ${value}`);
    if (d.chance(30)) return;
    tunable("choose_local_tries", d.chance(80) ? 0 : 2);
    tunable("choose_local_fallback_tries", d.chance(80) ? 0 : 5);
    tunable("choose_total_tries", d.pick([3, 19, 50]));
    tunable("chooseleaf_descend_once", d.int(2));
    tunable("chooseleaf_vary_r", d.int(5));
    tunable("chooseleaf_stable", d.int(2));
    tunable("straw_calc_version", d.int(2));
  }

  /** Device ids may have gaps. */
  devices(n: number): string[] {
    const names: string[] = [];
    for (let o = 0; names.length < n; o += this.#d.chance(10) ? 2 : 1) {
      const cls = !this.#with_uniform && this.#d.chance(50) ? this.#d.pick(CLASSES) : undefined;
      if (cls !== undefined) this.#classes.push(cls);
      this.lines.push(`device ${o} osd.${o}${cls === undefined ? "" : ` class ${cls}`}`);
      names.push(`osd.${o}`);
    }
    return names;
  }
  types(): void {
    ["osd", ...LEVELS].forEach((t, i) => {
      this.lines.push(`type ${i} ${t}`);
    });
  }

  /** Buckets of one level over `items`, each item in one. */
  level(type: string, items: readonly string[], most: number): string[] {
    const d = this.#d;
    const groups: string[][] = [];
    for (const item of items) {
      const last = groups.at(-1);
      if (!last || last.length >= 1 + d.int(most)) groups.push([item]);
      else last.push(item);
    }
    if (d.chance(10)) groups.push([]);
    return groups.map((group, i) => this.#bucket(type, `${type}${i}`, group));
  }
  #bucket(type: string, name: string, items: readonly string[]): string {
    const d = this.#d;
    const alg = this.#with_uniform ? d.pick(ALGS) : d.pick(CLASSY_ALGS);
    const same = d.weight();
    const id = -1 - this.#buckets.length;
    const said = this.#with_ids ? `id ${id} ` : "";
    const list = items.map((i) => `item ${i} weight ${alg === "uniform" ? same : d.weight()}`);
    this.lines.push(`${type} ${name} { ${said}alg ${alg} hash 0 ${list.join(" ")} }`);
    this.#buckets.push({ id, items });
    return name;
  }

  rule(id: number, root: string): void {
    const d = this.#d;
    const erasure = d.chance(40);
    const mode = erasure ? "indep" : "firstn";
    const steps: string[] = [];
    if (d.chance(20)) steps.push(`set_chooseleaf_tries ${1 + d.int(5)}`);
    if (d.chance(20)) steps.push(`set_choose_tries ${1 + d.int(100)}`);
    if (d.chance(10)) steps.push(`set_chooseleaf_vary_r ${d.int(3)}`);
    const cls = this.#classes[0] !== undefined && d.chance(30) ? this.#classes[0] : undefined;
    steps.push(`take ${root}${cls === undefined ? "" : ` class ${cls}`}`);
    if (d.chance(30)) {
      steps.push(`choose ${mode} ${1 + d.int(2)} type rack`);
      steps.push(`chooseleaf ${mode} ${1 + d.int(2)} type host`);
    } else {
      const leaf = d.chance(80);
      const how = leaf ? "chooseleaf" : "choose";
      steps.push(`${how} ${mode} ${d.pick([0, 0, 3, -1])} type ${leaf ? "host" : "osd"}`);
    }
    steps.push("emit");
    const head = `id ${id} type ${erasure ? "erasure" : "replicated"} min_size 1 max_size 10`;
    this.lines.push(`rule r${id} { ${head} ${steps.map((s) => `step ${s}`).join(" ")} }`);
  }

  /** `set`: a pool's id. */
  choose_args(set: number): void {
    const d = this.#d;
    if (!this.#with_ids) return;
    const some = this.#buckets.filter((b) => b.items.length > 0 && d.chance(40));
    const args = some.map(({ id, items }) => {
      const weights = () => `[ ${items.map(() => d.weight()).join(" ")} ]`;
      const sets = Array.from({ length: 1 + d.int(2) }, weights);
      const ids = d.chance(20) ? ` ids [ ${items.map((_, i) => -100 - i).join(" ")} ]` : "";
      return `{ bucket_id ${id} weight_set [ ${sets.join(" ")} ]${ids} }`;
    });
    this.lines.push(`choose_args ${set} { ${args.join(" ")} }`);
  }
}

export function random_crush_text(seed: number): string {
  const d = new Dice(seed);
  const w = new Writer(d);
  w.tunables();
  const devices = w.devices(1 + d.int(20));
  w.types();
  const hosts = w.level("host", devices, 4);
  const racks = w.level("rack", hosts, 3);
  const roots = w.level("root", racks, d.chance(80) ? 100 : 2);
  for (let i = 0; i < 1 + d.int(3); i++) w.rule(i, roots[d.int(roots.length)] ?? "root0");
  if (d.chance(40)) w.choose_args(1);
  return `${w.lines.join("\n")}\n`;
}
