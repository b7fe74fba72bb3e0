/**
 * PGMap: the newest statistics of every PG and OSD, in the leader's memory only. A new leader shows
 * PGs as `unknown` until their primaries report.
 * Ceph counterpart: src/mon/PGMap.{h,cc}. cluster.md §3.17.
 */
import {
  CRUSH_ITEM_NONE,
  type Msg,
  type OSDMap,
  type OSDMapMapping,
  object_stat_sum_t,
  pg_parse,
  pg_pool,
  pg_t,
  spg_cmp,
  spg_pg,
  stat_sum_add,
  stat_sum_sub,
} from "@tako/common";
import { type PGSum, PGTotals } from "./PGTotals.ts";
import {
  type osd_stat_t,
  parse_osd_stat,
  parse_pg_stat,
  type pg_stat_t,
  state_text,
  unknown_pg_stat,
} from "./pg_stat.ts";

/** Something changed in these seconds: what PGs counted since the oldest sample that is kept. */
interface RateSample {
  readonly at_ms: number;
  readonly total: object_stat_sum_t;
  readonly pools: ReadonlyMap<number, object_stat_sum_t>;
}
export interface Rates {
  /** Seconds that `delta` covers; 0 when there are not yet two samples. */
  readonly seconds: number;
  readonly delta: object_stat_sum_t;
}

export class PGMap {
  /** Grows with each change. */
  version = 0;
  /** ms since 1970 of the last change. */
  stamp = 0;
  last_osdmap_epoch = 0;
  private readonly stats = new Map<pg_t, pg_stat_t>();
  private readonly totals = new PGTotals();
  /** Of the newest map, by pool. */
  private readonly pg_nums = new Map<number, number>();
  readonly osd_stat = new Map<number, osd_stat_t>();
  /** What PGs have done since this monitor started, by their own counters. */
  private readonly counted = object_stat_sum_t();
  private readonly counted_by_pool = new Map<number, object_stat_sum_t>();
  private samples: RateSample[] = [];

  // ---------------------------------------------------------------- input

  /**
   * New PGs appear as unknown, those of removed pools go, those without primary become stale.
   * `moved`: PGs that are new or may be elsewhere since the map before; `mapping` says where.
   */
  on_osdmap(map: OSDMap, mapping: OSDMapMapping, moved: readonly pg_t[], now_ms: number): void {
    this.touch(now_ms);
    this.last_osdmap_epoch = map.epoch;
    this.forget_gone_pgs(map);
    for (const pg of moved) {
      const s = this.pg_stat.get(pg);
      if (s && !s.states.has("unknown")) continue;
      const { up, up_primary, acting, acting_primary } = mapping.get(pg);
      const place = { up, up_primary, acting, acting_primary };
      this.set(pg, s ? { ...s, ...place } : unknown_pg_stat(now_ms, map.epoch, place));
    }
    for (const o of this.totals.primaries()) {
      if (o < 0 || map.is_up(o)) continue;
      for (const pg of this.totals.led_by(o)) this.check_stale(pg, now_ms);
    }
    for (const o of [...this.osd_stat.keys()]) if (!map.exists(o)) this.osd_stat.delete(o);
  }
  private forget_gone_pgs(map: OSDMap): void {
    for (const [id, before] of this.pg_nums) {
      for (let ps = map.get_pg_num(id); ps < before; ps++) this.drop(pg_t(id, ps));
      if (map.have_pg_pool(id)) continue;
      this.pg_nums.delete(id);
      this.counted_by_pool.delete(id);
    }
    for (const [id, pool] of map.pools) this.pg_nums.set(id, pool.pg_num);
  }

  /** From an OSD that is up. */
  apply_pg_stats(osd: number, m: Msg<"pg_stats">, map: OSDMap, now_ms: number): void {
    this.touch(now_ms);
    const head = {
      up_from: map.get_up_from(osd),
      seq: (this.osd_stat.get(osd)?.seq ?? 0) + 1,
      slow_ops: m.slow_ops,
      oldest_slow_op_s: m.oldest_slow_op_s,
    };
    this.osd_stat.set(osd, parse_osd_stat(m.osd_stat, head));
    for (const p of m.pg_stats) {
      const pg = pg_parse(spg_pg(p.pgid));
      if (!pg || !map.pg_exists(pg)) continue;
      const old = this.pg_stat.get(pg);
      if (old && !is_newer(p, old)) continue;
      const stat = parse_pg_stat(p.stat, p);
      // The sender may lead the PG no more, or say of it that it knows nothing.
      const unknown = stat.states.has("unknown");
      const placed = unknown ? { ...stat, ...map.pg_to_up_acting_osds(pg) } : stat;
      this.count(pg, old, this.set(pg, placed));
      if (stat.acting_primary >= 0 && map.is_down(stat.acting_primary)) {
        this.check_stale(pg, now_ms);
      }
    }
  }

  /** Called once a stats period: rates are differences between such samples. */
  sample(mono_ms: number, keep: number): void {
    const pools = new Map([...this.counted_by_pool].map(([id, s]) => [id, { ...s }]));
    this.samples.push({ at_ms: mono_ms, total: { ...this.counted }, pools });
    if (this.samples.length > keep + 1) this.samples = this.samples.slice(-(keep + 1));
  }

  private touch(now_ms: number): void {
    this.version++;
    this.stamp = now_ms;
  }

