/**
 * Read leases: a primary answers clients only while every acting member has promised that no later
 * interval serves anybody; so one that is cut off, and replaced by others, cannot serve what is stale.
 * Ceph counterpart: renew_lease, proc_lease, proc_lease_ack, recalc_readable_until,
 * check_prior_readable_down_osds in PeeringState (Octopus). peering.md §8.5, §15.
 *
 * Clocks. Only monotonic ones, and no two are ever compared. The primary reads its own before it sends
 * a lease, and serves until `interval` after that; the ack gives the same number back. The member
 * counts `interval` from when the lease arrived, which was later, so its bound is never the earlier
 * one, by whatever the two clocks differ. They may run at different speed: MAX_DRIFT is allowed for.
 * (Ceph narrows the member's bound with the stamps of heartbeats; what that gains, the delay of one
 * message, is not worth a second notion of time here.) A promise is kept across a restart too: who
 * was a member starts with a bound of a full interval.
 *
 * Whoever leads the next interval has heard one member of each interval before, and so a bound for
 * each. It need not wait for it when all who were members then are up (they have answered, and so left
 * that interval) or known to be dead. Options: osd_pool_default_read_lease_ratio, read_lease_interval
 * of a pool; 0 = no leases.
 */
import {
  invariant,
  type Msg,
  type OSDMap,
  type PriorSet,
  type pg_history_t,
  type pg_lease_ack_t,
  type pg_lease_t,
  type pg_shard_t,
  shard_cmp,
  shard_id,
  shard_osd,
  sometimes,
  sort_few,
} from "@tako/common";
import type { PeeringMachine } from "./PeeringMachine.ts";
import type { PeeringState } from "./PeeringState.ts";

/** Two monotonic clocks differ in speed by less than this part (adjtime slews by 500 ppm each way). */
const MAX_DRIFT = 0.002;

/** All times: ms of this process's monotonic clock, 0 = none. */
export class Leases {
  /** How long a lease lasts, ms; 0: none is needed. As of the interval's start. */
  readable_interval = 0;
  /** Primary: all acting members have agreed to so much. */
  readable_until = 0;
  /** Primary: the newest lease reaches so far. */
  readable_until_ub_sent = 0;
  /** Primary: what each acting member has agreed to. */
  readonly acting_readable_until_ub = new Map<pg_shard_t, number>();
  /** No primary of this interval serves later than this, as far as we have agreed to. */
  readable_until_ub = 0;
  /** Member: the newest readable_until_ub of the primary, by its clock: goes back as the ack. */
  readable_until_ub_from_primary = 0;

  /** No primary of an earlier interval serves later than this. */
  prior_readable_until_ub = 0;
  /** Members of earlier intervals that are down and may live on: they alone may still serve. */
  readonly prior_readable_down_osds = new Set<number>();
  /** All intervals before the current one are known to be over. */
  prior_over = false;
  /** Only these may have served in an interval that is not known to be over; null: anybody. */
  suspects: ReadonlySet<number> | null = null;
}

export function get_readable_interval(ps: PeeringState): number {
  const of_pool = Number(ps.pool.info.opts.get("read_lease_interval") ?? 0);
  const by_default =
    ps.config.get("osd_pool_default_read_lease_ratio") * ps.config.get("osd_heartbeat_grace");
  return (of_pool > 0 ? of_pool : by_default) * 1000;
}

/** From here on, counted by our clock, while somebody else's counts `ms`. */
function bound_after(ps: PeeringState, ms: number): number {
  return ms > 0 ? ps.clock.mono_ms() + ms * (1 + MAX_DRIFT) : 0;
}

// ---------------------------------------------------------------- life of a bound

/** A PG from the store, or new: what it promised before is not known, only how long at most. */
export function restore_leases(ps: PeeringState, promised_ms: number): void {
  const ms = Math.max(ps.info.history.prior_readable_until_ub, promised_ms);
  ps.leases.prior_readable_until_ub = bound_after(ps, ms);
  // The interval may go on: nobody else sets it then.
  ps.leases.readable_interval = get_readable_interval(ps);
}

