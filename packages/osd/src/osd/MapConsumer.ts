/**
 * MapConsumer: what this OSD does with maps that have become durable: notices who left, its own
 * state, publishes, and lets everything that waited go on.
 * Ceph counterpart: OSD::_committed_osd_maps, consume_map, activate_map. Rules: peering.md §3.3, §3.4.
 */
import {
  addr_eq,
  type Connection,
  type epoch_t,
  type Message,
  type OSDMap,
  OSDMapMapping,
} from "@tako/common";
import { MapStep } from "../peering/map_step.ts";
import type { PG } from "../pg/PG.ts";
import type { OSD, OSDPorts } from "./OSD.ts";

/** Most messages that may wait for a map. */
const MAX_WAITING = 65_536;

export class MapConsumer {
  readonly #osd: OSD;
  readonly #p: OSDPorts;
  /** Newest committed map: dispatch decisions. Published a moment later. */
  #osdmap: OSDMap | undefined;
  /** OSD-level messages whose epoch is ahead of #osdmap, in arrival order. */
  #waiting_for_osdmap: { con: Connection; m: Message }[] = [];
  /** Where the PGs of this OSD are mapped by #osdmap, and which these are. */
  #mapping: { readonly of: OSDMapMapping; readonly pgs: readonly PG[] } | undefined;
  /** To #osdmap, from the map that was consumed last. */
  #steps: MapStep[] = [];

  constructor(osd: OSD, ports: OSDPorts) {
    this.#osd = osd;
    this.#p = ports;
  }

  get osdmap(): OSDMap | undefined {
    return this.#osdmap;
  }
  /** The map the superblock names, at the start. */
  load(map: OSDMap): void {
    this.#osdmap = map;
    this.#osd.service.publish(map);
  }
  /** Parks a message that names an epoch we do not have. */
  wait_for_osdmap(con: Connection, m: Message): void {
    if (this.#waiting_for_osdmap.length >= MAX_WAITING) {
      // A peer that runs ahead of every map we get must start over.
      this.#p.log.warn({ peer: con.peer_name }, "session_overflow");
      con.mark_down();
      this.#waiting_for_osdmap = this.#waiting_for_osdmap.filter((w) => w.con.is_open);
      return;
    }
    this.#waiting_for_osdmap.push({ con, m });
    this.subscribe_next();
  }
  /** Asks the monitor for what comes after our newest map. */
  subscribe_next(): void {
    this.#osd.monc.sub_want_increment("osdmap", this.#osd.superblock.newest_map + 1);
  }

