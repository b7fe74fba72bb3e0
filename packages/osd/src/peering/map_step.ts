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
  pools_equal,
  shard_osd,
  spg_pg,
  xinfo_eq,
} from "@tako/common";
import type { PeeringState } from "./PeeringState.ts";
import { adjust_need_up_thru } from "./peer_infos.ts";
import { RecoveryCtx } from "./RecoveryCtx.ts";
import type { StateName } from "./state_name.ts";

/** Their AdvMap and ActMap look at nothing but what is asked below. */
const RESTING: ReadonlySet<StateName> = new Set(["Clean", "Stray", "RepNotRecovering"]);
/** These wait for other OSDs: a map in which no OSD changed brings them nothing, save our up_thru. */
const WAITING_FOR_PEERS: ReadonlySet<StateName> = new Set([
  "GetInfo",
  "GetLog",
  "GetMissing",
  "Activating",
  "Recovered",
]);

/** From one map to the next: what PGs look at, worked out once for all of them. */
export class MapStep {
  readonly lastmap: OSDMap;
  readonly osdmap: OSDMap;
  /** PGs whose mapping changed. */
  readonly #moved: ReadonlySet<pg_t>;
  /** OSDs that went, came, or were declared lost. */
  readonly #osds: ReadonlySet<number>;
  /**
   * Every OSD is as it was, but for up_thru: the epochs that a peering asks of the monitor itself. Each
   * would be fed to all PGs that peer, and all strays would present themselves once more.
   */
  readonly #quiet: boolean;
  /** For every PG: maps are missing in between, the cluster's flags or this OSD itself changed. */
  readonly #concerns_all: boolean;

  /** `moved`: PGs of this OSD whose mapping is another than in `lastmap`. */
  constructor(whoami: number, lastmap: OSDMap, osdmap: OSDMap, moved: Iterable<pg_t>) {
    this.lastmap = lastmap;
    this.osdmap = osdmap;
    this.#moved = new Set(moved);
    this.#osds = changed_osds(lastmap, osdmap);
    // What is known of the dead ends a wait for their leases.
    this.#quiet = this.#osds.size === 0 && same_xinfo(lastmap, osdmap);
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
      ps.osdmap.epoch !== this.lastmap.epoch ||
      ps.deleted ||
      !(
        RESTING.has(ps.machine.state) ||
        (this.#quiet && WAITING_FOR_PEERS.has(ps.machine.state))
      ) ||
      (ps.send_notify && !this.#quiet) ||
      ps.have_unfound() ||
      // A map is a moment to look whether clients may be served again.
      ps.state_test("wait") ||
      ps.state_test("laggy") ||
      ps.want_acting.length > 0 ||
      this.#moved.has(spg_pg(ps.spgid)) ||
      !pools_equal(this.lastmap.get_pg_pool(id), this.osdmap.get_pg_pool(id)) ||
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

function same_xinfo(a: OSDMap, b: OSDMap): boolean {
  if (a.f.osd_xinfo === b.f.osd_xinfo) return true;
  for (let o = 0; o < Math.max(a.max_osd, b.max_osd); o++) {
    const [was, is] = [a.get_xinfo(o), b.get_xinfo(o)];
    if (was !== is && !xinfo_eq(was, is)) return false;
  }
  return true;
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

/** See PeeringState.skip_map. */
export function skip_map(ps: PeeringState, step: MapStep): boolean {
  if (step.concerns(ps)) return false;
  if (ps.config.get("osd_debug_check_invariants")) check_none_of_its_business(ps, step);
  ps.osdmap = step.osdmap;
  adjust_need_up_thru(ps, step.osdmap);
  return true;
}

/** Feeds the events all the same, and makes sure that there was nothing to do. */
function check_none_of_its_business(ps: PeeringState, step: MapStep): void {
  const { up, acting, machine } = ps;
  const before = { up, acting, state: machine.state, text: ps.get_pg_state_string() };
  const rctx = new RecoveryCtx();
  const m = step.osdmap.pg_to_up_acting_osds(spg_pg(ps.spgid));
  ps.advance_map(step.osdmap, step.lastmap, m.up, m.up_primary, m.acting, m.acting_primary, rctx);
  ps.activate_map(rctx);
  const effects = rctx.effects.filter((e) => e.type !== "publish_stats");
  // Whoever is the primary has been told, and has not been replaced.
  const messages = rctx.messages.filter((m) => !(m.kind === "notify" && ps.send_notify));
  const nothing = rctx.transaction.empty && messages.length + effects.length === 0;
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
