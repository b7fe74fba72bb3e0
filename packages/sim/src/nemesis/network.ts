/** Faults of the network: links that are cut, slow, deaf on one side, or break at a bad moment. */
import type { Field, Outcome } from "@tako/client/chaos";
import type { entity_name_t, Message } from "@tako/common";
import type { World } from "../World.ts";
import type { SimFault } from "./SimFault.ts";

export const NETWORK_FAULTS: readonly SimFault[] = [
  { kind: "cut", weight: 8, strike: cut },
  { kind: "partition", weight: 4, strike: partition },
  { kind: "one_way_partition", weight: 3, strike: one_way },
  { kind: "isolate", weight: 2, strike: isolate },
  { kind: "two_sides", weight: 4, strike: two_sides },
  { kind: "cut_off_primary", weight: 10, strike: cut_off_primary },
  { kind: "swizzle", weight: 1, strike: swizzle },
  { kind: "slow_link", weight: 3, strike: slow_link },
  { kind: "jitter", weight: 2, strike: jitter },
  { kind: "half_open", weight: 3, strike: half_open },
  { kind: "lost_reply", weight: 4, strike: lost_reply },
  { kind: "cut_in_replication", weight: 3, strike: cut_in_replication },
];

/** Daemons and clients by name. */
function entities(f: Field<World>): entity_name_t[] {
  const osds = f.world.osd_ids.map((id): entity_name_t => `osd.${id}`);
  return ["mon.a", ...osds, ...f.world.client_names];
}
/** Two different ones, at least one of them a daemon. */
function two_of(f: Field<World>): [entity_name_t, entity_name_t] | undefined {
  const a = f.rng.pick(entities(f));
  const b = f.rng.pick(entities(f));
  const two_clients = a.startsWith("client.") && b.startsWith("client.");
  return a === b || two_clients ? undefined : [a, b];
}

/** One connection breaks: lossless ones replay, lossy ones are reset. */
function cut(f: Field<World>): Outcome {
  const { net } = f.world;
  if (net.num_connections === 0) return false;
  net.cut(f.rng.int(1 << 20));
  return true;
}
function partition(f: Field<World>): Outcome {
  const pair = two_of(f);
  if (!pair) return false;
  f.note(`partition ${pair.join(" ")}`);
  f.world.net.partition(...pair);
  f.lasting(100, () => {
    f.note(`heal ${pair.join(" ")}`);
    f.world.net.heal(...pair);
  });
  return true;
}
function one_way(f: Field<World>): Outcome {
  const pair = two_of(f);
  if (!pair) return false;
  f.note(`nothing gets from ${pair.join(" to ")}`);
  f.world.net.block(...pair);
  f.lasting(100, () => {
    f.note(`heal ${pair.join(" to ")}`);
    f.world.net.unblock(...pair);
  });
  return true;
}
/** One daemon from all others. */
function isolate(f: Field<World>): Outcome {
  const daemons = entities(f).filter((e) => !e.startsWith("client."));
  const a = f.rng.pick(daemons);
  const others = entities(f).filter((e) => e !== a);
  f.note(`isolate ${a}`);
  for (const b of others) f.world.net.partition(a, b);
  f.lasting(100, () => {
    f.note(`heal ${a}`);
    for (const b of others) f.world.net.heal(a, b);
  });
  return true;
}
/**
 * A primary, and clients that hear of nothing, are cut off from all others until these have done without
 * it for a while: what it goes on answering, if it does, is old. The operator may have it marked
 * down at once, while its leases still run.
 */
