/**
 * May OSDs be stopped, may they be destroyed? And `osd destroy`, `osd purge`, which ask the latter
 * unless they are told that somebody knows better.
 * Ceph counterpart: DaemonServer::_check_offlines_pgs, _handle_command (src/mgr). cluster.md §7.1.
 */
import {
  BLANK_UUID,
  CEPH_OSD_DESTROYED,
  CRUSH_ITEM_NONE,
  type Errno,
  type OSDMap,
  pg_pool,
} from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import { pending_crush, pending_state, type View, xor_state } from "../osdmon/pending.ts";
import type { PGMap } from "../pgmap/PGMap.ts";
import type { pg_stat_t } from "../pgmap/pg_stat.ts";
import { type Args, is_wildcard, parse_osd_id } from "./args.ts";
import type { ReadCommands, WriteCommands } from "./dispatch.ts";
import { wipe_osd } from "./osd_ids.ts";
import {
  type CommandOutcome,
  type CommandReply,
  commit_then,
  fail,
  json,
  ok,
  refused,
  reply_now,
} from "./reply.ts";

export const SAFETY_COMMANDS: ReadCommands = {
  "osd ok-to-stop": ok_to_stop,
  "osd safe-to-destroy": safe_to_destroy,
};
export const SAFETY_WRITE_COMMANDS: WriteCommands = {
  "osd destroy": (v, args, mon) => if_safe(args, mon) ?? destroy(v, args),
  "osd purge": (v, args, mon) => if_safe(args, mon) ?? purge(v, args),
  "osd purge-new": (v, args) => {
    if (args.flag("yes_i_really_mean_it")) return purge(v, args);
    return fail(
      "EPERM",
      "Are you SURE?  Did you verify with 'ceph osd safe-to-destroy'?  This will mean real, " +
        "permanent data loss, as well as deletion of cephx and lockbox keys. Pass " +
        "--yes-i-really-mean-it if you really do.",
    );
  },
};

function osd_set(map: OSDMap, args: Args): number[] {
  const ids = new Set<number>();
  for (const word of args.list("ids")) {
    if (is_wildcard(word)) return map.get_all_osds();
    const w = parse_osd_id(word);
    if (w.why !== undefined) return fail("EINVAL", `${w.why}invalid osd id '${word}'`);
    ids.add(w.osd);
  }
  if (ids.size === 0) fail("EINVAL", "must specify one or more OSDs");
  return [...ids].sort((a, b) => a - b);
}

// ---------------------------------------------------------------- stopping

const GROUPS = [
  "unknown_pgs",
  "bad_no_pool_pgs",
  "bad_already_inactive",
  "bad_become_inactive",
  "ok_become_degraded",
  "ok_become_more_degraded",
] as const;
type Group = (typeof GROUPS)[number];

/** PGs that stopping these OSDs would make inactive, or that cannot be judged. */
function ok_to_stop(mon: Monitor, args: Args): CommandReply {
  const osds = osd_set(mon.osdmap, args);
  const stop = new Set(osds);
  const pgs = new Map<Group, string[]>(GROUPS.map((g) => [g, []]));
  let not_ok = 0;
  let num_ok = 0;
  for (const [pg, s] of mon.svc.pgmap.sorted_pgs()) {
    const groups = groups_of(s, mon.osdmap.get_pg_pool(pg_pool(pg))?.min_size, stop);
    for (const g of groups) pgs.get(g)?.push(pg);
    if (groups.some((g) => g.startsWith("bad"))) not_ok++;
    else if (groups.some((g) => g.startsWith("ok"))) num_ok++;
  }
  const unknown = pgs.get("unknown_pgs")?.length ?? 0;
  const outb = {
    ok_to_stop: not_ok + unknown === 0,
    osds,
    num_ok_pgs: num_ok,
    num_not_ok_pgs: not_ok,
    ...Object.fromEntries([...pgs].filter(([, list]) => list.length > 0)),
  };
  if (unknown > 0) return { ...refused("EAGAIN", unknown_text(unknown)), outb };
  if (not_ok === 0) return json(outb);
  const text = `unsafe to stop osd(s) at this time (${not_ok} PGs are or would become offline)`;
  return { ...refused("EBUSY", text), outb };
}
function unknown_text(pgs: number): string {
  return `${pgs} pgs have unknown state; cannot draw any conclusions`;
}

/** Nothing for a PG that has no part in them. */
function groups_of(s: pg_stat_t, min_size: number | undefined, stop: ReadonlySet<number>): Group[] {
  if (s.states.has("unknown")) return ["unknown_pgs"];
  const degraded = s.states.has("degraded");
  const members = degraded ? s.avail_no_missing.map((t) => Number.parseInt(t, 10)) : s.acting;
  if (!members.some((o) => stop.has(o))) return [];
  const left = new Set(members.filter((o) => o !== CRUSH_ITEM_NONE && !stop.has(o)));
  const bad: Group[] = [];
  if (min_size === undefined) bad.push("bad_no_pool_pgs");
  if (!s.states.has("active")) bad.push("bad_already_inactive");
  if (left.size < (min_size ?? 0)) bad.push("bad_become_inactive");
  if (bad.length > 0) return bad;
  return [degraded ? "ok_become_more_degraded" : "ok_become_degraded"];
}