  /** Maps first..last are durable; `newest`: what the sender said exists. */
  committed_osd_maps(first: epoch_t, last: epoch_t, newest: epoch_t): void {
    const { boot, maps } = this.#osd;
    for (let e = first; e <= last; e++) {
      const next = maps.try_get_map(e);
      if (next) this.#adopt(next);
    }
    const map = this.#osdmap;
    if (!map) return;
    const me = this.#p.whoami;
    const mine = this.#is_me(map);
    if (mine && boot.state === "booting" && boot.bind_epoch < map.get_up_from(me)) {
      boot.set_active();
      this.#osd.became_active(map);
    }
    if (boot.state === "active" && !mine) this.#marked_down(map);
    this.#consume_map(map);
    if (boot.state === "active") this.#activate_map();
    if (newest > last) this.subscribe_next();
    else boot.preboot(this.#osd.superblock.cluster_osdmap_trim_lower_bound, newest);
  }
  #is_me(map: OSDMap): boolean {
    const me = this.#p.whoami;
    return map.is_up(me) && addr_eq(map.get_addr(me), this.#p.messenger.my_addr);
  }

  /** One epoch further: peers that left are dropped, our own up_epoch is noticed. */
  #adopt(next: OSDMap): void {
    const { boot } = this.#osd;
    const last = this.#osdmap;
    if (last) {
      this.#steps.push(this.#step(last, next));
      for (const o of last.get_up_osds()) {
        const stays = next.is_up(o) && addr_eq(next.get_addr(o), last.get_addr(o));
        if (!stays && o !== this.#p.whoami) this.#note_down_osd(o, last);
      }
    }
    this.#osdmap = next;
    if (boot.up_epoch === 0 && this.#is_me(next)) {
      boot.up_epoch = next.epoch;
      if (boot.boot_epoch === 0) boot.boot_epoch = next.epoch;
    }
    const { epoch } = next;
    this.#p.log.info({ epoch, up: next.get_up_osds(), up_epoch: boot.up_epoch }, "osdmap_epoch");
  }
  #step(last: OSDMap, next: OSDMap): MapStep {
    const pgs = this.#osd.pgs.all();
    if (this.#mapping?.pgs !== pgs || this.#mapping.of.epoch !== last.epoch) {
      this.#mapping = {
        of: new OSDMapMapping(
          last,
          pgs.map((pg) => pg.pgid),
        ),
        pgs,
      };
    }
    const { changed } = this.#mapping.of.update(next);
    return new MapStep(this.#p.whoami, last, next, changed);
  }
  #note_down_osd(osd: number, last: OSDMap): void {
    const addr = last.get_addr(osd);
    this.#p.messenger.connection_to(`osd.${osd}`, addr, "lossless_peer")?.mark_down();
    this.#osd.peer_maps.forget(osd);
  }

  /** The map says that we are down, gone, or somebody else at our id is up (peering.md §3.3). */
  #marked_down(map: OSDMap): void {
    const { boot, heartbeat, mon_requests, monc, service } = this.#osd;
    const { epoch } = map;
    const me = this.#p.whoami;
    if (!map.exists(me) || map.is_stop(me) || map.is_destroyed(me)) {
      this.#p.on_must_stop(`osdmap ${epoch} says this osd is removed, stopped or destroyed`);
      return;
    }
    const down_at = map.get_down_at(me);
    this.#p.log.warn({ epoch, down_at }, "wrongly_marked_down");
    service.cluster_log("ERR", `map e${epoch} wrongly marked me down at e${down_at}`);
    monc.send_mon_message({ type: "osd_mark_me_dead", osd: me, epoch });
    const go_on = boot.note_markdown(epoch);
    heartbeat.reset();
    mon_requests.clear();
    this.#p.messenger.rebind();
    if (go_on) boot.start_boot();
    else this.#p.on_must_stop("marked down too often (osd_max_markdown_count)");
  }

  /** peering.md §3.4. */
  #consume_map(map: OSDMap): void {
    const { boot, heartbeat, ops, pgs, service, wq } = this.#osd;
    const before = service.published;
    service.publish(map);
    const steps = this.#steps.splice(0);
    const concerned = pgs.all().filter((pg) => !steps.every((step) => pg.skip_map(step)));
    ops.dispatch_sessions_waiting_on_map();
    ops.clear_waiting_for_pg(map);
    const e = map.epoch;
    for (const pg of peering_order(concerned, map, this.#p.whoami)) {
      const evt = { type: "NullEvt" } as const;
      wq.queue_event(pg, { epoch_sent: e, epoch_requested: e, evt, requires_pg: true });
    }
    if (boot.up_epoch > 0) heartbeat.on_osdmap(map);
    const pauses = ["norecover", "nobackfill", "norebalance"] as const;
    if (pauses.some((f) => before?.test_flag(f) === true && !map.test_flag(f))) {
      this.#osd.requeue_recovery();
    }
  }
  /** Messages that waited for a map run before newer ones. */
  #activate_map(): void {
    const waiting = this.#waiting_for_osdmap;
    this.#waiting_for_osdmap = [];
    for (const { con, m } of waiting) if (con.is_open) this.#osd.ms_dispatch(con, m);
  }
}

/**
 * Those that do not lead their PG first: what they tell the primary is there when its turn comes, and
 * the primary need not ask. Only one primary goes before them all: it has up_thru asked for.
 */
function peering_order(pgs: readonly PG[], map: OSDMap, whoami: number): readonly PG[] {
  const leads = (pg: PG) => map.pg_to_up_acting_osds(pg.pgid).acting_primary === whoami;
  const [first, ...primaries] = pgs.filter(leads);
  if (!first) return pgs;
  return [first, ...pgs.filter((pg) => !leads(pg)), ...primaries];
}
