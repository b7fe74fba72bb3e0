/**
 * Commands by their prefix. A command reads what there is, or changes the map through the
 * OSDMonitor; either way the answer is JSON in Ceph's shape and a status line.
 * Ceph counterpart: Monitor::handle_command, src/mon/MonCommands.h. cluster.md §7.
 */
import { CommandError } from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import type { View } from "../osdmon/pending.ts";
import { Args, type Cmd } from "./args.ts";
import { CLUSTER_COMMANDS } from "./cluster.ts";
import { CRUSH_WRITE_COMMANDS } from "./crush.ts";
import { CRUSH_CLASS_COMMANDS } from "./crush_classes.ts";
import { CRUSH_MAP_COMMANDS, CRUSH_MAP_WRITE_COMMANDS } from "./crush_map.ts";
import { CRUSH_COMMANDS } from "./crush_read.ts";
import { CRUSH_RULE_COMMANDS } from "./crush_rules.ts";
import { CRUSH_WEIGHT_SET_COMMANDS } from "./crush_weight_sets.ts";
import { PROFILE_COMMANDS, PROFILE_WRITE_COMMANDS } from "./ec_profile.ts";
import { LOG_COMMANDS } from "./log.ts";
import { NODE_FLAG_COMMANDS } from "./node_flags.ts";
import { OSD_IDS_COMMANDS } from "./osd_ids.ts";
import { OSD_COMMANDS } from "./osd_read.ts";
import { SAFETY_COMMANDS, SAFETY_WRITE_COMMANDS } from "./osd_safety.ts";
import { OSD_WRITE_COMMANDS } from "./osd_write.ts";
import { OVERRIDE_COMMANDS } from "./overrides.ts";
import { PG_COMMANDS } from "./pg.ts";
import { PG_FORCE_COMMANDS } from "./pg_force.ts";
import { POOL_COMMANDS, POOL_WRITE_COMMANDS } from "./pool.ts";
import { APPLICATION_COMMANDS, APPLICATION_WRITE_COMMANDS } from "./pool_application.ts";
import { RELEASE_COMMANDS } from "./releases.ts";
import { type CommandOutcome, type CommandReply, json, refused, reply_of_error } from "./reply.ts";
import { REWEIGHT_COMMANDS, REWEIGHT_WRITE_COMMANDS } from "./reweight_by.ts";
import { SCRUB_COMMANDS } from "./scrub.ts";
import { UPMAP_COMMANDS } from "./upmap.ts";

/** Answers from what is committed. */
export type ReadCommand = (mon: Monitor, args: Args, data: readonly Uint8Array[]) => CommandReply;
/** Edits what is pending; runs again when it says `retry`. */
export type WriteCommand = (
  v: View,
  args: Args,
  mon: Monitor,
  data: readonly Uint8Array[],
) => CommandOutcome;
export type ReadCommands = Readonly<Record<string, ReadCommand>>;
export type WriteCommands = Readonly<Record<string, WriteCommand>>;

const READ: ReadonlyMap<string, ReadCommand> = new Map(
  [
    APPLICATION_COMMANDS,
    CLUSTER_COMMANDS,
    CRUSH_COMMANDS,
    CRUSH_MAP_COMMANDS,
    LOG_COMMANDS,
    OSD_COMMANDS,
    PG_COMMANDS,
    PG_FORCE_COMMANDS,
    POOL_COMMANDS,
    PROFILE_COMMANDS,
    REWEIGHT_COMMANDS,
    SAFETY_COMMANDS,
    SCRUB_COMMANDS,
  ].flatMap((table) => Object.entries(table)),
);
const WRITE: ReadonlyMap<string, WriteCommand> = new Map(
  [
    CRUSH_CLASS_COMMANDS,
    CRUSH_MAP_WRITE_COMMANDS,
    CRUSH_RULE_COMMANDS,
    CRUSH_WEIGHT_SET_COMMANDS,
    APPLICATION_WRITE_COMMANDS,
    CRUSH_WRITE_COMMANDS,
    NODE_FLAG_COMMANDS,
    OSD_IDS_COMMANDS,
    OSD_WRITE_COMMANDS,
    OVERRIDE_COMMANDS,
    POOL_WRITE_COMMANDS,
    PROFILE_WRITE_COMMANDS,
    RELEASE_COMMANDS,
    REWEIGHT_WRITE_COMMANDS,
    SAFETY_WRITE_COMMANDS,
    UPMAP_COMMANDS,
  ].flatMap((table) => Object.entries(table)),
);

/** Every command there is, for help and for tests. */
export const COMMAND_PREFIXES: readonly string[] = [...READ.keys(), ...WRITE.keys()].sort();

export function dispatch_command(
  mon: Monitor,
  cmd: Cmd,
  data: readonly Uint8Array[],
  from: string,
  done: (r: CommandReply) => void,
): void {
  const prefix = typeof cmd.prefix === "string" ? cmd.prefix.trim() : "";
  const args = new Args(cmd);
  const write = WRITE.get(prefix);
  if (write) {
    const log_and_done = (r: CommandReply) => {
      mon.ports.log.info({ prefix, from, result: r.result, outs: r.outs }, "mon_command");
      done(r);
    };
    mon.svc.osdmon.command((v) => write(v, args, mon, data), log_and_done);
    return;
  }
  if (prefix === "help") {
    done(json(COMMAND_PREFIXES));
    return;
  }
  const read = READ.get(prefix);
  if (!read) {
    done(refused("EINVAL", unknown_command(prefix)));
    return;
  }
  try {
    done(read(mon, args, data));
  } catch (e) {
    if (!(e instanceof CommandError)) throw e;
    done(reply_of_error(e));
  }
}

function unknown_command(prefix: string): string {
  const first = prefix.split(" ")[0] ?? "";
  const near = COMMAND_PREFIXES.filter((p) => first !== "" && p.startsWith(first)).slice(0, 8);
  const hint = near.length > 0 ? `; there are: ${near.join(", ")}` : "";
  return `no such command: '${prefix.slice(0, 80)}'${hint}`;
}
