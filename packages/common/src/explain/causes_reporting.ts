/** Nobody says anything of the PG, or nobody who leads it: unknown, stale, creating, no primary. */
import { type CauseRule, cause } from "./cause.ts";
import { force_create, lost_osd } from "./drastic.ts";
import type { explained_cause } from "./explanation.ts";
import type { PGCase } from "./PGCase.ts";
import { are, osd_name, osd_names, osd_set } from "./words.ts";

export const reporting_causes: CauseRule = (c) => {
  const { query } = c;
  const out: explained_cause[] = [];
  if (query?.states.some((s) => s.name === "Stray" || s.name === "ReplicaActive")) {
    out.push(not_primary(c));
  }
  if (c.is("stale")) out.push(stale(c));
  if (c.is("unknown") && !query) out.push(unknown(c));
  if (c.is("creating") && c.acting_osds.length === 0) out.push(creating_nowhere(c));
  else if (c.is("creating") && !c.is("active", "peered", "activating")) out.push(creating(c));
  // Something has been reported once, but the map has nobody for it now.
  const mapped = c.mapping?.at("acting");
  if (out.length === 0 && mapped?.exists && live(c, mapped.ints()).length === 0) {
    out.push(no_primary(c));
  } else if (out.length === 0 && c.query_error !== undefined) out.push(silent_primary(c));
  return out;
};

const live = (c: PGCase, osds: readonly number[]) =>
  osds.filter((o) => c.osd(o)?.up ?? (c.map === undefined && o !== 0x7fffffff));

function not_primary(c: PGCase): explained_cause {
  const e = c.query?.innermost;
  return cause("query.not_primary", "remark", {
    say: [
      `The answer comes from an OSD that does not lead the PG (it is in ${e?.path}): it knows its own ` +
        "copy and little else.",
    ],
    facts: [e?.doc.at("name").fact("no state of a primary"), c.acting_doc.fact("the first leads")],
    osds: [],
    unblocks: [`Ask the primary${c.primary === undefined ? "" : `, ${c.primary_name}`}.`],
  });
}

// ---------------------------------------------------------------- stale

function stale(c: PGCase): explained_cause {
  const osds = c.acting_osds;
  const down = osds.filter((o) => c.map && !c.osd(o)?.up);
  const p = c.primary;
  const view = p === undefined ? undefined : c.osd(p);
  const last = c.state.replace("stale+", "").replace("stale", "unknown");
  const fresh = c.stat.at("last_fresh").str();
  const facts = [
    c.state_doc.fact("stale: marked by the monitor or mgr, the rest is the last report"),
    c.stat.at("last_fresh").exists ? c.stat.at("last_fresh").fact("the last report") : undefined,
    c.stat.at("reported_epoch").exists
      ? c.stat.at("reported_epoch").fact("the map that the last report was made with")
      : undefined,
    c.acting_doc.fact("acting set of the last report"),
    ...c.osd_facts(osds),
  ];
  const head = `Nobody has reported the PG since ${fresh ?? "an unknown time"}; '${last}' is what was said last.`;
  if (c.map && osds.length > 0 && down.length === osds.length) {
    return cause("stale.all_down", "unavailable", {
      say: [
        `The PG is stale: ${c.osds_words(osds)} ${osds.length === 1 ? "is its" : "are all of its"} ` +
          `acting set, so nobody serves it or reports it.`,
        head,
      ],
      facts,
      osds,
      unblocks: [
        `Start ${osds.length === 1 ? osd_name(osds[0] ?? 0) : `one of ${osd_names(osds, "or")}, best all`}: ` +
          "with the OSDs the data comes back.",
        others_needed(c, osds),
      ],
      drastic: [
        ...osds.map((o) => lost_osd(o, `all that only ${osd_name(o)} has, in every PG it has`)),
        force_create(c.pgid, c.sum("num_objects").num()),
      ],
    });
  }
  const reported = c.stat.at("reported_epoch").num() ?? 0;
  const went = view && (!view.up || view.up_from > reported);
  if (p !== undefined && view && went) {
    return cause("stale.primary_down", "unavailable", {
      say: [
        `The PG is stale: ${c.osd_words(p)} led it when it was last reported, in epoch ${reported}, ` +
          "and has gone down since; whoever leads it now has not reported it yet.",
        head,
      ],
      facts: [
        ...facts,
        view.doc.at("up_from").fact("it has started anew after that report if this is later"),
      ],
      osds: [p],
      unblocks: [
        "The successor peers and reports: look at 'pg map' for who it is, and whether that OSD works " +
          "and gets maps. Normally this takes seconds.",
        view.up ? undefined : `Start ${osd_name(p)}.`,
      ],
    });
  }
  return cause("stale.silent", "unavailable", {
    say: [
      c.map
        ? `The PG is stale: ${c.primary_name} leads it and is up in the map, but does not report it.`
        : `The PG is stale: ${c.primary_name}, which led it, does not report it (whether it is down ` +
          "the osd dump would tell).",
      head,
    ],
    facts,
    osds: p === undefined ? [] : [p],
    unblocks: [
      `${c.primary_name} runs and reports again: look at its process, its load, and its way to the ` +
        "monitors. Restarting a daemon that hangs is safe.",
      down.length > 0 ? `Start ${osd_names(down)}, ${are(down)} down as well.` : undefined,
    ],
  });
}

