/**
 * Steps that compare and refuse: assert-exists, assert-version, cmpxattr, cmpext, omap-cmp.
 * Ceph counterpart: those cases of PrimaryLogPG::do_osd_ops, do_xattr_cmp_str, do_xattr_cmp_u64,
 * do_extent_cmp. cluster.md §6.7.
 */
import type { OSDOpOutcome, OSDOpStep } from "@tako/common";
import { fail, OK, type OpContext, payload } from "./OpContext.ts";
import { xattr_attr } from "./object_info.ts";

export function assert_exists(ctx: OpContext): OSDOpOutcome {
  ctx.delta.num_read++;
  return ctx.exists ? OK : fail("ENOENT");
}

/** The version is the user_version that the last write returned. */
export function assert_version(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  ctx.delta.num_read++;
  if (!step.ver) return fail("EINVAL");
  if (step.ver < ctx.user_version) return fail("ERANGE");
  if (step.ver > ctx.user_version) return fail("EOVERFLOW");
  return OK;
}

function cmp_bytes(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const d = (a[i] ?? 0) - (b[i] ?? 0);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}

/** Unsigned decimal text; what follows the digits is ignored, no digits count as 0 (atoll). */
function to_u64(bytes: Uint8Array): bigint {
  let v = 0n;
  for (const c of bytes.subarray(0, 20)) {
    if (c < 48 || c > 57) break;
    v = v * 10n + BigInt(c - 48);
  }
  return v;
}

/** Sign of `a` against `b` in the step's mode. */
function compare(step: OSDOpStep, a: Uint8Array, b: Uint8Array): number {
  if (step.cmp_mode !== "u64") return cmp_bytes(a, b);
  const x = to_u64(a);
  const y = to_u64(b);
  return x < y ? -1 : x > y ? 1 : 0;
}

function holds(op: OSDOpStep["cmp"], sign: number): boolean {
  switch (op) {
    case "ne":
      return sign !== 0;
    case "gt":
      return sign > 0;
    case "gte":
      return sign >= 0;
    case "lt":
      return sign < 0;
    case "lte":
      return sign <= 0;
    default:
      return sign === 0;
  }
}

const EMPTY = new Uint8Array(0);

/** `given <op> stored`, as in Ceph; an absent attribute compares as empty. */
export function cmpxattr(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  ctx.delta.num_read++;
  if (!ctx.existed) return fail("ENOENT");
  const given = payload(ctx, step);
  if (!given || !step.name) return fail("EINVAL");
  const stored = ctx.env.store.getattr(ctx.env.coll, ctx.soid, xattr_attr(step.name)) ?? EMPTY;
  return holds(step.cmp, compare(step, given, stored)) ? { rval: 1 } : fail("ECANCELED");
}

/** `stored <op> given`: the other way round than cmpxattr, as in Ceph. */
export function omap_cmp(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  ctx.delta.num_read++;
  if (!ctx.existed) return fail("ENOENT");
  const given = payload(ctx, step);
  const key = step.name;
  if (!given || key === undefined) return fail("EINVAL");
  const { store, coll } = ctx.env;
  const stored = store.omap_get_values(coll, ctx.soid, [key])?.get(key) ?? EMPTY;
  return holds(step.cmp, compare(step, stored, given)) ? OK : fail("ECANCELED");
}

const MAX_ERRNO = 4095;

/** Bytes beyond the end compare as zeros. A mismatch says where it is. */
export function cmpext(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  ctx.delta.num_read++;
  const given = payload(ctx, step);
  if (!given) return fail("EINVAL");
  if (given.length === 0) return OK;
  const off = step.off ?? 0;
  const stored = ctx.existed
    ? (ctx.env.store.read(ctx.env.coll, ctx.soid, off, given.length) ?? EMPTY)
    : EMPTY;
  for (let i = 0; i < given.length; i++) {
    if ((stored[i] ?? 0) !== given[i]) return { rval: -MAX_ERRNO - i };
  }
  return OK;
}
