/**
 * Which upmap entries no longer hold: pool gone, rule broken, device gone or out, or no change any
 * more. The monitor asks it of the map it is about to propose; `osdmaptool --upmap-cleanup` prints.
 * Ceph counterpart: OSDMap::check_pg_upmaps, OSDMap::clean_pg_upmaps, CrushWrapper::verify_upmap.
 */
import type { CrushWrapper } from "../../crush/CrushWrapper.ts";
import { CRUSH_RULE_OPS, type crush_rule } from "../../crush/types.ts";
import { pg_pool, pg_ps, pg_t, spg_cmp } from "../../types/osd_types.ts";
import { CEPH_OSD_EXISTS } from "../flags.ts";
import type { Incremental, upmap_item_t } from "../Incremental.ts";
import type { OSDMap } from "../OSDMap.ts";
import type { pg_pool_t } from "../pg_pool_t.ts";
import { get_parent } from "../pg_split.ts";
import { RuleTree } from "../RuleTree.ts";

export interface upmap_cleanup {
  readonly remove_pg_upmap: readonly pg_t[];
  readonly remove_pg_upmap_items: readonly pg_t[];
  readonly replace_pg_upmap_items: ReadonlyMap<pg_t, readonly upmap_item_t[]>;
}

/** The upmaps of a map that should go or change, by ascending PG. cluster.md §3.1. */
export function find_upmap_cleanup(m: OSDMap): upmap_cleanup {
  const checker = new UpmapChecker(m);
  const cancel = new Set<pg_t>();
  const replace = new Map<pg_t, readonly upmap_item_t[]>();
  const pgs = [...new Set([...m.pg_upmap.keys(), ...m.pg_upmap_items.keys()])].sort(spg_cmp);
  for (const pg of pgs) {
    const up = m.pg_to_raw_upmap(pg);
    const verdict = checker.check_pg(pg, up, m.pg_upmap.get(pg), m.pg_upmap_items.get(pg));
    if (verdict === "cancel") cancel.add(pg);
    else if (verdict) replace.set(pg, verdict);
  }
  return {
    remove_pg_upmap: pgs.filter((pg) => cancel.has(pg) && m.pg_upmap.has(pg)),
    remove_pg_upmap_items: pgs.filter((pg) => cancel.has(pg) && m.pg_upmap_items.has(pg)),
    replace_pg_upmap_items: replace,
  };
}

/**
 * Changes `pending`, whose result on top of `osdmap` is `next`, so that it leaves no such entry;
 * `osdmap` has none. True when there was one.
 */
export function clean_pg_upmaps(osdmap: OSDMap, next: OSDMap, pending: Incremental): boolean {
  if (next.pg_upmap.size + next.pg_upmap_items.size === 0) return false;
  if (!can_matter(osdmap, pending)) return false;
  const found = find_upmap_cleanup(next);
  for (const pg of found.remove_pg_upmap) {
    pending.new_pg_upmap.delete(pg);
    if (osdmap.pg_upmap.has(pg)) pending.old_pg_upmap.add(pg);
  }
  for (const pg of found.remove_pg_upmap_items) {
    pending.new_pg_upmap_items.delete(pg);
    if (osdmap.pg_upmap_items.has(pg)) pending.old_pg_upmap_items.add(pg);
  }
  for (const [pg, items] of found.replace_pg_upmap_items) pending.new_pg_upmap_items.set(pg, items);
  const gone = found.remove_pg_upmap.length + found.remove_pg_upmap_items.length;
  return gone + found.replace_pg_upmap_items.size > 0;
}

/** Puts a clean-up of the map that `pending` follows into it. */
export function apply_upmap_cleanup(c: upmap_cleanup, pending: Incremental): void {
  for (const pg of c.remove_pg_upmap) pending.old_pg_upmap.add(pg);
  for (const pg of c.remove_pg_upmap_items) pending.old_pg_upmap_items.add(pg);
  for (const [pg, items] of c.replace_pg_upmap_items) pending.new_pg_upmap_items.set(pg, items);
}

/** Up, down or a temp change the worth of no entry, and those epochs are the urgent ones. */
function can_matter(osdmap: OSDMap, inc: Incremental): boolean {
  return (
    inc.crush !== null ||
    inc.new_max_osd >= 0 ||
    inc.new_pools.size + inc.old_pools.size + inc.new_weight.size > 0 ||
    inc.new_pg_upmap.size + inc.new_pg_upmap_items.size > 0 ||
    [...inc.new_up_client.keys()].some((o) => !osdmap.exists(o)) ||
    [...inc.new_state.values()].some((mask) => (mask & CEPH_OSD_EXISTS) !== 0)
  );
}

