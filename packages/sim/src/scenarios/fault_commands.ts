/** What breaks: processes, disks, the network, the monitor. */

import { InvariantError } from "@tako/common";
import type { Commands } from "./Command.ts";
import { milliseconds } from "./cluster_commands.ts";
import type { Scene } from "./Scene.ts";
import { parse_rule } from "./Wire.ts";

/** SIGKILL. Waits until the map shows it, when somebody is left who can tell the monitor. */
async function kill(s: Scene, names: readonly string[]): Promise<void> {
  for (const o of s.cast.ids(names)) power_off(s, o);
  await wait_down(s, s.cast.ids(names));
}
function power_off(s: Scene, osd: number): void {
  s.world.kill_osd(osd);
  s.recorder.note(osd, "(killed)");
}
async function wait_down(s: Scene, osds: readonly number[]): Promise<void> {
  const { world } = s;
  const others = world.running_osds.some((o) => world.osdmap.is_up(o.whoami));
  if (!others) await s.mon_command({ prefix: "osd down", ids: osds.map(String) });
  await world.until(() => osds.every((o) => world.osdmap.is_down(o)), "they are marked down");
}
async function start(s: Scene, names: readonly string[]): Promise<void> {
  for (const o of s.cast.ids(names)) boot(s, o);
  const up = () => s.cast.ids(names).every((o) => s.world.osd(o)?.boot.state === "active");
  await s.world.until(up, "they are up");
}
function boot(s: Scene, osd: number): void {
  if (s.world.osd(osd)) return;
  s.recorder.note(osd, "(started)");
  s.world.start_osd(osd);
}
function pairs(s: Scene, a: readonly string[], fn: (a: "mon.a", b: "mon.a") => void): void {
  const entity = (name: string) => {
    if (name === "mon") return "mon.a";
    if (name === "client") return s.client.instance_name;
    return `osd.${s.cast.id(name)}`;
  };
  const [first = "", ...rest] = a;
  for (const other of rest) fn(entity(first) as "mon.a", entity(other) as "mon.a");
}

export const FAULT_COMMANDS: Commands = {
  kill: (s, a) => kill(s, a),
  /** SIGKILL, and nobody waits for anything. */
  "kill-now": (s, a) => {
    for (const o of s.cast.ids(a)) power_off(s, o);
  },
  /** Every OSD at once. */
  "power-cut": (s) => {
    for (const o of s.cast.all) if (s.world.osd(o)) power_off(s, o);
  },
  /**
   * `flap C 20 x`: C dies and comes back, 20 times, each time a little later in what follows from
   * that; x becomes v1 .. v20 meanwhile. Too long to be shown.
   */
  flap: async (s, [name = "", times, oid = ""]) => {
    for (let i = 1; i <= Number(times); i++) {
      await kill(s, [name]);
      await s.world.done(s.io.write_full(oid, `v${i}`), `write ${i}`);
      await start(s, [name]);
      await s.world.run_for(2 * i);
    }
    s.recorder.take();
  },
  /** `add-osd 2`: a new one, with that id. */
  "add-osd": async (s, [id]) => {
    s.world.add_osd(Number(id));
    await s.world.until(() => s.world.osd(Number(id))?.boot.state === "active", "it is up");
  },
  "wait-down": (s, a) => wait_down(s, s.cast.ids(a)),
  start: (s, a) => start(s, a),
  "start-now": (s, a) => {
    for (const o of s.cast.ids(a)) boot(s, o);
  },
  /** SIGTERM */
  stop: async (s, a) => {
    for (const o of s.cast.ids(a)) {
      await s.world.stop_osd(o);
      s.recorder.note(o, "(stopped)");
    }
  },
  freeze: (s, a) => {
    for (const o of s.cast.ids(a)) s.world.freeze_osd(o);
  },
  thaw: (s, a) => {
    for (const o of s.cast.ids(a)) s.world.thaw_osd(o);
  },
  /** `disk B 200ms`: how long its commits take from now on. */
  disk: (s, a) => s.world.store(s.cast.id(a[0] ?? "")).set_commit_latency_ms(milliseconds(a[1])),

  /** `capacity D 200000`: bytes of its disk, whatever is on it. `capacity D 92%`: so full it is. */
  capacity: (s, [name = "", size = ""]) => {
    const full = /^(\d+)%$/.exec(size)?.[1];
    for (const id of name === "*" ? s.cast.all : [s.cast.id(name)]) {
      const store = s.world.store(id);
      const bytes = full ? Math.floor((store.statfs().used * 100) / Number(full)) : Number(size);
      store.set_capacity_bytes(bytes);
    }
  },

  /** Dead OSDs get empty disks, and keep their ids: destroy, new. */
  "replace-disk": async (s, a) => {
    for (const id of s.cast.ids(a)) {
      await s.mon_command({ prefix: "osd destroy", id, yes_i_really_mean_it: true });
      await s.mon_command({ prefix: "osd new", uuid: s.world.replace_disk(id), id });
    }
  },

  "kill-mon": (s) => s.world.kill_mon(),
  "start-mon": (s) => s.world.start_mon(),

  /** `partition A B C mon`: A from the others. */
  partition: (s, a) => pairs(s, a, (x, y) => s.world.net.partition(x, y)),
  heal: (s) => s.world.net.heal_all(),
  hold: (s, a) => s.wire.hold(parse_rule(a)),
  take: (s, a) => s.wire.take(parse_rule(a)),
  drop: (s, a) => s.wire.drop(parse_rule(a)),
  /** `damage osd_map mon->B crc`: the next one arrives damaged; also `bytes`, `cut`. */
  damage: (s, a) => {
    const how = a[2];
    if (how !== "crc" && how !== "bytes" && how !== "cut") {
      throw new InvariantError("damage: crc, bytes or cut");
    }
    s.wire.damage(parse_rule(a), how);
  },
  release: (s, a) => s.wire.release(a.join(" ")),
  /** Hands over late what `take` took. */
  deliver: (s) => {
    for (const line of s.wire.deliver()) s.say(line);
  },
};
