/** One suite for every monitor store: what the Monitor relies on, and what damage looks like. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Clock, StoreError } from "@tako/common";
import { afterEach, describe, expect, test } from "vitest";
import { LevelMonStore } from "../io/LevelMonStore.ts";
import { MemMonStore } from "./MemMonStore.ts";
import { type ApplyOutcome, type MonitorDBStore, MonTransaction } from "./MonitorDBStore.ts";

const bytes = (s: string) => new TextEncoder().encode(s);
const text = (b: Uint8Array | undefined) => b && new TextDecoder().decode(b);

/** A clock on the real event loop; these tests never look at the time. */
const clock: Clock = {
  now_ms: () => 0,
  mono_ms: () => 0,
  defer: (fn) => queueMicrotask(fn),
  set_timer: (ms, fn) => {
    const t = setTimeout(fn, ms);
    return { cancel: () => clearTimeout(t) };
  },
};

const dirs: string[] = [];
function temp_dir(): string {
  const d = fs.mkdtempSync(path.join(os.tmpdir(), "tako-mon-"));
  dirs.push(d);
  return d;
}
afterEach(() => {
  for (const d of dirs.splice(0)) fs.rmSync(d, { recursive: true, force: true });
});

function apply(s: MonitorDBStore, txn: MonTransaction): Promise<ApplyOutcome> {
  return new Promise((resolve) => s.apply(txn, resolve));
}

interface Handle {
  store: MonitorDBStore;
  /** Ends this process' use and opens the same data again. */
  reopen(): Promise<MonitorDBStore>;
  close(): Promise<void>;
}
const KINDS: Record<string, () => Promise<Handle>> = {
  MemMonStore: async () => {
    const store = new MemMonStore(clock);
    const reopen = async () => {
      store.crash();
      return store;
    };
    return { store, reopen, close: async () => {} };
  },
  LevelMonStore: async () => {
    const dir = temp_dir();
    let open = await LevelMonStore.open(dir);
    const reopen = async () => {
      await open.close();
      open = await LevelMonStore.open(dir);
      return open;
    };
    return { store: open, reopen, close: () => open.close() };
  },
};

describe.each(Object.entries(KINDS))("%s", (_name, make) => {
  test("a transaction applies whole, in order of its ops, and outlives a restart", async () => {
    const h = await make();
    const t = new MonTransaction().put("a", "1", bytes("x")).put("a", "2", bytes("y"));
    expect(await apply(h.store, t)).toEqual({ status: "committed" });
    const u = new MonTransaction()
      .erase("a", "1")
      .put("a", "2", bytes("z"))
      .put("b", "1", bytes(""));
    await apply(h.store, u);
    const again = await h.reopen();
    expect([
      text(again.get("a", "1")),
      text(again.get("a", "2")),
      text(again.get("b", "1")),
    ]).toEqual([undefined, "z", ""]);
    await h.close();
  });

  test("nothing is seen before it is durable, and on_done comes after apply returned", async () => {
    const h = await make();
    const seen: string[] = [];
    const done = new Promise<void>((resolve) => {
      h.store.apply(new MonTransaction().put("a", "1", bytes("x")), () => {
        seen.push("done");
        resolve();
      });
    });
    seen.push(`returned ${text(h.store.get("a", "1"))}`);
    await done;
    expect(seen).toEqual(["returned undefined", "done"]);
    expect(text(h.store.get("a", "1"))).toBe("x");
    await h.close();
  });

  test("several in flight commit in order", async () => {
    const h = await make();
    const order: number[] = [];
    await Promise.all(
      [1, 2, 3].map(
        (n) =>
          new Promise<void>((resolve) => {
            h.store.apply(new MonTransaction().put("a", "n", bytes(String(n))), () => {
              order.push(n);
              resolve();
            });
          }),
      ),
    );
    expect(order).toEqual([1, 2, 3]);
    expect(text(h.store.get("a", "n"))).toBe("3");
    await h.close();
  });

  test("binary values of any size come back byte for byte", async () => {
    const h = await make();
    const big = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) & 255);
    await apply(h.store, new MonTransaction().put("osdmap", "full", big));
    const again = await h.reopen();
    expect(Buffer.compare(again.get("osdmap", "full") ?? new Uint8Array(), big)).toBe(0);
    await h.close();
  });
});

describe("MemMonStore crash", () => {
  test.each([0, 1, 2])("%i of two in flight had reached the disk", async (applied) => {
    const store = new MemMonStore(clock);
    const called: string[] = [];
    const two = new MonTransaction().put("a", "1", bytes("new")).put("a", "2", bytes("new"));
    store.apply(two, () => called.push("first"));
    store.apply(new MonTransaction().put("b", "1", bytes("new")), () => called.push("second"));
    store.crash(applied);
    await new Promise((r) => setTimeout(r, 1));
    expect(called).toEqual([]);
    expect([store.get("a", "1"), store.get("a", "2"), store.get("b", "1")].map(text)).toEqual([
      applied > 0 ? "new" : undefined,
      applied > 0 ? "new" : undefined,
      applied > 1 ? "new" : undefined,
    ]);
  });

  test("a failing disk fails this commit and all later ones", async () => {
    const store = new MemMonStore(clock);
    store.fail_commits();
    const t = new MonTransaction().put("a", "1", bytes("x"));
    expect((await apply(store, t)).status).toBe("failed");
    expect((await apply(store, t)).status).toBe("failed");
    expect(store.get("a", "1")).toBeUndefined();
  });
});

