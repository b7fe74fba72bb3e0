/**
 * A generic map to try things on: `osdmaptool --createsimple`.
 * Ceph counterpart: OSDMap::build_simple.
 */
import { build_simple_crush_map } from "../../crush/CrushWrapper.ts";
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
    crush: simple_crush(num_osd),
    erasure_code_profiles: new Map([["default", DEFAULT_PROFILE]]),
  });
  return { map, raw: without_cache_ratios(from_fields(map.f)) };
}

function simple_crush(num_osd: number) {
  const loc = new Map([
    ["host", "localhost"],
    ["rack", "localrack"],
    ["root", "default"],
  ]);
  return build_simple_crush_map().edit((b) => {
    for (let osd = 0; osd < num_osd; osd++) b.insert_item(osd, 1, `osd.${osd}`, loc);
  });
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
