/**
 * Failure reports: who says since when that an OSD is silent, and when that is enough to mark it
 * down. The table is the leader's memory; the rules are pure functions over it.
 * Ceph counterpart: failure_info_t, OSDMonitor::preprocess_failure, prepare_failure, check_failure.
 * cluster.md §3.8.
 */
import { addr_eq, type Msg } from "@tako/common";
import { subtree_of } from "./crush_edit.ts";
import { can_mark_down } from "./may_mark.ts";
import {
  edit_xinfo,
  is_pending_down,
  location_text,
  mark_down,
  pending_xinfo,
  type View,
} from "./pending.ts";
import {
  COMMIT,
  drop,
  PREPARE,
  type Prepared,
  type Preprocessed,
  type Sender,
  send_maps,
} from "./verdict.ts";

type Failure = Msg<"osd_failure">;

/** target -> reporter -> since when (monotonic ms) the target is silent for it. */
export type FailureReports = Map<number, Map<number, { readonly failed_since_ms: number }>>;

export function preprocess_failure(v: View, from: Sender, m: Failure): Preprocessed {
  const { osdmap } = v;
  const known = osdmap.exists(from.osd) && addr_eq(osdmap.get_addr(from.osd), from.addr);
  // One that was marked down meanwhile may still take its word back.
  if (!known || (m.is_failed && !osdmap.is_up(from.osd))) return drop("reporter not up");
  const t = m.target_osd;
  if (
    osdmap.is_down(t) ||
    !addr_eq(osdmap.get_addr(t), m.target_addr) ||
    osdmap.get_up_from(t) > m.epoch
  ) {
    return send_maps(m.epoch + 1);
  }
  if (!can_mark_down(v, t)) return drop("may not be marked down");
  return PREPARE;
}

export function prepare_failure(
  v: View,
  from: Sender,
  m: Failure,
  reports: FailureReports,
): Prepared {
  const t = m.target_osd;
  if (!m.is_failed) {
    const of_target = reports.get(t);
    of_target?.delete(from.osd);
    if (of_target?.size === 0) reports.delete(t);
    return drop("report taken back");
  }
  if (m.immediate) return force_failure(v, t, from.osd);
  const of_target = reports.get(t) ?? new Map();
  reports.set(t, of_target);
  of_target.set(from.osd, { failed_since_ms: v.mono_ms - m.failed_for * 1000 });
  return check_failure(v, t, reports) ? COMMIT : drop("not yet");
}

/** Connection refused: the process is certainly gone, one witness is enough. */
function force_failure(v: View, target: number, reporter: number): Prepared {
  if (is_pending_down(v, target)) return COMMIT;
  mark_down(v, target);
  edit_xinfo(v, target, { dead_epoch: v.pending.inc.epoch });
  const where = location_text(v.osdmap, target);
  v.pending.log.push({
    prio: "INF",
    text: `osd.${target} failed ${where} (connection refused reported by osd.${reporter})`,
  });
  return COMMIT;
}

/** Marks `target` down when the reports are enough. True when it is (now) going down. */
export function check_failure(v: View, target: number, reports: FailureReports): boolean {
  if (is_pending_down(v, target)) return true;
  const of_target = reports.get(target);
  if (!of_target) return false;
  const level = v.config.get("mon_osd_reporter_subtree_level");
  const subtrees = new Set<string>();
  const reporters = [...of_target.keys()].sort((a, b) => a - b);
  for (const r of reporters) {
    if (v.osdmap.exists(r)) subtrees.add(subtree_of(v.osdmap, r, level));
    else of_target.delete(r);
  }
  if (of_target.size === 0) reports.delete(target);
  if (subtrees.size < v.config.get("mon_osd_min_down_reporters")) return false;
  const latest = Math.max(...[...of_target.values()].map((r) => r.failed_since_ms));
  const failed_for = (v.mono_ms - latest) / 1000;
  const grace = grace_of(v, target, [...of_target.keys()], failed_for);
  if (failed_for < grace || !can_mark_down(v, target)) return false;
  mark_down(v, target);
  v.pending.log.push({
    prio: "INF",
    text:
      `osd.${target} failed ${location_text(v.osdmap, target)} (${of_target.size} reporters ` +
      `from different ${level} after ${failed_for.toFixed(6)} >= grace ${grace.toFixed(6)})`,
  });
  return true;
}

