/** Copies that differ, and work that goes on beside serving: scrub, repair, trimming, merging. */
import { type CauseRule, cause } from "./cause.ts";
import type { explained_cause } from "./explanation.ts";
import type { PGCase } from "./PGCase.ts";
import { counted } from "./words.ts";

export const scrub_causes: CauseRule = (c) => {
  const out: explained_cause[] = [];
  const errors = c.sum("num_scrub_errors").count();
  if (c.is("inconsistent") || errors > 0) out.push(inconsistent(c, errors));
  if (c.is("failed_repair")) out.push(failed_repair(c));
  if (c.is("scrubbing", "repair")) out.push(running(c));
  if (c.is("snaptrim_error")) out.push(snaptrim_error(c));
  else if (c.is("snaptrim", "snaptrim_wait")) out.push(snaptrim(c));
  if (c.is("premerge")) out.push(premerge(c));
  return out;
};

function inconsistent(c: PGCase, errors: number): explained_cause {
  const deep = c.sum("num_deep_scrub_errors");
  const shallow = c.sum("num_shallow_scrub_errors");
  const kinds = [
    ...(shallow.count() > 0 ? [shallow.fact("sizes, attributes or whole objects differ")] : []),
    ...(deep.count() > 0 ? [deep.fact("contents differ or do not match their checksums")] : []),
  ];
  const last = c.query?.history.at("last_deep_scrub_stamp") ?? c.stat.at("last_deep_scrub_stamp");
  return cause("scrub.inconsistent", "data_at_risk", {
    say: [
      `Scrub found ${errors > 0 ? counted(errors, "error") : "errors"}: copies of objects of the PG ` +
        "differ, or do not match their checksums (inconsistent).",
      `${c.serves ? "I/O goes on. " : ""}Which objects and which copies, 'rados ` +
        "list-inconsistent-obj' lists.",
    ],
    facts: [
      c.state_doc.fact("inconsistent"),
      c.sum("num_scrub_errors").exists
        ? c.sum("num_scrub_errors").fact("errors of the last scrub")
        : undefined,
      ...kinds,
      c.sum("num_objects_repaired").count() > 0
        ? c.sum("num_objects_repaired").fact("objects that were repaired before")
        : undefined,
      last.exists ? last.fact("the last deep scrub") : undefined,
    ],
    osds: [],
    unblocks: [
      `Look first: rados list-inconsistent-obj ${c.pgid} names each object and the fault of each copy ` +
        "(read_error, data_digest_mismatch, missing, ...).",
      "Where a good copy is left, 'pg repair' writes the others anew from it. Where no copy can be told " +
        "to be the good one, save the object's copies before.",
      "Errors that return on the same OSD mean a failing disk: look at its kernel log, and replace it.",
    ],
    drastic: [
      {
        option: "pg repair without looking first",
        would_lose:
          "the right version, in a replicated pool without stored checksums: the copy that is taken " +
          "for authoritative overwrites the others, and it may be the bad one",
      },
    ],
  });
}

function failed_repair(c: PGCase): explained_cause {
  return cause("scrub.failed_repair", "data_at_risk", {
    say: [
      "A repair ended with errors left (failed_repair): for some object no good copy was found, or it " +
        "could not be written.",
    ],
    facts: [
      c.state_doc.fact("failed_repair"),
      c.sum("num_scrub_errors").exists ? c.sum("num_scrub_errors").fact("errors left") : undefined,
    ],
    unblocks: [
      `rados list-inconsistent-obj ${c.pgid} names the objects: those without a good copy come from a ` +
        "backup, or are written anew by their owner.",
      "Then a new deep scrub, 'pg deep-scrub', clears the state.",
    ],
  });
}

function running(c: PGCase): explained_cause {
  const what = c.is("repair") ? "A repair" : c.is("deep") ? "A deep scrub" : "A scrub";
  const of_pg = c.query?.doc.at("scrubber");
  return cause("scrub.running", "remark", {
    say: [
      `${what} of the PG is running` +
        `${c.serves ? "; I/O goes on, with short waits on objects being compared" : ""}.`,
    ],
    facts: [
      c.state_doc.fact("scrubbing, deep, repair"),
      of_pg?.exists ? of_pg.fact("where it stands") : undefined,
    ],
    unblocks: ["It ends by itself."],
  });
}

function snaptrim(c: PGCase): explained_cause {
  const len = c.query?.doc.at("snap_trimq_len") ?? c.stat.at("snaptrimq_len");
  return cause("snaptrim.running", "remark", {
    say: [
      "What only deleted snapshots need is being removed" +
        `${c.is("snaptrim_wait") ? ", as soon as it is this PG's turn" : ""}${c.serves ? "; I/O goes on" : ""}.`,
    ],
    facts: [c.state_doc.fact("snaptrim"), len.exists ? len.fact("snapshots to go") : undefined],
    unblocks: ["It ends by itself; osd_snap_trim_sleep slows it down."],
  });
}
function snaptrim_error(c: PGCase): explained_cause {
  return cause("snaptrim.error", "data_at_risk", {
    say: ["Removing what only deleted snapshots need has failed, and space is not freed."],
    facts: [c.state_doc.fact("snaptrim_error")],
    unblocks: [
      "The log of the primary says at which object: as a rule the PG is inconsistent there, which a " +
        "deep scrub shows.",
    ],
  });
}
function premerge(c: PGCase): explained_cause {
  return cause("premerge.waiting", "unavailable", {
    say: [
      "The PG is to be merged into its neighbour (pg_num shrinks) and holds its I/O until then.",
    ],
    facts: [c.state_doc.fact("premerge"), c.pool?.doc.at("pg_num_pending").fact("PGs after it")],
    unblocks: ["Both PGs become clean; then the monitor shrinks pg_num."],
  });
}
