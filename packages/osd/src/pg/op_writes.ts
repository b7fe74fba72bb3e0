/**
 * Steps that change the object: they add to ctx.t and keep its size, existence and sums in step.
 * Ceph counterpart: the write cases of PrimaryLogPG::do_osd_ops. cluster.md §6.7.
 */
import type { OSDOpOutcome, OSDOpStep } from "@tako/common";
import { is_well_formed } from "../store/TransactionOp.ts";
import { fail, kb, OK, type OpContext, payload, utf8_length } from "./OpContext.ts";
import { xattr_attr } from "./object_info.ts";

function too_large(ctx: OpContext, off: number, len: number): boolean {
  const max = ctx.env.config.get("osd_max_object_size");
  return off >= max || len > max || off + len > max;
}
/** The object comes to be, by `t.touch` or by the caller's own write. */
function maybe_create(ctx: OpContext): void {
  ctx.modified = true;
  if (ctx.exists) return;
  ctx.exists = true;
  ctx.delta.num_objects++;
}
function create_or_touch(ctx: OpContext): void {
  if (!ctx.exists) ctx.t.touch(ctx.env.coll, ctx.soid);
  maybe_create(ctx);
}
function set_size(ctx: OpContext, size: number): void {
  ctx.delta.num_bytes += size - ctx.size;
  ctx.size = size;
}
function count_write(ctx: OpContext, bytes: number): void {
  ctx.delta.num_write++;
  ctx.delta.num_write_kb += kb(bytes);
}

/** Without overwrites an erasure-coded object only grows, by whole stripes but for the last write. */
function appends_only(ctx: OpContext): boolean {
  return ctx.env.append_alignment > 0;
}

function write_at(ctx: OpContext, off: number, bytes: Uint8Array): OSDOpOutcome {
  if (appends_only(ctx) && (off !== ctx.size || off % ctx.env.append_alignment !== 0)) {
    return fail("EOPNOTSUPP");
  }
  if (too_large(ctx, off, bytes.length)) return fail("EFBIG");
  if (bytes.length > 0) ctx.t.write(ctx.env.coll, ctx.soid, off, bytes);
  else if (off > ctx.size) ctx.t.truncate(ctx.env.coll, ctx.soid, off);
  else if (!ctx.exists) ctx.t.touch(ctx.env.coll, ctx.soid);
  maybe_create(ctx);
  if (off + bytes.length > ctx.size) set_size(ctx, off + bytes.length);
  count_write(ctx, bytes.length);
  return OK;
}

export function write(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  const bytes = payload(ctx, step);
  if (!bytes || (step.len !== undefined && step.len !== bytes.length)) return fail("EINVAL");
  return write_at(ctx, step.off ?? 0, bytes);
}

export function append(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  const bytes = payload(ctx, step);
  if (!bytes || (step.len !== undefined && step.len !== bytes.length)) return fail("EINVAL");
  return write_at(ctx, ctx.size, bytes);
}

export function writefull(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  const bytes = payload(ctx, step);
  if (!bytes || (step.len !== undefined && step.len !== bytes.length)) return fail("EINVAL");
  if (too_large(ctx, 0, bytes.length)) return fail("EFBIG");
  const { coll } = ctx.env;
  if (ctx.size > bytes.length) ctx.t.truncate(coll, ctx.soid, bytes.length);
  if (bytes.length > 0) ctx.t.write(coll, ctx.soid, 0, bytes);
  else if (!ctx.exists) ctx.t.touch(coll, ctx.soid);
  maybe_create(ctx);
  set_size(ctx, bytes.length);
  count_write(ctx, bytes.length);
  return OK;
}

/** Does not make an object. */
export function truncate(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  if (appends_only(ctx)) return fail("EOPNOTSUPP");
  const size = step.off ?? 0;
  if (too_large(ctx, size, 0)) return fail("EFBIG");
  if (!ctx.exists) return OK;
  ctx.t.truncate(ctx.env.coll, ctx.soid, size);
  ctx.modified = true;
  set_size(ctx, size);
  count_write(ctx, 0);
  return OK;
}

