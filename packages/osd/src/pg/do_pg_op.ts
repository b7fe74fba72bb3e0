/**
 * do_pg_op: operations on the PG rather than on an object: listing.
 * Ceph counterpart: PrimaryLogPG::do_pg_op (PGNLS). cluster.md §6.6.
 */
import {
  ERRNO,
  HOBJECT_MIN,
  hobject_cmp,
  hobject_max,
  type hobject_t,
  type Msg,
  type OSDOpOutcome,
  type OSDOpStep,
  parse_hobject,
} from "@tako/common";
import type { OpRequest } from "./OpTracker.ts";
import { make_reply, send_reply } from "./op_reply.ts";
import type { PG } from "./PG.ts";

export function do_pg_op(pg: PG, op: OpRequest, m: Msg<"osd_op">): void {
  const { last_update, last_user_version } = pg.peering.info;
  const [step] = m.ops;
  const alone = m.ops.length === 1 && step?.op === "pgnls";
  const outcome: OSDOpOutcome = alone ? pgnls(pg, step) : { rval: -ERRNO.EINVAL };
  const result = Math.min(0, outcome.rval);
  const reply = make_reply(pg, m, result, last_update, last_user_version);
  send_reply(pg, op, { ...reply, outcomes: [outcome] });
}

/**
 * Objects from the cursor on, in hobject order, with what is missing here but exists in the log.
 * rval 1 = that was the end of the PG.
 */
function pgnls(pg: PG, step: OSDOpStep): OSDOpOutcome {
  const most = pg.host.config.get("osd_max_pgls");
  const max = Math.max(1, Math.min(step.max ?? most, most));
  const start = step.cursor ?? HOBJECT_MIN;
  // A namespace may hold little of what the store lists: go on until the answer is full, but do not
  // walk the whole PG in one turn.
  const { objects, next } = pg.host.store.collection_list(pg.coll, start, "MAX", max * 4);
  const entries: { nspace: string; oid: string; locator: string }[] = [];
  let cursor: hobject_t = next;
  for (const soid of merge_missing(pg, objects, start, next)) {
    const o = parse_hobject(soid);
    if (!o || o.oid === "" || o.snap !== "head") continue;
    if (step.nspace !== undefined && o.nspace !== step.nspace) continue;
    if (entries.length === max) {
      cursor = soid;
      break;
    }
    entries.push({ nspace: o.nspace, oid: o.oid, locator: o.key });
  }
  return { rval: cursor === "MAX" ? 1 : 0, entries, cursor };
}

/** What the store has in [start, next), without what is to be deleted, plus what is missing. */
function merge_missing(
  pg: PG,
  objects: readonly hobject_t[],
  start: hobject_t,
  next: hobject_t,
): readonly hobject_t[] {
  const items = pg.peering.missing.get_items();
  if (items.size === 0) return objects;
  const out = objects.filter((o) => !items.has(o));
  for (const [soid, item] of items) {
    const inside = hobject_max(soid, start) === soid && hobject_cmp(soid, next) < 0;
    if (inside && !item.is_delete) out.push(soid);
  }
  return out.sort(hobject_cmp);
}
