/** What explanations ask of the JSON of `osd dump`. */

import { TYPE_ERASURE } from "../osdmap/pg_pool_t.ts";
import { pg_parse, pg_pool, type pg_t } from "../types/osd_types.ts";
import type { Doc } from "./Doc.ts";
import { ExplainInputError } from "./errors.ts";

export interface osd_view {
  readonly osd: number;
  readonly doc: Doc;
  readonly up: boolean;
  readonly in: boolean;
  readonly up_from: number;
  readonly up_thru: number;
  readonly down_at: number;
  readonly lost_at: number;
  /** exists, up, new, nearfull, backfillfull, full, noup, ... */
  readonly states: ReadonlySet<string>;
}
/** Declared lost, and not up again since. */
export function is_lost(o: osd_view): boolean {
  return !o.up && o.lost_at > 0 && o.lost_at >= o.up_from;
}
export interface pool_view {
  readonly pool: number;
  readonly doc: Doc;
  readonly name: string;
  readonly size: number | undefined;
  readonly min_size: number | undefined;
  readonly erasure: boolean;
  /** Data chunks of an erasure-coded pool. */
  readonly k: number | undefined;
  readonly flags: ReadonlySet<string>;
  readonly crush_rule: number | undefined;
}

const words = (text: string | undefined) =>
  new Set((text ?? "").split(/[ ,]+/).filter((w) => w !== ""));

export class OsdDumpView {
  readonly doc: Doc;
  readonly epoch: number | undefined;
  readonly flags: ReadonlySet<string>;
  readonly osds: ReadonlyMap<number, osd_view>;
  readonly pools: ReadonlyMap<number, pool_view>;

  constructor(doc: Doc) {
    if (!Array.isArray(doc.at("osds").value) || !Array.isArray(doc.at("pools").value)) {
      const want = "there are no lists 'osds' and 'pools' in it (want 'osd dump -f json')";
      throw new ExplainInputError(`not an osd dump: ${want}`);
    }
    this.doc = doc;
    this.epoch = doc.at("epoch").num();
    const set = doc.at("flags_set").texts();
    this.flags = new Set([...words(doc.at("flags").str()), ...set]);
    this.osds = new Map(
      doc
        .at("osds")
        .items()
        .flatMap((d) => {
          const o = read_osd(d);
          return o ? [[o.osd, o] as const] : [];
        }),
    );
    const profiles = doc.at("erasure_code_profiles");
    this.pools = new Map(
      doc
        .at("pools")
        .items()
        .flatMap((d) => {
          const p = read_pool(d, profiles);
          return p ? [[p.pool, p] as const] : [];
        }),
    );
  }

  pool_of(pgid: pg_t): pool_view | undefined {
    return this.pools.get(pg_pool(pgid));
  }
  pg_temp(pgid: pg_t): { readonly doc: Doc; readonly osds: readonly number[] } | undefined {
    for (const d of this.doc.at("pg_temp").items()) {
      const text = d.at("pgid").str();
      if (text !== undefined && pg_parse(text) === pgid)
        return { doc: d, osds: d.at("osds").ints() };
    }
    return undefined;
  }
  /** What keeps an OSD that is started from being marked up. */
  noup(osds: readonly number[]): string | undefined {
    const own = osds.some((o) => this.osds.get(o)?.states.has("noup"));
    if (!own && !this.flags.has("noup")) return undefined;
    return (
      "The flag noup keeps OSDs that are started from being marked up: unset it " +
      `('osd unset noup'${own ? ", 'osd rm-noup'" : ""}) to let them take part.`
    );
  }
  get up_and_in(): osd_view[] {
    return [...this.osds.values()].filter((o) => o.up && o.in);
  }
}

function read_osd(d: Doc): osd_view | undefined {
  const osd = d.at("osd").num();
  if (osd === undefined) return undefined;
  const num = (k: string) => d.at(k).num() ?? 0;
  const states = new Set(d.at("state").texts());
  return {
    osd,
    doc: d,
    up: d.at("up").flag(),
    in: d.at("in").flag(),
    up_from: num("up_from"),
    up_thru: num("up_thru"),
    down_at: num("down_at"),
    lost_at: num("lost_at"),
    states,
  };
}
function read_pool(d: Doc, profiles: Doc): pool_view | undefined {
  const pool = d.at("pool").num();
  if (pool === undefined) return undefined;
  const erasure = d.at("type").num() === TYPE_ERASURE;
  const profile = d.at("erasure_code_profile").str() ?? "";
  return {
    pool,
    doc: d,
    name: d.at("pool_name").str() ?? String(pool),
    size: d.at("size").num(),
    min_size: d.at("min_size").num(),
    erasure,
    k: erasure ? profiles.at(profile, "k").num() : undefined,
    flags: words(d.at("flags_names").str()),
    crush_rule: (d.at("crush_rule").exists ? d.at("crush_rule") : d.at("crush_ruleset")).num(),
  };
}
