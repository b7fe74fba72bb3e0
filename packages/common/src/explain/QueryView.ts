/**
 * What explanations ask of the JSON of `pg query`, from Jewel's layout to today's. Shapes: cluster.md
 * §7.3; what a release does not print is empty here.
 */
import {
  ev_parse,
  eversion,
  type eversion_t,
  pg_parse,
  pg_shard,
  type pg_shard_t,
  type pg_t,
  shard_id,
  shard_osd,
  spg_pg,
} from "../types/osd_types.ts";
import type { Doc } from "./Doc.ts";
import { ExplainInputError } from "./errors.ts";

/** One element of recovery_state. */
export interface state_entry {
  /** Without those around it: `GetInfo`. */
  readonly name: string;
  /** `Started/Primary/Peering/GetInfo` */
  readonly path: string;
  readonly doc: Doc;
  readonly enter_time: string | undefined;
}
/** A copy of the PG: what an OSD said of its own. */
export interface copy_view {
  readonly shard: pg_shard_t;
  readonly osd: number;
  readonly doc: Doc;
  readonly last_update: eversion_t;
  readonly last_complete: eversion_t;
  readonly log_tail: eversion_t;
  readonly last_backfill: string;
  readonly last_epoch_started: number;
  readonly history_les: number;
  readonly empty: boolean;
  readonly dne: boolean;
  readonly num_objects_missing: number;
}
export interface past_interval_view {
  readonly doc: Doc;
  readonly first: number;
  readonly last: number;
  readonly acting: readonly pg_shard_t[];
}

const SHARD = /^(\d{1,9})(?:\((\d{1,3})\))?$/;
/** `2`, `2(1)`, `osd.2`, 2, {osd: 2, shard: 1} */
export function read_shard(d: Doc): pg_shard_t | undefined {
  if (d.is_object) {
    const shard = d.at("shard").num();
    const osd = read_shard(d.at("osd"));
    return osd !== undefined && shard !== undefined && shard >= 0 && shard_id(osd) < 0
      ? pg_shard(shard_osd(osd), shard)
      : osd;
  }
  return parse_shard(String(d.value ?? ""));
}
export function parse_shard(text: string): pg_shard_t | undefined {
  const m = SHARD.exec(text.trim().replace(/^osd\./, ""));
  if (!m) return undefined;
  return m[2] === undefined ? pg_shard(Number(m[1])) : pg_shard(Number(m[1]), Number(m[2]));
}
function shards(docs: readonly Doc[]): pg_shard_t[] {
  return docs.flatMap((d) => read_shard(d) ?? []);
}

export class QueryView {
  readonly doc: Doc;
  readonly pgid: pg_t;
  readonly state: string;
  readonly states: readonly state_entry[];
  readonly info: Doc;
  /** The primary's own first. */
  readonly copies: readonly copy_view[];

  /** `asked`: of which PG it is, should it not say so itself (an excerpt). */
  constructor(doc: Doc, asked?: pg_t) {
    const info = doc.at("info");
    const state = doc.at("state").str() ?? info.at("stats", "state").str();
    const pgid = pg_parse(spg_pg((info.at("pgid").str() ?? "") as pg_t)) ?? asked;
    if (state === undefined || pgid === undefined) {
      const want = "want state and info.pgid, as 'pg <pgid> query' prints them";
      throw new ExplainInputError(`not a pg query: ${want}`);
    }
    this.doc = doc;
    this.pgid = pgid;
    this.state = state;
    this.info = info;
    this.states = doc
      .at("recovery_state")
      .items()
      .map((d) => {
        const path = d.at("name").str() ?? "";
        const name = path.slice(path.lastIndexOf("/") + 1);
        return { name, path, doc: d, enter_time: d.at("enter_time").str() };
      });
    this.copies = this.#copies();
  }

