/** Who waits for which slot, from `dump_recovery_reservations` of the OSDs. peering.md §7.4. */

import type { Doc } from "./Doc.ts";
import type { explain_fact } from "./explanation.ts";
import type { PGCase } from "./PGCase.ts";
import { counted, listed, osd_name, unique } from "./words.ts";

export interface waiting_t {
  readonly where: "local" | "remote";
  readonly osds: readonly number[];
  readonly words: string;
  readonly facts: readonly explain_fact[];
}

const is_of = (pgid: string, item: string) => item === pgid || item.startsWith(`${pgid}s`);

/** The slot that the PG waits for; undefined when no OSD's dump shows it. */
export function find_wait(c: PGCase): waiting_t | undefined {
  const { primary } = c;
  if (primary === undefined) return undefined;
  const local = queued(c, primary, "local");
  if (local) return local;
  for (const osd of [...c.reservations.keys()].sort((a, b) => a - b)) {
    const remote = osd === primary ? undefined : queued(c, osd, "remote");
    if (remote) return remote;
  }
  return own_slot(c, primary);
}

/** It has the primary's slot, and nobody's queue shows it: a member has not answered. */
function own_slot(c: PGCase, primary: number): waiting_t | undefined {
  const doc = c.reservations.get(primary)?.at("local_reservations");
  const item = doc
    ?.at("in_progress")
    .items()
    .find((d) => {
      return is_of(c.pgid, d.at("item").str() ?? "");
    });
  if (!item) return undefined;
  const held = (osd: number) =>
    c.reservations
      .get(osd)
      ?.at("remote_reservations", "in_progress")
      .items()
      .some((d) => is_of(c.pgid, d.at("item").str() ?? "")) ?? false;
  const left = slot_osds(c).filter((o) => o !== primary && !held(o));
  return {
    where: "remote",
    osds: left,
    words:
      `It has the slot of ${osd_name(primary)} and waits for that of ${listed(left.map(osd_name), "or")}, ` +
      "in whose queue it is not seen: the request or the answer is under way, or that OSD hangs.",
    facts: [item.at("item").fact(`has a slot of ${osd_name(primary)}`)],
  };
}

function queued(c: PGCase, osd: number, where: "local" | "remote"): waiting_t | undefined {
  const doc = c.reservations.get(osd)?.at(`${where}_reservations`);
  if (!doc) return undefined;
  const before: Doc[] = [];
  for (const q of doc.at("queues").items()) {
    for (const item of q.at("items").items()) {
      if (is_of(c.pgid, item.at("item").str() ?? "")) return waiting(osd, where, doc, item, before);
      before.push(item);
    }
  }
  return undefined;
}

function waiting(
  osd: number,
  where: "local" | "remote",
  doc: Doc,
  item: Doc,
  before: readonly Doc[],
): waiting_t {
  const max = doc.at("max_allowed");
  const holders = doc.at("in_progress").items();
  const taken = holders.flatMap((d) => d.at("item").str() ?? []);
  const prio = item.at("prio").num();
  const ahead = before.length > 0 ? `, with ${counted(before.length, "PG")} before it` : "";
  const by = taken.length > 0 ? ` (taken by ${listed(taken.map((p) => `pg ${p}`))})` : "";
  const whose = where === "local" ? "its primary" : "the member";
  return {
    where,
    osds: [osd],
    words:
      `It is queued for a slot of ${whose} ${osd_name(osd)} with priority ${prio ?? "unknown"}${ahead}; ` +
      `${osd_name(osd)} has ${counted(max.num() ?? 0, "slot")} (osd_max_backfills)${by}.`,
    facts: [
      item.at("prio").fact("the PG's place in the queue goes by it"),
      max.fact("slots: osd_max_backfills"),
      ...holders.map((d) => d.at("item").fact("has a slot now")),
    ],
  };
}

/** Members that a slot is needed of. */
export function slot_osds(c: PGCase): number[] {
  const targets = c.query?.backfill_targets.map((s) => Number.parseInt(s, 10)) ?? [];
  return unique([...c.acting_osds, ...targets]);
}