/** Zeros within the object: it neither makes nor grows one. */
export function zero(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  if (appends_only(ctx)) return fail("EOPNOTSUPP");
  const off = step.off ?? 0;
  const len = step.len ?? 0;
  if (too_large(ctx, off, len)) return fail("EFBIG");
  const end = Math.min(off + len, ctx.size);
  if (!ctx.exists || end <= off) return OK;
  ctx.t.zero(ctx.env.coll, ctx.soid, off, end - off);
  ctx.modified = true;
  count_write(ctx, 0);
  return OK;
}

export function delete_oid(ctx: OpContext): OSDOpOutcome {
  if (!ctx.exists) return fail("ENOENT");
  ctx.t.remove(ctx.env.coll, ctx.soid);
  ctx.modified = true;
  ctx.exists = false;
  ctx.delta.num_objects--;
  set_size(ctx, 0);
  set_omap(ctx, false);
  count_write(ctx, 0);
  return OK;
}

export function create(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  if (ctx.exists) return step.exclusive ? fail("EEXIST") : OK;
  create_or_touch(ctx);
  count_write(ctx, 0);
  return OK;
}

export function setxattr(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  const value = payload(ctx, step);
  const name = step.name ?? "";
  if (!value || name === "" || !is_well_formed(name)) return fail("EINVAL");
  const { config, coll } = ctx.env;
  if (utf8_length(name) > config.get("osd_max_attr_name_len")) return fail("ENAMETOOLONG");
  const max = config.get("osd_max_attr_size");
  if (max > 0 && value.length > max) return fail("EFBIG");
  create_or_touch(ctx);
  ctx.t.setattr(coll, ctx.soid, xattr_attr(name), value);
  count_write(ctx, 0);
  return OK;
}

export function rmxattr(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  if (!step.name) return fail("EINVAL");
  if (!ctx.exists) return fail("ENOENT");
  ctx.t.rmattr(ctx.env.coll, ctx.soid, xattr_attr(step.name));
  ctx.modified = true;
  count_write(ctx, 0);
  return OK;
}

function set_omap(ctx: OpContext, omap: boolean): void {
  if (ctx.omap !== omap) ctx.delta.num_objects_omap += omap ? 1 : -1;
  ctx.omap = omap;
}

export function omap_set_vals(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  const vals = new Map<string, Uint8Array>();
  let bytes = 0;
  for (const { key, value } of step.vals ?? []) {
    const v = ctx.msg.data?.[value];
    // Listings go on after a key, so the empty one could never be listed.
    if (!v || key === "" || !is_well_formed(key)) return fail("EINVAL");
    vals.set(key, v);
    bytes += key.length + v.length;
  }
  create_or_touch(ctx);
  ctx.t.omap_setkeys(ctx.env.coll, ctx.soid, vals);
  set_omap(ctx, true);
  count_write(ctx, bytes);
  return OK;
}

export function omap_set_header(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  const header = payload(ctx, step);
  if (!header) return fail("EINVAL");
  create_or_touch(ctx);
  ctx.t.omap_setheader(ctx.env.coll, ctx.soid, header);
  set_omap(ctx, true);
  count_write(ctx, header.length);
  return OK;
}

export function omap_clear(ctx: OpContext): OSDOpOutcome {
  if (!ctx.exists) return fail("ENOENT");
  if (!ctx.omap) return OK;
  ctx.t.omap_clear(ctx.env.coll, ctx.soid);
  ctx.modified = true;
  set_omap(ctx, false);
  count_write(ctx, 0);
  return OK;
}

export function omap_rm_keys(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  if (!ctx.exists) return fail("ENOENT");
  if (!ctx.omap) return OK;
  ctx.t.omap_rmkeys(ctx.env.coll, ctx.soid, step.keys ?? []);
  ctx.modified = true;
  count_write(ctx, 0);
  return OK;
}
