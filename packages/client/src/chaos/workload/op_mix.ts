/**
 * What clients ask of objects: every operation of the client library, alone and compounded, with
 * guards that hold about as often as not. Payloads carry tags (history/tags.ts). Pure.
 * Ceph counterpart: RadosModel (src/test/osd/TestRados.cc), with its weights in spirit.
 */
import type { Rng } from "@tako/common";
import type { CmpOp, OpKind, Step } from "../history/history.ts";

/** What the last answer has said about an object; others may have changed it since. */
export interface Hint {
  size: number;
  ver: number;
}
export interface Ask {
  readonly kind: OpKind;
  readonly steps: readonly Step[];
}
export interface Mix {
  readonly rng: Rng;
  readonly hint: Hint;
  /** Differs for each call. */
  readonly tag: string;
}

/** Objects are cut back from here on. */
const LARGE = 8192;
const KEYS = 6;
const CMP: readonly CmpOp[] = ["eq", "ne", "gt", "gte", "lt", "lte"];

function pick<T>(rng: Rng, list: readonly T[]): T {
  return list[rng.int(list.length)] as T;
}
/** Mostly short; some longer than what recovery pushes at a time. */
function payload({ rng, tag }: Mix): string {
  const dice = rng.int(40);
  const fill = dice < 28 ? rng.int(30) : dice < 39 ? rng.int(260) : 3000 + rng.int(3000);
  return `[${tag}]${"x".repeat(fill)}`;
}
function small({ rng, tag }: Mix): string {
  return `[${tag}]${"x".repeat(rng.int(12))}`;
}
function key(m: Mix): string {
  return `k${m.rng.int(KEYS)}`;
}

type Maker = (m: Mix) => Step[];
type Weighted = readonly [number, Maker][];

// biome-ignore format: read as a table
const WRITES: Weighted = [
  [12, (m) => [{ op: "writefull", data: payload(m) }]],
  [16, (m) => [{ op: "append", data: payload(m) }]],
  [8,  (m) => [{ op: "write", off: m.rng.int(Math.min(m.hint.size, LARGE) + 80), data: payload(m) }]],
  [3,  (m) => [{ op: "truncate", size: m.rng.int(m.hint.size + 40) }]],
  [3,  (m) => [{ op: "zero", off: m.rng.int(m.hint.size + 1), len: 1 + m.rng.int(100) }]],
  [3,  () => [{ op: "delete" }]],
  [3,  () => [{ op: "create", exclusive: true }]],
  [1,  () => [{ op: "create", exclusive: false }]],
  [5,  (m) => [{ op: "setxattr", name: pick(m.rng, ["a", "b"]), value: small(m) }]],
  [2,  (m) => [{ op: "rmxattr", name: pick(m.rng, ["a", "b", "mode"]) }]],
  // Compounds: all or nothing.
  [4,  (m) => [{ op: "writefull", data: payload(m) }, { op: "setxattr", name: "a", value: small(m) }]],
  [3,  (m) => [{ op: "append", data: payload(m) }, { op: "setxattr", name: "mode", value: `${m.rng.int(3)}` }]],
  [2,  (m) => [{ op: "create", exclusive: true }, { op: "append", data: payload(m) }]],
  [1,  (m) => [{ op: "delete" }, { op: "writefull", data: payload(m) }]],
  [1,  (m) => [{ op: "truncate", size: 0 }, { op: "append", data: payload(m) }, { op: "rmxattr", name: "b" }]],
  // Guarded: what they say is often, but not always, so.
  [4,  (m) => [{ op: "assert-version", ver: Math.max(1, m.hint.ver) }, { op: "append", data: payload(m) }]],
  [4,  (m) => [{ op: "cmpxattr", name: "mode", cmp: pick(m.rng, CMP), value: m.rng.int(3) }, { op: "append", data: payload(m) }]],
  [2,  (m) => [{ op: "cmpxattr", name: "a", cmp: pick(m.rng, ["gt", "ne"]), value: "[2" }, { op: "writefull", data: payload(m) }]],
  [2,  (m) => [{ op: "cmpext", off: 0, data: `[${1 + m.rng.int(3)}` }, { op: "write", off: 1, data: small(m) }]],
  [2,  (m) => [{ op: "assert-exists" }, { op: "setxattr", name: "b", value: small(m) }]],
  [1,  (m) => [{ op: "create", exclusive: true, failok: true }, { op: "append", data: payload(m) }]],
];
// biome-ignore format: read as a table
const OMAP_WRITES: Weighted = [
  [6,  (m) => [{ op: "omap-set-vals", vals: [[key(m), small(m)]] }]],
  [3,  (m) => [{ op: "omap-set-vals", vals: [["k0", small(m)], [`m${m.rng.int(20)}`, small(m)]] }]],
  [2,  (m) => [{ op: "omap-rm-keys", keys: [key(m), key(m)] }]],
  [1,  () => [{ op: "omap-clear" }]],
  [2,  (m) => [{ op: "omap-set-header", data: small(m) }]],
  [3,  (m) => [{ op: "append", data: payload(m) }, { op: "omap-set-vals", vals: [[key(m), small(m)]] }, { op: "setxattr", name: "a", value: small(m) }]],
  [2,  (m) => [{ op: "omap-cmp", key: key(m), cmp: pick(m.rng, CMP), value: "[3" }, { op: "omap-set-vals", vals: [["k0", small(m)]] }]],
];
const WHOLE: Step = { op: "read", off: 0, len: 0 };
// biome-ignore format: read as a table
const READS: Weighted = [
  [18, () => [WHOLE]],
  [8,  () => [WHOLE, { op: "getxattrs" }]],
  [4,  (m) => [{ op: "read", off: m.rng.int(m.hint.size + 20), len: 1 + m.rng.int(200) }]],
  [4,  () => [{ op: "stat" }]],
  [2,  (m) => [{ op: "getxattr", name: pick(m.rng, ["a", "b", "mode"]) }]],
  [2,  () => [{ op: "stat" }, { op: "getxattr", name: "a", failok: true }, WHOLE]],
  [1,  (m) => [{ op: "assert-version", ver: Math.max(1, m.hint.ver) }, WHOLE]],
  [1,  () => [{ op: "cmpxattr", name: "mode", cmp: "gte", value: 1 }, { op: "stat" }]],
];
// biome-ignore format: read as a table
const OMAP_READS: Weighted = [
  [6,  () => [WHOLE, { op: "omap-get-vals", after: "", prefix: "", max: 100 }, { op: "omap-get-header" }]],
  [2,  (m) => [{ op: "omap-get-vals", after: key(m), prefix: pick(m.rng, ["", "k", "m"]), max: 1 + m.rng.int(4) }]],
  [2,  (m) => [{ op: "omap-get-keys", after: "", max: 1 + m.rng.int(9) }]],
  [2,  (m) => [{ op: "omap-get-vals-by-keys", keys: ["k0", key(m)] }]],
];

