/**
 * Epochs that are none of a PG's business. Most are: of a thousand OSDs one went down, and the PG has
 * nothing to do with it. Then AdvMap and ActMap would change nothing, and the PG just gets the map.
 * Only resting states are let off; whoever waits for something is fed every map.
 * Ceph feeds every map to every PG (OSD::advance_pg). Rules for the events: peering.md §4.5, §6.1.
 */
import {
  type epoch_t,
  invariant,
  type OSDMap,
  type pg_shard_t,
  type pg_t,
  shard_osd,
  spg_pg,
} from "@tako/common";
import type { PeeringState } from "./PeeringState.ts";
import { RecoveryCtx } from "./RecoveryCtx.ts";
import type { StateName } from "./state_name.ts";

/** Their AdvMap and ActMap look at nothing but what is asked below. */
const RESTING: ReadonlySet<StateName> = new Set(["Clean", "Stray", "RepNotRecovering"]);

/** From one map to the next: what PGs look at, worked out once for all of them. */
export class MapStep {
  readonly lastmap: OSDMap;
  readonly osdmap: OSDMap;
  /** PGs whose mapping changed. */
  readonly #moved: ReadonlySet<pg_t>;
  /** OSDs that went, came, or were declared lost. */
  readonly #osds: ReadonlySet<number>;
  /** For every PG: maps are missing in between, the cluster's flags or this OSD itself changed. */
  readonly #concerns_all: boolean;

  /** `moved`: PGs of this OSD whose mapping is another than in `lastmap`. */
  constructor(whoami: number, lastmap: OSDMap, osdmap: OSDMap, moved: Iterable<pg_t>) {
    this.lastmap = lastmap;
    this.osdmap = osdmap;
    this.#moved = new Set(moved);
    this.#osds = changed_osds(lastmap, osdmap);
    this.#concerns_all =
      osdmap.epoch !== lastmap.epoch + 1 ||
      osdmap.flags !== lastmap.flags ||
      this.#osds.has(whoami);
  }
  get epoch(): epoch_t {
    return this.osdmap.epoch;
  }

  /** May AdvMap or ActMap have anything to do? */
  concerns(ps: PeeringState): boolean {
    const { id, name } = ps.pool;
    return (
      this.#concerns_all ||
      ps.osdmap !== this.lastmap ||
      ps.deleted ||
      !RESTING.has(ps.machine.state) ||
      ps.send_notify ||
      ps.have_unfound() ||
      ps.want_acting.length > 0 ||
      this.#moved.has(spg_pg(ps.spgid)) ||
      this.lastmap.get_pg_pool(id) !== this.osdmap.get_pg_pool(id) ||
      this.osdmap.get_pool_name(id) !== name ||
      // The epoch that is stored must not lag for ever.
      this.epoch - ps.last_persisted_epoch > ps.config.get("osd_pg_epoch_persisted_max_stale") ||
      this.#has_to_do_with_changed(ps)
    );
  }
  #has_to_do_with_changed(ps: PeeringState): boolean {
    if (this.#osds.size === 0) return false;
    for (const o of ps.up) if (this.#osds.has(o)) return true;
    for (const o of ps.acting) if (this.#osds.has(o)) return true;
    return (
      this.#any_changed(ps.peer_info) ||
      this.#any_changed(ps.peer_purged) ||
      this.#any_changed(ps.peer_log_requested) ||
      this.#any_changed(ps.peer_missing_requested) ||
      this.#any_changed(ps.missing_loc.sources)
    );
  }
  #any_changed(shards: ReadonlySet<pg_shard_t> | ReadonlyMap<pg_shard_t, unknown>): boolean {
    // Asked of every PG at every epoch, and most of these are empty.
    if (shards.size === 0) return false;
    for (const s of shards.keys()) if (this.#osds.has(shard_osd(s))) return true;
    return false;
  }
}

function changed_osds(a: OSDMap, b: OSDMap): Set<number> {
  const out = new Set<number>();
  if (a.f.osd_state === b.f.osd_state && a.f.osd_info === b.f.osd_info) return out;
  for (let o = 0; o < Math.max(a.max_osd, b.max_osd); o++) {
    const [was, is] = [a.get_info(o), b.get_info(o)];
    const same = was === is || (was.up_from === is.up_from && was.lost_at === is.lost_at);
    if (!same || a.get_state(o) !== b.get_state(o)) out.add(o);
  }
  return out;
}

/** Feeds the events all the same, and makes sure that there was nothing to do. */
export function check_none_of_its_business(ps: PeeringState, step: MapStep): void {
  const { up, acting, machine } = ps;
  const before = { up, acting, state: machine.state, text: ps.get_pg_state_string() };
  const rctx = new RecoveryCtx();
  const m = step.osdmap.pg_to_up_acting_osds(spg_pg(ps.spgid));
  ps.advance_map(step.osdmap, step.lastmap, m.up, m.up_primary, m.acting, m.acting_primary, rctx);
  ps.activate_map(rctx);
  const effects = rctx.effects.filter((e) => e.type !== "publish_stats");
  const nothing = rctx.transaction.empty && rctx.messages.length + effects.length === 0;
  const same =
    ps.up === before.up &&
    ps.acting === before.acting &&
    machine.state === before.state &&
    ps.get_pg_state_string() === before.text;
  invariant(nothing && same, "a map that a PG was not fed concerns it", {
    pg: ps.spgid,
    epoch: step.epoch,
    before,
    state: machine.state,
    effects,
  });
}
