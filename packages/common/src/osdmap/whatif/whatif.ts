/**
 * What would become of a cluster of which only the map is there (and perhaps a dump of its PGs), if
 * OSDs went down, out, and came back in some order. No daemon is asked and nothing is changed.
 *
 * The steps become maps, maps become intervals (is_new_interval, PastIntervals), and PGs peer by the
 * rules of OSDs (prior set, best info, acting set): so `down` and `incomplete` are said for the
 * reasons for which a real cluster would say so. What the input does not tell is `unknown`.
 *
 * Held to be true: clients write whenever a PG is active and time passes (`write`, `settle`), and
 * logs reach back far enough for an OSD that had a copy to catch up by log. Nothing has a Ceph
 * counterpart here. Cluster.md §1.6, peering.md §6.3, §6.4, §6.8.
 */
import { CRUSH_ITEM_NONE, type pg_t } from "../../types/osd_types.ts";
import type { OSDMap } from "../OSDMap.ts";
import { WhatifInputError } from "./errors.ts";
import { ImaginedCluster } from "./ImaginedCluster.ts";
import { get_movement, type whatif_movement } from "./movement.ts";
import { type next_loss, rank_next_losses } from "./next_loss.ts";
import type { pg_dump } from "./pg_dump.ts";
import type { whatif_step } from "./steps.ts";
import { judge_pg, type judged_pg, type whatif_pg } from "./verdict.ts";

export interface whatif_options {
  /** Says in which state PGs are at the start, and their sizes. */
  readonly dump?: pg_dump | undefined;
}

/** PGs by what became of them. One may be in several. */
export interface whatif_counts {
  readonly total: number;
  readonly active: number;
  readonly inactive: number;
  /** Whether they are active cannot be said. */
  readonly unknown: number;
  readonly undersized: number;
}
export interface whatif_after_counts extends whatif_counts {
  readonly down: number;
  readonly incomplete: number;
  /** Without any OSD that is up. */
  readonly stale: number;
  readonly unfound: number;
  readonly lost_writes: number;
}
export interface whatif_osds {
  readonly total: number;
  readonly up: number;
  readonly in: number;
}
/** PGs of which something cannot be said, by reason. */
export interface whatif_unknown {
  readonly reason: string;
  readonly pgs: number;
  readonly example: pg_t;
}

export interface whatif_report {
  readonly epoch: number;
  readonly steps: readonly string[];
  readonly osds: { readonly before: whatif_osds; readonly after: whatif_osds };
  /** In, but not up: their copies are missed, and are not made anew while they are in. */
  readonly down_in: readonly number[];
  readonly pgs: { readonly before: whatif_counts; readonly after: whatif_after_counts };
  readonly states: {
    readonly before: Readonly<Record<string, number>>;
    readonly after: Readonly<Record<string, number>>;
  };
  /** Active PGs by how many members they could lose and stay active. */
  readonly margin: {
    readonly before: Readonly<Record<string, number>>;
    readonly after: Readonly<Record<string, number>>;
  };
  readonly movement: whatif_movement;
  /** By type of failure domain, OSDs first; the most painful loss first. */
  readonly next: readonly (readonly next_loss[])[];
  readonly unknown: readonly whatif_unknown[];
  /** PGs that are not as before, or not well: the worst first. */
  readonly affected: readonly whatif_pg[];
  readonly notes: readonly string[];
}

/** Runs the steps and says what they lead to. */
export function whatif(
  map: OSDMap,
  steps: readonly whatif_step[],
  options: whatif_options = {},
): whatif_report {
  const { dump } = options;
  const notes = dump ? check_dump(map, dump) : [];
  const cluster = new ImaginedCluster(map, dump);
  for (const step of steps) cluster.run(step);
  cluster.peer();
  const judged = map.pool_ids().flatMap((id) => map.get_pgs(id).map((pg) => judge_pg(cluster, pg)));
  const pgs = judged.map((j) => j.pg);
  for (const kind of cluster.kinds.values()) notes.push(...kind.notes);
  notes.push(...cluster.notes, ...assumed_clean(judged, dump));
  return {
    epoch: map.epoch,
    steps: steps.map((s) => s.text),
    osds: { before: count_osds(map), after: count_osds(cluster.map) },
    down_in: cluster.map.get_in_osds().filter((o) => cluster.map.is_down(o)),
    pgs: { before: count_before(judged), after: count_after(pgs) },
    states: { before: count_by(pgs, (p) => p.was), after: count_by(pgs, (p) => p.state) },
    margin: {
      before: count_by(judged, margin_before),
      after: count_by(pgs, (p) => (p.margin === null ? undefined : String(p.margin))),
    },
    movement: get_movement(cluster, dump),
    next: rank_next_losses(cluster.map, judged),
    unknown: list_unknown(pgs),
    affected: pgs.filter(is_affected).sort(by_severity),
    notes,
  };
}

