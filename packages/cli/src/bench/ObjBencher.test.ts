import { expect, test } from "vitest";
import { type BenchLine, ObjBencher, spread } from "./ObjBencher.ts";

/** Operations take `seconds` each, on a clock that moves only with them. */
class World {
  now = 0;
  readonly lines: BenchLine[] = [];
  #tick: (() => void) | undefined;
  #next_tick = 1;
  #waiting: { at: number; done: () => void }[] = [];

  bencher(seconds: number, concurrent: number, op_s: number, max_ops = 0, fail_at = -1) {
    const o = { seconds, concurrent, op_size: 1 << 20, max_ops };
    return new ObjBencher(o, {
      op: (n) => (n === fail_at ? Promise.reject(new Error("disk")) : this.#op(op_s)),
      now_s: () => this.now,
      every_second: (fn) => {
        this.#tick = fn;
        return () => {
          this.#tick = undefined;
        };
      },
      on_line: (l) => this.lines.push(l),
    });
  }
  #op(op_s: number): Promise<void> {
    return new Promise((done) => this.#waiting.push({ at: this.now + op_s, done }));
  }
  /** Lets time pass until `p` is settled. */
  async settle<T>(p: Promise<T>): Promise<T> {
    let over = false;
    const end = () => {
      over = true;
    };
    p.then(end, end);
    while (!over) {
      await new Promise((ok) => setImmediate(ok));
      const at = Math.min(this.#next_tick, ...this.#waiting.map((w) => w.at));
      this.now = at;
      if (at === this.#next_tick) {
        this.#next_tick++;
        this.#tick?.();
      }
      const due = this.#waiting.filter((w) => w.at <= at);
      this.#waiting = this.#waiting.filter((w) => w.at > at);
      for (const w of due) w.done();
    }
    return p;
  }
}

test("four at a time, half a second each, for three seconds", async () => {
  const w = new World();
  const r = await w.settle(w.bencher(2.9, 4, 0.5).run());
  expect(r).toMatchObject({ finished: 24, total_time: 3, bandwidth: 8, iops: 8, avg_lat: 0.5 });
  expect(r.latency).toEqual({ stddev: 0, min: 0.5, max: 0.5 });
  expect(r.stopped).toBe(false);
  expect(w.lines[0]).toMatchObject({ sec: 0, finished: 0, cur_bw: undefined });
  expect(w.lines[2]).toMatchObject({ sec: 2, in_flight: 4, cur_bw: 8, last_lat: 0.5 });
});
test("no more operations than asked for", async () => {
  const w = new World();
  expect(await w.settle(w.bencher(100, 4, 0.5, 10).run())).toMatchObject({ finished: 10 });
});
test("stop: nothing new, what is under way is waited for", async () => {
  const w = new World();
  const b = w.bencher(100, 2, 0.5);
  const p = b.run();
  b.stop();
  expect(await w.settle(p)).toMatchObject({ finished: 2, stopped: true });
});
test("a failed operation ends the run", async () => {
  const w = new World();
  await expect(w.settle(w.bencher(100, 4, 0.5, 0, 7).run())).rejects.toThrow("disk");
});
test("spread is that of a sample", () => {
  expect(spread([2, 4, 4, 4, 5, 5, 7, 9]).stddev).toBeCloseTo(2.138, 3);
  expect(spread([])).toEqual({ stddev: 0, min: 0, max: 0 });
  expect(spread([3])).toEqual({ stddev: 0, min: 3, max: 3 });
});
