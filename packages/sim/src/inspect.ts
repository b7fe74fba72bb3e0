/** What there is to see of one PG, OSD or the monitor at one moment, as data for JSON. */
import { pg_parse, type pg_t } from "@tako/common";
import type { OSD } from "@tako/osd";
import type { World } from "./World.ts";

export type InspectTarget =
  | { readonly kind: "pg"; readonly pgid: pg_t }
  | { readonly kind: "osd"; readonly id: number }
  | { readonly kind: "mon" };

/** `pg=1.0`, `osd=2`, `mon`; undefined for other text. */
export function parse_inspect(text: string): InspectTarget | undefined {
  if (text === "mon") return { kind: "mon" };
  const [kind, of = ""] = text.split("=");
  if (kind === "osd" && /^\d{1,4}$/.test(of)) return { kind, id: Number(of) };
  const pgid = kind === "pg" ? pg_parse(of) : undefined;
  return pgid && { kind: "pg", pgid };
}

/** Fields as in `ceph pg query`, `ceph osd dump`, `ceph daemon osd.N status`. */
export function inspect(w: World, target: InspectTarget): Record<string, unknown> {
  switch (target.kind) {
    case "pg":
      return inspect_pg(w, target.pgid);
    case "osd":
      return inspect_osd(w, target.id);
    case "mon":
      return inspect_mon(w);
  }
}

/** Every copy, as it sees itself. */
function inspect_pg(w: World, pgid: pg_t): Record<string, unknown> {
  const copies: Record<string, unknown>[] = [];
  for (const osd of w.running_osds) {
    for (const pg of osd.pgs.all()) {
      if (pg.pgid !== pgid) continue;
      const role = pg.is_primary() ? "primary" : "member";
      copies.push({ osd: osd.whoami, shard: pg.spgid, role, ...pg.query() });
    }
  }
  const mapping = w.mon_running ? w.osdmap.pg_to_up_acting_osds(pgid) : null;
  return { pgid, mapping, copies };
}

function inspect_osd(w: World, id: number): Record<string, unknown> {
  if (!w.osd_ids.includes(id)) return { osd: id, error: `there is no osd.${id} in this run` };
  const osd = w.osd(id);
  if (!osd) return { osd: id, running: false, newest_map: w.newest_map_of(id) };
  const { local_reserver, remote_reserver } = osd.service;
  return {
    osd: id,
    running: true,
    state: osd.boot.state,
    up_epoch: osd.boot.up_epoch,
    osdmap_epoch: osd.osdmap_epoch,
    superblock: { ...osd.superblock },
    heartbeat_peers: osd.heartbeat.peers,
    recovery_ops_in_flight: osd.recovery.in_flight,
    reservations: { local: local_reserver.dump(), remote: remote_reserver.dump() },
    statfs: w.store(id).statfs(),
    pgs: pgs_of(osd),
  };
}
function pgs_of(osd: OSD): Record<string, unknown>[] {
  return osd.pgs.all().map((pg) => ({
    pgid: pg.spgid,
    epoch: pg.osdmap_epoch,
    state: pg.peering.state_name,
    primary: pg.is_primary(),
    ...(pg.is_primary() && { pg_state: pg.peering.get_pg_state_string() }),
    last_update: pg.peering.info.last_update,
    last_backfill: pg.peering.info.last_backfill,
    missing: pg.peering.missing.num_missing(),
    waiting_ops: pg.num_waiting_ops,
  }));
}

function inspect_mon(w: World): Record<string, unknown> {
  if (!w.mon_running) return { mon: "mon.a", running: false };
  return { mon: "mon.a", running: true, osdmap: w.osdmap.dump() };
}
