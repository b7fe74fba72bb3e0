/** Peering, state by state: whom the primary waits for, and whether they can answer. peering.md §5.4. */
import { type pg_shard_t, shard_osd } from "../types/osd_types.ts";
import { type CauseRule, cause } from "./cause.ts";
import { desired_acting } from "./copies.ts";
import type { Doc } from "./Doc.ts";
import type { explain_fact, explained_cause } from "./explanation.ts";
import type { PGCase } from "./PGCase.ts";
import { parse_shard, read_shard, type state_entry } from "./QueryView.ts";
import { are, osd_name, osd_names, osd_set, unique } from "./words.ts";

const STATES: Readonly<Record<string, (c: PGCase, e: state_entry) => explained_cause>> = {
  GetInfo: get_info,
  GetLog: get_log,
  GetMissing: get_missing,
  WaitUpThru: wait_up_thru,
  WaitActingChange: wait_acting_change,
  Reset: (c, e) => starting(c, e),
  Start: (c, e) => starting(c, e),
  Initial: (c, e) => starting(c, e),
};

export const peering_causes: CauseRule = (c) => {
  if (c.is("down", "incomplete")) return [];
  const entry = c.query?.innermost;
  const say = entry === undefined ? undefined : STATES[entry.name];
  if (entry && say) return [say(c, entry)];
  if (c.is("activating")) return [activating(c)];
  if (!c.is("peering", "creating") || c.is("active", "peered")) return [];
  if (entry?.name === "Active") return [activating(c)];
  return c.is("creating") && c.query === undefined ? [] : [unspecified(c)];
};

/** Those asked that have not answered. */
function unanswered(d: Doc, answer: string): { shard: pg_shard_t; doc: Doc }[] {
  return d.items().flatMap((item) => {
    const shard = read_shard(item.at("osd"));
    return shard === undefined || item.at(answer).exists ? [] : [{ shard, doc: item.at("osd") }];
  });
}

/** Up but silent, or down and not yet noticed: the difference decides what helps. */
function silence(c: PGCase, osds: readonly number[]): string | undefined {
  if (!c.map || osds.length === 0) return undefined;
  const up = osds.filter((o) => c.osd(o)?.up);
  if (up.length === 0) {
    return `${osd_names(osds)} ${are(osds)} down in the osd dump: with that map peering starts anew.`;
  }
  return (
    `${osd_names(up)} ${are(up)} up in the map (epoch ${c.map.epoch}), so peering waits instead of ` +
    "going on without: the daemon hangs, is very slow, or cannot be reached."
  );
}
/** Without `osds`, could the PG account for all its intervals? */
function could_do_without(c: PGCase, osds: readonly number[]): boolean {
  const les = c.query?.history.at("last_epoch_started").num() ?? 0;
  const k = c.erasure ? (c.pool?.k ?? 1) : 1;
  const intervals = c.query?.past_intervals.filter((i) => i.last >= les) ?? [];
  return intervals.every((i) => {
    const left = i.acting.filter((s) => !osds.includes(shard_osd(s)) && !c.is_down(shard_osd(s)));
    return left.length >= k;
  });
}
function answer_helps(c: PGCase, osds: readonly number[]): string[] {
  const who = osd_names(osds);
  const many = osds.length > 1;
  return [
    `${who} ${many ? "answer" : "answers"}: look at the process, its disk and its network. ` +
      "Restarting a daemon that hangs is safe.",
    `Or its heartbeats stop and the monitor marks it down (after osd_heartbeat_grace, unless the ` +
      `flag nodown is set): the PG peers anew without ${many ? "them" : "it"}` +
      (c.query && could_do_without(c, osds)
        ? ", which its past intervals allow."
        : ", and is down if nobody else has what was written meanwhile."),
  ];
}

function get_info(c: PGCase, e: state_entry): explained_cause {
  const waiting = unanswered(e.doc.at("requested_info_from"), "got_info");
  const osds = unique(waiting.map((w) => shard_osd(w.shard)));
  const said = osds.length > 0 ? osds : c.stat.at("blocked_by").ints();
  const peering = c.query?.peering;
  return cause("peering.get_info", "unavailable", {
    say: [
      said.length > 0
        ? `${c.primary_name} is peering and waits for ${osd_names(said)} to say what ` +
          `${said.length === 1 ? "it has" : "they have"} of the PG (GetInfo).`
        : `${c.primary_name} is peering and has just asked the others what they have (GetInfo).`,
      silence(c, said),
      "Nobody may go active before all that may have taken part in writes since the PG was last " +
        "active have been heard.",
    ],
    facts: [
      ...waiting.map((w) => w.doc.fact("asked for its info, no answer yet")),
      peering?.at("probing_osds").exists
        ? peering.at("probing_osds").fact("all that have to be heard")
        : undefined,
      ...interval_facts(c),
      blocked_by_fact(c),
      ...c.osd_facts(said),
    ],
    osds: said,
    unblocks: said.length > 0 ? answer_helps(c, said) : ["It goes on by itself."],
  });
}