  get epoch(): number | undefined {
    return this.doc.at("epoch").num();
  }
  get history(): Doc {
    return this.info.at("history");
  }
  /** By the name without those around it. */
  entry(name: string): state_entry | undefined {
    return this.states.find((s) => s.name === name);
  }
  get innermost(): state_entry | undefined {
    return this.states[0];
  }
  /** The Peering entry: it has what was decided about past intervals. */
  get peering(): Doc | undefined {
    return (
      this.entry("Peering")?.doc ?? this.states.find((s) => s.doc.at("probing_osds").exists)?.doc
    );
  }
  get progress(): Doc | undefined {
    return this.entry("Active")?.doc.at("recovery_progress");
  }
  /** Only those that writes may have happened in. */
  get past_intervals(): past_interval_view[] {
    const out: past_interval_view[] = [];
    for (const d of this.peering?.at("past_intervals").items() ?? []) {
      const compact = d.at("intervals");
      if (Array.isArray(compact.value)) out.push(...compact.items().map(read_interval));
      // Jewel: one element an interval.
      else if (d.at("maybe_went_rw").flag()) out.push(read_interval(d));
    }
    return out;
  }
  /** Everybody who took part since the PG was last clean. */
  get participants(): pg_shard_t[] {
    const out = new Set<pg_shard_t>();
    for (const d of this.peering?.at("past_intervals").items() ?? []) {
      for (const s of shards(d.at("all_participants").items())) out.add(s);
      for (const list of ["up", "acting"]) for (const s of shards(d.at(list).items())) out.add(s);
    }
    return [...out];
  }
  get probing(): pg_shard_t[] {
    return shards(this.peering?.at("probing_osds").items() ?? []);
  }
  get down_would_probe(): Doc[] {
    return this.peering?.at("down_osds_we_would_probe").items() ?? [];
  }
  get blocked_by(): Doc[] {
    return this.peering?.at("peering_blocked_by").items() ?? [];
  }
  get backfill_targets(): pg_shard_t[] {
    const own = this.doc.at("backfill_targets");
    const list = own.exists ? own : this.progress?.at("backfill_targets");
    return shards(list?.items() ?? []);
  }

  #copies(): copy_view[] {
    const { info } = this;
    const primary = this.doc.at("info", "stats", "acting_primary").num();
    const acting = this.doc.at("acting").ints();
    const shard = /s(\d{1,3})$/.exec(info.at("pgid").str() ?? "")?.[1];
    const me = primary !== undefined && primary >= 0 ? primary : (acting[0] ?? 0);
    const own = pg_shard(me, shard === undefined ? undefined : Number(shard));
    const peers = this.doc
      .at("peer_info")
      .items()
      .flatMap((d) => {
        const s = read_shard(d.at("peer"));
        return s === undefined || s === own ? [] : [read_copy(s, d)];
      });
    return [read_copy(own, info), ...peers];
  }
}

function read_interval(d: Doc): past_interval_view {
  const acting = d.at("acting");
  const text = acting.str();
  const who =
    text === undefined
      ? shards(acting.items())
      : text.split(",").flatMap((t) => parse_shard(t) ?? []);
  return { doc: d, first: d.at("first").num() ?? 0, last: d.at("last").num() ?? 0, acting: who };
}
function read_copy(shard: pg_shard_t, d: Doc): copy_view {
  const ev = (name: string) => ev_parse(d.at(name).str() ?? "") ?? eversion(0, 0);
  return {
    shard,
    osd: shard_osd(shard),
    doc: d,
    last_update: ev("last_update"),
    last_complete: ev("last_complete"),
    log_tail: ev("log_tail"),
    last_backfill: d.at("last_backfill").str() ?? "MAX",
    last_epoch_started: d.at("last_epoch_started").num() ?? 0,
    history_les: d.at("history", "last_epoch_started").num() ?? 0,
    empty: d.at("empty").flag(),
    dne: d.at("dne").flag(),
    num_objects_missing: d.at("stats", "stat_sum", "num_objects_missing").count(),
  };
}
