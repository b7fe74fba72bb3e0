/** Orders to a daemon come one after the other, however fast faults are; what was seen grows old. */
import { OSDMap } from "@tako/common";
import { expect, test } from "vitest";
import { type Processes, ProcessWorld } from "./ProcessWorld.ts";

const answer = (outb: unknown) => ({ outs: "", outb, data: [] });

/** Processes that end only when they are let. */
class FakeProcesses implements Processes {
  readonly done: string[] = [];
  readonly running = new Set<number | "mon">(["mon", 0, 1, 2]);
  readonly #ends: (() => void)[] = [];
  /** Under way in each OSD that answers. */
  readonly num_ops = [0, 0, 0];
  readonly admin = {
    osdmap: new OSDMap(),
    mon_command: () => Promise.resolve(answer(null)),
    osd_command: (id: number) => Promise.resolve(answer({ num_ops: this.num_ops[id] })),
    wait_for_latest_osdmap: () => Promise.resolve(),
  };
  let_end(): void {
    for (const end of this.#ends.splice(0)) end();
  }
  is_running(id: number | "mon"): boolean {
    return this.running.has(id);
  }
  launch(id: number | "mon"): void {
    this.done.push(`launch ${id}`);
    this.running.add(id);
  }
  send_signal(id: number | "mon", signal: NodeJS.Signals): boolean {
    this.done.push(`${signal} ${id}`);
    return this.running.has(id);
  }
  gone(id: number | "mon"): Promise<void> {
    return new Promise((resolve) => {
      this.#ends.push(() => {
        this.running.delete(id);
        resolve();
      });
    });
  }
  async signal(id: number | "mon", signal: NodeJS.Signals): Promise<void> {
    this.send_signal(id, signal);
    await this.gone(id);
  }
  until(): Promise<void> {
    return Promise.resolve();
  }
}
const turns = () => new Promise((resolve) => setImmediate(resolve));

test("what is killed and started at once is started when the old process is gone", async () => {
  const p = new FakeProcesses();
  const world = new ProcessWorld(p, 3, () => {});
  world.kill_osd(1);
  world.start_osd(1);
  await turns();
  expect(p.done).toEqual(["SIGKILL 1"]);
  expect(world.osd(1)).toBe(2);
  p.let_end();
  await world.orders_done();
  expect(p.done).toEqual(["SIGKILL 1", "launch 1"]);
});
test("what is killed again before it was started is not started", async () => {
  const p = new FakeProcesses();
  const world = new ProcessWorld(p, 3, () => {});
  world.kill_osd(1);
  world.start_osd(1);
  world.kill_osd(1);
  await turns();
  p.let_end();
  await turns();
  p.let_end();
  await world.orders_done();
  expect(p.done.filter((x) => x.startsWith("launch"))).toEqual([]);
  await world.note_deaths();
  expect(world.wrong).toEqual([]);
});
test("a daemon that ends by itself is told of, once; one that was stopped is not", async () => {
  const p = new FakeProcesses();
  const world = new ProcessWorld(p, 3, () => {});
  world.begin_stop_osd(0);
  await turns();
  expect(world.osd(0)).toBe(1);
  p.let_end();
  await world.orders_done();
  expect(world.osd(0)).toBeUndefined();
  p.running.delete(2);
  await world.note_deaths();
  await world.note_deaths();
  expect(world.wrong).toEqual(["osd.2 has ended by itself"]);
});
test("clean is what was seen of all PGs, until something is done", async () => {
  const world = new ProcessWorld(new FakeProcesses(), 3, () => {});
  expect([world.is_clean, world.look_wanted]).toEqual([false, true]);
  // There is no PG.
  await world.look();
  expect(world.is_clean).toBe(true);
  world.freeze_osd(2);
  expect(world.is_clean).toBe(false);
  await world.look();
  expect(world.is_clean).toBe(true);
  await world.mon_command({ prefix: "osd out", ids: ["1"] });
  expect(world.is_clean).toBe(false);
});
test("idle is what every OSD that runs has just said", async () => {
  const p = new FakeProcesses();
  let now_ms = 0;
  const world = new ProcessWorld(
    p,
    3,
    () => {},
    () => now_ms,
  );
  p.num_ops[2] = 1;
  await world.look();
  expect([world.is_clean, world.is_idle]).toEqual([true, false]);
  world.kill_osd(2);
  await world.look();
  expect(world.is_idle).toBe(true);
  // A client has begun something meanwhile, which nobody here is told of.
  p.num_ops[0] = 1;
  now_ms += 1000;
  expect([world.is_clean, world.is_idle]).toEqual([true, false]);
  await world.look();
  expect(world.is_idle).toBe(false);
  p.num_ops[0] = 0;
  await world.look();
  expect(world.is_idle).toBe(true);
});
