/**
 * Which PGs to move, by pg_upmap_items, so that each OSD holds the number of PGs that its weight
 * asks for. One step at a time: away from the fullest OSD, or what an entry took from the emptiest
 * back to it; a step counts only if the map as a whole gets more even. Unlike Ceph's, a step never
 * makes an entry that clean_pg_upmaps would remove or that leads to an OSD that is down, and
 * nothing is left to chance. Pure and deterministic.
 * Ceph counterpart: OSDMap::calc_pg_upmaps (16.2). cluster.md §3.12.
 */
import type { Rng } from "../ports.ts";
import { type pg_t, spg_cmp } from "../types/osd_types.ts";
import type { Incremental, upmap_item_t } from "./Incremental.ts";
import { apply_upmap } from "./mapping_stages.ts";
import type { OSDMap } from "./OSDMap.ts";
import type { pg_pool_t } from "./pg_pool_t.ts";
import { type remap_targets, try_remap_rule } from "./remap_rule.ts";
import { UpmapChecker } from "./tool/upmap_cleanup.ts";

export interface calc_pg_upmaps_options {
  /** As many PGs may an OSD have too many or too few. At least 1; 5 by default. */
  readonly max_deviation?: number;
  /** Steps at most; 10 by default. */
  readonly max?: number;
  /** All pools when there are none. */
  readonly only_pools?: Iterable<number>;
  /** osd_calc_pg_upmaps_aggressively: try on when a step does not help. True by default. */
  readonly aggressive?: boolean;
  /** osd_calc_pg_upmaps_local_fallback_retries: steps to try in place of one. 100 by default. */
  readonly local_fallback_retries?: number;
  /** Shuffles the PGs of an OSD before one is picked, so that none is always the first. */
  readonly rng?: Rng;
}

/** The part of an incremental that this writes. */
export type pending_upmaps = Pick<Incremental, "new_pg_upmap_items" | "old_pg_upmap_items">;

/**
 * Puts the changes into `pending`, which follows `m`, and returns the number of steps. Entries of
 * `m` that do not hold should be gone before (find_upmap_cleanup).
 */
export function calc_pg_upmaps(
  m: OSDMap,
  pending: pending_upmaps,
  options: calc_pg_upmaps_options = {},
): number {
  return new UpmapBalancer(m, pending, options).run();
}

const f32 = Math.fround;
/** Moves that are looked at before one turn is given up. */
const MAX_SEARCH = 20_000;
const NO_PGS: ReadonlySet<number> = new Set();

interface Pg {
  readonly pgid: pg_t;
  readonly pool: pg_pool_t;
  readonly raw: readonly number[];
}
type Items = readonly upmap_item_t[];

/** New items of a PG, and what that does to the OSDs. */
interface Step {
  /** Position in the list of PGs. */
  readonly pg: number;
  readonly items: Items;
  /** OSDs that lose the PG, and those that get it. */
  readonly from: readonly number[];
  readonly to: readonly number[];
}
/** How far an OSD is from its target. */
interface Deviation {
  readonly osd: number;
  readonly pgs: number;
}
interface Spread {
  /** By deviation, the emptiest first. */
  readonly sorted: readonly Deviation[];
  readonly by_osd: ReadonlyMap<number, number>;
  /** Sum of the squares. */
  readonly stddev: number;
  readonly max_deviation: number;
}

class UpmapBalancer {
  readonly #m: OSDMap;
  readonly #pending: pending_upmaps;
  readonly #max_deviation: number;
  readonly #max: number;
  readonly #aggressive: boolean;
  readonly #retries: number;
  readonly #rng: Rng | undefined;
  readonly #checker: UpmapChecker;
  /** By pool and seed. */
  readonly #pgs: Pg[] = [];
  readonly #items: Map<pg_t, Items>;
  /** What each OSD should have, by ascending id. */
  readonly #target: ReadonlyMap<number, number>;
  readonly #pgs_of: ReadonlyMap<number, Set<number>>;
  readonly #index = new Map<pg_t, number>();
  #spread: Spread;
  /** Look at the emptiest OSDs first. */
  #skip_overfull = false;

