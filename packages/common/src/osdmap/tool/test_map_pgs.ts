/**
 * Maps every PG and says how they spread. `osdmaptool --test-map-pgs[-dump[-all]]`,
 * `--test-map-object`, `--test-map-pg`.
 * Ceph counterpart: src/tools/osdmaptool.cc.
 */
import { print_ostream_float as print } from "../../crush/print_float.ts";
import { CommandError } from "../../errors.ts";
import type { Rng } from "../../ports.ts";
import { CRUSH_ITEM_NONE, pg_parse, type pg_t } from "../../types/osd_types.ts";
import type { OSDMap } from "../OSDMap.ts";

export interface test_map_pgs_options {
  /** One pool only. */
  readonly pool?: number | undefined;
  /** Also each PG: with acting, or with raw, up and acting. */
  readonly dump?: "acting" | "all" | undefined;
  /** Places each copy by chance, whatever the map says: what to compare with. */
  readonly random?: Rng | undefined;
}
export interface test_map_pg {
  readonly pgid: pg_t;
  readonly raw: readonly number[];
  readonly raw_primary: number;
  readonly up: readonly number[];
  readonly up_primary: number;
  readonly acting: readonly number[];
  readonly acting_primary: number;
}
export interface test_map_osd {
  readonly osd: number;
  readonly count: number;
  readonly first: number;
  readonly primary: number;
  readonly crush_weight: number;
  readonly weight: number;
}
export interface test_map_pgs_result {
  readonly pools: readonly { readonly pool: number; readonly pg_num: number }[];
  readonly pgs: readonly test_map_pg[];
  /** Those that are in and have a weight in CRUSH. */
  readonly osds: readonly test_map_osd[];
  readonly total: number;
  readonly avg: number;
  readonly stddev: number;
  readonly expected_stddev: number;
  /** How many PGs have how many positions. */
  readonly sizes: readonly { readonly size: number; readonly count: number }[];
  /** As the original prints it. */
  readonly text: string;
}

const list = (osds: readonly number[]) => `[${osds.join(",")}]`;

/** Throws CommandError ENOENT, in osdmaptool's words, when there is no such pool. */
export function need_pool(m: OSDMap, pool: number): void {
  if (!m.have_pg_pool(pool)) throw new CommandError("ENOENT", `There is no pool ${pool}`);
}

/**
 * What `osdmaptool --test-map-pgs[-dump[-all]]` prints, and the same as data. Throws CommandError
 * ENOENT for a pool that does not exist.
 */
export function test_map_pgs(m: OSDMap, options: test_map_pgs_options = {}): test_map_pgs_result {
  if (options.pool !== undefined) need_pool(m, options.pool);
  const ids = options.pool === undefined ? m.pool_ids() : [options.pool];
  const lines: string[] = [];
  const pgs: test_map_pg[] = [];
  for (const pool of ids) {
    lines.push(`pool ${pool} pg_num ${m.get_pg_num(pool)}`);
    for (const pgid of m.get_pgs(pool)) {
      const pg = options.random ? random_pg(m, pgid, pool, options.random) : map_pg(m, pgid);
      pgs.push(pg);
      if (options.dump === "all") lines.push(print_pg(pg));
      else if (options.dump) lines.push(`${pgid}\t${list(pg.acting)}\t${pg.acting_primary}`);
    }
  }
  const spread = count_spread(m, pgs);
  lines.push(...print_spread(spread));
  return {
    pools: ids.map((pool) => ({ pool, pg_num: m.get_pg_num(pool) })),
    pgs,
    ...spread,
    text: lines.map((l) => `${l}\n`).join(""),
  };
}

function map_pg(m: OSDMap, pgid: pg_t): test_map_pg {
  const { raw, primary } = m.pg_to_raw_osds(pgid);
  return { pgid, raw, raw_primary: primary, ...m.pg_to_up_acting_osds(pgid) };
}
function random_pg(m: OSDMap, pgid: pg_t, pool: number, rng: Rng): test_map_pg {
  const size = m.max_osd > 0 ? (m.get_pg_pool(pool)?.size ?? 0) : 0;
  const acting = Array.from({ length: size }, () => rng.int(m.max_osd));
  const acting_primary = acting[0] ?? -1;
  return { pgid, raw: [], raw_primary: -1, up: [], up_primary: -1, acting, acting_primary };
}
function print_pg(pg: test_map_pg): string {
  const stage = (name: string, osds: readonly number[], primary: number) =>
    `${name} (${list(osds)}, p${primary})`;
  return [
    pg.pgid,
    stage("raw", pg.raw, pg.raw_primary),
    stage("up", pg.up, pg.up_primary),
    stage("acting", pg.acting, pg.acting_primary),
  ].join(" ");
}

type Spread = Omit<test_map_pgs_result, "pools" | "pgs" | "text">;

