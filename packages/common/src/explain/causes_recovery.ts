/** Objects that lack copies: recovery under way, waiting, refused, or impossible. peering.md §7. */
import { type CauseRule, cause } from "./cause.ts";
import type { explained_cause } from "./explanation.ts";
import { full_osds } from "./fullness.ts";
import type { PGCase } from "./PGCase.ts";
import { find_wait, slot_osds } from "./reservations.ts";
import { unfound_cause } from "./unfound.ts";
import { are, counted, listed, osd_names } from "./words.ts";

export const recovery_causes: CauseRule = (c) => {
  const out: explained_cause[] = [];
  const unfound = c.sum("num_objects_unfound").count();
  if (c.is("recovery_unfound", "backfill_unfound") || unfound > 0) out.push(unfound_cause(c));
  if (c.is("recovery_toofull")) out.push(toofull(c));
  if (c.is("recovery_wait", "recovering") && c.map?.flags.has("norecover")) out.push(norecover(c));
  if (c.is("recovery_wait")) out.push(wait(c));
  else if (c.is("recovering") && !c.map?.flags.has("norecover")) out.push(recovering(c));
  const told = c.is("undersized", "backfilling", "backfill_wait", "backfill_toofull");
  if (out.length === 0 && c.is("degraded") && c.is("active", "peered") && !told) out.push(idle(c));
  return out;
};

const COUNTS = [
  ["num_objects_degraded", "copies of objects that are missing"],
  ["num_objects_misplaced", "copies that are not where they belong"],
  ["num_objects_missing_on_primary", "objects that the primary itself misses"],
  ["num_objects_unfound", "objects whose newest version nobody has who can be asked"],
] as const;
export function count_facts(c: PGCase) {
  return COUNTS.flatMap(([name, means]) => {
    const d = c.sum(name);
    return d.count() > 0 ? [d.fact(means)] : [];
  });
}
function missing_words(c: PGCase): string {
  const n = c.sum("num_objects_degraded").count();
  const own = c.sum("num_objects_missing_on_primary").count();
  const primary = own > 0 ? `, ${own} of them on the primary` : "";
  return n > 0 ? `${counted(n, "copy is", "copies are")} missing${primary}` : "Copies are missing";
}

function recovering(c: PGCase): explained_cause {
  const { query } = c;
  const doc = query?.progress?.at("recovering");
  const now = doc?.texts().length ?? 0;
  const backend = query?.progress?.at("pg_backend");
  const force = c.is("forced_recovery") ? " It goes before others: somebody forced it." : "";
  return cause("degraded.recovering", "redundancy", {
    say: [
      `${missing_words(c)} and being copied${now > 0 ? ` (${counted(now, "object")} at this moment)` : ""}.${force}`,
      c.serves
        ? "I/O goes on; an operation on an object that is missing waits until that object, taken " +
          "first, is there."
        : undefined,
    ],
    facts: [
      c.state_doc.fact("recovering"),
      ...count_facts(c),
      now > 0 ? doc?.fact("objects being copied") : undefined,
      (backend?.at("pull_from_peer").items().length ?? 0) > 0
        ? backend?.at("pull_from_peer").fact("the primary fetches these")
        : undefined,
    ],
    osds: [],
    unblocks: [
      "It ends by itself. If it is slow: osd_recovery_max_active, osd_recovery_sleep, and the load of " +
        "the disks.",
    ],
  });
}

function norecover(c: PGCase): explained_cause {
  return cause("degraded.norecover", "redundancy", {
    say: [`${missing_words(c)}, and the flag norecover stops their recovery in the whole cluster.`],
    facts: [c.map?.doc.at("flags").fact("norecover is set"), ...count_facts(c)],
    unblocks: ["Unset norecover ('osd unset norecover') when whatever it was set for is over."],
  });
}

function wait(c: PGCase): explained_cause {
  const w = find_wait(c);
  const id =
    w === undefined
      ? "degraded.recovery_wait"
      : w.where === "local"
        ? "degraded.recovery_wait_local"
        : "degraded.recovery_wait_remote";
  return cause(id, "redundancy", {
    say: [
      `${missing_words(c)}; recovery has to wait for its turn.`,
      w?.words ??
        `It needs a slot of each of ${osd_names(slot_osds(c))} (osd_max_backfills of each); which one ` +
          "it waits for their dump_recovery_reservations show.",
    ],
    facts: [c.state_doc.fact("recovery_wait"), ...count_facts(c), ...(w?.facts ?? [])],
    osds: w ? w.osds : [],
    unblocks: [
      "It ends by itself: PGs take turns, those that cannot serve first.",
      "If it is urgent: 'pg force-recovery' puts this PG first; a higher osd_max_backfills lets more " +
        "PGs recover at once, at the cost of client I/O.",
    ],
  });
}

function toofull(c: PGCase): explained_cause {
  const full = full_osds(c, slot_osds(c)).filter((f) => f.level === "full");
  return cause("degraded.recovery_toofull", "redundancy", {
    say: [
      full.length > 0
        ? `${missing_words(c)}, and recovery has stopped: ${listed(full.map((f) => f.words))}.`
        : `${missing_words(c)}, and recovery has stopped because a member is full (full_ratio); ` +
          `${osd_names(slot_osds(c))} ${are(slot_osds(c))} to be looked at.`,
      "It is tried again every osd_recovery_retry_interval.",
    ],
    facts: [
      c.state_doc.fact("recovery_toofull"),
      ...count_facts(c),
      ...full.flatMap((f) => f.facts),
    ],
    osds: full.map((f) => f.osd),
    unblocks: [
      "Make room there: add OSDs, or let others take more (reweight, balancer).",
      "Raising full_ratio by a little gives room to move data away; an OSD that runs quite full can " +
        "no longer start.",
    ],
  });
}

function idle(c: PGCase): explained_cause {
  return cause("degraded.idle", "redundancy", {
    say: [
      `${missing_words(c)}, and nothing is being copied at this moment.`,
      "So it is between two turns of recovery, or after one that was interrupted.",
    ],
    facts: [c.state_doc.fact("degraded, and not recovering"), ...count_facts(c)],
    unblocks: [
      "It goes on by itself; if it does not, 'pg repeer' makes the PG peer anew, which is safe.",
    ],
  });
}
