/**
 * What the PG itself adds to `pg query`, and `list_unfound`. Shapes: cluster.md §7.3.
 * Ceph counterpart: PrimaryLogPG::dump_recovery_info, PG::do_command list_unfound.
 */
import {
  ev_str,
  type eversion_t,
  hobject_cmp,
  type hobject_t,
  is_hobject,
  shard_cmp,
  shard_osd,
} from "@tako/common";
import type { BackfillInterval } from "./BackfillInterval.ts";
import type { PG } from "./PG.ts";
import { dump_scrubber } from "./scrub/dump.ts";
import { dump_hobject } from "./scrub/inconsistent.ts";

function dump_interval(bi: BackfillInterval): Record<string, unknown> {
  return {
    begin: bi.begin,
    end: bi.end,
    objects: bi.objects().map((o) => ({ object: o.soid, version: ev_str(o.version) })),
  };
}

/** recovery_progress and scrub of the Active entry. */
export function query_extra(pg: PG) {
  const { backfill, recovery, peering } = pg;
  const by_soid = (a: [hobject_t, unknown], b: [hobject_t, unknown]) => hobject_cmp(a[0], b[0]);
  return {
    ...(peering.is_active() && { scrubber: dump_scrubber(pg) }),
    recovery_progress: {
      backfill_targets: [...peering.backfill_targets].sort(shard_cmp),
      waiting_on_backfill: [...backfill.waiting_on_backfill].sort(shard_cmp),
      last_backfill_started: backfill.last_backfill_started,
      backfill_info: dump_interval(backfill.backfill_info),
      peer_backfill_info: [...backfill.peer_backfill_info]
        .sort((a, b) => shard_cmp(a[0], b[0]))
        .flatMap(([peer, bi]) => [peer, dump_interval(bi)]),
      backfills_in_flight: [...backfill.backfills_in_flight].sort(hobject_cmp),
      recovering: [...recovery.recovering.keys()].sort(hobject_cmp),
      pg_backend: {
        pull_from_peer: [...recovery.pulling].sort(by_soid).map(([soid, p]) => ({
          pull_from: p.from,
          pulls: [{ soid, need: ev_str(p.need), recovery_progress: p.progress }],
        })),
        pushing: [...recovery.pushing].sort(by_soid).map(([soid, peers]) => ({
          object: soid,
          pushing: [...peers]
            .sort((a, b) => shard_cmp(a[0], b[0]))
            .map(([peer, p]) => ({
              pushing_to: peer,
              push_info: { version: ev_str(p.version), recovery_progress: p.progress },
            })),
        })),
      },
    },
  };
}

/** Objects in one answer. */
const MAX_UNFOUND = 1000;

export function list_unfound(pg: PG, offset?: string): Record<string, unknown> {
  const { peering } = pg;
  const from: hobject_t = offset !== undefined && is_hobject(offset) ? offset : "MIN";
  const unfound = peering.missing_loc.get_unfound().filter((o) => hobject_cmp(o, from) > 0);
  const needs = peering.missing_loc.get_needs_recovery();
  const show = (v: eversion_t | undefined) => (v ? ev_str(v) : "0'0");
  const objects = unfound.slice(0, MAX_UNFOUND).map((soid) => {
    const item = needs.get(soid);
    return {
      oid: dump_hobject(soid, peering.pool.id),
      need: show(item?.need),
      have: show(item?.have),
      flags: item?.is_delete ? "delete" : "none",
      locations: [...peering.missing_loc.get_locations(soid)].sort(shard_cmp),
    };
  });
  return {
    num_missing: peering.missing.num_missing(),
    num_unfound: peering.get_num_unfound(),
    objects,
    ...sources(pg),
    more: unfound.length > MAX_UNFOUND,
  };
}

/** Only a PG that is active looks for sources; those that have been asked already are left out. */
function sources(pg: PG): Record<string, unknown> {
  const { machine, state_name, might_have_unfound, peer_missing } = pg.peering;
  if (!machine.in_state("Active")) {
    return { state: state_name, available_might_have_unfound: false };
  }
  const idle = state_name === "NotRecovering" || state_name === "NotBackfilling";
  const left = [...might_have_unfound].filter((s) => !peer_missing.has(s)).sort(shard_cmp);
  return {
    state: idle ? state_name : "Active",
    available_might_have_unfound: true,
    might_have_unfound: left.map((osd) => ({ osd, status: status_of(pg, osd) })),
  };
}

function status_of(pg: PG, s: Parameters<typeof shard_osd>[0]): string {
  if (pg.peering.peer_missing.has(s)) return "already probed";
  if (pg.peering.peer_missing_requested.has(s)) return "querying";
  return pg.osdmap.is_up(shard_osd(s)) ? "not queried" : "osd is down";
}
