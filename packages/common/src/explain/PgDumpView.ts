/** What explanations ask of the JSON of `pg dump`, `pg dump pgs`, `pg ls`. */
import { pg_parse, type pg_t } from "../types/osd_types.ts";
import type { Doc } from "./Doc.ts";
import { ExplainInputError } from "./errors.ts";

export class PgDumpView {
  readonly doc: Doc;
  /** Rows in the order of the dump. */
  readonly pgs: ReadonlyMap<pg_t, Doc>;
  readonly #osd_stats: ReadonlyMap<number, Doc>;

  constructor(doc: Doc) {
    this.doc = doc;
    const map = doc.at("pg_map");
    const lists = [doc, doc.at("pg_stats"), map.at("pg_stats"), doc.at("stuck_pg_stats")];
    const list = lists.find((d) => Array.isArray(d.value));
    if (!list) {
      const want = "there is no list 'pg_stats' in it (want 'pg dump -f json')";
      throw new ExplainInputError(`not a pg dump: ${want}`);
    }
    const pgs = new Map<pg_t, Doc>();
    for (const row of list.items()) {
      const pgid = pg_parse(row.at("pgid").str() ?? "");
      if (pgid === undefined)
        throw new ExplainInputError(`not a pg dump: ${row.path}.pgid is none`);
      pgs.set(pgid, row);
    }
    this.pgs = pgs;
    const osds = [doc.at("osd_stats"), map.at("osd_stats")].flatMap((d) => d.items());
    this.#osd_stats = new Map(osds.map((d) => [d.at("osd").num() ?? -1, d]));
  }

  /** Used part of an OSD's space, 0 to 1. */
  used_ratio(osd: number): { readonly doc: Doc; readonly ratio: number } | undefined {
    const doc = this.#osd_stats.get(osd);
    const kb = doc?.at("kb").count() ?? 0;
    if (!doc || kb === 0) return undefined;
    return { doc: doc.at("kb_used"), ratio: doc.at("kb_used").count() / kb };
  }
}
