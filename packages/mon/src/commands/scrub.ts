/**
 * `pg scrub|deep-scrub|repair <pgid>` and `osd scrub|deep-scrub|repair <who>`: passed on to the
 * primaries, who do it when they can. Ceph counterpart: DaemonServer::_handle_command. cluster.md §7.1.
 */
import type { pg_t } from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import { type Args, is_wildcard } from "./args.ts";
import type { ReadCommands } from "./dispatch.ts";
import { type CommandReply, fail, ok } from "./reply.ts";

type ScrubOp = "scrub" | "deep-scrub" | "repair";

export const SCRUB_COMMANDS: ReadCommands = {
  "pg scrub": (mon, args) => pg_scrub(mon, args, "scrub"),
  "pg deep-scrub": (mon, args) => pg_scrub(mon, args, "deep-scrub"),
  "pg repair": (mon, args) => pg_scrub(mon, args, "repair"),
  "osd scrub": (mon, args) => osd_scrub(mon, args, "scrub"),
  "osd deep-scrub": (mon, args) => osd_scrub(mon, args, "deep-scrub"),
  "osd repair": (mon, args) => osd_scrub(mon, args, "repair"),
};

/** False: that OSD has no session here. */
function send(mon: Monitor, osd: number, scrub_pgs: pg_t[], op: ScrubOp): boolean {
  return mon.send_to_osd(osd, {
    type: "osd_scrub",
    epoch: mon.osdmap.epoch,
    scrub_pgs,
    repair: op === "repair",
    deep: op === "deep-scrub",
  });
}

function pg_scrub(mon: Monitor, args: Args, op: ScrubOp): CommandReply {
  const pgid = args.pgid(mon.osdmap);
  const { acting_primary: osd } = mon.osdmap.pg_to_up_acting_osds(pgid);
  if (osd < 0) return fail("EAGAIN", `pg ${pgid} has no primary osd`);
  if (!send(mon, osd, [pgid], op)) {
    return fail("EAGAIN", `pg ${pgid} primary osd.${osd} is not currently connected`);
  }
  return ok(`instructing pg ${pgid} on osd.${osd} to ${op}`);
}

function osd_scrub(mon: Monitor, args: Args, op: ScrubOp): CommandReply {
  const osds = is_wildcard(args.str("who")) ? mon.osdmap.get_up_osds() : one_up_osd(mon, args);
  const sent: number[] = [];
  const failed: number[] = [];
  for (const osd of osds) {
    const pgs = mon.svc.pgmap
      .sorted_pgs()
      .filter(([, s]) => s.acting_primary === osd)
      .map(([pg]) => pg);
    (send(mon, osd, pgs, op) ? sent : failed).push(osd);
  }
  if (sent.length === 0) {
    return fail("EAGAIN", `failed to instruct osd(s) ${osds} to ${op} (not connected)`);
  }
  const rest = failed.length > 0 ? `; osd(s) ${failed} were not connected` : "";
  return ok(`instructed osd(s) ${sent} to ${op}${rest}`);
}
function one_up_osd(mon: Monitor, args: Args): number[] {
  const osd = args.osd("who");
  return mon.osdmap.is_up(osd) ? [osd] : [];
}