function cut_off_primary(f: Field<World>): Outcome {
  const osd = some_primary(f);
  const users = f.world.user_names;
  if (osd === undefined || users.length === 0) return false;
  const some = f.rng.pick(users);
  const with_it = users.filter((c) => f.rng.chance(0.3) || c === some);
  const alone: entity_name_t[] = [`osd.${osd}`, ...with_it];
  const others = entities(f).filter((e) => !alone.includes(e));
  f.note(`partition ${alone.join(" ")} | ${others.join(" ")}`);
  for (const a of alone) for (const b of others) f.world.net.partition(a, b);
  const at_once = f.rng.chance(0.5);
  if (at_once) void f.ask({ prefix: "osd down", ids: [`${osd}`] });
  const unnoticed_ms = at_once ? 0 : Number(f.world.config.osd_heartbeat_grace) * 1000;
  f.later(unnoticed_ms + f.rng.between(2000, f.options.max_lasting_ms), () => {
    f.note(`heal ${alone.join(" ")} | ${others.join(" ")}`);
    for (const a of alone) for (const b of others) f.world.net.heal(a, b);
  });
  return true;
}
/** A living OSD that leads some PG. */
function some_primary(f: Field<World>): number | undefined {
  const pg = f.some_pg();
  const osd = pg === undefined ? -1 : f.world.osdmap.pg_to_up_acting_osds(pg).acting_primary;
  return f.alive.includes(osd) ? osd : undefined;
}
/** All daemons and clients are on one of two sides, and nothing passes between these. */
function two_sides(f: Field<World>): Outcome {
  const sides: [entity_name_t[], entity_name_t[]] = [[], []];
  // A client that stays with a primary that has lost the others reads what is old, if it may.
  for (const e of entities(f)) sides[f.rng.chance(e === "mon.a" ? 0.2 : 0.4) ? 0 : 1].push(e);
  const [a, b] = sides;
  if (!a.some(is_osd) || !b.some(is_osd)) return false;
  f.note(`partition ${a.join(" ")} | ${b.join(" ")}`);
  for (const x of a) for (const y of b) f.world.net.partition(x, y);
  f.lasting(2000, () => {
    f.note(`heal ${a.join(" ")} | ${b.join(" ")}`);
    for (const x of a) for (const y of b) f.world.net.heal(x, y);
  });
  return true;
}
function is_osd(e: entity_name_t): boolean {
  return e.startsWith("osd.");
}
/** Swizzle-clogging: links stop one by one, and come back one by one in another order. */
function swizzle(f: Field<World>): Outcome {
  const links = all_links(f).filter(() => f.rng.chance(0.4));
  if (links.length === 0) return false;
  const step_ms = f.rng.between(50, 1000);
  f.note(`swizzle ${links.map((l) => l.join("-")).join(" ")}`);
  for (const [i, link] of links.entries()) {
    f.later(i * step_ms, () => !f.ended && f.world.net.partition(...link));
  }
  const back = shuffled(f, links);
  const from_ms = links.length * step_ms + f.rng.between(0, 2000);
  for (const [i, link] of back.entries()) {
    f.later(from_ms + i * step_ms, () => f.world.net.heal(...link));
  }
  return true;
}
function all_links(f: Field<World>): [entity_name_t, entity_name_t][] {
  const daemons = entities(f).filter((e) => !e.startsWith("client."));
  return daemons.flatMap((a, i) => {
    return daemons.slice(i + 1).map((b): [entity_name_t, entity_name_t] => [a, b]);
  });
}
function shuffled<T>(f: Field<World>, list: readonly T[]): T[] {
  const left = [...list];
  const out: T[] = [];
  while (left.length > 0) out.push(...left.splice(f.rng.int(left.length), 1));
  return out;
}
/** In one direction or both. */
function slow_link(f: Field<World>): Outcome {
  const pair = two_of(f);
  if (!pair) return false;
  const [a, b] = pair;
  const { net } = f.world;
  const ms = f.rng.between(20, f.rng.pick([200, 3000]));
  const both = f.rng.chance(0.5);
  f.note(`slow link ${a} ${b}, ${ms.toFixed(0)} ms`);
  net.slow_down(a, b, ms);
  if (both) net.slow_down(b, a, ms);
  f.lasting(500, () => {
    net.slow_down(a, b, 0);
    if (both) net.slow_down(b, a, 0);
  });
  return true;
}
/** All delays vary as they never do: what is sent over different links arrives in any order. */
function jitter(f: Field<World>): Outcome {
  const { net } = f.world;
  if (net.jitter !== 1) return false;
  net.jitter = f.rng.between(5, 60);
  f.note(`jitter x${net.jitter.toFixed(0)}`);
  f.lasting(200, () => {
    net.jitter = 1;
  });
  return true;
}
function half_open(f: Field<World>): Outcome {
  return f.world.net.half_open(f.rng.int(1 << 20));
}
/** The reply to a client is lost with its connection: it must ask again, and be told the same. */
function lost_reply(f: Field<World>): Outcome {
  return break_at(f, 3000, (m) => m === "osd_op_reply");
}
/** Between OSDs, so that what was sent is sent again. */
function cut_in_replication(f: Field<World>): Outcome {
  const kinds: Message["type"][] = [
    "rep_op",
    "rep_op_reply",
    "pg_push",
    "pg_log",
    "pg_notify",
    "ec_sub_write",
    "ec_sub_write_reply",
  ];
  const kind = f.rng.pick(kinds);
  return break_at(f, 3000, (m) => m === kind);
}
/** Breaks connections at some of these messages, for a while. */
function break_at(f: Field<World>, longest_ms: number, which: (type: string) => boolean): Outcome {
  const { net } = f.world;
  if (net.breaks) return false;
  let left = 1 + f.rng.int(5);
  net.breaks = (_from, _to, m) => {
    if (!which(m.type) || f.rng.chance(0.7)) return false;
    if (--left <= 0) net.breaks = null;
    return true;
  };
  f.later(longest_ms, () => {
    net.breaks = null;
  });
  return true;
}
