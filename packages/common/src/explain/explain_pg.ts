/**
 * Why a PG is as it is, from saved or fetched JSON: `pg query`, and what `osd dump`, `pg dump` and
 * others add. Pure: it asks nobody, and it never recommends what costs data.
 */
import type { CauseRule } from "./cause.ts";
import { backfill_causes } from "./causes_backfill.ts";
import { down_causes } from "./causes_down.ts";
import { incomplete_causes } from "./causes_incomplete.ts";
import { io_causes } from "./causes_io.ts";
import { member_causes } from "./causes_members.ts";
import { peering_causes } from "./causes_peering.ts";
import { recovery_causes } from "./causes_recovery.ts";
import { reporting_causes } from "./causes_reporting.ts";
import { scrub_causes } from "./causes_scrub.ts";
import { CAUSE_KINDS, type explained_cause, type pg_explanation } from "./explanation.ts";
import { ClusterCase, type explain_sources, PGCase, read_pgid } from "./PGCase.ts";

const RULES: readonly CauseRule[] = [
  reporting_causes,
  down_causes,
  incomplete_causes,
  peering_causes,
  member_causes,
  io_causes,
  recovery_causes,
  scrub_causes,
  backfill_causes,
];

/** `pgid` may be left out when there is a query. Throws ExplainInputError. */
export function explain_pg(sources: explain_sources, pgid?: string): pg_explanation {
  const id = pgid === undefined ? undefined : read_pgid(pgid);
  return explain_case(new PGCase(new ClusterCase(sources), id, sources));
}

export function explain_case(c: PGCase): pg_explanation {
  const found = c.is("stale", "unknown") && !c.query ? [reporting_causes, io_causes] : RULES;
  const causes = by_kind(found.flatMap((rule) => rule(c)));
  return {
    pgid: c.pgid,
    state: c.state,
    active: c.is("active") && !causes.some((x) => x.kind === "unavailable"),
    up: c.up,
    acting: c.acting,
    since: c.since,
    summary: causes[0]?.sentences[0] ?? quiet(c),
    causes,
    notes: notes(c),
  };
}

/** The worst first; of one kind in the order of the rules. */
export function by_kind(causes: readonly explained_cause[]): explained_cause[] {
  const rank = (x: explained_cause) => CAUSE_KINDS.indexOf(x.kind);
  return [...causes].sort((a, b) => rank(a) - rank(b));
}

function quiet(c: PGCase): string {
  if (c.is("clean")) return "The PG is active and clean: it serves I/O and has all its copies.";
  if (c.is("active")) return "The PG serves I/O, and the sources show nothing that holds it back.";
  return `The PG is ${c.state}; the sources do not show why.`;
}

function notes(c: PGCase): string[] {
  const out: string[] = [];
  const reported = c.row?.at("state").str();
  const later = (c.row?.at("reported_epoch").num() ?? 0) > (c.query?.epoch ?? 0);
  if (c.query && later && reported !== undefined && reported !== c.state) {
    out.push(`The pg dump is newer and has it as '${reported}'.`);
  }
  if (!c.query) {
    out.push(
      c.query_error === undefined
        ? "There is no 'pg query': what only the primary knows is not told here."
        : `The primary could not be asked: ${c.query_error}. What only it knows is not told here.`,
    );
  }
  if (!c.map) out.push("There is no osd dump: which OSDs are up, flags and sizes are not known.");
  const epoch = c.query?.epoch;
  const map = c.map?.epoch;
  if (epoch !== undefined && map !== undefined && epoch !== map) {
    out.push(`The query is of map epoch ${epoch}, the osd dump of ${map}.`);
  }
  return out;
}