  /** By how much its sums change. */
  private set(pg: pg_t, s: pg_stat_t): Partial<object_stat_sum_t> {
    const delta = this.totals.replace(pg, this.pg_stat.get(pg), s);
    this.stats.set(pg, s);
    return delta;
  }
  private drop(pg: pg_t): void {
    this.totals.replace(pg, this.pg_stat.get(pg), undefined);
    this.stats.delete(pg);
  }
  /** Its primary is down: nobody speaks for it. */
  private check_stale(pg: pg_t, now_ms: number): void {
    const s = this.pg_stat.get(pg);
    if (!s || s.states.has("stale") || s.states.has("unknown")) return;
    const states = new Set([...s.states, "stale"]);
    this.set(pg, { ...s, states, state: state_text(states), last_unstale: now_ms });
  }

  private count(pg: pg_t, old: pg_stat_t | undefined, delta: Partial<object_stat_sum_t>): void {
    // The first report after our start holds what the PG did in all its life: that is no rate.
    if (!old || old.reported_epoch === 0) return;
    stat_sum_add(this.counted, delta);
    const pool = this.counted_by_pool.get(pg_pool(pg)) ?? object_stat_sum_t();
    stat_sum_add(pool, delta);
    this.counted_by_pool.set(pg_pool(pg), pool);
  }

  // ---------------------------------------------------------------- output

  get pg_stat(): ReadonlyMap<pg_t, pg_stat_t> {
    return this.stats;
  }
  sorted_pgs(): [pg_t, pg_stat_t][] {
    return [...this.pg_stat].sort(([a], [b]) => spg_cmp(a, b));
  }
  sorted_osds(): [number, osd_stat_t][] {
    return [...this.osd_stat].sort(([a], [b]) => a - b);
  }

  /** PGs that are not just active+clean. */
  sorted_pgs_in_other_states(): [pg_t, pg_stat_t][] {
    const out: [pg_t, pg_stat_t][] = [];
    for (const pg of this.totals.in_other_states().sort(spg_cmp)) {
      const s = this.pg_stat.get(pg);
      if (s) out.push([pg, s]);
    }
    return out;
  }

  /** PGs whose last scrub is older than `scrub_ms`, or whose last deep one is than `deep_ms`. */
  sorted_pgs_scrubbed_before(scrub_ms: number, deep_ms: number): [pg_t, pg_stat_t][] {
    if (!this.totals.any_scrubbed_before(scrub_ms, deep_ms)) return [];
    this.totals.note_oldest_scrubs(this.stats.values());
    const late = (stamp: number, limit: number) => stamp > 0 && stamp < limit;
    return [...this.stats]
      .filter(
        ([, s]) => late(s.last_scrub_stamp, scrub_ms) || late(s.last_deep_scrub_stamp, deep_ms),
      )
      .sort(([a], [b]) => spg_cmp(a, b));
  }

  /** Over all PGs, or those of one pool. Goes on with them: read, do not keep. */
  sum(pool?: number): Readonly<PGSum> {
    return this.totals.sum(pool);
  }

  /** Sum of disk use of OSDs that exist, kB. */
  osd_sum(): osd_stat_t {
    const sum = { ...parse_osd_stat({}, { up_from: 0, seq: 0, slow_ops: 0, oldest_slow_op_s: 0 }) };
    for (const s of this.osd_stat.values()) {
      sum.num_pgs += s.num_pgs;
      sum.kb += s.kb;
      sum.kb_used += s.kb_used;
      sum.kb_used_data += s.kb_used_data;
      sum.kb_used_omap += s.kb_used_omap;
      sum.kb_used_meta += s.kb_used_meta;
      sum.kb_avail += s.kb_avail;
    }
    return sum;
  }

  /** state -> number of PGs; most frequent first, then by name. */
  num_pg_by_state(pool?: number): [string, number][] {
    const n = new Map<string, number>();
    for (const [pg, s] of this.pg_stat) {
      if (pool === undefined || pg_pool(pg) === pool) n.set(s.state, (n.get(s.state) ?? 0) + 1);
    }
    return [...n].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  }

  /** PGs that have an OSD in acting or, failing that, up. */
  num_pg_by_osd(): Map<number, number> {
    const n = new Map<number, number>();
    for (const s of this.pg_stat.values()) {
      for (const o of new Set([...s.acting, ...s.up])) {
        if (o !== CRUSH_ITEM_NONE) n.set(o, (n.get(o) ?? 0) + 1);
      }
    }
    return n;
  }

  /** OSD -> PGs that wait for it. */
  blocked_by_sum(): Map<number, number> {
    const n = new Map<number, number>();
    for (const s of this.pg_stat.values()) {
      for (const o of s.blocked_by) n.set(o, (n.get(o) ?? 0) + 1);
    }
    return n;
  }

  rates(pool?: number): Rates {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    const delta = object_stat_sum_t();
    if (!first || !last || last.at_ms <= first.at_ms) return { seconds: 0, delta };
    const of = (s: RateSample) => (pool === undefined ? s.total : s.pools.get(pool));
    stat_sum_add(delta, of(last) ?? {});
    stat_sum_sub(delta, of(first) ?? {});
    for (const k of Object.keys(delta) as (keyof object_stat_sum_t)[]) {
      delta[k] = Math.max(0, delta[k]);
    }
    return { seconds: (last.at_ms - first.at_ms) / 1000, delta };
  }
}

function is_newer(
  p: { readonly reported_epoch: number; readonly reported_seq: number },
  old: pg_stat_t,
): boolean {
  return (
    p.reported_epoch > old.reported_epoch ||
    (p.reported_epoch === old.reported_epoch && p.reported_seq > old.reported_seq)
  );
}