/** A child takes over what the parent knows of the time before the split. */
export function inherit_leases(ps: PeeringState, child: PeeringState): void {
  const { prior_readable_until_ub, readable_until_ub, prior_over, suspects } = ps.leases;
  child.leases.prior_readable_until_ub = Math.max(prior_readable_until_ub, readable_until_ub);
  child.leases.suspects = prior_over ? null : suspects;
  child.leases.readable_interval = get_readable_interval(child);
}

/** What was promised in the interval that ends binds the next ones. */
export function on_new_interval(ps: PeeringState, old_acting: readonly number[]): void {
  const l = ps.leases;
  l.prior_readable_until_ub = Math.max(l.prior_readable_until_ub, l.readable_until_ub);
  refresh_prior_readable_until_ub(ps);
  if (l.prior_over) l.suspects = new Set(old_acting);
  else if (l.suspects) l.suspects = new Set([...l.suspects, ...old_acting]);
  l.prior_over = false;
  l.prior_readable_down_osds.clear();
  l.readable_until = 0;
  l.readable_until_ub = 0;
  l.readable_until_ub_sent = 0;
  l.readable_until_ub_from_primary = 0;
  l.acting_readable_until_ub.clear();
  l.readable_interval = get_readable_interval(ps);
}

/** How long, in ms from now, a primary of an earlier interval may still serve. */
export function prior_readable_left(ps: PeeringState): number {
  return Math.max(0, ps.leases.prior_readable_until_ub - ps.clock.mono_ms());
}
/** Before the history is sent or stored. */
export function refresh_prior_readable_until_ub(ps: PeeringState): void {
  ps.info.history.prior_readable_until_ub = prior_readable_left(ps);
}

function clear_prior_readable_until_ub(ps: PeeringState): void {
  ps.leases.prior_readable_until_ub = 0;
  if (ps.info.history.prior_readable_until_ub === 0) return;
  ps.info.history.prior_readable_until_ub = 0;
  ps.dirty_info = true;
}

/** During peering: a member of an older interval has promised more than we know of. */
export function merge_prior_readable(ps: PeeringState, theirs: pg_history_t): void {
  if (ps.is_peered()) return;
  const bound = bound_after(ps, theirs.prior_readable_until_ub);
  if (bound <= ps.leases.prior_readable_until_ub) return;
  ps.leases.prior_readable_until_ub = bound;
  refresh_prior_readable_until_ub(ps);
  ps.dirty_info = true;
}

/** The primary has found out that all earlier intervals are over. */
export function proc_primary_readable(ps: PeeringState, theirs: pg_history_t): void {
  if (theirs.prior_readable_until_ub > 0) return;
  ps.leases.prior_over = true;
  clear_prior_readable_until_ub(ps);
}

// ---------------------------------------------------------------- who may still serve

function may_serve(map: OSDMap, osd: number): boolean {
  // One that is up again has seen that it was down, or is another process.
  return !map.is_up(osd) && !map.is_dead(osd);
}

/** GetInfo: members of earlier intervals that will not answer. */
export function note_prior_readable_down_osds(ps: PeeringState, prior: PriorSet): void {
  const { prior_readable_down_osds: down, suspects } = ps.leases;
  down.clear();
  for (const osd of [...prior.down.keys()].sort((a, b) => a - b)) {
    if (suspects !== null && !suspects.has(osd)) continue;
    if (may_serve(ps.osdmap, osd)) down.add(osd);
  }
}

/** Everybody who counts has answered or is dead. Across a gap in the maps nobody can say who counts. */
function nobody_may_serve(ps: PeeringState): boolean {
  const { prior_readable_down_osds, suspects } = ps.leases;
  const known = suspects !== null || ps.map_gap_end <= ps.info.history.last_epoch_clean;
  return known && prior_readable_down_osds.size === 0;
}

