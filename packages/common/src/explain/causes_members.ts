/** Too few members: peered below min_size, undersized; and the leases of members of before. */
import { CRUSH_ITEM_NONE } from "../types/osd_types.ts";
import { type CauseRule, cause } from "./cause.ts";
import { failure_domain } from "./crush_places.ts";
import { lost_osd, lower_min_size } from "./drastic.ts";
import type { cause_id, explained_cause } from "./explanation.ts";
import type { PGCase } from "./PGCase.ts";
import { are, counted, osd_name, osd_names, osd_set } from "./words.ts";

export const member_causes: CauseRule = (c) => {
  const out: explained_cause[] = [];
  if (c.is("peered")) out.push(peered(c));
  if (c.is("wait")) out.push(lease_wait(c));
  if (c.is("laggy")) out.push(lease_laggy(c));
  if (c.is("undersized")) out.push(undersized(c));
  return out;
};

// ---------------------------------------------------------------- peered

/** Down, and in the map still: those whose places are empty. */
export function down_and_in(c: PGCase): number[] {
  if (!c.map) return [];
  return [...c.map.osds.values()].filter((o) => !o.up && o.in).map((o) => o.osd);
}
/** OSDs that had a part in the PG and are down. */
function former_members(c: PGCase): number[] {
  const { query } = c;
  const took_part = [...(query?.copies ?? []).map((p) => p.osd)];
  for (const e of c.query?.entry("Active")?.doc.at("might_have_unfound").items() ?? []) {
    const osd = Number.parseInt(e.at("osd").str() ?? "", 10);
    if (Number.isInteger(osd)) took_part.push(osd);
  }
  return took_part.filter((o) => c.map && !c.osd(o)?.up);
}

function peered(c: PGCase): explained_cause {
  const n = c.acting_osds.length;
  const min_size = c.pool?.min_size;
  const need = min_size === undefined ? "min_size" : `min_size (${min_size})`;
  const gone = [...new Set([...former_members(c), ...down_and_in(c)])];
  const recovering = c.is("recovering", "recovery_wait", "backfilling", "backfill_wait");
  const enough = min_size !== undefined && c.up_osds.length >= min_size;
  const missing = Math.max(1, (min_size ?? n + 1) - n);
  return cause("peered.below_min_size", "unavailable", {
    say: [
      `The PG has peered, but serves no I/O: ${osd_names(c.acting_osds)} ${are(n)} its only ` +
        `${n === 1 ? "member" : "members"}, fewer than ${need} of the pool.`,
      gone.length > 0 ? `Down: ${c.osds_words(gone)}.` : undefined,
      recovering && enough
        ? `It becomes active by itself when the copies on ${osd_set(c.up)} are complete.`
        : undefined,
    ],
    facts: [
      c.state_doc.fact("peered: not active"),
      c.acting_doc.fact(c.erasure ? counted(n, "shard") : counted(n, "copy", "copies")),
      c.pool?.doc.at("min_size").fact("fewest members that may serve"),
      c.up_doc.fact("whom CRUSH chooses among the OSDs that are up"),
      ...c.osd_facts(gone),
    ],
    osds: gone,
    unblocks: [
      gone.length > 0
        ? `Start ${gone.length === 1 ? osd_names(gone) : `${missing === 1 ? "one" : missing} of ${osd_names(gone)}`}` +
          ": with that member the PG becomes active again."
        : `${counted(missing, "more member")} that CRUSH may choose: start OSDs of the pool.`,
      c.map?.noup(gone),
      "Or let CRUSH choose others: when OSDs that are down are marked out (by themselves after " +
        "mon_osd_down_out_interval, unless noout is set), copies are made elsewhere, which needs " +
        "OSDs that are up and free.",
    ],
    drastic: n > 0 && n < (min_size ?? n + 1) ? [lower_min_size(min_size, n, c.erasure)] : [],
  });
}

// ---------------------------------------------------------------- leases

