/**
 * Incomplete: everybody who could be asked was, and no copy is good enough to go on from. Which rule
 * each copy fails is worked out anew from the infos in the query. peering.md §6.5, §6.8.
 */
import { ec_recoverable } from "../peering/recoverable.ts";
import { ev_lt, ev_str, shard_osd } from "../types/osd_types.ts";
import { type CauseRule, cause, type cause_parts } from "./cause.ts";
import { best_copy } from "./copies.ts";
import { force_create, ignore_history_les, lost_osd } from "./drastic.ts";
import type { cause_id, explain_fact } from "./explanation.ts";
import { is_lost } from "./OsdDumpView.ts";
import type { PGCase } from "./PGCase.ts";
import type { copy_view } from "./QueryView.ts";
import { are, counted, osd_name, osd_names, unique } from "./words.ts";

interface Judged {
  readonly copy: copy_view;
  /** undefined: nothing is wrong with it. */
  readonly fault: string | undefined;
  readonly fact: explain_fact;
}

export const incomplete_causes: CauseRule = (c) => {
  if (!c.is("incomplete")) return [];
  const { query } = c;
  if (!query?.info.exists) return [make(c, "incomplete.unspecified", undefined, [NO_INFOS], [])];
  const max_les = Math.max(...query.copies.map((p) => Math.max(whole_les(p), p.history_les)));
  const judged = query.copies.map((p) => judge(p, max_les));
  const facts = [...judged.map((j) => j.fact), ...les_facts(c, max_les)];
  const best = best_copy(c);
  if (best === null) return [no_best(c, judged, max_les, facts)];
  const copy = query.copies.find((p) => p.shard === best);
  const usable = judged.filter((j) => j.fault === undefined).map((j) => j.copy);
  return [c.erasure ? too_few_shards(c, usable, facts) : log_gap(c, copy, facts)];
};
const NO_INFOS =
  "The PG is incomplete. Which copies there are and what is wrong with them only the infos in " +
  "'pg query' tell.";

const whole = (p: copy_view) => p.last_backfill === "MAX";
const whole_les = (p: copy_view) => (whole(p) ? p.last_epoch_started : 0);
const has_nothing = (p: copy_view) => p.dne || (p.empty && p.last_epoch_started === 0);

function judge(copy: copy_view, max_les: number): Judged {
  const who = osd_name(copy.osd);
  if (has_nothing(copy)) {
    const fact = copy.doc.at(copy.dne ? "dne" : "empty").fact(`${who} has nothing of the PG`);
    return { copy, fault: `${who} has nothing of the PG`, fact };
  }
  if (!whole(copy)) {
    const fault =
      copy.last_backfill === "MIN"
        ? `the copy of ${who} was to be filled by backfill, which has not begun`
        : `the copy of ${who} is filled only up to ${copy.last_backfill}`;
    return { copy, fault, fact: copy.doc.at("last_backfill").fact(`not MAX: ${fault}`) };
  }
  const les = copy.last_epoch_started;
  const doc = copy.doc.at("last_epoch_started");
  if (les < max_les) {
    const fault = `the copy of ${who} is of the time when the PG was active in epoch ${les}, which is too old`;
    return { copy, fault, fact: doc.fact(`${who} is complete, but of epoch ${les}`) };
  }
  return { copy, fault: undefined, fact: doc.fact(`${who} has a complete copy of that time`) };
}

function les_facts(c: PGCase, max_les: number): explain_fact[] {
  const by = c.query?.copies.find((p) => p.history_les === max_les);
  if (!by) return [];
  const doc = by.doc.at("history", "last_epoch_started");
  return [doc.fact(`the PG is known to have been active in epoch ${max_les}`)];
}

function no_best(
  c: PGCase,
  judged: readonly Judged[],
  max_les: number,
  facts: readonly explain_fact[],
) {
  // Ceph says so, too, where a copy is just as old as the history: it decides nothing then.
  const detail = c.query?.peering?.at("peering_blocked_by_detail");
  const complete = judged.filter((j) => whole(j.copy) && !has_nothing(j.copy));
  const faults = judged.flatMap((j) => (j.fault === undefined ? [] : [j.fault]));
  const told = `${capital(faults.join("; "))}.`;
  const newest = [...complete].sort(
    (a, b) => b.copy.last_epoch_started - a.copy.last_epoch_started,
  );
  const from = newest[0]?.copy;
  if (from) {
    const say = [
      `The PG is incomplete: it was active in epoch ${max_les} (last_epoch_started in somebody's ` +
        "history), but no complete copy of that time can be asked.",
      told,
      "Writes may have been acknowledged at that time; an older copy does not have them.",
    ];
    const lose =
      `every write after the older copy's time: ${osd_name(from.osd)} would be taken, which ends at ` +
      `${ev_str(from.last_update)} and is of epoch ${from.last_epoch_started}, not ${max_les}`;
    const more = detail?.exists ? [detail.fact("the primary's own words for it")] : [];
    const drastic = [ignore_history_les(lose)];
    return make(c, "incomplete.history_les_bound", max_les, say, [...facts, ...more], drastic);
  }
  const say = [
    "The PG is incomplete: everybody who can be asked was, and none of them has a complete copy.",
    told,
    ...(detail?.exists
      ? ["Ignoring history_les_bound would change nothing: there is no complete copy to take."]
      : []),
  ];
  return make(c, "incomplete.no_complete_copy", max_les, say, facts);
}