/** Why these have to be heard. */
function interval_facts(c: PGCase): explain_fact[] {
  const les = c.query?.history.at("last_epoch_started").num() ?? 0;
  const intervals = c.query?.past_intervals.filter((i) => i.last >= les) ?? [];
  return intervals.map((i) => i.doc.fact("writes may have happened in this interval"));
}
function blocked_by_fact(c: PGCase): explain_fact | undefined {
  const d = c.stat.at("blocked_by");
  return d.ints().length > 0 ? d.fact("the PG's statistics name them, too") : undefined;
}

function get_log(c: PGCase, e: state_entry): explained_cause {
  const doc = e.doc.at("auth_log_shard");
  const auth = parse_shard(String(doc.value ?? ""));
  const osds = auth === undefined ? c.stat.at("blocked_by").ints() : [shard_osd(auth)];
  const copy = osds[0] === undefined ? undefined : c.copy(osds[0]);
  return cause("peering.get_log", "unavailable", {
    say: [
      osds.length > 0
        ? `${c.primary_name} is peering and waits for the log of ${osd_names(osds)}, whose copy is ` +
          "the best one (GetLog)."
        : `${c.primary_name} is peering and fetches the best log (GetLog).`,
      silence(c, osds),
    ],
    facts: [
      auth === undefined ? undefined : doc.fact("has the authoritative log; was asked for it"),
      copy?.doc.at("last_update").fact("how far that log goes"),
      c.query?.info.at("last_update").fact("how far the primary's own goes"),
      blocked_by_fact(c),
      ...c.osd_facts(osds),
    ],
    osds,
    unblocks: osds.length > 0 ? answer_helps(c, osds) : ["It goes on by itself."],
  });
}

function get_missing(c: PGCase, e: state_entry): explained_cause {
  const waiting = unanswered(e.doc.at("peer_missing_requested"), "got_missing");
  const osds = unique(waiting.map((w) => shard_osd(w.shard)));
  return cause("peering.get_missing", "unavailable", {
    say: [
      osds.length > 0
        ? `${c.primary_name} is peering and waits for ${osd_names(osds)} to say which objects ` +
          `${osds.length === 1 ? "it misses" : "they miss"} (GetMissing).`
        : `${c.primary_name} is peering and compares the logs of its peers (GetMissing).`,
      silence(c, osds),
    ],
    facts: [
      ...waiting.map((w) => w.doc.fact("asked for its log and missing set, no answer yet")),
      blocked_by_fact(c),
      ...c.osd_facts(osds),
    ],
    osds,
    unblocks: osds.length > 0 ? answer_helps(c, osds) : ["It goes on by itself."],
  });
}

function wait_up_thru(c: PGCase, e: state_entry): explained_cause {
  const since = c.same_interval_since;
  const view = c.primary === undefined ? undefined : c.osd(c.primary);
  const want = since.num() ?? 0;
  const there = view !== undefined && view.up_thru >= want;
  const has = view
    ? there
      ? ` The osd dump has up_thru ${view.up_thru} for it already: ${c.primary_name} has not got that ` +
        "map yet."
      : ` The map has up_thru ${view.up_thru} for it.`
    : "";
  return cause("peering.wait_up_thru", "unavailable", {
    say: [
      `${c.primary_name} has all it needs and waits for the monitor to record that it is alive in ` +
        `this interval: up_thru must reach epoch ${want} (WaitUpThru).${has}`,
      "Without that record a later primary could take the interval for one without writes and lose " +
        "them. It is one commit of the monitor: if it lasts, the monitors are the problem, or the " +
        "way to them.",
    ],
    facts: [
      e.doc.at("comment").fact("the primary's own words"),
      since.fact("first epoch of this interval: what up_thru has to reach"),
      view?.doc.at("up_thru").fact("what the map has recorded"),
    ],
    osds: c.primary === undefined ? [] : [c.primary],
    unblocks: [
      "The monitors commit a map: have a quorum, with room and speed on their disks.",
      `${c.primary_name} reaches a monitor and receives maps: look at its log and the network ` +
        "between them.",
    ],
  });
}