function lease_wait(c: PGCase): explained_cause {
  const ub = c.query?.history.at("prior_readable_until_ub");
  const s = ub?.num() ?? 0;
  const gone = [...new Set([...former_members(c), ...down_and_in(c)])];
  return cause("lease.wait", "unavailable", {
    say: [
      "The PG is ready but serves nothing yet (wait): a primary of the interval before may still hold " +
        "a lease on reads, and answer from a copy that is about to be outdated.",
      gone.length > 0
        ? `That is ${osd_names(gone, "or")}, which ${are(gone)} down in the map, but may be alive and ` +
          "not know it."
        : undefined,
      s > 0
        ? `The lease had at most ${s.toFixed(1)} s left when the primary wrote this down.`
        : undefined,
    ],
    facts: [
      c.state_doc.fact("wait"),
      ub?.exists ? ub.fact("seconds until the old lease ends at the latest") : undefined,
      c.same_interval_since.fact("first epoch of this interval"),
      ...c.osd_facts(gone),
    ],
    osds: gone,
    unblocks: [
      "It ends by itself, at the latest after osd_pool_default_read_lease_ratio times " +
        "osd_heartbeat_grace (16 s by default); sooner when the old primary is back, or known to be " +
        "dead (it said so when it stopped, or its port refuses connections).",
    ],
  });
}
function lease_laggy(c: PGCase): explained_cause {
  const others = c.acting_osds.filter((o) => o !== c.primary);
  return cause("lease.laggy", "unavailable", {
    say: [
      `The PG holds its I/O back (laggy): ${c.primary_name} has not had its lease on reads renewed in ` +
        `time, because ${others.length > 0 ? osd_names(others) : "the other members"} did not ` +
        "acknowledge it.",
      "It cannot be sure that it is still the primary; an answer now could be outdated.",
    ],
    facts: [
      c.state_doc.fact("laggy"),
      c.acting_doc.fact("all of these have to acknowledge the lease"),
      ...c.osd_facts(others),
    ],
    osds: others,
    unblocks: [
      "The members answer in time again: look for one that hangs, is overloaded or hard to reach " +
        "(slow ops, heartbeats).",
      "A member that is gone is marked down after osd_heartbeat_grace; then the PG peers without it.",
    ],
  });
}

// ---------------------------------------------------------------- undersized

function undersized(c: PGCase): explained_cause {
  const { size } = c;
  const have = c.acting_osds.length;
  const degraded = c.sum("num_objects_degraded").count();
  const lacking =
    degraded > 0
      ? `${counted(degraded, "copy of an object is", "copies of objects are")} missing.`
      : "";
  const head = `The PG has ${have} of ${size ?? "its"} members: ${osd_set(c.acting)}.`;
  const [id, why, unblocks, osds] = why_undersized(c);
  const left = c.acting_osds;
  return cause(id, "redundancy", {
    say: [`${head} ${why}`, lacking === "" ? undefined : lacking, margin(c)],
    facts: [
      c.acting_doc.fact("who serves now"),
      c.up_doc.fact("whom CRUSH chooses among the OSDs that are up"),
      c.pool?.doc.at("size").fact("copies that the pool wants"),
      degraded > 0 ? c.sum("num_objects_degraded").fact("copies that are missing") : undefined,
      c.stat.at("last_fullsized").exists
        ? c.stat.at("last_fullsized").fact("it had all its members until then")
        : undefined,
      ...c.osd_facts(osds),
      c.map && id === "undersized.osd_down"
        ? c.map.doc
            .at("flags")
            .fact(
              c.map.flags.has("noout")
                ? "noout: OSDs that are down are not marked out, so no copies are made elsewhere"
                : "without noout: OSDs that stay down are marked out in time",
            )
        : undefined,
    ],
    osds,
    unblocks,
    drastic:
      left.length === 1 && c.is("active") && !c.erasure
        ? [
            lost_osd(
              left[0] ?? 0,
              `everything: ${osd_name(left[0] ?? 0)} has the only copy that is in use`,
            ),
          ]
        : [],
  });
}

/** What one more failure would do. */
function margin(c: PGCase): string | undefined {
  if (!c.is("active")) return undefined;
  const n = c.acting_osds.length;
  const min_size = c.pool?.min_size;
  const k = c.pool?.k;
  if (k !== undefined && n <= k) {
    return `${k} shards (k) are needed to read anything: nothing more may fail.`;
  }
  if (n === 1 && !c.erasure)
    return `${osd_names(c.acting_osds)} has the only copy in use: nothing more may fail.`;
  if (min_size === undefined || n > min_size) return undefined;
  return `That is min_size (${min_size}): with one member less it serves no more I/O.`;
}

