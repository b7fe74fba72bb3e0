/**
 * Faults that come while a PG is being backfilled: the target fills up at the worst moment, what it
 * says of that is late, the work is cut off in the middle.
 */
import type { Field, Outcome } from "@tako/client/chaos";
import { type entity_name_t, type Message, shard_osd } from "@tako/common";
import type { PG } from "@tako/osd";
import { DISK_BYTES, type World } from "../World.ts";
import type { SimFault } from "./SimFault.ts";
import { alone, watch } from "./watch.ts";

export const BACKFILL_FAULTS: readonly SimFault[] = [
  { kind: "full_backfill_target", weight: 3, strike: full_target },
  { kind: "late_revoke", weight: 6, strike: late_revoke },
  { kind: "cut_off_backfill", weight: 6, strike: cut_off },
];

/** How long a fault waits for its moment, ms. */
const PATIENCE_MS = 30_000;
/** How long what it has begun may take. */
const LONGEST_MS = 8000;
const ORDER_EVERY_MS = 400;
/** Too full for backfill, not for clients. */
const USED: readonly number[] = [0.905, 0.92, 0.94];

/** False: it is fuller than it should be already. */
function fill(f: Field<World>, id: number, used: number, ms: number): boolean {
  const store = f.world.store(id);
  const before = store.statfs();
  if (before.total < DISK_BYTES) return false;
  f.note(`disk of osd.${id} is ${used * 100}% full`);
  store.set_capacity_bytes(Math.ceil(before.used / used));
  f.later(ms, () => {
    f.note(`disk of osd.${id} has room`);
    store.set_capacity_bytes(DISK_BYTES);
  });
  return true;
}
function how_long(f: Field<World>): number {
  return f.rng.between(500, Math.max(500, f.options.max_lasting_ms / 2));
}

/** Its disk fills up while it waits for its turn, or has it. */
function full_target(f: Field<World>): Outcome {
  const used = f.rng.pick(USED);
  const ms = how_long(f);
  const state = f.rng.pick(["RepWaitBackfillReserved", "RepRecovering"]);
  const is_target = ({ peering: p }: PG) =>
    p.state_name === state && p.info.last_backfill !== "MAX";
  return alone(f, "full_backfill_target", () =>
    watch(f, PATIENCE_MS, (pg) => {
      return !f.gentle_only && is_target(pg) && fill(f, pg.host.whoami, used, ms);
    }),
  );
}

/** Two PGs of one primary that are moved at once: the second has to wait for the slot of the first. */
interface Move {
  readonly pg: PG;
  readonly to: number;
}
interface Race {
  readonly pg: PG;
  readonly target: number;
  /** Another PG of this primary, which waits for the slot and goes elsewhere. */
  readonly other: PG;
}
/**
 * A target is too full, and says so. Before the primary hears of it, it has put this PG off for a more
 * urgent one, has come back to it, and has asked the target for a slot once more.
 */
