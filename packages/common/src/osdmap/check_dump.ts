/**
 * What a dump's form cannot say: ids that are there twice, OSDs beyond max_osd, numbers that no map
 * can mean. The same limits as for a binary map (binary/to_fields.ts).
 */
import { MAX_MAX_OSD, osd_state_bits } from "./flags.ts";
import { MapError } from "./MapError.ts";
import { MAX_PG_NUM } from "./pg_pool_t.ts";

interface checked_dump {
  readonly max_osd: number;
  readonly pools: readonly {
    readonly pool: number;
    readonly pool_name: string;
    readonly size: number;
    readonly pg_num: number;
    readonly pg_placement_num: number;
  }[];
  readonly osds: readonly {
    readonly osd: number;
    readonly weight: number;
    readonly primary_affinity: number;
    readonly state: readonly string[];
  }[];
  readonly osd_xinfo: readonly { readonly osd: number }[];
  readonly pg_temp: readonly pg_osds[];
  readonly primary_temp: readonly (string | number)[];
  readonly pg_upmap: readonly pg_osds[];
  readonly pg_upmap_items: readonly { readonly pgid: string }[];
}
interface pg_osds {
  readonly pgid: string;
  readonly osds: readonly number[];
}

/** Throws MapError that names the place. */
export function check_dump(d: checked_dump): void {
  within("/max_osd", d.max_osd, 0, MAX_MAX_OSD);
  check_osds(d);
  check_pools(d);
  once(d.pg_temp.map((t, i) => [`/pg_temp/${i}/pgid`, t.pgid]));
  once(d.pg_upmap.map((t, i) => [`/pg_upmap/${i}/pgid`, t.pgid]));
  once(d.pg_upmap_items.map((t, i) => [`/pg_upmap_items/${i}/pgid`, t.pgid]));
  for (const key of ["pg_temp", "pg_upmap"] as const) {
    for (const [i, t] of d[key].entries()) {
      for (const o of t.osds) within(`/${key}/${i}/osds`, o, 0, 0x7fffffff);
    }
  }
  // Names and OSDs take turns.
  if (d.primary_temp.length % 2 !== 0) bad("/primary_temp", "the last PG has no OSD");
  once(d.primary_temp.flatMap((pg, i) => (i % 2 === 0 ? [[`/primary_temp/${i}`, pg]] : [])));
}

function check_osds({ max_osd, osds, osd_xinfo }: checked_dump): void {
  once(osds.map((o, i) => [`/osds/${i}/osd`, o.osd]));
  once(osd_xinfo.map((o, i) => [`/osd_xinfo/${i}/osd`, o.osd]));
  for (const [i, o] of osds.entries()) {
    const at = `/osds/${i}`;
    within(`${at}/osd`, o.osd, 0, max_osd - 1);
    within(`${at}/weight`, o.weight, 0, 1);
    within(`${at}/primary_affinity`, o.primary_affinity, 0, 1);
    const unknown = o.state.find((name) => osd_state_bits([name]) === 0);
    if (unknown !== undefined) bad(`${at}/state`, `${unknown} is not known`);
  }
}
function check_pools({ pools }: checked_dump): void {
  once(pools.map((p, i) => [`/pools/${i}/pool`, p.pool]));
  once(pools.map((p, i) => [`/pools/${i}/pool_name`, p.pool_name]));
  for (const [i, p] of pools.entries()) {
    within(`/pools/${i}/size`, p.size, 1, 255);
    within(`/pools/${i}/pg_num`, p.pg_num, 1, MAX_PG_NUM);
    within(`/pools/${i}/pg_placement_num`, p.pg_placement_num, 1, p.pg_num);
  }
}

function within(path: string, n: number, least: number, most: number): void {
  if (!(n >= least && n <= most)) bad(path, `${n} is outside of ${least} .. ${most}`);
}
function once(values: readonly (readonly (string | number)[])[]): void {
  const seen = new Set<string | number>();
  for (const [path = "", value = ""] of values) {
    if (seen.has(value)) bad(String(path), `${value} is there twice`);
    seen.add(value);
  }
}
function bad(path: string, what: string): never {
  throw new MapError("bad_encoding", `not an osd dump: ${path}: ${what}`);
}
