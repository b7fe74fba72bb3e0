/**
 * Doc: a place in somebody's JSON, that remembers where it is. Nothing is trusted: what is absent or
 * of another type is undefined. Releases of Ceph print numbers as text here and there.
 */
import type { explain_fact } from "./explanation.ts";

function member(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  return Reflect.get(value, key);
}

export class Doc {
  readonly value: unknown;
  readonly path: string;

  constructor(value: unknown, path: string) {
    this.value = value;
    this.path = path;
  }

  get exists(): boolean {
    return this.value !== undefined && this.value !== null;
  }
  at(...keys: readonly string[]): Doc {
    let value = this.value;
    for (const key of keys) value = member(value, key);
    return new Doc(value, [this.path, ...keys].join("."));
  }
  items(): Doc[] {
    if (!Array.isArray(this.value)) return [];
    return this.value.map((v: unknown, i) => new Doc(v, `${this.path}[${i}]`));
  }
  keys(): string[] {
    return typeof this.value === "object" && this.value !== null ? Object.keys(this.value) : [];
  }
  get is_object(): boolean {
    return typeof this.value === "object" && this.value !== null && !Array.isArray(this.value);
  }
  num(): number | undefined {
    const v = this.value;
    if (typeof v === "number" && Number.isFinite(v)) return v;
    return typeof v === "string" && /^-?\d{1,15}(\.\d+)?$/.test(v) ? Number(v) : undefined;
  }
  str(): string | undefined {
    return typeof this.value === "string" ? this.value : undefined;
  }
  /** A count; 0 when absent. */
  count(): number {
    return Math.max(0, this.num() ?? 0);
  }
  /** `true`, 1, "1" */
  flag(): boolean {
    return this.value === true || this.num() === 1;
  }
  ints(): number[] {
    return this.items().flatMap((d) => {
      const n = d.num();
      return n !== undefined && Number.isInteger(n) ? [n] : [];
    });
  }
  texts(): string[] {
    return this.items().flatMap((d) => {
      if (typeof d.value === "string") return [d.value];
      return typeof d.value === "number" ? [String(d.value)] : [];
    });
  }
  fact(means: string): explain_fact {
    return { path: this.path, value: this.value ?? null, means };
  }
}