/** Judges the upmap entries of a map's PGs, those that it has and those that it might get. */
export class UpmapChecker {
  readonly #m: OSDMap;
  readonly #trees = new Map<number, RuleTree>();

  constructor(m: OSDMap) {
    this.#m = m;
  }

  /** undefined when the map does not have the rule. */
  tree_of(pool: pg_pool_t): RuleTree | undefined {
    const id = pool.crush_rule;
    const rule = this.#m.crush.get_rule(id);
    if (!rule) return undefined;
    const tree = this.#trees.get(id) ?? new RuleTree(this.#m.crush, rule);
    this.#trees.set(id, tree);
    return tree;
  }

  /**
   * undefined: the entries of the PG may stay; a list: its items have to become these. `up` is
   * what CRUSH and the entries give.
   */
  check_pg(
    pg: pg_t,
    up: readonly number[],
    list: readonly number[] | undefined,
    items: readonly upmap_item_t[] | undefined,
  ): "cancel" | readonly upmap_item_t[] | undefined {
    const m = this.#m;
    const pool = m.get_pg_pool(pg_pool(pg));
    if (!pool || pg_ps(pg) >= pool.pg_num || is_pending_merge(pool, pg)) return "cancel";
    const tree = this.tree_of(pool);
    if (!tree || !tree_allows(tree, pool.size, up)) return "cancel";
    for (const osd of up) {
      const w = tree.weights().get(osd);
      if (w === undefined || w * m.get_weightf(osd) === 0) return "cancel";
    }
    const { raw } = m.pg_to_raw_osds(pg);
    if (list && list.length !== pool.size) return "cancel";
    if (list && list.length === raw.length && list.every((o, i) => o === raw[i])) return "cancel";
    if (!items) return undefined;
    // A target that is not in the map has no weight to be out by.
    const valid = items.filter(([from, to]) => raw.includes(from) && m.f.osd_weight[to] !== 0);
    if (valid.length === 0) return "cancel";
    return valid.length === items.length ? undefined : valid;
  }
}

/** Will the PG be merged into another, or another into it? */
function is_pending_merge(pool: pg_pool_t, pg: pg_t): boolean {
  if (pg_ps(pg) >= pool.pg_num_pending) return true;
  for (let source = pool.pg_num_pending; source < pool.pg_num; source++) {
    if (get_parent(pg_t(pg_pool(pg), source)) === pg) return true;
  }
  return false;
}

/** Would the rule allow these devices? */
export function verify_upmap(
  crush: CrushWrapper,
  rule: crush_rule,
  pool_size: number,
  up: readonly number[],
): boolean {
  return tree_allows(new RuleTree(crush, rule), pool_size, up);
}

function tree_allows(tree: RuleTree, pool_size: number, up: readonly number[]): boolean {
  let root = 0;
  let cursor = 0;
  /** How many a choose step picks, by type; the first step of a type counts. */
  const numbers = new Map<number, number>();
  const want = (type: number, n: number) => {
    if (!numbers.has(type)) numbers.set(type, n);
  };
  for (const s of tree.rule.steps) {
    const numrep = s.arg1 > 0 ? s.arg1 : s.arg1 + pool_size;
    switch (s.op) {
      case CRUSH_RULE_OPS.take:
        root = s.arg1;
        break;
      case CRUSH_RULE_OPS.chooseleaf_firstn:
      case CRUSH_RULE_OPS.chooseleaf_indep: {
        want(s.arg2, numrep);
        if (s.arg2 > 0) want(0, 1);
        const by_parent = parents_of(tree, s.arg2, up);
        if ([...by_parent.values()].some((osds) => osds.size > 1)) return false;
        break;
      }
      case CRUSH_RULE_OPS.choose_firstn:
      case CRUSH_RULE_OPS.choose_indep:
        want(s.arg2, numrep);
        if (parents_of(tree, s.arg2, up).size > numrep) return false;
        break;
      case CRUSH_RULE_OPS.emit: {
        const picked = [...numbers.values()].reduce((n, x) => n * x, 1);
        for (let c = 0; root < 0 && cursor < up.length && c < picked; c++) {
          if (!tree.contains(root, up[cursor++] ?? 0)) return false;
        }
        numbers.clear();
        root = 0;
        break;
      }
    }
  }
  return true;
}

/** Devices by their ancestor of a type below what the rule takes; those without one are left out. */
function parents_of(
  tree: RuleTree,
  type: number,
  osds: readonly number[],
): Map<number, Set<number>> {
  const out = new Map<number, Set<number>>();
  for (const osd of osds) {
    const parent = tree.parent_of_type(osd, type);
    if (parent === undefined || parent >= 0) continue;
    out.set(parent, (out.get(parent) ?? new Set()).add(osd));
  }
  return out;
}
