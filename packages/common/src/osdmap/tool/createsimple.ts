/**
 * A generic map to try things on: `osdmaptool --createsimple`, `--create-from-conf`.
 * Ceph counterpart: OSDMap::build_simple, build_simple_crush_map_from_conf.
 */
import { type IniLine, parse_ini } from "../../config/ini.ts";
import { build_simple_crush_map } from "../../crush/CrushWrapper.ts";
import type { crush_location } from "../../crush/types.ts";
import { CommandError } from "../../errors.ts";
import type { osdmap_file } from "../binary/file.ts";
import { from_fields } from "../binary/from_fields.ts";
import type { raw_osdmap, raw_pool } from "../binary/raw.ts";
import { MAX_MAX_OSD } from "../flags.ts";
import { OSDMap } from "../OSDMap.ts";
import { BLANK_ADDRS, BLANK_UUID, NO_INFO, NO_XINFO } from "../osdmap_fields.ts";
import { MAX_PG_NUM, pg_pool_t } from "../pg_pool_t.ts";

export interface createsimple_options {
  readonly fsid?: string;
  /** ms since 1970 */
  readonly now: number;
  /** pg_num is the number of OSDs times two to the power of this; 6 by default. */
  readonly pg_bits?: number;
  readonly pgp_bits?: number;
  /** With a pool `rbd`. */
  readonly with_default_pool?: boolean;
}
const DEFAULT_BITS = 6;
const DEFAULT_PROFILE = new Map([
  ["k", "2"],
  ["m", "2"],
  ["plugin", "jerasure"],
  ["technique", "reed_sol_van"],
]);

/** OSDs in one host of one rack; none of them exists yet. */
export function createsimple(num_osd: number, o: createsimple_options): osdmap_file {
  if (!Number.isInteger(num_osd) || num_osd < 1) {
    throw new CommandError("EINVAL", "osdmaptool: osd count must be > 0");
  }
  if (num_osd > MAX_MAX_OSD) {
    throw new CommandError("EINVAL", `osdmaptool: osd count must be <= ${MAX_MAX_OSD}`);
  }
  const osds = Array.from({ length: num_osd }, (_, osd) => ({ osd, loc: SIMPLE_LOC }));
  return build_map(num_osd, osds, o);
}

/** OSDs where the sections [osd.N] of a configuration say: host, rack, row, room, datacenter. */
export function create_from_conf(text: string, file: string, o: createsimple_options): osdmap_file {
  const lines = parse_ini(text, file);
  // By name, so that osd.10 comes before osd.2: the order decides ids, and with them placements.
  const ids = [...text.matchAll(OSD_SECTION)].map(([, id = ""]) => id).sort();
  const osds = [...new Set(ids)].map((id): placed_osd => {
    const osd = Number(id);
    if (osd < MAX_MAX_OSD) return { osd, loc: location_in(lines, `osd.${id}`) };
    throw new CommandError("ERANGE", `${file}: [osd.${id}]: no id of an OSD is that high`);
  });
  return build_map(Math.max(0, ...osds.map((p) => p.osd)) + 1, osds, o);
}

/** One that says nothing more counts, too. */
const OSD_SECTION = /^\s*\[\s*osd\.(\d+)\s*\]/gm;

interface placed_osd {
  readonly osd: number;
  readonly loc: crush_location;
}
const SIMPLE_LOC: crush_location = new Map([
  ["host", "localhost"],
  ["rack", "localrack"],
  ["root", "default"],
]);

/** What is said of all OSDs in [osd] goes before what is said of one. */
function location_in(lines: readonly IniLine[], section: string): crush_location {
  const find = (key: string) => {
    const of = (name: string) => lines.findLast((l) => l.section === name && l.key === key);
    return (of("osd") ?? of(section))?.value || undefined;
  };
  const loc = new Map([
    ["host", find("host") ?? "unknownhost"],
    ["rack", find("rack") ?? "unknownrack"],
  ]);
  for (const type of ["row", "room", "datacenter"]) {
    const name = find(type);
    if (name !== undefined) loc.set(type, name);
  }
  return loc.set("root", "default");
}

function build_map(
  num_osd: number,
  osds: readonly placed_osd[],
  o: createsimple_options,
): osdmap_file {
  const pg_bits = o.pg_bits ?? DEFAULT_BITS;
  const pg_num = num_osd * 2 ** pg_bits;
  const pgp_num = num_osd * 2 ** (o.pgp_bits ?? DEFAULT_BITS);
  if (pg_bits < 0 || (o.pgp_bits ?? 0) < 0 || pg_num > MAX_PG_NUM) {
    throw new CommandError("EINVAL", `osdmaptool: pg_num must be between 1 and ${MAX_PG_NUM}`);
  }
  const pool = pg_pool_t({
    pg_num,
    pgp_num: Math.min(pgp_num, pg_num),
    pg_autoscale_mode: "on",
    application_metadata: new Map([["rbd", new Map()]]),
  });
  const each = <T>(v: T): T[] => new Array<T>(num_osd).fill(v);
  const map = new OSDMap({
    fsid: o.fsid ?? BLANK_UUID,
    epoch: 1,
    created: o.now,
    modified: o.now,
    ...(o.with_default_pool
      ? { pool_max: 1, pools: new Map([[1, pool]]), pool_name: new Map([[1, "rbd"]]) }
      : {}),
    max_osd: num_osd,
    osd_state: each(0),
    osd_weight: each(0),
    osd_info: each(NO_INFO),
    osd_xinfo: each(NO_XINFO),
    osd_uuid: each(BLANK_UUID),
    osd_addrs: each(BLANK_ADDRS),
    crush: build_simple_crush_map().edit((b) => {
      for (const { osd, loc } of osds) b.insert_item(osd, 1, `osd.${osd}`, loc);
    }),
    erasure_code_profiles: new Map([["default", DEFAULT_PROFILE]]),
  });
  return { map, raw: without_cache_ratios(from_fields(map.f)) };
}

/** Those are what a monitor's options say; this pool was made without one. */
function without_cache_ratios(raw: raw_osdmap): raw_osdmap {
  const none: Partial<raw_pool> = {
    cache_target_dirty_ratio_micro: 0,
    cache_target_dirty_high_ratio_micro: 0,
    cache_target_full_ratio_micro: 0,
  };
  const pools = new Map([...raw.client.pools].map(([id, p]) => [id, { ...p, ...none }] as const));
  return { ...raw, client: { ...raw.client, pools } };
}