function count_spread(m: OSDMap, pgs: readonly test_map_pg[]): Spread {
  const zeros = () => new Array<number>(m.max_osd).fill(0);
  const [count, first, primary] = [zeros(), zeros(), zeros()];
  const add = (to: number[], osd: number) => {
    if (osd >= 0 && osd < to.length) to[osd] = (to[osd] ?? 0) + 1;
  };
  const sizes = new Map<number, number>();
  for (const pg of pgs) {
    sizes.set(pg.acting.length, (sizes.get(pg.acting.length) ?? 0) + 1);
    for (const o of pg.acting) if (o !== CRUSH_ITEM_NONE) add(count, o);
    add(first, pg.acting[0] ?? -1);
    add(primary, pg.acting_primary);
  }
  const osds = [...count.keys()]
    .filter((o) => m.is_in(o) && (m.crush.get_item_weight(o) ?? 0) > 0)
    .map((osd) => ({
      osd,
      count: count[osd] ?? 0,
      first: first[osd] ?? 0,
      primary: primary[osd] ?? 0,
      crush_weight: m.crush.get_item_weightf(osd),
      weight: m.get_weightf(osd),
    }));
  const n = osds.length;
  const total = osds.reduce((sum, o) => sum + o.count, 0);
  // The original counts in whole PGs.
  const avg = n > 0 ? Math.floor(total / n) : 0;
  const squares = osds.reduce((sum, o) => sum + (avg - o.count) ** 2, 0);
  return {
    osds,
    total,
    avg,
    stddev: Math.sqrt(squares / n),
    // If each copy fell on any OSD with the same chance.
    expected_stddev: Math.sqrt(total * (1 / n) * (1 - 1 / n)),
    sizes: [...sizes].sort(([a], [b]) => a - b).map(([size, c]) => ({ size, count: c })),
  };
}

function print_spread(s: Spread): string[] {
  const used = s.osds.filter((o) => o.count > 0);
  const min = used.reduce((best, o) => (o.count < best.count ? o : best), used[0] ?? NOBODY);
  const max = used.reduce((best, o) => (o.count > best.count ? o : best), used[0] ?? NOBODY);
  const of_avg = (v: number) => print(v / s.avg);
  const dev = `stddev ${print(s.stddev)} (${of_avg(s.stddev)}x)`;
  const expected = `(expected ${print(s.expected_stddev)} ${of_avg(s.expected_stddev)}x))`;
  return [
    "#osd\tcount\tfirst\tprimary\tc wt\twt",
    ...s.osds.map((o) =>
      [
        `osd.${o.osd}`,
        o.count,
        o.first,
        o.primary,
        print(Math.fround(o.crush_weight)),
        print(Math.fround(o.weight)),
      ].join("\t"),
    ),
    ` in ${s.osds.length}`,
    ` avg ${s.avg} ${dev} ${expected}`,
    ...(used.length > 0 ? [` min osd.${min.osd} ${min.count}`] : []),
    ...(used.length > 0 ? [` max osd.${max.osd} ${max.count}`] : []),
    ...s.sizes.map(({ size, count }) => `size ${size}\t${count}`),
  ];
}
const NOBODY: test_map_osd = {
  osd: -1,
  count: 0,
  first: 0,
  primary: 0,
  crush_weight: 0,
  weight: 0,
};

export interface test_map_object_result {
  readonly pool: number;
  readonly object: string;
  readonly pgid: pg_t;
  readonly acting: readonly number[];
  readonly text: string;
}
/**
 * What `osdmaptool --test-map-object` prints, and the same as data. Throws CommandError ENOENT for
 * a pool that does not exist, EINVAL for an object without a name.
 */
export function test_map_object(m: OSDMap, object: string, pool: number): test_map_object_result {
  need_pool(m, pool);
  const at = m.object_locator_to_pg({ pool, oid: object });
  const pgid = at && m.raw_pg_to_pg(at.raw_pg);
  if (object === "" || !pgid) throw new CommandError("EINVAL", "the object needs a name");
  const { acting } = m.pg_to_up_acting_osds(pgid);
  const text = ` object '${object}' -> ${pgid} -> ${list(acting)}\n`;
  return { pool, object, pgid, acting, text };
}

export interface test_map_pg_result extends test_map_pg {
  readonly text: string;
}
/** undefined when the text names no PG. */
export function test_map_pg(m: OSDMap, text: string): test_map_pg_result | undefined {
  const pgid = pg_parse(text);
  if (pgid === undefined) return undefined;
  // A seed beyond pg_num belongs to the PG that it falls into.
  const pg = { ...map_pg(m, m.raw_pg_to_pg(pgid) ?? pgid), pgid };
  return { ...pg, text: ` parsed '${text}' -> ${pgid}\n${print_pg(pg)}\n` };
}
