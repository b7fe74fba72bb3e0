/** `osd ...` commands that change OSDs and flags. cluster.md §3.14. */
import {
  CEPH_OSD_DESTROYED,
  CEPH_OSD_IN,
  CEPH_OSD_NEW,
  type Errno,
  OPERATOR_FLAGS,
  OSDMAP_FLAGS,
  type OSDMap,
  type osdmap_flag_t,
  print_ostream_float,
} from "@tako/common";
import { pending_flags, pending_max_osd, pending_weight, type View } from "../osdmon/pending.ts";
import type { Args } from "./args.ts";
import type { WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then, fail, RETRY_COMMAND, reply_now } from "./reply.ts";

export const OSD_WRITE_COMMANDS: WriteCommands = {
  "osd lost": lost,
  "osd new": (v, args) => osd_new(v, args, args.str("uuid")),
  "osd create": (v, args) => osd_new(v, args, args.opt_str("uuid")),
  "osd reweight": reweight,
  "osd reweightn": reweightn,
  "osd setmaxosd": setmaxosd,
  "osd set": (v, args) => set_flag(v, args.str("key"), "set"),
  "osd unset": (v, args) => set_flag(v, args.str("key"), "unset"),
  "osd pause": (v) => set_flag(v, "pause", "set"),
  "osd unpause": (v) => set_flag(v, "pause", "unset"),
  "osd set-nearfull-ratio": (v, args) => set_ratio(v, args, "new_nearfull_ratio", "nearfull_ratio"),
  "osd set-backfillfull-ratio": (v, args) =>
    set_ratio(v, args, "new_backfillfull_ratio", "backfillfull_ratio"),
  "osd set-full-ratio": (v, args) => set_ratio(v, args, "new_full_ratio", "full_ratio"),
};

export function existing(map: OSDMap, args: Args, name = "id"): number {
  return need_osd(map, args.osd(name));
}
export function need_osd(map: OSDMap, o: number): number {
  return map.exists(o) ? o : fail("ENOENT", `osd.${o} does not exist`);
}

// ---------------------------------------------------------------- weights

function reweight(v: View, args: Args): CommandOutcome {
  const w = args.float("weight", 0, 1);
  const o = existing(v.osdmap, args);
  const fixed = Math.trunc(w * CEPH_OSD_IN);
  if (fixed !== pending_weight(v, o)) v.pending.inc.new_weight.set(o, fixed);
  return commit_then(`reweighted osd.${o} to ${print_ostream_float(w)} (${fixed.toString(16)})`);
}

/** `{"0":"32768","1":"65536"}`: weights in 16.16, as texts. */
function reweightn(v: View, args: Args): CommandOutcome {
  const text = args.str("weights");
  const refuse = (code: Errno) => fail(code, `unable to parse 'weights' value '${text}'`);
  const weights = parse_weights(text.replaceAll("'", '"')) ?? refuse("EINVAL");
  const edits: [number, number][] = [];
  for (const [key, weight] of Object.entries(weights)) {
    const o = Number.parseInt(key, 10);
    if (Number.isNaN(o)) return refuse("EINVAL");
    if (!v.osdmap.exists(o)) return refuse("ENOENT");
    const w = typeof weight === "string" ? Number.parseInt(weight, 10) : Number.NaN;
    if (!(w >= 0 && w <= CEPH_OSD_IN)) return refuse("EINVAL");
    edits.push([o, w]);
  }
  for (const [o, w] of edits) {
    if (w !== pending_weight(v, o)) v.pending.inc.new_weight.set(o, w);
  }
  return commit_then("");
}
function parse_weights(text: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? parsed
      : undefined;
  } catch {
    // Not JSON at all: the caller says so, and shows it.
    return undefined;
  }
}

// ---------------------------------------------------------------- leaving

function lost(v: View, args: Args): CommandOutcome {
  const o = args.osd();
  if (!args.flag("yes_i_really_mean_it")) {
    return fail(
      "EPERM",
      "are you SURE?  this might mean real, permanent data loss.  pass --yes-i-really-mean-it if " +
        "you really do.",
    );
  }
  if (!v.osdmap.exists(o)) return fail("ENOENT", `osd.${o} does not exist`);
  if (!v.osdmap.is_down(o)) return fail("EBUSY", `osd.${o} is not down`);
  const e = v.osdmap.get_down_at(o);
  v.pending.inc.new_lost.set(o, e);
  return commit_then(`marked osd lost in epoch ${e}`);
}

