/**
 * Steps that read: data, stat, attributes, omap. Ceph counterpart: the read cases of
 * PrimaryLogPG::do_osd_ops. cluster.md §6.7.
 */
import type { OSDOpOutcome, OSDOpStep } from "@tako/common";
import { fail, kb, type OpContext, put } from "./OpContext.ts";
import { attr_xattr, xattr_attr } from "./object_info.ts";

export function read(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  ctx.delta.num_read++;
  if (!ctx.existed) return fail("ENOENT");
  const { store, coll } = ctx.env;
  const bytes = store.read(coll, ctx.soid, step.off ?? 0, step.len ?? 0);
  if (!bytes) return fail("ENOENT");
  ctx.delta.num_read_kb += kb(bytes.length);
  return { rval: bytes.length, seg: put(ctx, bytes) };
}

export function stat(ctx: OpContext): OSDOpOutcome {
  ctx.delta.num_read++;
  if (!ctx.existed) return fail("ENOENT");
  return { rval: 0, size: ctx.old.size, mtime: ctx.old.mtime };
}

export function getxattr(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  ctx.delta.num_read++;
  if (!ctx.existed) return fail("ENOENT");
  const { store, coll } = ctx.env;
  const value = store.getattr(coll, ctx.soid, xattr_attr(step.name ?? ""));
  if (!value) return fail("ENODATA");
  ctx.delta.num_read_kb += kb(value.length);
  return { rval: value.length, seg: put(ctx, value) };
}

export function getxattrs(ctx: OpContext): OSDOpOutcome {
  ctx.delta.num_read++;
  if (!ctx.existed) return fail("ENOENT");
  const vals: { key: string; value: number }[] = [];
  let bytes = 0;
  for (const [attr, value] of ctx.env.store.getattrs(ctx.env.coll, ctx.soid) ?? []) {
    const key = attr_xattr(attr);
    if (key === undefined) continue;
    vals.push({ key, value: put(ctx, value) });
    bytes += value.length;
  }
  vals.sort((a, b) => (a.key < b.key ? -1 : 1));
  ctx.delta.num_read_kb += kb(bytes);
  return { rval: 0, vals };
}

/** How many keys one answer may have. */
function max_keys(ctx: OpContext, step: OSDOpStep): number {
  const most = ctx.env.config.get("osd_max_omap_entries_per_request");
  return Math.min(step.max ?? most, most);
}

export function omap_get_keys(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  ctx.delta.num_read++;
  if (!ctx.existed) return fail("ENOENT");
  const { store, coll } = ctx.env;
  const { start_after = "", filter_prefix = "" } = step;
  const max = max_keys(ctx, step);
  if (max === 0) return { rval: 0, keys: [], more: true };
  const found = store.omap_list(coll, ctx.soid, start_after, filter_prefix, max);
  return { rval: 0, keys: found?.keys ?? [], more: found?.more ?? false };
}

export function omap_get_vals(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  const list = omap_get_keys(ctx, step);
  if (list.rval < 0) return list;
  const keys = list.keys ?? [];
  const found = ctx.env.store.omap_get_values(ctx.env.coll, ctx.soid, keys);
  const limit = ctx.env.config.get("osd_max_omap_bytes_per_request");
  const vals: { key: string; value: number }[] = [];
  let bytes = 0;
  let more = list.more ?? false;
  for (const key of keys) {
    const value = found?.get(key);
    if (!value) continue;
    if (vals.length > 0 && bytes + value.length > limit) {
      more = true;
      break;
    }
    bytes += key.length + value.length;
    vals.push({ key, value: put(ctx, value) });
  }
  ctx.delta.num_read_kb += kb(bytes);
  return { rval: 0, vals, more };
}

export function omap_get_header(ctx: OpContext): OSDOpOutcome {
  ctx.delta.num_read++;
  if (!ctx.existed) return fail("ENOENT");
  const header = ctx.env.store.omap_get_header(ctx.env.coll, ctx.soid) ?? new Uint8Array(0);
  ctx.delta.num_read_kb += kb(header.length);
  return { rval: 0, seg: put(ctx, header) };
}

export function omap_get_vals_by_keys(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  ctx.delta.num_read++;
  if (!ctx.existed) return fail("ENOENT");
  const keys = [...new Set(step.keys ?? [])].sort();
  const found = ctx.env.store.omap_get_values(ctx.env.coll, ctx.soid, keys);
  const vals: { key: string; value: number }[] = [];
  for (const key of keys) {
    const value = found?.get(key);
    if (value) vals.push({ key, value: put(ctx, value) });
  }
  return { rval: 0, vals };
}
