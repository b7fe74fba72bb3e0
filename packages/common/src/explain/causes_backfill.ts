/** Copies on their way to other OSDs: backfill under way, waiting, refused, or stopped by flags. */
import { shard_osd } from "../types/osd_types.ts";
import { type CauseRule, cause } from "./cause.ts";
import { count_facts } from "./causes_recovery.ts";
import type { explain_fact, explained_cause } from "./explanation.ts";
import { full_osds } from "./fullness.ts";
import type { PGCase } from "./PGCase.ts";
import { find_wait } from "./reservations.ts";
import { are, counted, listed, osd_name, osd_names, osd_set, unique } from "./words.ts";

export const backfill_causes: CauseRule = (c) => {
  const out: explained_cause[] = [];
  const wants = c.is("backfilling", "backfill_wait", "backfill_toofull");
  // norebalance does not hold back PGs that lack copies.
  const only_moves = !c.is("degraded", "undersized");
  if (wants && c.map?.flags.has("nobackfill")) out.push(flag(c, "nobackfill"));
  if (wants && only_moves && c.map?.flags.has("norebalance")) out.push(flag(c, "norebalance"));
  if (c.is("backfill_toofull")) out.push(toofull(c));
  if (c.is("backfill_wait")) out.push(wait(c));
  else if (c.is("backfilling") && out.length === 0) out.push(backfilling(c));
  const recovers = c.is("recovering", "recovery_wait", "recovery_toofull", "recovery_unfound");
  const stuck = c.is("backfill_unfound") || recovers;
  if (out.length === 0 && c.is("remapped") && c.is("active", "peered") && !stuck) {
    out.push(idle(c));
  }
  return out;
};

/** Degraded backfill makes copies that are missing; otherwise copies only move. */
const kind_of = (c: PGCase) => (c.is("degraded", "undersized") ? "redundancy" : "placement");

function targets(c: PGCase): number[] {
  const said = c.query?.backfill_targets.map(shard_osd) ?? [];
  return unique(said.length > 0 ? said : c.up_osds.filter((o) => !c.acting.includes(o)));
}
function move_words(c: PGCase): string {
  const to = targets(c);
  const n = c.sum("num_objects_misplaced").count();
  const m = c.sum("num_objects_degraded").count();
  const amounts = [
    ...(n > 0 ? [counted(n, "copy to move", "copies to move")] : []),
    ...(m > 0 ? [counted(m, "copy missing", "copies missing")] : []),
  ];
  const much = amounts.length > 0 ? ` (${listed(amounts)})` : "";
  return to.length > 0
    ? `${osd_names(to)} ${are(to)} to be filled with a copy of the PG${much}`
    : `Copies are to be made on other OSDs${much}`;
}
function set_facts(c: PGCase): (explain_fact | undefined)[] {
  const temp = c.map?.pg_temp(c.pgid);
  const list = c.query?.doc.at("backfill_targets");
  const in_progress = c.query?.progress?.at("backfill_targets");
  return [
    c.up_doc.fact("whom CRUSH chooses"),
    c.acting_doc.fact("who serves meanwhile"),
    temp?.doc.at("osds").fact("pg_temp: why acting is not up"),
    list?.exists ? list.fact("to be filled") : undefined,
    in_progress?.exists && in_progress.items().length > 0
      ? in_progress.fact("to be filled")
      : undefined,
    ...count_facts(c),
  ];
}

function backfilling(c: PGCase): explained_cause {
  const pos = c.query?.progress?.at("last_backfill_started");
  const peers = (c.query?.copies ?? []).filter((p) => targets(c).includes(p.osd));
  return cause("remapped.backfilling", kind_of(c), {
    say: [
      `${move_words(c)}, and this is going on.`,
      c.is("remapped")
        ? `${osd_set(c.acting)} serve the PG until then; it goes over to ${osd_set(c.up)} when they are ` +
          "complete."
        : undefined,
    ],
    facts: [
      c.state_doc.fact("backfilling"),
      ...set_facts(c),
      pos?.exists ? pos.fact("how far the scan has come, in the order of objects") : undefined,
      ...peers.map((p) => p.doc.at("last_backfill").fact(`how far ${osd_name(p.osd)} is filled`)),
    ],
    osds: targets(c),
    unblocks: [
      "It ends by itself. If it is slow: osd_recovery_max_active, osd_recovery_sleep, and the load of " +
        "the disks.",
    ],
  });
}

