import type { Clock } from "@tako/common";
import { describe, expect, it } from "vitest";
import { MemStore } from "./MemStore.ts";
import { Transaction } from "./Transaction.ts";
import { bytes, text } from "./testing/check.ts";
import { compliance } from "./testing/compliance.ts";
import { COMPLIANCE_FSID, obj } from "./testing/subject.ts";

/** Runs what was scheduled when asked, in order of time. */
class FakeClock implements Clock {
  #now = 0;
  #queue: { at: number; fn: () => void }[] = [];

  now_ms(): number {
    return this.#now;
  }
  mono_ms(): number {
    return this.#now;
  }
  set_timer(delay_ms: number, fn: () => void) {
    const item = { at: this.#now + delay_ms, fn };
    this.#queue.push(item);
    return {
      cancel: () => {
        this.#queue = this.#queue.filter((x) => x !== item);
      },
    };
  }
  defer(fn: () => void): void {
    this.#queue.push({ at: this.#now, fn });
  }
  run(until = Number.POSITIVE_INFINITY): void {
    for (;;) {
      const next = this.#queue.reduce<{ at: number; fn: () => void } | undefined>(
        (best, x) => (x.at <= until && (!best || x.at < best.at) ? x : best),
        undefined,
      );
      if (!next) return;
      this.#queue.splice(this.#queue.indexOf(next), 1);
      this.#now = next.at;
      next.fn();
    }
  }
}

function subject(stripe_size: number, commit_latency_ms: number) {
  const clock = new FakeClock();
  const store = new MemStore({ clock, stripe_size, commit_latency_ms });
  store.mkfs_now(COMPLIANCE_FSID);
  store.mount_now();
  return {
    store,
    restart() {
      store.crash();
      return store.mount();
    },
    begin() {
      clock.run(clock.mono_ms());
      return Promise.resolve();
    },
    settle() {
      clock.run();
      return Promise.resolve();
    },
  };
}

describe.each([
  { stripe_size: 64, commit_latency_ms: 0 },
  { stripe_size: 64 << 10, commit_latency_ms: 5 },
])("MemStore %o meets the contract", ({ stripe_size, commit_latency_ms }) => {
  it.each(compliance)("$name", (c) => c.run(subject(stripe_size, commit_latency_ms)));
});

function make(options: { commit_latency_ms?: number; capacity_bytes?: number } = {}) {
  const clock = new FakeClock();
  const store = new MemStore({ clock, ...options });
  store.mkfs_now(COMPLIANCE_FSID);
  store.mount_now();
  return { clock, store };
}
const A = obj("a");
function write(data: string): Transaction {
  const t = new Transaction();
  t.write("meta", A, 0, bytes(data));
  return t;
}
function create(): Transaction {
  const t = new Transaction();
  t.create_collection("meta");
  t.touch("meta", A);
  return t;
}