/** Who else is down, when those that acted last do not suffice. */
function others_needed(c: PGCase, acted: readonly number[]): string | undefined {
  const min_size = c.pool?.min_size;
  if (!c.map || min_size === undefined || acted.length >= min_size) return undefined;
  const others = [...c.map.osds.values()].filter((o) => !o.up && !acted.includes(o.osd));
  const names = others.length > 0 ? ` Down as well: ${osd_names(others.map((o) => o.osd))}.` : "";
  return `It serves I/O with min_size (${min_size}) members, and had ${acted.length} last.${names}`;
}

// ---------------------------------------------------------------- unknown, creating

function unknown(c: PGCase): explained_cause {
  const osds = c.acting_osds;
  const facts = [
    c.row?.at("state").fact("the monitor or mgr has no report of it"),
    c.mapping?.at("acting").fact("who should lead and serve it by the map"),
    ...c.osd_facts(osds),
  ];
  const mapped = c.mapping !== undefined || osds.length > 0;
  if (mapped && osds.length === 0) {
    return cause("unknown.no_osds", "unavailable", {
      say: [
        "The PG is unknown: by the map it has no OSD at all, so there is nobody to create, serve or " +
          "report it.",
        nowhere(c),
      ],
      facts: [...facts, c.up_doc.fact("whom CRUSH chooses among the OSDs that are up")],
      unblocks: NOWHERE_HELPS,
    });
  }
  return cause("unknown.not_reported", "unavailable", {
    say: [
      osds.length > 0
        ? `The PG is unknown: ${c.osds_words(osds)} should have it (acting ${osd_set(c.acting)}), and ` +
          "nobody has reported it yet."
        : "The PG is unknown: nobody has reported it yet.",
      "That is so for a moment after a pool was made, or after the monitor (in Ceph: the active mgr) " +
        "has started; if it lasts, the primary does not run, does not get maps, or does not reach it.",
    ],
    facts,
    osds,
    unblocks: [
      osds.length === 0
        ? "See whom the map has for it ('pg map'): if nobody, CRUSH chooses no OSD for the pool (rule, " +
          "device class, root, weights), and that is to be corrected."
        : undefined,
      "The primary starts, gets the map and reports: look at its process and log, and at the way to " +
        "the monitors.",
      "In Ceph: restarting the active mgr is safe, if all PGs are unknown.",
    ],
    drastic: [force_create(c.pgid, c.sum("num_objects").num() || undefined)],
  });
}
function nowhere(c: PGCase): string | undefined {
  if (!c.map) return undefined;
  const n = c.map.up_and_in.length;
  return n === 0
    ? "No OSD is up and in."
    : `${n} OSDs are up and in: the pool's CRUSH rule chooses none of them (device class, root, or ` +
        "weights).";
}
const NOWHERE_HELPS = [
  "Start OSDs that the pool's rule may choose, or correct the rule (root, device class, weights).",
];

