/**
 * `pg force-recovery` and its kin: PGs that are to be recovered or backfilled before all others. The
 * monitor knows who is in need of it, and passes the order on to the primaries.
 * Ceph counterpart: DaemonServer::_handle_command (pg force-recovery ...), which is in the manager.
 * cluster.md §7.2, peering.md §7.4.
 */
import { ERRNO, type Errno, pg_parse, pg_pool, type pg_t } from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import type { pg_stat_t } from "../pgmap/pg_stat.ts";
import type { Args } from "./args.ts";
import type { ReadCommands } from "./dispatch.ts";
import { type CommandReply, fail } from "./reply.ts";

const OPS = [
  "force-recovery",
  "force-backfill",
  "cancel-force-recovery",
  "cancel-force-backfill",
] as const;
type ForceOp = (typeof OPS)[number];

export const PG_FORCE_COMMANDS: ReadCommands = Object.fromEntries(
  OPS.flatMap((op) => [
    [`pg ${op}`, (mon: Monitor, args: Args) => force_pgs(mon, op, args)],
    [`osd pool ${op}`, (mon: Monitor, args: Args) => force_pools(mon, op, args)],
  ]),
);

/** What there is to say about the PGs named, and how the command ends. */
interface Talk {
  readonly words: string[];
  error: Errno | undefined;
}

function force_pgs(mon: Monitor, op: ForceOp, args: Args): CommandReply {
  const talk: Talk = { words: [], error: undefined };
  const named = args.list("pgid");
  if (named.length === 0) return fail("EINVAL", "missing required argument: pgid");
  const pgs: pg_t[] = [];
  for (const text of named) {
    const pg = pg_parse(text);
    if (!pg) {
      talk.words.push(`invalid pgid '${text}'`);
      talk.error = "EINVAL";
    } else if (!mon.svc.pgmap.pg_stat.has(pg)) {
      talk.words.push(`pg ${text} does not exist`);
      talk.error = "ENOENT";
    } else {
      pgs.push(pg);
    }
  }
  // As long as there is one good one among them it is not an error.
  if (pgs.length > 0) talk.error = undefined;
  return instruct(mon, op, pgs, talk);
}

function force_pools(mon: Monitor, op: ForceOp, args: Args): CommandReply {
  const names = args.list("who");
  if (names.length === 0) return fail("EINVAL", "missing required argument: who");
  const pools = names.map((name) => {
    const id = mon.osdmap.lookup_pg_pool_name(name);
    return id >= 0 ? id : fail("ENOENT", `pool ${name} does not exist`);
  });
  const pgs = mon.svc.pgmap
    .sorted_pgs()
    .map(([pg]) => pg)
    .filter((pg) => pools.includes(pg_pool(pg)));
  return instruct(mon, op, pgs, { words: [], error: undefined });
}

/** Leaves out those of whom it makes no sense, and tells the primaries of the others. */
function instruct(mon: Monitor, op: ForceOp, pgs: readonly pg_t[], talk: Talk): CommandReply {
  const by_osd = new Map<number, pg_t[]>();
  for (const pg of new Set(pgs)) {
    const stat = mon.svc.pgmap.pg_stat.get(pg);
    const no = stat && why_not(op, stat);
    if (no) {
      talk.words.push(`pg ${pg} ${no.text}`);
      if (no.error) talk.error = "EINVAL";
      continue;
    }
    const { acting_primary } = mon.osdmap.pg_to_up_acting_osds(pg);
    const list = by_osd.get(acting_primary);
    if (list) list.push(pg);
    else by_osd.set(acting_primary, [pg]);
  }
  for (const [osd, forced_pgs] of [...by_osd].sort(([a], [b]) => a - b)) {
    const on = `pg(s) [${forced_pgs.join(",")}]`;
    if (osd < 0) talk.words.push(`${on} have no primary`);
    else if (mon.send_to_osd(osd, { type: "osd_force_recovery", forced_pgs, op })) {
      talk.words.push(`instructing ${on} on osd.${osd} to ${op}`);
    } else talk.words.push(`${on}: osd.${osd} is not connected`);
  }
  const result = talk.error ? -ERRNO[talk.error] : 0;
  return { result, outs: talk.words.join("; ") };
}

/** A script may race with the cluster: that is no error; to ask twice may well be a mistake. */
function why_not(op: ForceOp, { states: s }: pg_stat_t): { text: string; error: boolean } | null {
  const benign = (text: string) => ({ text, error: false });
  switch (op) {
    case "force-recovery":
      if (!s.has("degraded") && !s.has("recovery_wait") && !s.has("recovering")) {
        return benign("doesn't require recovery");
      }
      return s.has("forced_recovery") ? { text: "recovery already forced", error: true } : null;
    case "force-backfill":
      if (!s.has("degraded") && !s.has("backfill_wait") && !s.has("backfilling")) {
        return benign("doesn't require backfilling");
      }
      return s.has("forced_backfill") ? { text: "backfill already forced", error: true } : null;
    case "cancel-force-recovery":
      return s.has("forced_recovery") ? null : benign("recovery not forced");
    case "cancel-force-backfill":
      return s.has("forced_backfill") ? null : benign("backfill not forced");
  }
}