function count_osds(map: OSDMap): whatif_osds {
  const [total, up] = [map.get_num_osds(), map.get_num_up_osds()];
  return { total, up, in: map.get_num_in_osds() };
}

function check_dump(map: OSDMap, dump: pg_dump): string[] {
  let there = 0;
  for (const pg of dump.pgs.keys()) if (map.pg_exists(pg)) there++;
  if (there === 0 && dump.pgs.size > 0) {
    throw new WhatifInputError("EINVAL", "no PG of the PG dump is in the map: another cluster's?");
  }
  const strange = dump.pgs.size - there;
  return strange > 0 ? [`${strange} PGs of the PG dump are not in the map`] : [];
}
function assumed_clean(judged: readonly judged_pg[], dump: pg_dump | undefined): string[] {
  const n = dump ? 0 : judged.filter((j) => j.start.history !== "unknown").length;
  if (n === 0) return [];
  return [`without a PG dump, ${n} PGs that lack no OSD are taken to be active+clean at the start`];
}

function margin_before(j: judged_pg): string | undefined {
  if (j.pg.was_active !== "yes") return undefined;
  const { acting } = j.start.at;
  return String(acting.filter((o) => o !== CRUSH_ITEM_NONE).length - j.kind.pool.min_size);
}

function count_before(judged: readonly judged_pg[]): whatif_counts {
  const n = (test: (j: judged_pg) => boolean) => judged.filter(test).length;
  return {
    total: judged.length,
    active: n((j) => j.pg.was_active === "yes"),
    inactive: n((j) => j.pg.was_active === "no"),
    unknown: n((j) => j.pg.was_active === "unknown"),
    undersized: n((j) => {
      const { acting } = j.start.at;
      return acting.filter((o) => o !== CRUSH_ITEM_NONE).length < j.kind.pool.size;
    }),
  };
}
function count_after(pgs: readonly whatif_pg[]): whatif_after_counts {
  const n = (test: (p: whatif_pg) => boolean) => pgs.filter(test).length;
  return {
    total: pgs.length,
    active: n((p) => p.active === "yes"),
    inactive: n((p) => p.active === "no"),
    unknown: n((p) => p.active === "unknown"),
    undersized: n((p) => p.undersized),
    down: n((p) => has(p, "down")),
    incomplete: n((p) => has(p, "incomplete")),
    stale: n((p) => has(p, "stale")),
    unfound: n((p) => p.unfound === "yes"),
    lost_writes: n((p) => p.lost_writes),
  };
}
const has = (p: whatif_pg, word: string) => p.state.split("+").includes(word);

/** Numbers of those with the same key, by key; undefined is none. */
function count_by<T>(
  list: readonly T[],
  key: (t: T) => string | undefined,
): Record<string, number> {
  const counts = new Map<string, number>();
  for (const t of list) {
    const k = key(t);
    if (k !== undefined) counts.set(k, (counts.get(k) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function list_unknown(pgs: readonly whatif_pg[]): whatif_unknown[] {
  const found = new Map<string, { pgs: number; example: pg_t }>();
  for (const p of pgs) {
    if (p.reason === "") continue;
    const known = found.get(p.reason);
    if (known) known.pgs++;
    else found.set(p.reason, { pgs: 1, example: p.pgid });
  }
  const rows = [...found].map(([reason, v]) => ({ reason, ...v }));
  return rows.sort((a, b) => b.pgs - a.pgs || (a.reason < b.reason ? -1 : 1));
}

function is_affected(p: whatif_pg): boolean {
  return (
    p.state !== p.was || p.active !== "yes" || p.reason !== "" || p.undersized || p.lost_writes
  );
}
/**
 * Inactive ones first, then those nobody can tell of, then by margin; of these first what was not so
 * before. Equal ones keep their order.
 */
function by_severity(a: whatif_pg, b: whatif_pg): number {
  const rank = (p: whatif_pg) =>
    ["down", "incomplete", "stale"].findIndex((w) => has(p, w)) >= 0 ? 0 : RANK[p.active];
  return (
    rank(a) - rank(b) ||
    Number(b.state !== b.was) - Number(a.state !== a.was) ||
    Number(b.lost_writes) - Number(a.lost_writes) ||
    (a.margin ?? 0) - (b.margin ?? 0)
  );
}
const RANK = { no: 1, unknown: 2, yes: 3 } as const;