function late_revoke(f: Field<World>): Outcome {
  if (f.world.net.stall || !f.world.mon_running) return false;
  const used = f.rng.pick(USED);
  const ms = how_long(f);
  const moves = two_moves(f);
  if (!moves) return false;
  return alone(f, "late_revoke", async () => {
    // Both have come as far as they can when the first is let go on.
    void f.ask({ prefix: "osd set", key: "nobackfill" });
    for (const m of moves) void f.ask(upmap(m));
    const found = await wait_for_race(f, used, ms);
    void f.ask({ prefix: "osd unset", key: "nobackfill" });
    return found !== undefined && race(f, found);
  });
}
function two_moves(f: Field<World>): readonly [Move, Move] | undefined {
  const primary = f.some_osd(f.alive);
  const pgs = primary === undefined ? undefined : f.world.osd(primary)?.pgs.all();
  // Whose log does not tell everything: a new member is backfilled.
  const whole = pgs?.filter((pg) => {
    return pg.is_primary() && pg.peering.is_clean() && pg.peering.info.log_tail.version > 0;
  });
  if (!whole || whole.length < 2) return undefined;
  const first = some_move(f, f.rng.pick(whole), -1);
  const rest = whole.filter((pg) => pg !== first?.pg);
  const second = first && some_move(f, f.rng.pick(rest), first.to);
  return second && [first, second];
}
function some_move(f: Field<World>, pg: PG, elsewhere_than: number): Move | undefined {
  const to = f.some_osd(f.alive.filter((o) => !pg.peering.up.includes(o) && o !== elsewhere_than));
  return to === undefined ? undefined : { pg, to };
}
function upmap({ pg, to }: Move) {
  const from = pg.peering.up.findLast((o) => o !== pg.host.whoami);
  return { prefix: "osd pg-upmap-items", pgid: pg.pgid, id: [`${from}`, `${to}`] };
}
async function wait_for_race(f: Field<World>, used: number, ms: number): Promise<Race | undefined> {
  const { net } = f.world;
  let found: Race | undefined;
  await watch(f, LONGEST_MS, (pg) => {
    if (f.gentle_only || net.stall) return false;
    const r = race_of(f, pg);
    if (!r || !fill(f, r.target, used, ms)) return false;
    f.note(`what osd.${r.target} says of pg ${pg.pgid} is late`);
    net.stall = revokes(r);
    found = r;
    return true;
  });
  return found;
}
async function race(f: Field<World>, { pg, other, target }: Race): Promise<boolean> {
  const { net } = f.world;
  const revoked = await watch(f, LONGEST_MS, ({ pgid, host, peering }) => {
    return pgid === pg.pgid && host.whoami === target && peering.state_name === "RepNotRecovering";
  });
  const asked_again = revoked && (await put_off(f, pg, other));
  net.stall = null;
  net.unstall();
  return asked_again;
}
/** Until the monitor has heard that `other` wants to be backfilled it takes no such order. */
async function put_off(f: Field<World>, pg: PG, other: PG): Promise<boolean> {
  let waits = true;
  const order = async () => {
    while (waits && !other.peering.state_test("forced_backfill")) {
      await f.ask({ prefix: "pg force-backfill", pgid: [other.pgid] });
      await f.pause(ORDER_EVERY_MS);
    }
  };
  void order();
  const asked_again = await watch(f, LONGEST_MS, (at) => {
    return at === pg && at.peering.state_name === "WaitRemoteBackfillReserved";
  });
  waits = false;
  return asked_again;
}
function race_of(f: Field<World>, pg: PG): Race | undefined {
  if (!pg.is_primary() || pg.peering.state_name !== "Backfilling") return undefined;
  const at_start = [...pg.peering.backfill_targets].filter((t) => {
    return pg.peering.get_peer_info(t).last_backfill === "MIN";
  });
  const target = at_start.map(shard_osd).sort((a, b) => a - b)[0];
  if (target === undefined) return undefined;
  const other = f.world
    .osd(pg.host.whoami)
    ?.pgs.all()
    .find((o) => {
      if (!o.is_primary() || o.peering.state_name !== "WaitLocalBackfillReserved") return false;
      return ![...o.peering.backfill_targets].some((t) => shard_osd(t) === target);
    });
  return other && { pg, target, other };
}
function revokes({ pg, target }: Race) {
  const [a, b]: entity_name_t[] = [`osd.${target}`, `osd.${pg.host.whoami}`];
  return (from: entity_name_t, to: entity_name_t, m: Message) =>
    from === a && to === b && m.type === "backfill_reserve" && m.op === "REVOKE_TOOFULL";
}

/** The primary dies when the target has a part: the next one goes on from there. */
function cut_off(f: Field<World>): Outcome {
  const ms = f.rng.between(500, 6000);
  const synced = f.rng.chance(0.5);
  return alone(f, "cut_off_backfill", () => die_in_the_middle(f, ms, synced));
}
async function die_in_the_middle(f: Field<World>, ms: number, synced: boolean): Promise<boolean> {
  let id: number | undefined;
  await watch(f, PATIENCE_MS, ({ peering: p }) => {
    if (f.gentle_only || !f.may_kill || p.state_name !== "RepRecovering") return false;
    const { last_backfill } = p.info;
    if (last_backfill === "MIN" || last_backfill === "MAX" || p.primary === null) return false;
    id = shard_osd(p.primary);
    return true;
  });
  if (id === undefined || f.ended || f.gentle_only || !f.may_kill) return false;
  const victim = id;
  f.world.kill_osd(victim, synced);
  f.later(ms, () => !f.held.has(victim) && f.world.start_osd(victim));
  return true;
}