describe("MemStore as a simulated disk", () => {
  it("commits after its latency; what waits meanwhile shares the next commit", () => {
    const { clock, store } = make({ commit_latency_ms: 10 });
    const at: number[] = [];
    const note = () => at.push(clock.mono_ms());
    store.queue_transaction(create(), note);
    clock.run(1);
    store.queue_transaction(write("1"), note);
    store.queue_transaction(write("2"), note);
    store.set_commit_latency_ms(100);
    clock.run();
    expect(at).toEqual([10, 110, 110]);
  });

  it("loses what was not committed, and its callbacks, in a crash", async () => {
    const { clock, store } = make({ commit_latency_ms: 10 });
    const seen: string[] = [];
    store.queue_transaction(create(), () => seen.push("create"));
    clock.run();
    store.queue_transaction(write("1"), () => seen.push("1"));
    clock.run(clock.mono_ms() + 5);
    store.queue_transaction(write("2"), () => seen.push("2"));
    store.crash();
    expect(() => store.read("meta", A, 0, 0)).toThrow("not mounted");
    store.mount_now();
    clock.run();
    expect(seen).toEqual(["create"]);
    expect(store.stat("meta", A)).toEqual({ size: 0 });
  });

  it("commits everything at umount", () => {
    const { store } = make({ commit_latency_ms: 10 });
    const seen: string[] = [];
    store.queue_transaction(create(), () => {
      seen.push("create");
      store.queue_transaction(write("1"), () => seen.push("1"));
    });
    store.umount_now();
    expect(seen).toEqual(["create", "1"]);
    store.mount_now();
    expect(store.stat("meta", A)).toEqual({ size: 1 });
  });

  it("fails for good when a write fails, and tells once", () => {
    const { clock, store } = make();
    const errors: string[] = [];
    store.set_on_fatal((err) => errors.push(err.message));
    store.queue_transaction(create());
    clock.run();
    store.inject_write_failure();
    let acked = false;
    store.queue_transaction(write("1"), () => {
      acked = true;
    });
    clock.run();
    expect(errors).toEqual(["mem: injected write failure"]);
    expect(acked).toBe(false);
    expect(() => store.queue_transaction(write("2"))).toThrow("nothing more is accepted");
    store.crash();
    store.mount_now();
    expect(store.stat("meta", A)).toEqual({ size: 0 });
  });

  it("names the object when its bytes were damaged", () => {
    const { clock, store } = make();
    store.queue_transaction(create());
    store.queue_transaction(write("hello"));
    clock.run();
    store.damage((key, value) => {
      if (!key.startsWith("D")) return undefined;
      const bad = value.slice();
      bad[6] = 0;
      return bad;
    });
    expect(() => store.read("meta", A, 0, 0)).toThrow(
      `mem: damaged: object ${A} in meta: data at 0`,
    );
    expect(store.stat("meta", A)).toEqual({ size: 5 });
  });

  it("lets a write into damaged bytes through, and never believes what is left of them", () => {
    const changes: readonly [what: string, change: (t: Transaction) => void][] = [
      ["write", (t) => t.write("meta", A, 1, bytes("y"))],
      ["zero", (t) => t.zero("meta", A, 1, 2)],
      ["truncate", (t) => t.truncate("meta", A, 3)],
      ["clone", (t) => t.clone("meta", A, obj("copy"))],
      ["clone", (t) => t.clone_range("meta", A, "meta", obj("copy"), 1, 3, 1)],
    ];
    for (const [what, change] of changes) {
      const { clock, store } = make();
      store.queue_transaction(create());
      store.queue_transaction(write("hello"));
      clock.run();
      expect(store.flip_bit("meta", A, 13)).toBe(true);
      const t = new Transaction();
      t.setattr("meta", A, "x", bytes("x"));
      change(t);
      store.queue_transaction(t);
      const o = what === "clone" ? obj("copy") : A;
      // Both before it is on the disk and after.
      expect(() => store.read("meta", o, 0, 0), what).toThrow("damaged");
      clock.run();
      store.crash();
      store.mount_now();
      expect(() => store.read("meta", o, 0, 0), what).toThrow("damaged");
      expect(store.getattr("meta", A, "x")).toEqual(bytes("x"));
      // All of it written anew is good again.
      store.queue_transaction(write("again"));
      expect(store.read("meta", A, 0, 0)).toEqual(bytes("again"));
    }
  });

  it("finds the attributes of more objects than it keeps decoded", () => {
    const { clock, store } = make();
    store.queue_transaction(create());
    const objects = Array.from({ length: 6000 }, (_, i) => obj(`o${i}`, i));
    for (const o of objects) {
      const t = new Transaction();
      t.touch("meta", o);
      t.setattr("meta", o, "_", bytes(o));
      store.queue_transaction(t);
    }
    clock.run();
    const wrong = objects.filter((o) => text(store.getattr("meta", o, "_") ?? bytes("")) !== o);
    expect(wrong).toEqual([]);
  });

  it("reports its capacity", () => {
    const { store } = make({ capacity_bytes: 1000 });
    const { total, used, available } = store.statfs();
    expect([total, available]).toEqual([1000, 1000 - used]);
  });
});