function wait_acting_change(c: PGCase, e: state_entry): explained_cause {
  const want = desired_acting(c);
  const temp = c.map?.pg_temp(c.pgid);
  const wanted = want ? ` ${osd_set(want)}` : "";
  const own = c.query?.info;
  const short = want && c.primary !== undefined && !want.includes(c.primary);
  return cause("peering.wait_acting_change", "unavailable", {
    say: [
      `${c.primary_name} has asked the monitor to put other OSDs in charge for now, by pg_temp` +
        `${wanted}, and waits for the map that does so (WaitActingChange).`,
      short
        ? `CRUSH wants ${osd_set(c.up)}, but the copy of ${c.primary_name} is not good enough to ` +
          "serve from: it is to be filled while the others do."
        : `CRUSH wants ${osd_set(c.up)}, which is not the set with the best copies.`,
      temp
        ? `The osd dump has pg_temp ${osd_set(temp.osds)} for it.`
        : c.map && "The osd dump has no pg_temp for it yet.",
    ],
    facts: [
      e.doc.at("comment").fact("the primary's own words"),
      c.up_doc.fact("whom CRUSH chooses"),
      c.acting_doc.fact("who serves now"),
      own?.at("last_update").fact(`what ${c.primary_name} has`),
      own?.at("last_backfill").fact("MAX: a complete copy"),
      ...(c.query?.copies.slice(1) ?? []).map((p) =>
        p.doc.at("last_update").fact(`what ${osd_name(p.osd)} has`),
      ),
      temp?.doc.fact("what the map has"),
    ],
    osds: c.primary === undefined ? [] : [c.primary],
    unblocks: [
      "The monitors commit a map: have a quorum, with room and speed on their disks.",
      `${c.primary_name} reaches a monitor: it repeats the request with each new session.`,
      "If one of the wanted OSDs goes down meanwhile, peering starts anew by itself.",
    ],
  });
}

function starting(c: PGCase, e: state_entry): explained_cause {
  return cause("peering.starting", "unavailable", {
    say: [
      `A new interval has begun (epoch ${c.same_interval_since.num() ?? "unknown"}), and the PG has ` +
        `not begun to peer: it is in ${e.name}.`,
      "It lasts longer only when the OSD is behind with its maps, or overloaded.",
    ],
    facts: [
      e.doc.at("name").fact("the state the OSD is in"),
      c.same_interval_since.fact("first epoch of the interval"),
      c.query?.doc.at("epoch").fact("the map that this OSD has reached"),
    ],
    osds: c.primary === undefined ? [] : [c.primary],
    unblocks: ["It goes on by itself; otherwise look at the load of the primary."],
  });
}

function activating(c: PGCase): explained_cause {
  const blocked = c.stat.at("blocked_by").ints();
  const arb = c.query?.doc.at("acting_recovery_backfill") ?? c.query?.doc.at("actingbackfill");
  return cause("peering.activating", "unavailable", {
    say: [
      blocked.length > 0
        ? `Peering is done; ${osd_names(blocked)} ${are(blocked)} to write the new interval to disk ` +
          "before the PG may serve (activating)."
        : "Peering is done; the members write the new interval to disk before the PG may serve " +
          "(activating).",
      silence(c, blocked),
      "It lasts longer when a member's disk is slow or stuck, or when it withholds the PG because it " +
        "has too many (mon_max_pg_per_osd, osd_max_pg_per_osd_hard_ratio).",
    ],
    facts: [
      c.state_doc.fact("the state that the primary reports"),
      blocked_by_fact(c),
      arb?.exists ? arb.fact("all of these have to commit") : undefined,
      ...c.osd_facts(blocked),
    ],
    osds: blocked,
    unblocks: blocked.length > 0 ? answer_helps(c, blocked) : ["It goes on by itself."],
  });
}

function unspecified(c: PGCase): explained_cause {
  const blocked = c.stat.at("blocked_by").ints();
  return cause("peering.unspecified", "unavailable", {
    say: [
      blocked.length > 0
        ? `${c.primary_name} is peering, and waits for ${osd_names(blocked)}.`
        : `${c.primary_name} is peering.`,
      silence(c, blocked),
      "What exactly it waits for only 'pg query' tells.",
    ],
    facts: [c.state_doc.fact("the state that was reported last"), blocked_by_fact(c)],
    osds: blocked,
    unblocks: blocked.length > 0 ? answer_helps(c, blocked) : ["As a rule it goes on by itself."],
  });
}