function weigh(lists: readonly Weighted[]): { total: number; all: Weighted } {
  const all = lists.flat();
  return { total: all.reduce((n, [w]) => n + w, 0), all };
}
const PLAIN = { write: weigh([WRITES]), read: weigh([READS]) };
const WITH_OMAP = { write: weigh([WRITES, OMAP_WRITES]), read: weigh([READS, OMAP_READS]) };

function make({ total, all }: { total: number; all: Weighted }, m: Mix): Step[] {
  let dice = m.rng.int(total);
  for (const [w, maker] of all) {
    dice -= w;
    if (dice < 0) return maker(m);
  }
  return [WHOLE];
}

/** Objects of this kind are only ever appended to, and read. */
export function ask_journal(m: Mix): Ask {
  if (m.rng.int(3) === 0) return { kind: "read", steps: [WHOLE] };
  return { kind: "write", steps: [{ op: "append", data: small(m) }] };
}
export function ask_read(m: Mix, omap: boolean): Ask {
  return { kind: "read", steps: make((omap ? WITH_OMAP : PLAIN).read, m) };
}
export function ask_any(m: Mix, omap: boolean): Ask {
  if (m.rng.int(100) < 10) return ask_read(m, omap);
  if (m.hint.size > LARGE) return { kind: "write", steps: [{ op: "writefull", data: payload(m) }] };
  return { kind: "write", steps: make((omap ? WITH_OMAP : PLAIN).write, m) };
}
/** All that there is to see. */
export function ask_everything(omap: boolean): Ask {
  const map: Step[] = [
    { op: "omap-get-vals", after: "", prefix: "", max: 1000 },
    { op: "omap-get-header" },
  ];
  return { kind: "read", steps: [WHOLE, { op: "getxattrs" }, ...(omap ? map : [])] };
}
