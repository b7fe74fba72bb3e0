/**
 * Random transactions against a store and against a model too simple to be wrong, with restarts.
 * After a restart the store must equal the model at some point that is not before the last
 * acknowledged transaction.
 */
import { hobject_hash, type hobject_t, InvariantError, make_hobject, type Rng } from "@tako/common";
import { Transaction } from "../Transaction.ts";
import type { TransactionOp } from "../TransactionOp.ts";
import { bytes, type Dump, type DumpedObject, dump, eq, refused, text } from "./check.ts";
import type { Subject } from "./subject.ts";

const COLLS = ["1.0_head", "1.1_head", "1.2_head"];
const OBJECTS = Array.from({ length: 8 }, (_, i) =>
  make_hobject({ pool: 1, hash: Math.imul(i + 1, 0x9e3779b1) >>> 0, oid: `o${i}` }),
);
const KEYS = Array.from({ length: 12 }, (_, i) => `k${i}`);
const STEPS = 120;

/** mulberry32 */
function make_rng(seed: number): Rng {
  let a = seed;
  const next = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { next, int: (n) => Math.floor(next() * n) };
}
function pick<T>(rng: Rng, list: readonly T[]): T {
  const v = list[rng.int(list.length)];
  if (v === undefined) throw new Error("pick from nothing");
  return v;
}

export async function run_model(s: Subject, seed: number): Promise<void> {
  const rng = make_rng(seed);
  /** State after each transaction; [0] is the empty store. */
  let history: Dump[] = [{}];
  let acked = 0;
  const now = () => history.at(-1) ?? {};

  for (let step = 0; step < STEPS; step++) {
    const t = random_transaction(rng, now());
    const next = apply_all(structuredClone(now()), t.ops);
    if (!next) {
      refused(s.store, t);
    } else {
      history.push(next);
      const n = history.length - 1;
      const mine = history;
      s.store.queue_transaction(t, () => {
        if (mine === history) acked = n;
      });
    }
    eq(dump(s.store), sorted(now()), `seed ${seed} step ${step}`);
    if (rng.int(4) === 0) await s.begin();
    if (rng.int(4) === 0) await s.settle();
    if (rng.int(8) === 0) {
      await s.restart();
      const have = JSON.stringify(dump(s.store));
      const at = history.findLastIndex((m, i) => i >= acked && JSON.stringify(sorted(m)) === have);
      if (at < 0) throw new Error(`seed ${seed} step ${step}: acknowledged work is gone`);
      history = [history[at] ?? {}];
      acked = 0;
    }
  }
}

function sorted(m: Dump): Dump {
  const by_name = <V>(o: Record<string, V>): [string, V][] =>
    Object.entries(o).sort((a, b) => (a[0] < b[0] ? -1 : 1));
  return Object.fromEntries(
    by_name(m).map(([c, objects]) => [
      c,
      Object.fromEntries(
        // Text order is hobject order here: one pool, no namespaces, one snap.
        by_name(objects).map(([o, x]) => [
          o,
          {
            data: x.data,
            attrs: Object.fromEntries(by_name(x.attrs)),
            omap: Object.fromEntries(by_name(x.omap)),
            header: x.header,
          },
        ]),
      ),
    ]),
  );
}

const MAKERS: ((t: Transaction, rng: Rng) => void)[] = [
  (t, r) => t.touch(pick(r, COLLS), pick(r, OBJECTS)),
  (t, r) => t.write(pick(r, COLLS), pick(r, OBJECTS), r.int(300), random_bytes(r, 200)),
  (t, r) => t.write(pick(r, COLLS), pick(r, OBJECTS), 0, random_bytes(r, 400)),
  (t, r) => t.zero(pick(r, COLLS), pick(r, OBJECTS), r.int(300), r.int(200)),
  (t, r) => t.truncate(pick(r, COLLS), pick(r, OBJECTS), r.int(400)),
  (t, r) => t.remove(pick(r, COLLS), pick(r, OBJECTS)),
  (t, r) => t.try_remove(pick(r, COLLS), pick(r, OBJECTS)),
  (t, r) => t.setattr(pick(r, COLLS), pick(r, OBJECTS), pick(r, KEYS), random_bytes(r, 20)),
  (t, r) => t.setattrs(pick(r, COLLS), pick(r, OBJECTS), random_map(r)),
  (t, r) => t.rmattr(pick(r, COLLS), pick(r, OBJECTS), pick(r, KEYS)),
  (t, r) => t.rmattrs(pick(r, COLLS), pick(r, OBJECTS)),
  (t, r) => t.omap_setkeys(pick(r, COLLS), pick(r, OBJECTS), random_map(r)),
  (t, r) => t.omap_setkeys(pick(r, COLLS), pick(r, OBJECTS), random_map(r)),
  (t, r) => t.omap_rmkeys(pick(r, COLLS), pick(r, OBJECTS), [pick(r, KEYS), pick(r, KEYS)]),
  (t, r) => t.omap_rmkeyrange(pick(r, COLLS), pick(r, OBJECTS), pick(r, KEYS), pick(r, KEYS)),
  (t, r) => t.omap_clear(pick(r, COLLS), pick(r, OBJECTS)),
  (t, r) => t.omap_setheader(pick(r, COLLS), pick(r, OBJECTS), random_bytes(r, 9)),
  (t, r) => t.clone(pick(r, COLLS), pick(r, OBJECTS), pick(r, OBJECTS)),
  (t, r) =>
    t.collection_move_rename(pick(r, COLLS), pick(r, OBJECTS), pick(r, COLLS), pick(r, OBJECTS)),
  (t, r) => {
    const bits = r.int(3);
    t.split_collection(pick(r, COLLS), bits, r.int(2 ** bits), pick(r, COLLS));
  },
  (t, r) => t.create_collection(pick(r, COLLS)),
  (t, r) => t.remove_collection(pick(r, COLLS)),
];

