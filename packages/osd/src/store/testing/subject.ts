/**
 * What the compliance cases are written with: the store under test, its restart, and short forms.
 */
import { type hobject_t, make_hobject } from "@tako/common";
import type { ObjectStore } from "../ObjectStore.ts";
import { Transaction } from "../Transaction.ts";
import { bytes, text } from "./check.ts";

/** One store under test. */
export interface Subject {
  /** Mounted. Another object after restart(). */
  readonly store: ObjectStore;
  /** Ends the process as kill -9 does, or umounts where that cannot be had; then mounts again. */
  restart(): Promise<void>;
  /** Lets what is queued get on its way to the disk, and not further where that can be had. */
  begin(): Promise<void>;
  /** Lets time pass until what is queued is committed. */
  settle(): Promise<void>;
}
export interface ComplianceCase {
  readonly name: string;
  run(s: Subject): Promise<void>;
}

export const C = "1.0_head";
export const C2 = "1.1_head";

export function obj(oid: string, hash = 0x1000): hobject_t {
  return make_hobject({ pool: 1, hash, oid });
}
export const A = obj("a");
export const B = obj("b");

export function txn(fn: (t: Transaction) => void): Transaction {
  const t = new Transaction();
  fn(t);
  return t;
}
export function queue(s: Subject, fn: (t: Transaction) => void): void {
  s.store.queue_transaction(txn(fn));
}
export function committed(s: Subject, fn: (t: Transaction) => void): Promise<void> {
  const done = new Promise<void>((resolve) => s.store.queue_transaction(txn(fn), resolve));
  return s.settle().then(() => done);
}
export function with_coll(s: Subject, fn: (t: Transaction) => void): void {
  queue(s, (t) => {
    t.create_collection(C);
    t.create_collection(C2);
    fn(t);
  });
}
export function read_text(s: Subject, o: hobject_t, off = 0, len = 0, c = C): string | undefined {
  const b = s.store.read(c, o, off, len);
  return b && text(b);
}
export function attr_text(s: Subject, o: hobject_t, name: string): string | undefined {
  const b = s.store.getattr(C, o, name);
  return b && text(b);
}
export function omap_text(s: Subject, o: hobject_t, c = C): Record<string, string> | undefined {
  const list = s.store.omap_list(c, o, "", "", 1e6);
  const values = list && s.store.omap_get_values(c, o, list.keys);
  return values && Object.fromEntries([...values].map(([k, v]) => [k, text(v)]));
}
export function vals(m: Record<string, string>): Map<string, Uint8Array> {
  return new Map(Object.entries(m).map(([k, v]) => [k, bytes(v)]));
}

/** fsid that the subject's store is made with. */
export const COMPLIANCE_FSID = "7a1ed1a0-0000-4000-8000-000000000001";
