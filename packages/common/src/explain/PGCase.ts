/** PGCase: one PG and all that is known about it, from whichever sources there are. */

import { utime_parse } from "../osdmap/utime.ts";
import { CRUSH_ITEM_NONE, ev_parse, pg_parse, pg_shard, type pg_t } from "../types/osd_types.ts";
import { Doc } from "./Doc.ts";
import { ExplainInputError } from "./errors.ts";
import type { explain_fact, pg_since } from "./explanation.ts";
import { is_lost, OsdDumpView, type osd_view, type pool_view } from "./OsdDumpView.ts";
import { PgDumpView } from "./PgDumpView.ts";
import { QueryView } from "./QueryView.ts";
import { listed, osd_name } from "./words.ts";

/** Parsed JSON, as the commands of these names print it. */
export interface explain_sources {
  /** `pg <pgid> query` */
  readonly query?: unknown;
  /** Why there is no query. */
  readonly query_error?: string;
  /** `osd dump` */
  readonly osd_dump?: unknown;
  /** `pg dump`, `pg dump pgs`, `pg ls` */
  readonly pg_dump?: unknown;
  /** `pg map <pgid>` */
  readonly pg_map?: unknown;
  /** `pg <pgid> list_unfound` */
  readonly list_unfound?: unknown;
  /** `osd crush dump` */
  readonly crush?: unknown;
  /** `tell osd.N dump_recovery_reservations`, by OSD */
  readonly reservations?: ReadonlyMap<number, unknown>;
}

/** What is the same for all PGs of a cluster. */
export class ClusterCase {
  readonly map: OsdDumpView | undefined;
  readonly dump: PgDumpView | undefined;
  readonly crush: Doc | undefined;

  constructor(s: explain_sources) {
    const doc = (v: unknown, name: string) => (v === undefined ? undefined : new Doc(v, name));
    const osd_dump = doc(s.osd_dump, "osd_dump");
    const pg_dump = doc(s.pg_dump, "pg_dump");
    this.map = osd_dump && new OsdDumpView(osd_dump);
    this.dump = pg_dump && new PgDumpView(pg_dump);
    this.crush = doc(s.crush, "crush");
  }
}

export class PGCase {
  readonly pgid: pg_t;
  readonly cluster: ClusterCase;
  readonly query: QueryView | undefined;
  readonly query_error: string | undefined;
  /** The PG's row in the pg dump. */
  readonly row: Doc | undefined;
  /** pg_stat_t: of the query, else of the dump. */
  readonly stat: Doc;
  /** `pg map` */
  readonly mapping: Doc | undefined;
  readonly list_unfound: Doc | undefined;
  readonly reservations: ReadonlyMap<number, Doc>;
  readonly state: string;
  readonly #bits: ReadonlySet<string>;

  constructor(cluster: ClusterCase, pgid: pg_t | undefined, s: explain_sources) {
    this.cluster = cluster;
    this.query = s.query === undefined ? undefined : new QueryView(new Doc(s.query, "query"), pgid);
    const id = pgid ?? this.query?.pgid;
    if (id === undefined) throw new ExplainInputError("which PG? there is no query to tell");
    if (this.query && this.query.pgid !== id) {
      throw new ExplainInputError(`the query is of pg ${this.query.pgid}, not of ${id}`);
    }
    this.pgid = id;
    this.query_error = s.query_error;
    this.row = cluster.dump?.pgs.get(id);
    this.stat = this.query?.info.at("stats") ?? this.row ?? new Doc(undefined, "pg_dump");
    this.mapping = s.pg_map === undefined ? undefined : new Doc(s.pg_map, "pg_map");
    this.list_unfound =
      s.list_unfound === undefined ? undefined : new Doc(s.list_unfound, "list_unfound");
    this.reservations = new Map(
      [...(s.reservations ?? [])].map(([osd, v]) => [osd, new Doc(v, `osd.${osd}.reservations`)]),
    );
    this.state = this.query?.state ?? this.row?.at("state").str() ?? "unknown";
    this.#bits = new Set(this.state.split("+"));
  }

  // ------------------------------------------------------------ the PG

