/** The steps that compare and refuse, by the specification (cluster.md §6.7). Pure. */
import { ERRNO } from "@tako/common";
import type { CmpOp, Step } from "./history.ts";
import type { ObjectState } from "./ObjectState.ts";

/** Offsets of mismatches are told as errnos above this. */
const MAX_ERRNO = 4095;

/**
 * 0, or the errno with which the guard refuses. All but assert-exists look at the object as it was
 * before the operation; `exists` is after the steps so far.
 */
export function check_guard(step: Step, s: ObjectState, exists: boolean): number {
  const f = s.fields;
  switch (step.op) {
    case "assert-exists":
      return exists ? 0 : ERRNO.ENOENT;
    case "assert-version":
      return check_version(step.ver, s);
    case "cmpxattr": {
      if (!f.exists) return ERRNO.ENOENT;
      const stored = f.xattrs.get(step.name) ?? "";
      const sign =
        typeof step.value === "number"
          ? Math.sign(step.value - leading_number(stored))
          : cmp_text(step.value, stored);
      // The operand stands on the left.
      return compare_holds(step.cmp, sign) ? 0 : ERRNO.ECANCELED;
    }
    case "omap-cmp": {
      if (!f.exists) return ERRNO.ENOENT;
      const sign = cmp_text(f.omap.get(step.key) ?? "", step.value);
      return compare_holds(step.cmp, sign) ? 0 : ERRNO.ECANCELED;
    }
    case "cmpext":
      return check_extent(step.off, step.data, f.content);
    default:
      return ERRNO.EINVAL;
  }
}

function check_version(ver: number, s: ObjectState): number {
  if (ver === 0) return ERRNO.EINVAL;
  const is = s.fields.exists ? s.ver : 0;
  if (ver < is) return ERRNO.ERANGE;
  return ver > is ? ERRNO.EOVERFLOW : 0;
}

/** Beyond the end there are zeros. */
function check_extent(off: number, data: string, content: string): number {
  for (let i = 0; i < data.length; i++) {
    if ((content[off + i] ?? "\0") !== data[i]) return MAX_ERRNO + i;
  }
  return 0;
}

export function compare_holds(op: CmpOp, sign: number): boolean {
  switch (op) {
    case "eq":
      return sign === 0;
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
  }
}
function cmp_text(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
function leading_number(text: string): number {
  return Number(/^\d+/.exec(text)?.[0] ?? 0);
}