function creating_nowhere(c: PGCase): explained_cause {
  return cause("creating.no_osds", "unavailable", {
    say: [
      "The PG is to be created, but CRUSH chooses no OSD for it, so nobody can create it.",
      nowhere(c),
    ],
    facts: [
      c.state_doc.fact("the PG does not exist on any OSD yet"),
      c.acting_doc.fact("nobody"),
      c.pool?.doc.at("crush_rule").fact("the pool's rule"),
    ],
    unblocks: NOWHERE_HELPS,
  });
}
function creating(c: PGCase): explained_cause {
  const down = c.acting_osds.filter((o) => c.map && !c.osd(o)?.up);
  return cause("creating.peering", "unavailable", {
    say: [
      `The PG is being created on ${osd_names(c.acting_osds)} and peers for the first time; it has ` +
        "never served anything.",
      down.length > 0 ? `${c.osds_words(down)} cannot take part.` : undefined,
    ],
    facts: [
      c.state_doc.fact("creating: last_epoch_started is still 0"),
      c.acting_doc.fact("who creates it"),
      ...c.osd_facts(c.acting_osds),
    ],
    osds: c.acting_osds,
    unblocks: [
      "It takes seconds. If it lasts: the primary must run and get maps, and must not have too many " +
        "PGs (mon_max_pg_per_osd times osd_max_pg_per_osd_hard_ratio).",
    ],
  });
}

function silent_primary(c: PGCase): explained_cause {
  const p = c.mapping?.at("acting").ints()[0] ?? c.primary;
  const osds = p === undefined || p === 0x7fffffff ? [] : [p];
  const fresh = c.stat.at("last_fresh");
  return cause("query.silent_primary", "unavailable", {
    say: [
      `${osds.length > 0 ? c.osds_words(osds) : "The primary"} leads the PG by the map and did not ` +
        `answer when asked about it: "${c.query_error}". Client I/O to the PG will hang likewise.`,
      `The last report, '${c.state}'${fresh.exists ? ` of ${fresh.str()}` : ""}, is of before that.`,
    ],
    facts: [
      c.mapping?.at("acting").fact("the first leads"),
      c.state_doc.fact("what was reported last"),
      fresh.exists ? fresh.fact("when that was") : undefined,
      ...c.osd_facts(osds),
    ],
    osds,
    unblocks: [
      "It answers: look at the process, its disk and its network. Restarting a daemon that hangs is " +
        "safe.",
      c.map?.flags.has("nodown")
        ? "The flag nodown keeps it up in the map although its heartbeats stop: unset it, and the PG " +
          "goes on without it."
        : "Or its heartbeats stop and the monitor marks it down: the PG goes on without it.",
    ],
  });
}

function no_primary(c: PGCase): explained_cause {
  const osds = c.acting_osds;
  return cause("query.no_primary", "unavailable", {
    say: [
      osds.length > 0
        ? `By the map nobody leads the PG: ${c.osds_words(osds)} had it last.`
        : "By the map nobody leads the PG.",
      c.query_error === undefined ? undefined : `Asking it gave: ${c.query_error}.`,
    ],
    facts: [
      c.mapping?.at("acting").fact("acting set by the map now"),
      c.state_doc.fact("what was reported last"),
      ...c.osd_facts(osds),
    ],
    osds,
    unblocks: [osds.length > 0 ? `Start ${osd_names(osds, "or")}.` : "Start OSDs of the pool."],
  });
}
