/**
 * `osd down|out|in|rm <ids...>`: what is asked of several OSDs is done for those of whom it can be
 * done, whatever the answer says of the others.
 * Ceph counterpart: OSDMonitor::prepare_command_impl. cluster.md §3.14.
 */
import { BLANK_UUID, CEPH_OSD_IN, type Errno } from "@tako/common";
import { edit_xinfo, mark_down, type View } from "../osdmon/pending.ts";
import { type Args, is_wildcard, parse_osd_id } from "./args.ts";
import type { WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_refused, commit_then, fail, reply_now } from "./reply.ts";

export const OSD_IDS_COMMANDS: WriteCommands = {
  "osd down": (v, args) => on_osds(v, args, (o, run) => down(v, args, o, run)),
  "osd out": (v, args) => on_osds(v, args, (o, run) => out(v, o, run)),
  "osd in": (v, args) =>
    on_osds(
      v,
      args,
      (o, run) => mark_in(v, o, run),
      (o) => v.osdmap.is_out(o),
    ),
  "osd rm": (v, args) => on_osds(v, args, (o, run) => remove(v, o, run)),
};

/** What has been said and done so far. */
interface Run {
  text: string;
  changed: boolean;
  error: Errno | undefined;
  /** Of OSDs that nobody named it is not said that nothing is to be done for them. */
  verbose: boolean;
}

function on_osds(
  v: View,
  args: Args,
  edit: (o: number, run: Run) => void,
  of_all = (_o: number) => true,
): CommandOutcome {
  const words = args.list("ids");
  if (words.length === 0) return fail("EINVAL", "missing required argument: ids");
  const run: Run = { text: "", changed: false, error: undefined, verbose: true };
  if (is_wildcard(words[0])) {
    run.verbose = false;
    for (const o of v.osdmap.get_all_osds().filter(of_all)) edit(o, run);
  } else {
    for (const word of words) {
      const w = parse_osd_id(word);
      if (w.why !== undefined) {
        run.text += `${w.why}invalid osd id${w.code}`;
        run.error = "EINVAL";
      } else if (!v.osdmap.exists(w.osd)) {
        run.text += `osd.${w.osd} does not exist. `;
      } else {
        edit(w.osd, run);
      }
    }
  }
  const { text, changed, error } = run;
  if (changed) return error ? commit_refused(error, text) : commit_then(text);
  return error ? fail(error, text) : reply_now(text);
}

function nothing_to_do(o: number, run: Run, is: string): void {
  if (run.verbose) run.text += `osd.${o} is already ${is}. `;
}
function did(o: number, run: Run, what: string): void {
  run.text += `marked ${what} osd.${o}. `;
  run.changed = true;
}

function down(v: View, args: Args, o: number, run: Run): void {
  if (args.flag("definitely_dead")) {
    edit_xinfo(v, o, { dead_epoch: v.pending.inc.epoch });
    run.changed = true;
  }
  if (v.osdmap.is_down(o)) return nothing_to_do(o, run, "down");
  mark_down(v, o);
  did(o, run, "down");
}

function out(v: View, o: number, run: Run): void {
  if (v.osdmap.is_out(o)) return nothing_to_do(o, run, "out");
  // The committed weight: a command before this one may have put 0 into the pending one.
  edit_xinfo(v, o, { old_weight: v.osdmap.get_weight(o) });
  v.pending.inc.new_weight.set(o, 0);
  did(o, run, "out");
}

function mark_in(v: View, o: number, run: Run): void {
  if (v.osdmap.is_in(o)) return nothing_to_do(o, run, "in");
  const { old_weight } = v.osdmap.get_xinfo(o);
  v.pending.inc.new_weight.set(o, old_weight > 0 ? old_weight : CEPH_OSD_IN);
  if (old_weight > 0) edit_xinfo(v, o, { old_weight: 0 });
  did(o, run, "in");
}

function remove(v: View, o: number, run: Run): void {
  if (v.osdmap.is_up(o)) {
    run.text += `${run.changed ? ", " : ""}osd.${o} is still up; must be down before removal. `;
    run.error = "EBUSY";
    return;
  }
  wipe_osd(v, o);
  run.text += `${run.changed ? ", " : "removed "}osd.${o}`;
  run.changed = true;
  // One removal is enough for Ceph to call the whole a success, unless an error follows.
  run.error = undefined;
}

/** Clears every bit of the state; EXISTS among them empties the slot. */
export function wipe_osd(v: View, o: number): void {
  const { inc, old_metadata, new_metadata } = v.pending;
  inc.new_state.set(o, v.osdmap.get_state(o));
  inc.new_uuid.set(o, BLANK_UUID);
  // A weight that is pending would make the slot exist before it is wiped; it must go out.
  inc.new_weight.delete(o);
  inc.new_xinfo.delete(o);
  new_metadata.delete(o);
  old_metadata.add(o);
}
