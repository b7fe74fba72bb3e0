/**
 * Reads a JSON answer of a daemon without trusting its shape: what is absent or of another type
 * reads as nothing, so a renderer never throws on the answer of an older or newer daemon.
 */
export class Fields {
  readonly raw: unknown;
  constructor(raw: unknown) {
    this.raw = raw;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }
  get(key: string): unknown {
    const v = this.raw;
    if (typeof v !== "object" || v === null || !Object.hasOwn(v, key)) return undefined;
    return Reflect.get(v, key);
  }
  at(key: string): Fields {
    return new Fields(this.get(key));
  }
  /** Numbers, also those that Ceph prints as text (`"last_change":"11"`). */
  num(key: string, otherwise = 0): number {
    const v = this.get(key);
    if (typeof v === "number") return v;
    return typeof v === "string" && v !== "" && Number.isFinite(Number(v)) ? Number(v) : otherwise;
  }
  text(key: string, otherwise = ""): string {
    const v = this.get(key);
    if (typeof v === "string") return v;
    return typeof v === "number" || typeof v === "boolean" ? String(v) : otherwise;
  }
  /** true, 1 and "true". */
  yes(key: string): boolean {
    const v = this.get(key);
    return v === true || v === 1 || v === "true";
  }
  /** Elements of a list; an absent list is empty. */
  items(key: string): readonly unknown[] {
    return list_of(this.get(key));
  }
  list(key: string): Fields[] {
    return this.items(key).map((v) => new Fields(v));
  }
  nums(key: string): number[] {
    return this.items(key).filter((v) => typeof v === "number");
  }
  texts(key: string): string[] {
    return this.items(key).map(shown);
  }
  keys(): string[] {
    const v = this.raw;
    return typeof v === "object" && v !== null && !Array.isArray(v) ? Object.keys(v) : [];
  }
  /** Elements when this is a list itself. */
  elements(): Fields[] {
    return list_of(this.raw).map((v) => new Fields(v));
  }
}

function list_of(v: unknown): readonly unknown[] {
  return Array.isArray(v) ? v : [];
}

/** A value of any kind on one line. */
export function shown(v: unknown): string {
  if (typeof v === "string") return v;
  return v === undefined ? "" : (JSON.stringify(v) ?? "");
}