/** One time in a few impossible: then it must be refused whole. */
function random_transaction(rng: Rng, now: Dump): Transaction {
  const t = new Transaction();
  const after = structuredClone(now);
  for (let n = 1 + rng.int(5); n > 0; n--) {
    // Most random operations are impossible; keep few of those.
    for (let tries = 0; tries < 20; tries++) {
      const one = new Transaction();
      pick(rng, MAKERS)(one, rng);
      if (!apply_all(structuredClone(after), one.ops) && rng.int(30) > 0) continue;
      apply_all(after, one.ops);
      t.append(one);
      break;
    }
  }
  // Through the wire now and then: the other end must do the same.
  if (rng.int(3) > 0) return t;
  const wire = t.to_wire();
  return Transaction.from_wire(wire.txn, wire.data);
}
function random_bytes(rng: Rng, max: number): Uint8Array {
  const letter = String.fromCharCode(97 + rng.int(26));
  return bytes(letter.repeat(rng.int(max)));
}
function random_map(rng: Rng): Map<string, Uint8Array> {
  const m = new Map<string, Uint8Array>();
  for (let n = rng.int(4); n >= 0; n--) m.set(pick(rng, KEYS), random_bytes(rng, 30));
  return m;
}

// The model

/** `m` after `ops`, or undefined when one of them is impossible. */
function apply_all(m: Dump, ops: readonly TransactionOp[]): Dump | undefined {
  try {
    for (const op of ops) apply(m, op);
    return m;
  } catch (err) {
    if (err instanceof InvariantError) return undefined;
    throw err;
  }
}
function need<T>(v: T | undefined): T {
  if (v === undefined) throw new InvariantError("impossible");
  return v;
}

function apply(m: Dump, op: TransactionOp): void {
  if (op.op === "create_collection") {
    if (m[op.c]) throw new InvariantError("exists");
    m[op.c] = {};
    return;
  }
  const coll = need(m[op.c]);
  if (op.op === "remove_collection") {
    if (Object.keys(coll).length > 0) throw new InvariantError("not empty");
    delete m[op.c];
  } else if (op.op === "split_collection") {
    const dest = need(m[op.dest]);
    if (dest === coll) throw new InvariantError("into itself");
    for (const o of OBJECTS) {
      if (coll[o] && hobject_hash(o) % 2 ** op.bits === op.match) move(coll, o, dest, o);
    }
  } else if (op.op === "try_remove") {
    delete coll[op.o];
  } else if (op.op === "collection_move_rename") {
    need(coll[op.o]);
    move(coll, op.o, need(m[op.c2]), op.o2);
  } else if (op.op === "clone") {
    coll[op.o2] = structuredClone(need(coll[op.o]));
  } else if (op.op === "remove") {
    need(coll[op.o]);
    delete coll[op.o];
  } else {
    apply_object(coll, op);
  }
}
function move(
  from: Record<string, DumpedObject>,
  o: hobject_t,
  to: Record<string, DumpedObject>,
  o2: hobject_t,
): void {
  const x = need(from[o]);
  if (to[o2]) throw new InvariantError("exists");
  delete from[o];
  to[o2] = x;
}

function apply_object(
  coll: Record<string, DumpedObject>,
  op: Extract<TransactionOp, { o: hobject_t }>,
): void {
  const creates = ["touch", "write", "zero", "truncate"].includes(op.op);
  if (creates) coll[op.o] ??= { data: "", attrs: {}, omap: {}, header: undefined };
  const x = need(coll[op.o]);
  const end = (n: number) => x.data.padEnd(n, "\0");
  switch (op.op) {
    case "write":
      if (op.data.length === 0) return;
      x.data = end(op.off).slice(0, op.off) + text(op.data) + x.data.slice(op.off + op.data.length);
      break;
    case "zero":
      if (op.len === 0) return;
      x.data = end(op.off).slice(0, op.off) + "\0".repeat(op.len) + x.data.slice(op.off + op.len);
      break;
    case "truncate":
      x.data = end(op.size).slice(0, op.size);
      break;
    case "setattr":
      x.attrs[op.name] = text(op.value);
      break;
    case "setattrs":
      for (const [k, v] of op.attrs) x.attrs[k] = text(v);
      break;
    case "rmattr":
      delete x.attrs[op.name];
      break;
    case "rmattrs":
      x.attrs = {};
      break;
    case "omap_setkeys":
      for (const [k, v] of op.vals) x.omap[k] = text(v);
      break;
    case "omap_rmkeys":
      for (const k of op.keys) delete x.omap[k];
      break;
    case "omap_rmkeyrange":
      for (const k of Object.keys(x.omap)) if (k >= op.first && k < op.last) delete x.omap[k];
      break;
    case "omap_clear":
      x.omap = {};
      x.header = undefined;
      break;
    case "omap_setheader":
      x.header = text(op.header);
      break;
  }
}