  constructor(m: OSDMap, pending: pending_upmaps, o: calc_pg_upmaps_options) {
    this.#m = m;
    this.#pending = pending;
    this.#max_deviation = Math.max(1, o.max_deviation ?? 5);
    this.#max = o.max ?? 10;
    this.#aggressive = o.aggressive ?? true;
    this.#retries = o.local_fallback_retries ?? 100;
    this.#rng = o.rng;
    this.#checker = new UpmapChecker(m);
    this.#items = new Map(m.pg_upmap_items);
    const only = new Set(o.only_pools);
    const pools = m.pool_ids().filter((id) => only.size === 0 || only.has(id));
    this.#target = this.#targets(pools);
    this.#pgs_of = new Map([...this.#target.keys()].map((osd) => [osd, new Set()]));
    for (const id of pools) this.#add_pool(id);
    this.#spread = this.#spread_after();
  }

  run(): number {
    if (this.#target.size === 0 || this.#spread.max_deviation <= this.#max_deviation) return 0;
    let done = 0;
    for (let turn = 0; turn < this.#max; turn++) {
      const found = this.#turn();
      if (found === "stop") break;
      if (found === "changed") done++;
      if (this.#spread.max_deviation <= this.#max_deviation) break;
    }
    return done;
  }

  // ---------------------------------------------------------------- set-up

  /** The PGs of these pools, shared out by weight. OSDs that are out get none. */
  #targets(pools: readonly number[]): Map<number, number> {
    const weight = new Map<number, number>();
    let weights = 0;
    let copies = 0;
    for (const id of pools) {
      const pool = this.#m.get_pg_pool(id);
      if (!pool) continue;
      copies += pool.size * pool.pg_num;
      for (const [osd, share] of this.#checker.tree_of(pool)?.weights() ?? []) {
        const w = f32(f32(this.#m.get_weightf(osd)) * share);
        if (!(w > 0)) continue;
        weight.set(osd, f32((weight.get(osd) ?? 0) + w));
        weights = f32(weights + w);
      }
    }
    const per_weight = f32(f32(copies) / weights);
    const sorted = [...weight].sort(([a], [b]) => a - b);
    return new Map(sorted.map(([osd, w]) => [osd, f32(w * per_weight)]));
  }

  #add_pool(id: number): void {
    const pool = this.#m.get_pg_pool(id);
    if (!pool) return;
    for (const pgid of this.#m.get_pgs(id)) {
      const at = this.#pgs.push({ pgid, pool, raw: this.#m.pg_to_raw_osds(pgid).raw }) - 1;
      this.#index.set(pgid, at);
      for (const osd of this.#m.pg_to_up_acting_osds(pgid).up) this.#pgs_of.get(osd)?.add(at);
    }
  }

  /** As it is, or as it would be after `step`. Sums as Ceph does: it decides what is better. */
  #spread_after(step?: Step): Spread {
    const sorted: Deviation[] = [];
    const by_osd = new Map<number, number>();
    let stddev = 0;
    let max_deviation = 0;
    for (const [osd, target] of this.#target) {
      const here = this.#pgs_of.get(osd) ?? NO_PGS;
      // An OSD that is down has lost them before.
      const lost = step?.from.includes(osd) && here.has(step.pg) ? 1 : 0;
      const got = step?.to.includes(osd) ? 1 : 0;
      const pgs = f32(here.size - lost + got - target);
      sorted.push({ osd, pgs });
      by_osd.set(osd, pgs);
      stddev = f32(stddev + f32(pgs * pgs));
      max_deviation = Math.max(max_deviation, Math.abs(pgs));
    }
    sorted.sort((a, b) => a.pgs - b.pgs || a.osd - b.osd);
    return { sorted, by_osd, stddev, max_deviation };
  }

  // ---------------------------------------------------------------- one turn

  /** Looks for one step that helps. */
  #turn(): "changed" | "nothing" | "stop" {
    const { targets, tight } = this.#sort_osds();
    if (targets.underfull.length === 0 && targets.overfull.size === 0) return "stop";
    const skip = new Set<number>();
    for (let tried = 1; ; tried++) {
      const step = this.#find_step(targets, tight, skip);
      if (!step) {
        if (!this.#aggressive) return "stop";
        if (!this.#skip_overfull) return this.#search_all(targets) ? "changed" : "stop";
        this.#skip_overfull = false;
        return "nothing";
      }
      const after = this.#spread_after(step);
      if (after.stddev < this.#spread.stddev) {
        this.#take(step, after);
        return "changed";
      }
      if (!this.#aggressive) return "stop";
      if (tried >= this.#retries) {
        // The same again would find the same: begin at the other end next time.
        this.#skip_overfull = !this.#skip_overfull;
        return this.#search_all(targets) ? "changed" : "nothing";
      }
      skip.add(step.pg);
    }
  }

  /** `tight`: OSDs with too few PGs, but none with far too many: take from all with too many. */
  #sort_osds(): { targets: remap_targets; tight: boolean } {
    const max = this.#max_deviation;
    const over = this.#spread.sorted.filter((d) => d.pgs > 0);
    // Nothing is moved to an OSD that is down: it would not be there.
    const under = this.#spread.sorted.filter((d) => d.pgs < 0 && this.#m.is_up(d.osd));
    const osds = (list: readonly Deviation[]) => list.map((d) => d.osd);
    const overfull = over.filter((d) => d.pgs > max);
    const underfull = osds(under.filter((d) => d.pgs < -max));
    const tight = overfull.length === 0 && underfull.length > 0;
    return {
      targets: {
        overfull: new Set(osds(tight ? over : overfull)),
        underfull,
        more_underfull: osds(under.filter((d) => d.pgs >= -max)),
      },
      tight,
    };
  }

  #find_step(targets: remap_targets, tight: boolean, skip: ReadonlySet<number>): Step | undefined {
    const first_the_empty = this.#skip_overfull && targets.underfull.length > 0;
    const relieve = first_the_empty ? undefined : this.#relieve(targets, tight, skip);
    return relieve ?? this.#give_back(targets, skip);
  }

  /** From the fullest OSD on: take back what an entry moved to it, else move a PG away. */
  #relieve(targets: remap_targets, tight: boolean, skip: ReadonlySet<number>): Step | undefined {
    for (const { osd, pgs } of this.#spread.sorted.toReversed()) {
      if (pgs < 0 || (!tight && pgs <= this.#max_deviation)) return undefined;
      const here = [...(this.#pgs_of.get(osd) ?? [])].sort((a, b) => a - b);
      const open = this.#shuffled(here.filter((pg) => !skip.has(pg)));
      for (const pg of open) {
        const step = this.#without(pg, ([, to]) => to === osd);
        if (step) return step;
      }
      for (const pg of open) {
        const step = this.#remap(pg, targets);
        if (step) return step;
      }
    }
    return undefined;
  }

  /** To the emptiest OSD: take back what an entry moved away from it. */
  #give_back(targets: remap_targets, skip: ReadonlySet<number>): Step | undefined {
    for (const { osd, pgs } of this.#spread.sorted) {
      if (!this.#m.is_up(osd)) continue;
      if (!targets.underfull.includes(osd) || Math.abs(pgs) < this.#max_deviation) break;
      const moved = [...this.#items.keys()]
        .sort(spg_cmp)
        .flatMap((pgid) => this.#index.get(pgid) ?? [])
        .filter((pg) => !skip.has(pg));
      for (const pg of this.#shuffled(moved)) {
        const step = this.#without(pg, ([from]) => from === osd);
        if (step) return step;
      }
    }
    return undefined;
  }

  /** The PG without those of its items. */
  #without(pg: number, drop: (item: upmap_item_t) => boolean): Step | undefined {
    const items = this.#items_of(pg);
    const kept = items.filter((item) => !drop(item));
    return kept.length === items.length ? undefined : this.#step(pg, kept);
  }

  /** The PG with one more item, away from the fullest of those it can leave. */
  #remap(pg: number, targets: remap_targets): Step | undefined {
    const { pgid, pool } = this.#pg(pg);
    const items = this.#items_of(pg);
    // A whole list was set by a person.
    if (this.#m.pg_upmap.has(pgid) || items.length >= pool.size) return undefined;
    const tree = this.#checker.tree_of(pool);
    const orig = this.#upmapped(pg, items);
    if (!tree || !orig.some((o) => targets.overfull.has(o))) return undefined;
    const out = try_remap_rule(tree, pool.size, targets, orig);
    if (out?.length !== orig.length) return undefined;
    const taken = new Set(items.flat());
    let best: upmap_item_t | undefined;
    let most = 0;
    for (const [i, from] of orig.entries()) {
      const to = out[i] ?? from;
      const deviation = this.#spread.by_osd.get(from) ?? 0;
      if (from === to || taken.has(from) || taken.has(to) || deviation <= most) continue;
      best = [from, to];
      most = deviation;
    }
    return best && this.#move(pg, ...best);
  }

  /**
   * What Ceph leaves to chance: any one PG of an OSD that is too full, to any OSD that is emptier,
   * and to one that is too empty, from any that is fuller.
   */
  #search_all({ overfull, underfull }: remap_targets): boolean {
    const { sorted } = this.#spread;
    let budget = MAX_SEARCH;
    for (const from of sorted.toReversed()) {
      for (const to of sorted) {
        // Less than one apart, they would only change places.
        if (from.pgs - to.pgs <= 1) break;
        if (!overfull.has(from.osd) && !underfull.includes(to.osd)) continue;
        for (const pg of this.#pgs_of.get(from.osd) ?? []) {
          if (budget-- === 0) return false;
          const step = this.#move(pg, from.osd, to.osd);
          const after = step && this.#spread_after(step);
          if (!after || after.stddev >= this.#spread.stddev) continue;
          this.#take(step, after);
          return true;
        }
      }
    }
    return false;
  }

  /** The PG with one more item, this one. */
  #move(pg: number, from: number, to: number): Step | undefined {
    const { pgid, pool } = this.#pg(pg);
    const items = this.#items_of(pg);
    if (this.#m.pg_upmap.has(pgid) || items.length >= pool.size) return undefined;
    if (items.some((item) => item.includes(from) || item.includes(to))) return undefined;
    const step = this.#step(pg, [...items, [from, to]]);
    return step?.from.includes(from) && step.to.includes(to) ? step : undefined;
  }

  /** undefined when the items would not hold, or would lead to an OSD that is down. */
  #step(pg: number, items: Items): Step | undefined {
    const { pgid } = this.#pg(pg);
    const before = this.#upmapped(pg, this.#items_of(pg));
    const after = this.#upmapped(pg, items);
    const from = before.filter((o) => !after.includes(o));
    const to = after.filter((o) => !before.includes(o));
    if (!to.every((o) => this.#target.has(o) && this.#m.is_up(o))) return undefined;
    const list = this.#m.pg_upmap.get(pgid);
    const some = items.length > 0 ? items : undefined;
    const verdict = this.#checker.check_pg(pgid, after, list, some);
    return verdict === undefined ? { pg, items, from, to } : undefined;
  }

  #take(step: Step, after: Spread): void {
    const { pgid } = this.#pg(step.pg);
    for (const osd of step.from) this.#pgs_of.get(osd)?.delete(step.pg);
    for (const osd of step.to) this.#pgs_of.get(osd)?.add(step.pg);
    this.#spread = after;
    const { new_pg_upmap_items, old_pg_upmap_items } = this.#pending;
    if (step.items.length > 0) {
      this.#items.set(pgid, step.items);
      new_pg_upmap_items.set(pgid, step.items);
      old_pg_upmap_items.delete(pgid);
      return;
    }
    this.#items.delete(pgid);
    new_pg_upmap_items.delete(pgid);
    if (this.#m.pg_upmap_items.has(pgid)) old_pg_upmap_items.add(pgid);
  }

  // ---------------------------------------------------------------- small things

  #pg(at: number): Pg {
    const pg = this.#pgs[at];
    if (!pg) throw new RangeError(`no PG ${at}`);
    return pg;
  }
  #items_of(pg: number): Items {
    return this.#items.get(this.#pg(pg).pgid) ?? [];
  }
  #upmapped(pg: number, items: Items): readonly number[] {
    const { pgid, raw } = this.#pg(pg);
    return apply_upmap(this.#m.f.osd_weight, raw, this.#m.pg_upmap.get(pgid), items);
  }
  #shuffled(list: number[]): number[] {
    const rng = this.#rng;
    if (!rng || !this.#aggressive) return list;
    for (let i = list.length - 1; i > 0; i--) {
      const j = rng.int(i + 1);
      [list[i], list[j]] = [list[j] ?? 0, list[i] ?? 0];
    }
    return list;
  }
}