type Why = readonly [
  id: cause_id,
  why: string,
  unblocks: readonly (string | undefined)[],
  osds: readonly number[],
];

function why_undersized(c: PGCase): Why {
  const { size, map } = c;
  const filling = c.up_osds.filter((o) => !c.acting.includes(o));
  if (size !== undefined && c.up_osds.length >= size) {
    return [
      "undersized.filling",
      `CRUSH has found places for all (${osd_set(c.up)}); ${osd_names(filling)} ${are(filling)} to be ` +
        "filled, and will join then.",
      ["Backfill finishes; see there what it waits for."],
      filling,
    ];
  }
  const empty = c.up.filter((o) => o === CRUSH_ITEM_NONE).length;
  if (!map) {
    return [
      "undersized.unspecified",
      `CRUSH finds no more places${empty > 0 ? ` (${counted(empty, "position")} empty)` : ""}; why, ` +
        "the osd dump would show.",
      ["Start OSDs of the pool that are down, or add OSDs."],
      [],
    ];
  }
  const down = down_and_in(c);
  const n = map.up_and_in.length;
  const seen = c.query?.epoch ?? c.stat.at("reported_epoch").num() ?? map.epoch ?? 0;
  const back = map.up_and_in.filter((o) => o.up_from > seen).map((o) => o.osd);
  if (back.length > 0) return returning(c, back, seen);
  if (down.length > 0) return osd_down(c, down, n);
  if (size !== undefined && n < size) {
    return [
      "undersized.too_few_osds",
      `Only ${counted(n, "OSD")} ${are(n)} up and in, and the pool wants ${size} copies on different ` +
        "OSDs.",
      ["Start or add OSDs, or mark in those that are out."],
      [],
    ];
  }
  const domain = failure_domain(c);
  const enough = domain !== undefined && size !== undefined && domain.usable >= size;
  const why =
    domain === undefined || enough
      ? "its rule asks for places that are not there (failure domain, device class, root)"
      : `its rule ${domain.rule} wants a different ${domain.type} for each copy, and only ` +
        `${counted(domain.usable, domain.type)} ${domain.usable === 1 ? "has" : "have"} ` +
        (domain.type === "osd" ? "weight" : "OSDs with weight that are up and in");
  return [
    "undersized.crush",
    `${n} OSDs are up and in, but CRUSH finds only ${c.up_osds.length} places: ${why}.`,
    [
      "Add OSDs where the rule looks for them, or change the rule or the hierarchy so that it finds " +
        "enough places.",
    ],
    [],
  ];
}

/** The map is newer than what the PG has said. */
function returning(c: PGCase, back: readonly number[], seen: number): Why {
  return [
    "undersized.returning",
    `That was in epoch ${seen}; ${c.osds_words(back)} came later, and CRUSH chooses anew.`,
    ["The PG peers with them by itself; ask again in a moment."],
    back,
  ];
}

function osd_down(c: PGCase, down: readonly number[], n: number): Why {
  const { size, map } = c;
  const noout = map?.flags.has("noout");
  const places = Math.min(n, failure_domain(c)?.usable ?? n);
  const spare = size === undefined || places >= size;
  return [
    "undersized.osd_down",
    `${c.osds_words(down)} ${are(down)} down and in: CRUSH leaves the place empty as long as that is ` +
      "so.",
    [
      `Start ${osd_names(down, "or")}: what was missed is copied, as a rule quickly.`,
      map?.noup(down),
      noout
        ? "The flag noout is set: as long as it is, nobody is marked out, and no copies are made " +
          "elsewhere. Unset it when the maintenance is over."
        : spare
          ? "Or wait: after mon_osd_down_out_interval they are marked out, and the copies are made on " +
            "other OSDs."
          : `Being marked out will not help: CRUSH can use ${counted(places, "place")} that ${are(places)} ` +
            `up and in, and the pool wants ${size}.`,
    ],
    down,
  ];
}