function too_few_shards(c: PGCase, usable: readonly copy_view[], facts: readonly explain_fact[]) {
  const { pool } = c;
  const k = pool?.k;
  const have = new Set(usable.map((p) => p.shard));
  const decodes = k !== undefined && ec_recoverable(k)(have);
  const shards = counted(have.size, "usable shard");
  const min_size = pool?.min_size;
  const id = decodes ? "incomplete.below_min_size" : "incomplete.not_enough_shards";
  const need = decodes
    ? `${k} suffice to decode, but fewer than min_size (${min_size}) may not go on with ` +
      "osd_allow_recovery_below_min_size off"
    : k === undefined
      ? "the erasure code needs more (its k is in the osd dump)"
      : `the erasure code needs ${k} (k)`;
  const say = [
    `The PG is incomplete: ${shards} can be asked (${osd_names([...have].map(shard_osd))}), and ${need}.`,
  ];
  const more = [
    ...facts,
    ...(pool && k !== undefined ? [pool.doc.at("erasure_code_profile").fact(`k = ${k}`)] : []),
    ...(pool ? [pool.doc.at("min_size").fact("fewest members that may serve")] : []),
  ];
  return make(c, id, undefined, say, more);
}

function log_gap(c: PGCase, best: copy_view | undefined, facts: readonly explain_fact[]) {
  const own = c.query?.copies[0];
  if (best && own && ev_lt(own.last_update, best.log_tail)) {
    const say = [
      `The PG is incomplete: the best log is that of ${osd_name(best.osd)} and begins at ` +
        `${ev_str(best.log_tail)}; ${osd_name(own.osd)} leads the PG and ends before, at ` +
        `${ev_str(own.last_update)}. What lies between is in no log.`,
    ];
    const more = [
      own.doc.at("last_update").fact(`where the log of ${osd_name(own.osd)} ends`),
      best.doc.at("log_tail").fact(`where the log of ${osd_name(best.osd)} begins`),
    ];
    return make(c, "incomplete.log_gap", undefined, say, [...more, ...facts]);
  }
  const say = [
    "The PG is incomplete, although a copy that looks complete can be asked: the primary has decided " +
      "before that copy was known, or the pool's min_size stood in the way.",
  ];
  return make(c, "incomplete.unspecified", undefined, say, facts);
}

// ---------------------------------------------------------------- what would help

/** Who took part and has not been heard: down, or gone. */
function unheard(c: PGCase): { readonly down: number[]; readonly gone: number[] } {
  const { query } = c;
  const heard = new Set(query?.copies.map((p) => p.osd) ?? []);
  const down = (query?.down_would_probe ?? []).flatMap((d) => d.num() ?? []);
  const took_part = (query?.participants ?? []).map(shard_osd);
  const silent = unique([...down, ...took_part, ...c.stat.at("blocked_by").ints()]).filter(
    (o) => !heard.has(o) || down.includes(o),
  );
  const gone = silent.filter((o) => c.map !== undefined && !c.osd(o));
  return { down: silent.filter((o) => !gone.includes(o)), gone };
}