describe("LevelMonStore damage", () => {
  /** Bytes that LevelDB does not compress, so that a test finds them in the table file. */
  const noise = (seed: number) =>
    Uint8Array.from(
      { length: 600 },
      (_, i) => (Math.imul(i + 1 + seed * 777, 2654435761) >>> 13) & 255,
    );
  async function filled(): Promise<string> {
    const dir = temp_dir();
    const s = await LevelMonStore.open(dir);
    for (let i = 0; i < 5; i++) {
      await apply(s, new MonTransaction().put("osdmap", `${i}`, noise(i)));
    }
    await s.close();
    return dir;
  }
  async function refused(dir: string): Promise<StoreError> {
    const e: unknown = await LevelMonStore.open(dir).then(
      (s) => s.close(),
      (x: unknown) => x,
    );
    expect(e).toBeInstanceOf(StoreError);
    return e as StoreError;
  }
  const file_of = (dir: string, re: RegExp) =>
    path.join(
      dir,
      "store.db",
      fs.readdirSync(path.join(dir, "store.db")).find((f) => re.test(f)) ?? "-",
    );

  test("a second monitor on the directory is refused", async () => {
    const dir = await filled();
    const first = await LevelMonStore.open(dir);
    expect((await refused(dir)).detail).toEqual({
      code: "locked",
      path: path.join(dir, "store.db"),
    });
    await first.close();
  });

  test.each([/^CURRENT$/, /^MANIFEST-/, /\.log$/])("deleted %s is named", async (re) => {
    const dir = await filled();
    const victim = file_of(dir, re);
    fs.rmSync(victim);
    expect((await refused(dir)).message).toContain(victim);
  });

  test.each([/^CURRENT$/, /^MANIFEST-/, /\.ldb$/])("%s with other bytes is named", async (re) => {
    const dir = await filled();
    await (await LevelMonStore.open(dir)).close();
    const victim = file_of(dir, re);
    fs.writeFileSync(victim, Buffer.alloc(fs.statSync(victim).size, "garbage"));
    expect((await refused(dir)).message).toContain(victim);
  });

  test("the number of the last transaction: deleted or garbled is named, emptied is not", async () => {
    const dir = await filled();
    const victim = path.join(dir, "store.seq");
    fs.writeFileSync(victim, "");
    await (await LevelMonStore.open(dir)).close();
    fs.writeFileSync(victim, "seven\n");
    expect((await refused(dir)).message).toContain(victim);
    fs.rmSync(victim);
    expect((await refused(dir)).message).toContain(victim);
  });

  test("a database that was being made when the process was killed is made anew", async () => {
    const dir = temp_dir();
    fs.mkdirSync(path.join(dir, "store.db"));
    for (const f of ["LOCK", "MANIFEST-000001", "000001.dbtmp"]) {
      fs.writeFileSync(path.join(dir, "store.db", f), f === "LOCK" ? "" : "half");
    }
    const s = await LevelMonStore.open(dir);
    expect(await apply(s, new MonTransaction().put("a", "1", bytes("x")))).toEqual({
      status: "committed",
    });
    await s.close();
  });

  test("a torn log is named, with what is gone", async () => {
    const dir = await filled();
    const victim = file_of(dir, /\.log$/);
    fs.truncateSync(victim, fs.statSync(victim).size - 40);
    const e = await refused(dir);
    expect(e.message).toContain("store.db");
    expect(e.detail).toMatchObject({ code: "corrupt", what: "transactions 5 to 5 are gone" });
  });

  test("a flipped bit in a value is found when it is read", async () => {
    const dir = await filled();
    const log = file_of(dir, /\.log$/);
    await (await LevelMonStore.open(dir)).close();
    // After a reopen the records have moved to a table file.
    const table = file_of(dir, /\.ldb$/);
    const raw = fs.readFileSync(table);
    const at = raw.indexOf(noise(3).subarray(100, 120));
    expect([fs.existsSync(log), at >= 0]).toEqual([false, true]);
    raw[at] = (raw[at] ?? 0) ^ 1;
    fs.writeFileSync(table, raw);
    const s = await LevelMonStore.open(dir);
    let caught: unknown;
    try {
      for (let i = 0; i < 5; i++) s.get("osdmap", `${i}`);
    } catch (e) {
      caught = e;
    }
    expect(caught).toBeInstanceOf(StoreError);
    await s.close();
  });
});