/** Who has died since, or is back, need not be waited for. */
export function check_prior_readable_down_osds(ps: PeeringState, map: OSDMap): void {
  const down = ps.leases.prior_readable_down_osds;
  if (down.size === 0) return;
  for (const osd of [...down]) if (!may_serve(map, osd)) down.delete(osd);
  if (nobody_may_serve(ps)) clear_prior_readable_until_ub(ps);
}

// ---------------------------------------------------------------- primary

/** Active is entered: the first lease leaves with the activation. */
export function begin_leases(ps: PeeringState): void {
  const l = ps.leases;
  check_prior_readable_down_osds(ps, ps.osdmap);
  if (nobody_may_serve(ps)) clear_prior_readable_until_ub(ps);
  else refresh_prior_readable_until_ub(ps);
  if (l.readable_interval > 0) renew_lease(ps);
}

/** All members have activated, and with that acked. */
export function start_leases(ps: PeeringState): void {
  const l = ps.leases;
  if (l.readable_interval > 0) schedule_renew_lease(ps);
  if (ps.clock.mono_ms() >= l.prior_readable_until_ub) {
    clear_prior_readable_until_ub(ps);
    l.prior_over = true;
    return;
  }
  ps.state_set("wait");
  sometimes("wait: an earlier primary may still serve");
  log_not_readable(ps, l.prior_readable_until_ub - ps.clock.mono_ms());
  schedule_check_readable(ps);
}

function schedule_renew_lease(ps: PeeringState): void {
  ps.schedule_event_after({ type: "RenewLease" }, ps.leases.readable_interval / 2000);
}
function schedule_check_readable(ps: PeeringState): void {
  ps.schedule_event_after({ type: "CheckReadable" }, Math.max(prior_readable_left(ps), 1) / 1000);
}

function renew_lease(ps: PeeringState): void {
  const l = ps.leases;
  l.readable_until_ub_sent = ps.clock.mono_ms() + l.readable_interval;
  recalc_readable_until(ps);
}
/** The least that a member has agreed to; alone, one agrees with oneself. */
function recalc_readable_until(ps: PeeringState): void {
  const l = ps.leases;
  let least = l.readable_until_ub_sent;
  for (const s of ps.actingset) {
    if (s === ps.pg_whoami) continue;
    least = Math.min(least, l.acting_readable_until_ub.get(s) ?? 0);
  }
  l.readable_until = least;
  l.readable_until_ub = least;
}

function get_lease(ps: PeeringState): pg_lease_t {
  const { readable_until, readable_until_ub_sent, readable_interval } = ps.leases;
  return {
    readable_until,
    readable_until_ub: readable_until_ub_sent,
    interval: readable_interval,
  };
}
/** For the message that activates `peer`. */
export function lease_for(ps: PeeringState, peer: pg_shard_t): { lease?: pg_lease_t } {
  const wanted = ps.leases.readable_interval > 0 && ps.is_acting(peer);
  return wanted ? { lease: get_lease(ps) } : {};
}

/** RenewLease: asks the members again, well before the last lease ends. */
export function proc_renew_lease(ps: PeeringState): void {
  renew_lease(ps);
  for (const peer of sort_few([...ps.actingset], shard_cmp)) {
    if (peer === ps.pg_whoami) continue;
    ps.get_rctx().send(shard_osd(peer), {
      type: "pg_lease",
      epoch: ps.get_osdmap_epoch(),
      pgid: ps.peer_spg(peer),
      from: shard_id(ps.pg_whoami),
      lease: get_lease(ps),
    });
  }
  schedule_renew_lease(ps);
}

