/**
 * PeeringWQ: the peering work queue. A PG is in it at most once; each turn a PG advances to the
 * published map, then handles one event (and those that cost nothing).
 * Ceph counterpart: OSD::process_peering_events, advance_pg (src/osd/OSD.cc). Rules: peering.md §4.
 */
import type { Clock, Config, epoch_t, OSDMap } from "@tako/common";
import type { PeeringEvt } from "../peering/events.ts";
import { RecoveryCtx } from "../peering/RecoveryCtx.ts";
import type { PG } from "../pg/PG.ts";
import { split_pg } from "../pg/split.ts";

/** They store nothing and send nothing: no turn of their own. */
const FREE: ReadonlySet<string> = new Set(["NullEvt", "FlushedEvt"]);

/** Never added to. */
const NOTHING: PeeringEvt[] = [];

export interface PeeringWQPorts {
  readonly clock: Clock;
  readonly config: Config;
  /** Service.osdmap */
  readonly osdmap: () => OSDMap;
  readonly try_get_map: (e: epoch_t) => OSDMap | undefined;
  /** Lowest map epoch over all PGs. */
  readonly min_pg_epoch: () => epoch_t | undefined;
  readonly dispatch_context: (pg: PG, rctx: RecoveryCtx) => void;
  /** Children that split off in a turn whose transaction is queued now. */
  readonly add_split_children: (children: readonly PG[]) => void;
  /** After a batch: one MOSDAlive for all PGs that need it, pg_temp wishes, merged messages. */
  readonly end_of_batch: (up_thru_wanted: epoch_t) => void;
}

export class PeeringWQ {
  readonly #p: PeeringWQPorts;
  /** Insertion order = turn order. */
  readonly #queue = new Set<PG>();
  readonly #events = new Map<PG, PeeringEvt[]>();
  #scheduled = false;
  #stopped = false;
  /** As of the beginning of the batch: they only go up. Undefined: not asked for yet. */
  #min_pg_epoch: epoch_t | undefined;

  constructor(ports: PeeringWQPorts) {
    this.#p = ports;
  }

  /** Appends `evt` to the PG's events and the PG to the queue. */
  queue_event(pg: PG, evt: PeeringEvt): void {
    if (this.#stopped) return;
    if (pg.old_peering_evt(evt)) return;
    const list = this.#events.get(pg);
    if (list) list.push(evt);
    else this.#events.set(pg, [evt]);
    this.queue(pg);
  }
  queue(pg: PG): void {
    if (this.#stopped) return;
    this.#queue.add(pg);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#p.clock.defer(() => this.#run());
  }
  forget(pg: PG): void {
    this.#queue.delete(pg);
    this.#events.delete(pg);
  }
  stop(): void {
    this.#stopped = true;
    this.#queue.clear();
    this.#events.clear();
  }
  get idle(): boolean {
    return this.#queue.size === 0;
  }

  #run(): void {
    this.#scheduled = false;
    if (this.#stopped) return;
    const batch: PG[] = [];
    const max = this.#p.config.get("osd_peering_wq_batch_size");
    for (const pg of this.#queue) {
      if (batch.length >= max) break;
      batch.push(pg);
    }
    this.#min_pg_epoch = undefined;
    let up_thru_wanted = 0;
    for (const pg of batch) {
      this.#queue.delete(pg);
      this.#process(pg);
      if (pg.peering.need_up_thru) {
        up_thru_wanted = Math.max(up_thru_wanted, pg.peering.info.history.same_interval_since);
      }
    }
    this.#p.end_of_batch(up_thru_wanted);
    const next = this.#queue.values().next();
    if (!next.done) this.queue(next.value);
  }

  /** One turn of one PG. */
  #process(pg: PG): void {
    if (pg.deleted) {
      this.forget(pg);
      return;
    }
    const rctx = new RecoveryCtx();
    const children: PG[] = [];
    if (!this.#advance_pg(pg, rctx, children)) {
      this.#queue.add(pg);
    } else {
      for (const evt of this.#take_events(pg)) pg.handle_peering_event(evt, rctx);
      if (this.#events.has(pg)) this.#queue.add(pg);
    }
    this.#p.dispatch_context(pg, rctx);
    if (children.length > 0) this.#p.add_split_children(children);
  }

  /** What the PG handles in this turn: one event, and those around it that cost nothing. */
  #take_events(pg: PG): readonly PeeringEvt[] {
    const events = this.#events.get(pg) ?? NOTHING;
    let n = 0;
    let costly = 0;
    for (const { evt } of events) {
      if (!FREE.has(evt.type) && ++costly > 1) break;
      n++;
    }
    if (n < events.length) return events.splice(0, n);
    // None are left: what comes meanwhile begins a new list.
    if (n > 0) this.#events.delete(pg);
    return events;
  }

  /** peering.md §4.5. False: osd_map_max_advance reached, go on next turn. */
  #advance_pg(pg: PG, rctx: RecoveryCtx, children: PG[]): boolean {
    const target = this.#p.osdmap().epoch;
    // Loaded at a later map than it was stored at, because that one is gone.
    children.push(...split_pg(pg, rctx));
    if (pg.osdmap_epoch >= target) return true;
    const advance = this.#p.config.get("osd_map_max_advance");
    this.#min_pg_epoch ??= this.#p.min_pg_epoch() ?? pg.osdmap_epoch + 1;
    let max = this.#min_pg_epoch + advance;
    let lastmap = pg.peering.osdmap;
    for (let e = pg.osdmap_epoch + 1; e <= target && e <= max; e++) {
      const map = this.#p.try_get_map(e);
      if (!map) {
        max = Math.max(max, e + advance);
        continue;
      }
      const m = map.pg_to_up_acting_osds(pg.pgid);
      const { up, up_primary, acting, acting_primary } = m;
      pg.handle_advance_map(lastmap, map, up, up_primary, acting, acting_primary, rctx);
      children.push(...split_pg(pg, rctx));
      lastmap = map;
    }
    pg.handle_activate_map(rctx);
    return pg.osdmap_epoch >= target;
  }
}