/** Seconds of silence that are tolerated: longer when target or reporters were laggy. */
export function grace_of(
  v: View,
  target: number,
  reporters: readonly number[],
  failed_for: number,
): number {
  const grace = v.config.get("osd_heartbeat_grace");
  if (!v.config.get("mon_osd_adjust_heartbeat_grace")) return grace;
  const k = Math.log(0.5) / v.config.get("mon_osd_laggy_halflife");
  const t = pending_xinfo(v, target);
  const mine = Math.exp(failed_for * k) * t.laggy_interval * t.laggy_probability;
  let theirs = 0;
  for (const r of reporters) {
    const x = v.osdmap.get_xinfo(r);
    const age = Math.max(0, (v.now_ms - x.down_stamp) / 1000);
    theirs += Math.exp(age * k) * x.laggy_interval * x.laggy_probability;
  }
  return grace + mine + (reporters.length > 0 ? theirs / reporters.length : 0);
}

/** On tick: reports may have become old enough, or too old. True when an OSD is going down. */
export function check_failures(v: View, reports: FailureReports): boolean {
  const stale = v.config.get("osd_heartbeat_grace") + v.config.get("osd_heartbeat_stale");
  let found = false;
  for (const t of [...reports.keys()].sort((a, b) => a - b)) {
    const of_target = reports.get(t);
    if (!of_target) continue;
    for (const [r, { failed_since_ms }] of [...of_target]) {
      if (v.mono_ms - failed_since_ms > stale * 1000) of_target.delete(r);
    }
    if (of_target.size === 0) reports.delete(t);
    else if (v.osdmap.is_up(t) && can_mark_down(v, t) && check_failure(v, t, reports)) found = true;
  }
  return found;
}

// ---------------------------------------------------------------- from the OSD itself

/** MOSDMarkMeDown: an orderly stop. cluster.md §3.9. */
export function preprocess_mark_me_down(
  v: View,
  from: Sender,
  m: Msg<"osd_mark_me_down">,
): Preprocessed {
  const t = m.target_osd;
  if (from.osd !== t) return drop("mark-me-down for somebody else");
  const gone = v.osdmap.is_down(t) || !addr_eq(v.osdmap.get_addr(t), m.target_addr);
  if (gone || !can_mark_down(v, t)) return { do: "ack" };
  return PREPARE;
}
export function prepare_mark_me_down(v: View, m: Msg<"osd_mark_me_down">): Prepared {
  const t = m.target_osd;
  mark_down(v, t);
  if (m.down_and_dead) edit_xinfo(v, t, { dead_epoch: m.epoch });
  const dead = m.down_and_dead ? " and dead" : "";
  v.pending.log.push({ prio: "INF", text: `osd.${t} marked itself down${dead}` });
  return { do: "commit", reply: m.request_ack ? { do: "ack" } : null };
}

/** MOSDMarkMeDead: alive, marked down, and sure to have served nothing after that epoch. */
export function preprocess_mark_me_dead(
  v: View,
  from: Sender,
  m: Msg<"osd_mark_me_dead">,
): Preprocessed {
  if (from.osd !== m.osd) return drop("mark-me-dead for somebody else");
  if (!v.osdmap.exists(m.osd) || v.osdmap.is_up(m.osd)) return send_maps(m.epoch + 1);
  if (v.osdmap.get_xinfo(m.osd).dead_epoch >= m.epoch) return drop("known");
  return PREPARE;
}
export function prepare_mark_me_dead(v: View, m: Msg<"osd_mark_me_dead">): Prepared {
  edit_xinfo(v, m.osd, { dead_epoch: m.epoch });
  v.pending.log.push({ prio: "INF", text: `osd.${m.osd} marked itself dead as of e${m.epoch}` });
  return { do: "commit", reply: { do: "send_maps", from: m.epoch + 1 } };
}
