// @ts-check
/**
 * What scripts/compare-ceph.mjs compares of a PG: `pg query`, `pg map` and `list_unfound` as rows of
 * text. Two clusters make different numbers of epochs on the way to the same place, so an epoch of
 * the past intervals is told by its rank among them, and a version without its epoch. Times go.
 */

/** @typedef {{ name: string } & Record<string, any>} StateInfo */
/** @typedef {Record<string, any> & { state: string, epoch: number, acting: number[], recovery_state: StateInfo[] }} Query */
/** @typedef {{ field: string, value: string }} Row */

/** Epochs of the history that are told by whether they lie before this interval. */
const HISTORY = [
  "last_epoch_started",
  "last_interval_started",
  "last_epoch_clean",
  "last_interval_clean",
  "same_up_since",
  "same_primary_since",
  "last_epoch_split",
];
const COUNTS = ["num_objects", "num_objects_degraded", "num_objects_misplaced"];

/** @param {unknown} v */
function text(v) {
  if (typeof v === "string") return v;
  return JSON.stringify(v) ?? "-";
}
/** "17'53" without the epoch, which is the cluster's own. @param {unknown} v */
function version(v) {
  return String(v).replace(/^\d+'/, "'");
}

/** @param {Query} query @param {any} map of `pg map` @param {any} unfound of `list_unfound` @returns {Row[]} */
export function observe_pg(query, map, unfound) {
  const { info } = query;
  /** @type {Row[]} */
  const rows = [];
  const row = (/** @type {string} */ field, /** @type {unknown} */ v) => {
    rows.push({ field, value: text(v) });
  };
  row("state", query.state);
  row("up", map.up);
  row("acting", map.acting);
  row("blocked_by", info.stats.blocked_by);
  row("acting_recovery_backfill", query.acting_recovery_backfill);
  for (const c of COUNTS) row(c, info.stats.stat_sum[c]);
  row("num_objects_unfound", unfound.num_unfound ?? info.stats.stat_sum.num_objects_unfound);
  for (const o of unfound.objects ?? []) row(`unfound ${o.oid.oid}`, unfound_object(o));
  row("might_have_unfound", unfound.might_have_unfound ?? []);
  row("info", replica(info));
  row("history", history(info.history));
  for (const p of query.peer_info ?? []) row(`peer_info ${p.peer}`, replica(p));
  for (const state of query.recovery_state) state_rows(state, row);
  return rows;
}
/** @param {any} o */
function unfound_object(o) {
  return { need: version(o.need), have: version(o.have), locations: o.locations };
}
/** Of an info what does not depend on how many epochs went by. @param {any} info */
function replica(info) {
  return {
    last_update: version(info.last_update),
    last_complete: version(info.last_complete),
    log_tail: version(info.log_tail),
    last_backfill: info.last_backfill,
    empty: info.empty,
    dne: info.dne,
    incomplete: info.incomplete,
  };
}

/** @param {Record<string, number>} h */
function history(h) {
  const since = h.same_interval_since ?? 0;
  const when = (/** @type {number} */ e) => {
    if (e === 0) return "never";
    if (e === since) return "first epoch";
    return e < since ? "earlier" : "later";
  };
  return Object.fromEntries(HISTORY.map((name) => [name, when(h[name] ?? 0)]));
}

/** @param {StateInfo} state @param {(field: string, v: unknown) => void} row */
function state_rows(state, row) {
  const { name, enter_time: _, ...rest } = state;
  row("recovery_state", name);
  const leaf = name.split("/").at(-1);
  for (const [key, value] of Object.entries(rest)) {
    if (key === "recovery_progress") {
      for (const [k, v] of Object.entries(value)) row(`${leaf}: ${k}`, plain(v));
    } else {
      row(`${leaf}: ${key}`, key === "past_intervals" ? intervals(value) : plain(value));
    }
  }
}
/** Versions without epochs, epochs of loss as a yes or no. @param {unknown} v @returns {unknown} */
function plain(v) {
  if (typeof v === "string") return /^\d+'\d+$/.test(v) ? version(v) : v;
  if (Array.isArray(v)) return v.map(plain);
  if (typeof v !== "object" || v === null) return v;
  return Object.fromEntries(
    Object.entries(v).map(([k, x]) => [k, k === "current_lost_at" && x ? "lost" : plain(x)]),
  );
}
/**
 * Intervals by the rank of the epoch in which each begins, and that after its end.
 * @param {{ first: string, last: string, intervals: any[], all_participants: any[] }[]} past
 */
function intervals(past) {
  const spans = past.flatMap((p) => [p, ...p.intervals]);
  const edges = spans.flatMap((s) => [Number(s.first), Number(s.last) + 1]);
  const order = [...new Set(edges)].sort((a, b) => a - b);
  const rank = (/** @type {number} */ e) => `e${order.indexOf(e) + 1}`;
  const span = (/** @type {any} */ s) => ({
    ...s,
    first: rank(Number(s.first)),
    last: `before ${rank(Number(s.last) + 1)}`,
  });
  return past.map((p) => ({ ...span(p), intervals: p.intervals.map(span) }));
}
