/**
 * Carries out the steps of a client operation on an OpContext. All or nothing: with the first step
 * that fails (and is not `failok`) the whole operation fails with its code.
 * Ceph counterpart: PrimaryLogPG::do_osd_ops. cluster.md §6.7.
 */
import { ERRNO, type Msg, type OSDOpOutcome, type OSDOpStep, StoreError } from "@tako/common";
import { fail, type OpContext } from "./OpContext.ts";
import * as guards from "./op_guards.ts";
import * as reads from "./op_reads.ts";
import * as writes from "./op_writes.ts";

type StepFn = (ctx: OpContext, step: OSDOpStep) => OSDOpOutcome;

// biome-ignore format: read as a table
const STEPS: { readonly [K in OSDOpStep["op"]]: { readonly write: boolean; readonly fn: StepFn } } = {
  read:                    { write: false, fn: reads.read },
  stat:                    { write: false, fn: reads.stat },
  getxattr:                { write: false, fn: reads.getxattr },
  getxattrs:               { write: false, fn: reads.getxattrs },
  "omap-get-keys":         { write: false, fn: reads.omap_get_keys },
  "omap-get-vals":         { write: false, fn: reads.omap_get_vals },
  "omap-get-header":       { write: false, fn: reads.omap_get_header },
  "omap-get-vals-by-keys": { write: false, fn: reads.omap_get_vals_by_keys },
  cmpxattr:                { write: false, fn: guards.cmpxattr },
  cmpext:                  { write: false, fn: guards.cmpext },
  "omap-cmp":              { write: false, fn: guards.omap_cmp },
  "assert-version":        { write: false, fn: guards.assert_version },
  "assert-exists":         { write: false, fn: guards.assert_exists },
  write:                   { write: true,  fn: writes.write },
  writefull:               { write: true,  fn: writes.writefull },
  append:                  { write: true,  fn: writes.append },
  truncate:                { write: true,  fn: writes.truncate },
  zero:                    { write: true,  fn: writes.zero },
  delete:                  { write: true,  fn: writes.delete_oid },
  create:                  { write: true,  fn: writes.create },
  setxattr:                { write: true,  fn: writes.setxattr },
  rmxattr:                 { write: true,  fn: writes.rmxattr },
  "omap-set-vals":         { write: true,  fn: writes.omap_set_vals },
  "omap-set-header":       { write: true,  fn: writes.omap_set_header },
  "omap-clear":            { write: true,  fn: writes.omap_clear },
  "omap-rm-keys":          { write: true,  fn: writes.omap_rm_keys },
  // Listing names no object: do_pg_op answers it.
  pgnls:                   { write: false, fn: () => fail("EINVAL") },
};

/** Some step would change the object. */
export function op_may_write(msg: Msg<"osd_op">): boolean {
  for (const step of msg.ops) if (STEPS[step.op].write) return true;
  return false;
}

/** 0, or -errno of the step that failed; ctx.outcomes has one entry for each step that ran. */
export function do_osd_ops(ctx: OpContext): number {
  for (const step of ctx.msg.ops) {
    const outcome = do_step(ctx, step);
    ctx.outcomes.push(outcome);
    if (outcome.rval < 0 && step.failok !== true) return outcome.rval;
  }
  return 0;
}

function do_step(ctx: OpContext, step: OSDOpStep): OSDOpOutcome {
  try {
    return STEPS[step.op].fn(ctx, step);
  } catch (e) {
    // An unreadable sector is an answer; everything else that a store may throw is not.
    if (e instanceof StoreError && e.detail.code === "EIO") return { rval: -ERRNO.EIO };
    throw e;
  }
}
