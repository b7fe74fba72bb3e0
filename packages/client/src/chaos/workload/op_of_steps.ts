/** Steps of a history as operations of the client library, and what these showed as text. Pure. */
import { InvariantError } from "@tako/common";
import type { StepResult } from "../../IoCtx.ts";
import {
  type ObjectOperation,
  ObjectReadOperation,
  ObjectWriteOperation,
} from "../../ObjectOperation.ts";
import type { Seen, Step } from "../history/history.ts";
import { keys_text, pairs_text } from "../history/ObjectState.ts";

const utf8 = new TextDecoder();

export function write_op(steps: readonly Step[]): ObjectWriteOperation {
  const op = new ObjectWriteOperation();
  for (const s of steps) {
    if (!add_data(op, s) && !add_named(op, s)) add_guard(op, s);
    if (s.failok) op.failok();
  }
  return op;
}

function add_data(op: ObjectWriteOperation, s: Step): boolean {
  switch (s.op) {
    case "create":
      op.create(s.exclusive);
      return true;
    case "write":
      op.write(s.off, s.data);
      return true;
    case "writefull":
      op.write_full(s.data);
      return true;
    case "append":
      op.append(s.data);
      return true;
    case "truncate":
      op.truncate(s.size);
      return true;
    case "zero":
      op.zero(s.off, s.len);
      return true;
    case "delete":
      op.remove();
      return true;
    default:
      return false;
  }
}
function add_named(op: ObjectWriteOperation, s: Step): boolean {
  switch (s.op) {
    case "setxattr":
      op.setxattr(s.name, s.value);
      return true;
    case "rmxattr":
      op.rmxattr(s.name);
      return true;
    case "omap-set-vals":
      op.omap_set(s.vals);
      return true;
    case "omap-rm-keys":
      op.omap_rm_keys(s.keys);
      return true;
    case "omap-clear":
      op.omap_clear();
      return true;
    case "omap-set-header":
      op.omap_set_header(s.data);
      return true;
    default:
      return false;
  }
}
function add_guard(op: ObjectOperation, s: Step): void {
  switch (s.op) {
    case "assert-exists":
      op.assert_exists();
      return;
    case "assert-version":
      op.assert_version(s.ver);
      return;
    case "cmpxattr":
      op.cmpxattr(s.name, s.cmp, s.value);
      return;
    case "cmpext":
      op.cmpext(s.off, s.data);
      return;
    case "omap-cmp":
      op.omap_cmp(s.key, s.cmp, s.value);
      return;
    default:
      throw new InvariantError("a step of the other kind of operation", { step: s.op });
  }
}

export function read_op(steps: readonly Step[]): ObjectReadOperation {
  const op = new ObjectReadOperation();
  for (const s of steps) {
    add_read(op, s);
    if (s.failok) op.failok();
  }
  return op;
}
function add_read(op: ObjectReadOperation, s: Step): void {
  switch (s.op) {
    case "read":
      op.read(s.off, s.len);
      return;
    case "stat":
      op.stat();
      return;
    case "getxattr":
      op.getxattr(s.name);
      return;
    case "getxattrs":
      op.getxattrs();
      return;
    case "omap-get-header":
      op.omap_get_header();
      return;
    case "omap-get-keys":
      op.omap_get_keys(s.after, s.max);
      return;
    case "omap-get-vals":
      op.omap_get_vals(s.after, s.prefix, s.max);
      return;
    case "omap-get-vals-by-keys":
      op.omap_get_vals_by_keys(s.keys);
      return;
    default:
      add_guard(op, s);
  }
}

/** What a step of a read has shown, in the words of the history. */
export function seen_of(step: Step, r: StepResult): Seen {
  if (r.rval < 0) return r.rval;
  const more = r.outcome.more === true;
  switch (step.op) {
    case "read":
    case "getxattr":
    case "omap-get-header":
      return r.bytes ? utf8.decode(r.bytes) : "";
    case "stat":
      return r.outcome.size ?? -1;
    case "omap-get-keys":
      return keys_text(r.outcome.keys ?? [], more);
    case "getxattrs":
    case "omap-get-vals-by-keys":
    case "omap-get-vals":
      return pairs_text(text_values(r.values), more);
    default:
      return null;
  }
}
function text_values(values: ReadonlyMap<string, Uint8Array>): [string, string][] {
  return [...values].map(([k, v]) => [k, utf8.decode(v)]);
}
