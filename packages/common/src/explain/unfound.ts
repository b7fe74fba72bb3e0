/** Unfound objects: what nobody has, who might, and whether they were asked. peering.md §7.6. */
import { shard_osd } from "../types/osd_types.ts";
import { cause } from "./cause.ts";
import type { Doc } from "./Doc.ts";
import { lost_osd, mark_unfound_lost } from "./drastic.ts";
import type { explained_cause } from "./explanation.ts";
import { is_lost } from "./OsdDumpView.ts";
import type { PGCase } from "./PGCase.ts";
import { read_shard } from "./QueryView.ts";
import { are, counted, listed, osd_names, unique } from "./words.ts";

interface source_t {
  readonly osd: number;
  readonly status: string;
  readonly doc: Doc;
}
const SHOWN = 5;

export function unfound_cause(c: PGCase): explained_cause {
  const sources = might_have(c);
  const n = Math.max(c.sum("num_objects_unfound").count(), names(c).length, 1);
  const of = (status: string) =>
    unique(sources.filter((s) => s.status === status).map((s) => s.osd));
  const down = of("osd is down");
  const waiting = unique([...of("querying"), ...of("not queried")]);
  const probed = of("already probed");
  const lost = down.filter((o) => {
    const view = c.osd(o);
    return view !== undefined && is_lost(view);
  });
  const backfill = c.is("backfill_unfound");
  const id = backfill ? "remapped.backfill_unfound" : "degraded.recovery_unfound";
  return cause(id, "data_at_risk", {
    say: [
      `${counted(n, "object is", "objects are")} unfound: the logs say that a newer version was ` +
        "written, and no OSD that has been asked has it.",
      down.length > 0
        ? `${c.osds_words(down)} may have it, and ${are(down)} down.`
        : waiting.length > 0
          ? `${osd_names(waiting)} may have it and ${are(waiting)} still to be heard.`
          : sources.length > 0
            ? "Everybody who is known to might have it has been asked, and does not."
            : "Who might have it the sources do not tell.",
      lost.length > 0
        ? `${osd_names(lost)} ${are(lost)} declared lost: that lets objects be given up, it does not ` +
          "bring them back. The disk may still have them."
        : undefined,
      c.serves ? "Operations on these objects wait; all others of the PG are served." : undefined,
      names(c).length > 0
        ? `Unfound: ${listed(names(c).slice(0, SHOWN))}${n > SHOWN ? ` and ${n - SHOWN} more` : ""}.`
        : undefined,
    ],
    facts: [
      c.state_doc.fact(backfill ? "backfill_unfound" : "recovery_unfound"),
      c.sum("num_objects_unfound").exists
        ? c.sum("num_objects_unfound").fact("objects whose newest version nobody asked has")
        : undefined,
      ...sources.map((s) => s.doc.fact(`might have them: ${s.status}`)),
      avail(c, "avail_no_missing", "these miss nothing that can be found"),
      avail(c, "object_location_counts", "how many objects are on which OSDs"),
      ...object_facts(c),
      ...c.osd_facts(down),
    ],
    osds: [...down, ...waiting],
    unblocks: unblocks(down, waiting, probed),
    drastic: [
      ...(c.erasure ? [] : [mark_unfound_lost(n, "revert")]),
      mark_unfound_lost(n, "delete"),
      ...down
        .filter((o) => !lost.includes(o))
        .map((o) =>
          lost_osd(o, "the chance to find them there, and all else that only it has, in every PG"),
        ),
    ],
  });
}

function avail(c: PGCase, name: string, means: string) {
  const d = c.stat.at(name);
  return d.items().length > 0 ? d.fact(means) : undefined;
}

function might_have(c: PGCase): source_t[] {
  const own = c.query?.entry("Active")?.doc.at("might_have_unfound").items() ?? [];
  const listed_too = c.list_unfound?.at("might_have_unfound").items() ?? [];
  const from = own.length > 0 ? own : listed_too;
  return from.flatMap((d) => {
    const shard = read_shard(d.at("osd"));
    const status = d.at("status").str() ?? "not queried";
    return shard === undefined ? [] : [{ osd: shard_osd(shard), status, doc: d }];
  });
}

function objects(c: PGCase): Doc[] {
  const list = c.list_unfound?.at("objects").items() ?? [];
  return list.length > 0 ? list : (c.list_unfound?.at("unfound").items() ?? []);
}
function names(c: PGCase): string[] {
  return objects(c).flatMap((d) => d.at("oid", "oid").str() ?? []);
}
function object_facts(c: PGCase) {
  return objects(c)
    .slice(0, SHOWN)
    .map((d) => {
      const have = d.at("have").str() ?? "0'0";
      const older = have === "0'0" ? "there is no older one here" : `here is ${have}`;
      return d.at("need").fact(`version wanted of ${d.at("oid", "oid").str() ?? "it"}; ${older}`);
    });
}

function unblocks(
  down: readonly number[],
  waiting: readonly number[],
  probed: readonly number[],
): string[] {
  const out: string[] = [];
  if (down.length > 0) {
    out.push(
      down.length === 1
        ? `Start ${osd_names(down)}: it is asked at once, and what it has is recovered by itself.`
        : `Start ${osd_names(down)}: each is asked at once, and what it has is recovered by itself.`,
    );
  }
  if (waiting.length > 0) {
    out.push(
      `${osd_names(waiting)} ${waiting.length === 1 ? "answers" : "answer"}: wait, or see why not.`,
    );
  }
  if (down.length === 0 && waiting.length === 0) {
    out.push(
      "Think of disks that are not OSDs now: removed, reinstalled or replaced since the objects were " +
        "written. Started again as they were, or with the PG exported from them and imported " +
        "elsewhere (ceph-objectstore-tool), they are asked, too.",
    );
  }
  if (probed.length > 0 && (down.length > 0 || waiting.length > 0)) {
    out.push(`${osd_names(probed)} ${are(probed)} of no help: asked already.`);
  }
  out.push("If a disk is failing: copy it first, ask it afterwards.");
  return out;
}
