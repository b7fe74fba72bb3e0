/** Assertions of the compliance suite; no test framework, so that any store's tests can run it. */
import { InvariantError } from "@tako/common";
import type { ObjectStore } from "../ObjectStore.ts";
import type { Transaction } from "../Transaction.ts";

export function bytes(s: string): Uint8Array {
  return new TextEncoder().encode(s);
}
export function text(b: Uint8Array): string {
  return new TextDecoder().decode(b);
}

/** One text for equal values: maps regardless of order, bytes by content. */
function show(v: unknown): string {
  return JSON.stringify(v, (_key, x: unknown) => {
    if (x instanceof Uint8Array) return `bytes:${text(x)}`;
    if (x instanceof Map) {
      const entries = [...x].map(([k, val]) => [String(k), val] as const);
      return { map: entries.sort((a, b) => (a[0] < b[0] ? -1 : 1)) };
    }
    return x === undefined ? "(undefined)" : x;
  });
}
export function eq(got: unknown, want: unknown, what = ""): void {
  const g = show(got);
  const w = show(want);
  if (g !== w) throw new Error(`${what} got ${g.slice(0, 400)}, want ${w.slice(0, 400)}`);
}

/** Queues `t`, which must be refused. */
export function refused(store: ObjectStore, t: Transaction): void {
  try {
    store.queue_transaction(t, () => {
      throw new Error("on_commit of a refused transaction");
    });
  } catch (err) {
    if (err instanceof InvariantError) return;
    throw err;
  }
  throw new Error(`accepted: ${t.ops.map((op) => op.op).join(", ")}`);
}

export interface DumpedObject {
  data: string;
  attrs: Record<string, string>;
  omap: Record<string, string>;
  header: string | undefined;
}
export type Dump = Record<string, Record<string, DumpedObject>>;

function texts(m: ReadonlyMap<string, Uint8Array> | undefined): Record<string, string> {
  const sorted = [...(m ?? [])].sort((a, b) => (a[0] < b[0] ? -1 : 1));
  return Object.fromEntries(sorted.map(([k, v]) => [k, text(v)]));
}

/** Everything that a store shows, by small pages. */
export function dump(store: ObjectStore): Dump {
  const out: Dump = {};
  for (const c of store.list_collections()) {
    const objects: Record<string, DumpedObject> = {};
    let start: Parameters<ObjectStore["collection_list"]>[1] = "MIN";
    while (start !== "MAX") {
      const page = store.collection_list(c, start, "MAX", 3);
      for (const o of page.objects) objects[o] = dump_object(store, c, o);
      start = page.next;
    }
    out[c] = objects;
  }
  return out;
}
function dump_object(
  store: ObjectStore,
  c: string,
  o: Parameters<ObjectStore["read"]>[1],
): DumpedObject {
  const keys: string[] = [];
  for (let more = true; more; ) {
    const page = store.omap_list(c, o, keys.at(-1) ?? "", "", 5);
    if (!page) throw new Error(`${o} is listed but has no omap`);
    keys.push(...page.keys);
    more = page.more;
  }
  const data = store.read(c, o, 0, 0);
  eq(store.stat(c, o), { size: data?.length }, `size of ${o}`);
  const header = store.omap_get_header(c, o);
  return {
    data: text(data ?? bytes("(absent)")),
    attrs: texts(store.getattrs(c, o)),
    omap: texts(store.omap_get_values(c, o, keys)),
    header: header && text(header),
  };
}