  is(...bits: readonly string[]): boolean {
    return bits.some((b) => this.#bits.has(b));
  }
  /** By its state: client I/O is served. */
  get serves(): boolean {
    return this.is("active") && !this.is("wait", "laggy", "premerge");
  }
  get map(): OsdDumpView | undefined {
    return this.cluster.map;
  }
  get pool(): pool_view | undefined {
    return this.map?.pool_of(this.pgid);
  }
  /** Where state, up and acting were read. */
  get state_doc(): Doc {
    return this.query?.doc.at("state") ?? this.stat.at("state");
  }
  get up_doc(): Doc {
    return this.#set("up");
  }
  get acting_doc(): Doc {
    return this.#set("acting");
  }
  #set(name: "up" | "acting"): Doc {
    const own = this.query?.doc.at(name);
    if (own?.exists) return own;
    const stat = this.stat.at(name);
    return stat.ints().length > 0 ? stat : (this.mapping?.at(name) ?? stat);
  }
  /** With holes, for erasure-coded PGs. */
  get up(): number[] {
    return this.up_doc.ints();
  }
  get acting(): number[] {
    return this.acting_doc.ints();
  }
  get up_osds(): number[] {
    return this.up.filter((o) => o !== CRUSH_ITEM_NONE && o >= 0);
  }
  get acting_osds(): number[] {
    return this.acting.filter((o) => o !== CRUSH_ITEM_NONE && o >= 0);
  }
  get primary(): number | undefined {
    const p = this.stat.at("acting_primary").num();
    if (p !== undefined && p >= 0) return p;
    return this.acting_osds[0];
  }
  /** `osd.1`, or what to say when there is none. */
  get primary_name(): string {
    return this.primary === undefined ? "the primary" : osd_name(this.primary);
  }
  get erasure(): boolean {
    if (this.pool) return this.pool.erasure;
    return /s\d+$/.test(this.query?.info.at("pgid").str() ?? "");
  }
  /** Copies that the pool wants: of the map, or as far as the sets show it. */
  get size(): number | undefined {
    return this.pool?.size ?? (this.erasure ? this.acting.length : undefined);
  }
  sum(name: string): Doc {
    const d = this.stat.at("stat_sum", name);
    return d.exists ? d : this.stat.at(name);
  }
  get same_interval_since(): Doc {
    const h = this.query?.history.at("same_interval_since");
    return h?.exists ? h : this.stat.at("mapping_epoch");
  }
  get last_update(): string {
    const v = this.query?.info.at("last_update").str() ?? this.stat.at("version").str() ?? "0'0";
    return ev_parse(v) ? v : "0'0";
  }

  // ------------------------------------------------------------ OSDs

  osd(id: number): osd_view | undefined {
    return this.map?.osds.get(id);
  }
  /** Known to be down: by the map, or because the primary says so. */
  is_down(id: number): boolean {
    if (this.map) return !this.osd(id)?.up;
    const { query } = this;
    if (query?.down_would_probe.some((d) => d.num() === id)) return true;
    return query?.blocked_by.some((d) => d.at("osd").num() === id) ?? false;
  }
  /** `osd.1 (down since epoch 29)` */
  osd_words(id: number): string {
    return `${osd_name(id)}${this.map ? ` (${this.osd_status(id)})` : ""}`;
  }
  osd_status(id: number): string {
    if (!this.map) return this.is_down(id) ? "down" : "of unknown status";
    const o = this.osd(id);
    if (!o) return "no longer in the map";
    const out = o.in ? "" : ", out";
    const lost = is_lost(o) ? `, declared lost in epoch ${o.lost_at}` : "";
    if (o.up) return `up since epoch ${o.up_from}${out}`;
    const never = o.up_from === 0 && o.down_at === 0;
    return never ? `never started${out}${lost}` : `down since epoch ${o.down_at}${out}${lost}`;
  }
  osds_words(ids: readonly number[]): string {
    return listed(ids.map((o) => this.osd_words(o)));
  }
  /** What the map says of them, for the list of facts. */
  osd_facts(ids: readonly number[]): explain_fact[] {
    return ids.flatMap((id) => {
      const o = this.osd(id);
      if (!o) return [];
      const status = this.osd_status(id);
      return [o.doc.at("up").fact(`${osd_name(id)} is ${status}`)];
    });
  }
  copy(osd: number) {
    return this.query?.copies.find((c) => c.osd === osd || c.shard === pg_shard(osd));
  }

  // ------------------------------------------------------------ time

  get since(): pg_since {
    const { stat, query } = this;
    // Zero: this copy does not know.
    const text = (name: string) => {
      const stamp = stat.at(name).str();
      return stamp === undefined || /^0\.0+$/.test(stamp) ? undefined : stamp;
    };
    const change = text("last_change");
    const from = change === undefined ? undefined : utime_parse(change);
    const to = utime_parse(text("last_fresh") ?? "");
    return {
      last_change: change,
      state_name: query?.innermost?.path,
      enter_time: query?.innermost?.enter_time,
      same_interval_since: this.same_interval_since.num() || undefined,
      last_active: text("last_active"),
      last_clean: text("last_clean"),
      seconds:
        from === undefined || to === undefined || to < from
          ? undefined
          : Math.round((to - from) / 1000),
    };
  }
}

export function read_pgid(text: string): pg_t {
  const pgid = pg_parse(text);
  if (pgid === undefined) {
    throw new ExplainInputError(`'${text}' is not a PG id such as 1.2a`);
  }
  return pgid;
}
