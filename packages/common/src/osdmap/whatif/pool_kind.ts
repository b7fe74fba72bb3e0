/** What whatif needs to know of a pool: how many copies or shards, and how many are enough. */
import { get_is_recoverable_predicate } from "../../peering/recoverable.ts";
import type { IsPGRecoverablePredicate } from "../intervals.ts";
import type { OSDMap } from "../OSDMap.ts";
import { is_erasure, type pg_pool_t } from "../pg_pool_t.ts";

export interface pool_kind {
  readonly id: number;
  readonly name: string;
  readonly pool: pg_pool_t;
  readonly ec: boolean;
  /** Copies, or different shards, from which all data can be had. */
  readonly needed: number;
  readonly is_recoverable: IsPGRecoverablePredicate;
  /** What had to be assumed about it. */
  readonly notes: readonly string[];
}

/** Codes of which not every k shards decode. */
const NOT_MDS = ["lrc", "shec"];

export function get_pool_kind(map: OSDMap, id: number, pool: pg_pool_t): pool_kind {
  const name = map.get_pool_name(id) ?? String(id);
  const ec = is_erasure(pool);
  if (!ec) {
    const is_recoverable = get_is_recoverable_predicate(null);
    return { id, name, pool, ec, needed: 1, is_recoverable, notes: [] };
  }
  const notes: string[] = [];
  const profile = map.erasure_code_profiles.get(pool.erasure_code_profile);
  const said = Number(profile?.get("k") ?? Number.NaN);
  const known = Number.isSafeInteger(said) && said > 0 && said <= pool.size;
  if (!known) {
    notes.push(
      `pool '${name}': the map has no k of erasure code profile '${pool.erasure_code_profile}': ` +
        `min_size ${pool.min_size} is taken for it, which is too careful by what min_size is above k`,
    );
  }
  const plugin = profile?.get("plugin") ?? "";
  if (NOT_MDS.includes(plugin)) {
    notes.push(
      `pool '${name}': not every k shards of a ${plugin} code decode; where just enough are left, ` +
        "more may be needed than is said here",
    );
  }
  const k = known ? said : Math.max(1, pool.min_size);
  return { id, name, pool, ec, needed: k, is_recoverable: get_is_recoverable_predicate(k), notes };
}