function flag(c: PGCase, name: "nobackfill" | "norebalance"): explained_cause {
  const what =
    name === "nobackfill"
      ? "stops backfill in the whole cluster"
      : "stops moving copies of PGs that lack nothing";
  return cause(`remapped.${name}`, kind_of(c), {
    say: [`${move_words(c)}, but the flag ${name} ${what}.`],
    facts: [c.map?.doc.at("flags").fact(`${name} is set`), ...set_facts(c)],
    osds: [],
    unblocks: [`Unset ${name} ('osd unset ${name}') when whatever it was set for is over.`],
  });
}

function wait(c: PGCase): explained_cause {
  const w = find_wait(c);
  const id =
    w === undefined
      ? "remapped.backfill_wait"
      : w.where === "local"
        ? "remapped.backfill_wait_local"
        : "remapped.backfill_wait_remote";
  const needed = unique([...(c.primary === undefined ? [] : [c.primary]), ...targets(c)]);
  return cause(id, kind_of(c), {
    say: [
      `${move_words(c)}, and has to wait for its turn.`,
      w?.words ??
        `It needs a slot of each of ${osd_names(needed)} (osd_max_backfills of each); which one it ` +
          "waits for their dump_recovery_reservations show.",
    ],
    facts: [c.state_doc.fact("backfill_wait"), ...set_facts(c), ...(w?.facts ?? [])],
    osds: w ? w.osds : targets(c),
    unblocks: [
      "It ends by itself: PGs take turns, those that cannot serve or lack most copies first.",
      "If it is urgent: 'pg force-backfill' puts this PG first; a higher osd_max_backfills lets more " +
        "PGs go on at once, at the cost of client I/O.",
    ],
  });
}

function toofull(c: PGCase): explained_cause {
  const to = targets(c);
  const full = full_osds(c, to).filter((f) => f.level !== "nearfull");
  return cause("remapped.backfill_toofull", kind_of(c), {
    say: [
      full.length > 0
        ? `${move_words(c)}, and that was refused: ${listed(full.map((f) => f.words))}.`
        : `${move_words(c)}, and that was refused for want of space: a target is beyond ` +
          "backfillfull_ratio, or would be with this PG.",
      "It is tried again every osd_backfill_retry_interval.",
    ],
    facts: [
      c.state_doc.fact("backfill_toofull"),
      ...set_facts(c),
      ...full.flatMap((f) => f.facts),
      ...(full.length === 0 ? ratio_facts(c) : []),
    ],
    osds: full.length > 0 ? full.map((f) => f.osd) : to,
    unblocks: [
      `Make room on ${osd_names(full.length > 0 ? full.map((f) => f.osd) : to, "or")}: add OSDs, or let ` +
        "others take more (reweight, balancer, upmap).",
      "Raising backfillfull_ratio by a little helps where there is room below full_ratio.",
      kind_of(c) === "placement"
        ? "Nothing is in danger meanwhile: all copies exist, they are only not where they belong."
        : undefined,
    ],
  });
}
function ratio_facts(c: PGCase): explain_fact[] {
  const d = c.map?.doc.at("backfillfull_ratio");
  return d?.exists ? [d.fact("from there on an OSD takes no backfill")] : [];
}

function idle(c: PGCase): explained_cause {
  const temp = c.map?.pg_temp(c.pgid);
  return cause("remapped.idle", "placement", {
    say: [
      `The PG is served by ${osd_set(c.acting)}, and CRUSH chooses ${osd_set(c.up)}; no copying is ` +
        "needed or under way.",
      temp
        ? `The map has pg_temp ${osd_set(temp.osds)} for it.`
        : c.map && "The map has no pg_temp for it: the next report will say so.",
      c.up_osds.length < c.acting_osds.length
        ? "CRUSH finds fewer places than there are copies: they stay where they are until it finds more."
        : "The primary asks the monitor to take pg_temp back.",
    ],
    facts: [c.state_doc.fact("remapped, and nothing being copied"), ...set_facts(c)],
    osds: [],
    unblocks: [
      c.up_osds.length < c.acting_osds.length
        ? "Give CRUSH the places it lacks: OSDs that are up and in, where the pool's rule looks for them."
        : "As a rule it ends by itself with the next map.",
    ],
  });
}
