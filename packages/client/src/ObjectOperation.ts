/**
 * Compound operations: several steps on one object, all or nothing, built by chaining calls.
 * Ceph counterpart: librados ObjectWriteOperation, ObjectReadOperation. cluster.md §6.7.
 */
import type { OSDOpStep } from "@tako/common";

export type CmpOp = "eq" | "ne" | "gt" | "gte" | "lt" | "lte";
export type Bytes = Uint8Array | string;

const utf8 = new TextEncoder();
export function to_bytes(b: Bytes): Uint8Array {
  return typeof b === "string" ? utf8.encode(b) : b;
}

/** Steps and their payloads; also what guards of reads and writes have in common. */
export class ObjectOperation {
  readonly ops: OSDOpStep[] = [];
  readonly data: Uint8Array[] = [];

  protected seg(b: Bytes): number {
    return this.data.push(to_bytes(b)) - 1;
  }
  protected add(step: OSDOpStep): this {
    this.ops.push(step);
    return this;
  }
  /** ENOENT unless the object exists. */
  assert_exists(): this {
    return this.add({ op: "assert-exists" });
  }
  /** ERANGE when the object's user_version is lower, EOVERFLOW when it is higher. */
  assert_version(ver: number): this {
    return this.add({ op: "assert-version", ver });
  }
  /** ECANCELED unless `attribute <cmp> value` holds: bytes as strings, numbers as u64. */
  cmpxattr(name: string, cmp: CmpOp, value: Bytes | number): this {
    const cmp_mode = typeof value === "number" ? "u64" : "string";
    const seg = this.seg(typeof value === "number" ? String(value) : value);
    return this.add({ op: "cmpxattr", name, cmp, cmp_mode, seg });
  }
  /** Fails with -4095 - (offset of the first difference) unless the bytes at `off` are `value`. */
  cmpext(off: number, value: Bytes): this {
    return this.add({ op: "cmpext", off, seg: this.seg(value) });
  }
  /** ECANCELED unless the omap value compares so. */
  omap_cmp(key: string, cmp: CmpOp, value: Bytes): this {
    return this.add({ op: "omap-cmp", name: key, cmp, seg: this.seg(value) });
  }
  /** The step before may fail without failing the whole. */
  failok(): this {
    const last = this.ops.at(-1);
    if (last) this.ops[this.ops.length - 1] = { ...last, failok: true };
    return this;
  }
}

export class ObjectWriteOperation extends ObjectOperation {
  /** exclusive: EEXIST when it exists already. */
  create(exclusive: boolean): this {
    return this.add({ op: "create", exclusive });
  }
  write(off: number, b: Bytes): this {
    return this.add({ op: "write", off, seg: this.seg(b) });
  }
  write_full(b: Bytes): this {
    return this.add({ op: "writefull", seg: this.seg(b) });
  }
  append(b: Bytes): this {
    return this.add({ op: "append", seg: this.seg(b) });
  }
  truncate(size: number): this {
    return this.add({ op: "truncate", off: size });
  }
  zero(off: number, len: number): this {
    return this.add({ op: "zero", off, len });
  }
  remove(): this {
    return this.add({ op: "delete" });
  }
  setxattr(name: string, value: Bytes): this {
    return this.add({ op: "setxattr", name, seg: this.seg(value) });
  }
  rmxattr(name: string): this {
    return this.add({ op: "rmxattr", name });
  }
  omap_set(values: Iterable<readonly [string, Bytes]>): this {
    const vals = [...values].map(([key, v]) => ({ key, value: this.seg(v) }));
    return this.add({ op: "omap-set-vals", vals });
  }
  omap_set_header(b: Bytes): this {
    return this.add({ op: "omap-set-header", seg: this.seg(b) });
  }
  omap_rm_keys(keys: readonly string[]): this {
    return this.add({ op: "omap-rm-keys", keys: [...keys] });
  }
  omap_clear(): this {
    return this.add({ op: "omap-clear" });
  }
}

export class ObjectReadOperation extends ObjectOperation {
  /** len 0 = to the end. */
  read(off: number, len: number): this {
    return this.add({ op: "read", off, len });
  }
  stat(): this {
    return this.add({ op: "stat" });
  }
  getxattr(name: string): this {
    return this.add({ op: "getxattr", name });
  }
  getxattrs(): this {
    return this.add({ op: "getxattrs" });
  }
  omap_get_header(): this {
    return this.add({ op: "omap-get-header" });
  }
  omap_get_keys(start_after: string, max: number): this {
    return this.add({ op: "omap-get-keys", start_after, max });
  }
  omap_get_vals(start_after: string, filter_prefix: string, max: number): this {
    return this.add({ op: "omap-get-vals", start_after, filter_prefix, max });
  }
  omap_get_vals_by_keys(keys: readonly string[]): this {
    return this.add({ op: "omap-get-vals-by-keys", keys: [...keys] });
  }
}