export function proc_lease_ack(ps: PeeringState, from: pg_shard_t, a: pg_lease_ack_t): void {
  const l = ps.leases;
  if (!ps.is_acting(from)) return;
  // Nobody can agree to more than was asked for.
  const until = Math.min(a.readable_until_ub, l.readable_until_ub_sent);
  if (until <= (l.acting_readable_until_ub.get(from) ?? 0)) return;
  l.acting_readable_until_ub.set(from, until);
  recalc_readable_until(ps);
}

// ---------------------------------------------------------------- member

export function proc_lease(ps: PeeringState, lease: pg_lease_t): void {
  invariant(!ps.is_primary(), "a lease for the primary itself", { pg: ps.spgid });
  const l = ps.leases;
  if (lease.readable_until_ub <= l.readable_until_ub_from_primary) return;
  l.readable_until_ub_from_primary = lease.readable_until_ub;
  l.readable_until_ub = Math.max(l.readable_until_ub, bound_after(ps, lease.interval));
}

/** undefined: the primary asked for none. */
export function get_lease_ack(ps: PeeringState): pg_lease_ack_t | undefined {
  const readable_until_ub = ps.leases.readable_until_ub_from_primary;
  return readable_until_ub > 0 ? { readable_until_ub } : undefined;
}
export function send_lease_ack(ps: PeeringState): void {
  const lease_ack = get_lease_ack(ps);
  if (ps.primary === null || lease_ack === undefined) return;
  ps.get_rctx().send(shard_osd(ps.primary), {
    type: "pg_lease_ack",
    epoch: ps.get_osdmap_epoch(),
    pgid: ps.peer_spg(ps.primary),
    from: shard_id(ps.pg_whoami),
    lease_ack,
  } satisfies Msg<"pg_lease_ack">);
}

// ---------------------------------------------------------------- may clients be served?

/** Of an active primary. Sets `laggy` when the lease has run out since it was asked last. */
export function is_readable(ps: PeeringState): boolean {
  if (ps.state_test("wait") || ps.state_test("laggy")) return false;
  const { readable_interval, readable_until } = ps.leases;
  if (readable_interval === 0 || ps.clock.mono_ms() < readable_until) return true;
  ps.state_set("laggy");
  sometimes("laggy: the read lease has run out");
  log_not_readable(ps, null);
  return false;
}

function log_not_readable(ps: PeeringState, wait_ms: number | null): void {
  const epoch = ps.get_osdmap_epoch();
  const { acting_readable_until_ub: acks } = ps.leases;
  if (wait_ms === null) {
    const now = ps.clock.mono_ms();
    const silent = ps.peers().filter((p) => ps.is_acting(p) && (acks.get(p) ?? 0) <= now);
    ps.log.info({ epoch, state: "laggy", silent }, "pg_not_readable");
    return;
  }
  const down = [...ps.leases.prior_readable_down_osds];
  ps.log.info({ epoch, state: "wait", wait_ms: Math.ceil(wait_ms), down }, "pg_not_readable");
}

/** Something changed that `wait` or `laggy` may have been for. */
export function recheck_readable(m: PeeringMachine): void {
  const { ps } = m;
  const { leases: l } = ps;
  if (!ps.state_test("wait") && !ps.state_test("laggy")) return;
  const now = ps.clock.mono_ms();
  if (ps.state_test("wait") && now >= l.prior_readable_until_ub) {
    ps.state_clear("wait");
    clear_prior_readable_until_ub(ps);
    l.prior_over = true;
    if (m.in_state("Recovered")) m.post_event({ type: "GoClean" });
  }
  if (now < l.readable_until) ps.state_clear("laggy");
  if (ps.state_test("wait") || ps.state_test("laggy")) return;
  ps.log.info({ epoch: ps.get_osdmap_epoch() }, "pg_readable");
  ps.publish_stats();
  ps.get_rctx().effect({ type: "on_readable" });
}

/** CheckReadable: the timer was set for the end of the wait, and may be early by a rounding. */
export function proc_check_readable(m: PeeringMachine): void {
  recheck_readable(m);
  if (m.ps.state_test("wait")) schedule_check_readable(m.ps);
}