function make(
  c: PGCase,
  id: cause_id,
  max_les: number | undefined,
  say: readonly string[],
  facts: readonly explain_fact[],
  drastic: cause_parts["drastic"] = [],
) {
  const { down, gone } = unheard(c);
  const holders = served(c, max_les);
  const lost = down.filter((o) => {
    const view = c.osd(o);
    return view !== undefined && is_lost(view);
  });
  const where =
    down.length > 0
      ? `Not heard: ${c.osds_words(down)}.`
      : "Everybody who is known to have taken part has been heard or is gone.";
  return cause(id, "unavailable", {
    say: [
      ...say,
      ...(c.query ? [where] : []),
      lost.length > 0
        ? `${osd_names(lost)} ${are(lost)} declared lost: that let peering go on without, it did not ` +
          "bring the data back. The disk may still have it."
        : undefined,
      holders && !c.erasure
        ? `In epochs ${holders.first} to ${holders.last}, the last time it is known to have been active, ` +
          `${osd_names(holders.osds)} served the PG: ` +
          (holders.osds.length === 1
            ? "if it was complete then, it has it all."
            : "each of them that was complete then has it all.")
        : undefined,
    ],
    facts: [c.state_doc.fact("the state that the primary reports"), ...facts, ...source_facts(c)],
    osds: [...down, ...gone],
    unblocks: c.erasure
      ? shard_unblocks(c, id, down, gone)
      : unblocks(holders?.osds.filter((o) => down.includes(o)) ?? down, down, gone, max_les),
    drastic: [
      ...drastic,
      ...down
        .filter((o) => !lost.includes(o))
        .map((o) => lost_osd(o, `what only ${osd_name(o)} has; it makes no other copy complete`)),
      force_create(c.pgid, c.sum("num_objects").num()),
    ],
  });
}

/** Who was acting when the PG was last active, as far as anybody knows. */
function served(c: PGCase, max_les: number | undefined) {
  const at = c.query?.past_intervals.findLast(
    (i) => max_les !== undefined && i.first <= max_les && max_les <= i.last,
  );
  return at && { first: at.first, last: at.last, osds: unique(at.acting.map(shard_osd)) };
}

function source_facts(c: PGCase): (explain_fact | undefined)[] {
  const peering = c.query?.peering;
  const list = (name: string, means: string) =>
    peering?.at(name).exists ? peering.at(name).fact(means) : undefined;
  return [
    list("probing_osds", "these have been asked"),
    list("down_osds_we_would_probe", "these would be asked if they were up"),
    ...(c.query?.past_intervals ?? []).map((i) =>
      i.doc.fact("an interval in which writes may have happened"),
    ),
    ...c.osd_facts(unheard(c).down),
  ];
}

function shard_unblocks(
  c: PGCase,
  id: cause_id,
  down: readonly number[],
  gone: readonly number[],
): string[] {
  if (id === "incomplete.below_min_size") {
    return [
      `Start ${osd_names(down)}: with min_size shards the PG goes on.`,
      "Or allow it to recover with fewer (osd_allow_recovery_below_min_size, on by default): it makes " +
        "the missing shards anew from those that are there, and serves no I/O before it has.",
    ];
  }
  const k = c.pool?.k;
  const enough = k === undefined ? "enough shards" : counted(k, "shard");
  const start =
    down.length > 0
      ? `Start ${shards_to_start(c, k, down)}: with ${enough} that are complete and of the same time ` +
        "everything can be decoded, and nothing is lost."
      : `${capital(enough)} have to be found: nobody who is known to have one is down.`;
  return [start, ...disk_unblocks(gone)];
}
/** As many of those that are down as the code lacks, when it is known how many that are. */
function shards_to_start(c: PGCase, k: number | undefined, down: readonly number[]): string {
  const usable = c.query?.copies.filter((p) => whole(p) && !has_nothing(p)).length ?? 0;
  const lacking = k === undefined ? down.length : Math.max(1, k - usable);
  if (lacking >= down.length) return osd_names(down);
  return `${lacking === 1 ? "one" : lacking} of ${osd_names(down)}`;
}
function disk_unblocks(gone: readonly number[]): string[] {
  const found =
    `${osd_names(gone)} took part and ${are(gone)} no longer in the map: if a disk of theirs still ` +
    "exists, the PG can be exported from it (ceph-objectstore-tool) and imported into an OSD that is " +
    "stopped for the purpose.";
  return [...(gone.length > 0 ? [found] : []), COPY_FIRST];
}
const COPY_FIRST =
  "Before anything else: copy what there is (ceph-objectstore-tool --op export on each OSD that has " +
  "the PG).";

function unblocks(
  best: readonly number[],
  down: readonly number[],
  gone: readonly number[],
  max_les: number | undefined,
): string[] {
  const out: string[] = [];
  const time = max_les === undefined ? "" : ` of epoch ${max_les} or later`;
  if (down.length > 0) {
    const first = best.length > 0 ? best : down;
    const rest = down.filter((o) => !first.includes(o));
    const others = rest.length > 0 ? ` (then ${osd_names(rest)})` : "";
    out.push(
      `Start ${osd_names(first, "or")}${others}: a complete copy${time} there makes the PG complete, ` +
        "and nothing is lost.",
    );
  }
  if (down.length === 0 && gone.length === 0) {
    out.push(
      `Find a disk that has a complete copy${time} (OSDs that were removed, reinstalled or replaced ` +
        "since): the PG can be exported from it with ceph-objectstore-tool and imported.",
    );
  }
  out.push(...disk_unblocks(gone));
  return out;
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