// ---------------------------------------------------------------- destroying

interface Safety {
  readonly safe_to_destroy: number[];
  readonly active: number[];
  readonly missing_stats: number[];
  readonly stored_pgs: number[];
}
interface Verdict {
  readonly why_not: readonly [errno: Errno, text: string] | undefined;
  readonly detail: Safety | undefined;
}

function judge(map: OSDMap, pgmap: PGMap, osds: readonly number[]): Verdict {
  const stats = [...pgmap.pg_stat.values()];
  const unknown = stats.filter((s) => s.states.has("unknown")).length;
  if (unknown > 0) return { why_not: ["EAGAIN", unknown_text(unknown)], detail: undefined };
  const all_clean = stats.every((s) => s.states.has("active") && s.states.has("clean"));
  const by_osd = pgmap.num_pg_by_osd();
  const d: Safety = { safe_to_destroy: [], active: [], missing_stats: [], stored_pgs: [] };
  let pgs = 0;
  for (const o of osds) {
    const mapped = map.exists(o) ? (by_osd.get(o) ?? 0) : 0;
    pgs += mapped;
    const stat = map.is_up(o) ? pgmap.osd_stat.get(o) : undefined;
    if (mapped > 0) d.active.push(o);
    else if (!map.exists(o) || all_clean) d.safe_to_destroy.push(o);
    else if (!stat) d.missing_stats.push(o);
    else if (stat.num_pgs > 0) d.stored_pgs.push(o);
    else d.safe_to_destroy.push(o);
  }
  return { why_not: why_not(d, pgs), detail: d };
}

function why_not(d: Safety, pgs: number): readonly [Errno, string] | undefined {
  if (d.active.length + d.missing_stats.length + d.stored_pgs.length === 0) return undefined;
  const say = (osds: readonly number[], what: string) =>
    osds.length === 0 ? "" : `OSD(s) ${osds.join(",")} ${what}`;
  const text =
    say(d.safe_to_destroy, "are safe to destroy without reducing data durability. ") +
    say(d.active, `have ${pgs} pgs currently mapped to them. `) +
    say(
      d.missing_stats,
      "have no reported stats, and not all PGs are active+clean; we cannot draw any conclusions. ",
    ) +
    say(
      d.stored_pgs,
      "last reported they still store some PG data, and not all PGs are active+clean; we cannot " +
        "be sure they aren't still needed.",
    );
  return [d.active.length + d.stored_pgs.length > 0 ? "EBUSY" : "EAGAIN", text];
}

function safe_to_destroy(mon: Monitor, args: Args): CommandReply {
  const osds = osd_set(mon.osdmap, args);
  const { why_not, detail } = judge(mon.osdmap, mon.svc.pgmap, osds);
  if (why_not) return { ...refused(...why_not), outb: detail };
  const text = `OSD(s) ${osds.join(",")} are safe to destroy without reducing data durability.`;
  return ok(text, detail);
}

/** The refusal, unless the OSD is not needed, or force is used. */
function if_safe(args: Args, mon: Monitor): CommandOutcome | undefined {
  const o = args.osd();
  const { why_not } = judge(mon.osdmap, mon.svc.pgmap, [o]);
  if (!why_not || args.flag("force") || args.flag("yes_i_really_mean_it")) return undefined;
  const [errno, text] = why_not;
  return fail(
    errno,
    `${text}\nYou can proceed by passing --force, but be warned that this will likely mean real, ` +
      "permanent data loss.",
  );
}

function destroy(v: View, args: Args): CommandOutcome {
  const o = args.osd();
  if (!v.osdmap.exists(o)) return reply_now(`osd.${o} does not exist`);
  if (v.osdmap.is_up(o)) return fail("EBUSY", `osd.${o} is not \`down\`.`);
  if (v.osdmap.is_destroyed(o)) return reply_now(`destroyed osd.${o}`);
  if ((pending_state(v, o) & CEPH_OSD_DESTROYED) === 0) xor_state(v, o, CEPH_OSD_DESTROYED);
  v.pending.inc.new_uuid.set(o, BLANK_UUID);
  v.pending.old_metadata.add(o);
  return commit_then(`destroyed osd.${o}`);
}

function purge(v: View, args: Args): CommandOutcome {
  const o = args.osd();
  if (!v.osdmap.exists(o)) return reply_now(`osd.${o} does not exist`);
  if (v.osdmap.is_up(o)) return fail("EBUSY", `osd.${o} is not \`down\`.`);
  wipe_osd(v, o);
  const crush = pending_crush(v);
  if (crush.item_exists(o)) v.pending.inc.crush = crush.edit((b) => b.remove_item(o));
  return commit_then(`purged osd.${o}`);
}