// ---------------------------------------------------------------- coming

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function osd_new(v: View, args: Args, text: string | undefined): CommandOutcome {
  const uuid = text?.toLowerCase();
  if (uuid !== undefined && !UUID.test(uuid)) {
    return fail("EINVAL", `invalid UUID value '${text}'.`);
  }
  const max = v.config.get("mon_max_osd");
  // Without a uuid `osd create` takes the next id, whichever is asked for.
  const wanted = args.has("id") && uuid !== undefined ? args.osd() : undefined;
  if (wanted !== undefined && wanted >= max) return fail("EINVAL", `id must be below ${max}`);
  const known = uuid === undefined ? -1 : v.osdmap.identify_osd(uuid);
  if (known >= 0) {
    if (wanted !== undefined && wanted !== known) {
      return fail("EEXIST", `uuid ${uuid} already in use for different id ${known}`);
    }
    return reply_now("", { osdid: known });
  }
  if (uuid !== undefined && [...v.pending.inc.new_uuid.values()].includes(uuid)) {
    return RETRY_COMMAND;
  }
  const o = wanted ?? lowest_free_id(v);
  if (o >= max) return fail("ENOSPC", `there are ${max} OSDs already (mon_max_osd)`);
  if (v.pending.inc.new_up_client.has(o) || v.pending.inc.new_uuid.has(o)) return RETRY_COMMAND;
  if (v.osdmap.exists(o) && !v.osdmap.is_destroyed(o)) {
    return fail("EINVAL", `id ${o} already in use and does not match uuid ${uuid}`);
  }
  enter(v, o, uuid);
  return commit_then("", { osdid: o });
}

function lowest_free_id(v: View): number {
  const { inc } = v.pending;
  for (let o = 0; o < pending_max_osd(v); o++) {
    if (!v.osdmap.exists(o) && !inc.new_weight.has(o) && !inc.new_up_client.has(o)) return o;
  }
  return pending_max_osd(v);
}

function enter(v: View, o: number, uuid: string | undefined): void {
  const { inc } = v.pending;
  if (o >= pending_max_osd(v)) inc.new_max_osd = o + 1;
  // The weight makes it exist and would clear NEW; the state comes after it, and sets NEW again.
  inc.new_weight.set(o, CEPH_OSD_IN);
  inc.new_state.set(o, CEPH_OSD_NEW | (v.osdmap.get_state(o) & CEPH_OSD_DESTROYED));
  if (uuid !== undefined) inc.new_uuid.set(o, uuid);
  // A destroyed id under a new disk: nobody may wait for what the old one held.
  const { up_from, lost_at } = v.osdmap.get_info(o);
  if (v.osdmap.exists(o) && up_from > lost_at) inc.new_lost.set(o, v.osdmap.epoch);
}

function setmaxosd(v: View, args: Args): CommandOutcome {
  const n = args.int("newmax", 0, Number.MAX_SAFE_INTEGER);
  const max = v.config.get("mon_max_osd");
  if (n > max)
    return fail("ERANGE", `cannot set max_osd to ${n} which is > conf.mon_max_osd (${max})`);
  const used = v.osdmap.get_all_osds().find((o) => o >= n);
  if (used !== undefined) {
    return fail(
      "EBUSY",
      `cannot shrink max_osd to ${n} because osd.${used} (and possibly others) still in use`,
    );
  }
  if ([...v.pending.inc.new_up_client.keys()].some((o) => o >= n)) return RETRY_COMMAND;
  if (n !== pending_max_osd(v)) v.pending.inc.new_max_osd = n;
  return commit_then(`set new max_osd = ${n}`);
}

// ---------------------------------------------------------------- flags, ratios

/** What an operator may set and unset. */
const SETTABLE: readonly osdmap_flag_t[] = OPERATOR_FLAGS;
const SET_ONLY: readonly osdmap_flag_t[] = ["sortbitwise", "recovery_deletes", "pglog_hardlimit"];

function set_flag(v: View, key: string, how: "set" | "unset"): CommandOutcome {
  const flags: readonly osdmap_flag_t[] =
    key === "pause" ? ["pauserd", "pausewr"] : SETTABLE.filter((f) => f === key);
  const all = how === "set" && flags.length === 0 ? SET_ONLY.filter((f) => f === key) : flags;
  if (all.length === 0) {
    return fail("EINVAL", `unrecognized flag '${key}'`);
  }
  const mask = all.reduce((m, f) => m | OSDMAP_FLAGS[f], 0);
  const old = pending_flags(v);
  v.pending.inc.new_flags = how === "set" ? old | mask : old & ~mask;
  if (v.pending.inc.new_flags === v.osdmap.flags) v.pending.inc.new_flags = -1;
  return commit_then(`${all.join(",")} is ${how}`);
}

function set_ratio(
  v: View,
  args: Args,
  field: "new_nearfull_ratio" | "new_backfillfull_ratio" | "new_full_ratio",
  name: string,
): CommandOutcome {
  const r = args.float("ratio", 0, 1);
  v.pending.inc[field] = r;
  return commit_then(`osd set-${name.replace("_", "-")} ${r}`);
}
