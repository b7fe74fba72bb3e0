import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreError } from "@tako/common";
import { ClassicLevel } from "classic-level";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Transaction } from "../store/Transaction.ts";
import { bytes, dump, text } from "../store/testing/check.ts";
import { compliance } from "../store/testing/compliance.ts";
import { COMPLIANCE_FSID, obj } from "../store/testing/subject.ts";
import { LevelStore, type LevelStoreOptions } from "./LevelStore.ts";

let root = "";
let open: LevelStore[] = [];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tako-level-"));
});
afterEach(async () => {
  for (const s of open.splice(0)) await s.umount();
  rmSync(root, { recursive: true, force: true });
});

async function mounted(path: string, options: Partial<LevelStoreOptions> = {}) {
  const store = new LevelStore({ path, ...options });
  open.push(store);
  await store.mount();
  return store;
}
async function made(path = join(root, "s"), options: Partial<LevelStoreOptions> = {}) {
  await new LevelStore({ path, ...options }).mkfs(COMPLIANCE_FSID);
  return mounted(path, options);
}
async function umounted(store: LevelStore): Promise<void> {
  await store.umount();
  open = open.filter((s) => s !== store);
}
function commit(store: LevelStore, fn: (t: Transaction) => void): Promise<void> {
  const t = new Transaction();
  fn(t);
  return new Promise((resolve) => store.queue_transaction(t, resolve));
}

describe.each([{ stripe_size: 64 }, { stripe_size: 16 << 10 }])(
  "LevelStore %o meets the contract",
  ({ stripe_size }) => {
    it.each(compliance)("$name", async (c) => {
      let store = await made(undefined, { stripe_size });
      await c.run({
        get store() {
          return store;
        },
        async restart() {
          await umounted(store);
          store = await mounted(join(root, "s"));
        },
        // The batch leaves in a microtask and comes back in a later turn.
        begin: () => Promise.resolve(),
        async settle() {
          // Three barriers: callbacks queue more, and so may those.
          for (let i = 0; i < 3; i++) await commit(store, () => {});
        },
      });
    });
  },
);

const A = obj("a");
const B = obj("名".repeat(80));

/** A store with tables, a log and some content; umounted. */
async function filled(path: string): Promise<void> {
  const store = await made(path);
  await commit(store, (t) => {
    t.create_collection("meta");
    t.write("meta", B, 0, bytes("b"));
    t.omap_setkeys("meta", B, new Map([["鍵".repeat(50), bytes("v")]]));
  });
  for (let i = 0; i < 12; i++) {
    await commit(store, (t) => t.write("meta", obj(`big${i}`), 0, new Uint8Array(1 << 20).fill(i)));
  }
  await umounted(store);
  // Once more, so that the log of the first run becomes a table and a new log has a little in it.
  const again = await mounted(path);
  await commit(again, (t) => t.write("meta", A, 0, bytes("a".repeat(200_000))));
  await commit(again, (t) => t.write("meta", A, 0, bytes("last")));
  await umounted(again);
}
function files(dir: string, pattern: RegExp): string[] {
  return readdirSync(dir)
    .filter((f) => pattern.test(f))
    .sort()
    .map((f) => join(dir, f));
}
function one(dir: string, pattern: RegExp): string {
  const f = files(dir, pattern).at(-1);
  if (!f) throw new Error(`no ${pattern} in ${dir}`);
  return f;
}
function flip(path: string, at: number): void {
  const b = readFileSync(path);
  b[at] = (b[at] ?? 0) ^ 0xff;
  writeFileSync(path, b);
}
async function mount_error(path: string): Promise<StoreError> {
  const err = await mounted(path).then(
    () => new Error("mounted"),
    (e: unknown) => e,
  );
  if (err instanceof StoreError) return err;
  throw err;
}

describe("LevelStore and a damaged directory", () => {
  it("finds every missing, cut or changed file, and names it", async () => {
    const good = join(root, "good");
    await filled(good);
    const cases: Record<string, (dir: string) => string> = {
      "CURRENT deleted": (d) => remove(join(d, "db/CURRENT")),
      "CURRENT empty": (d) => cut(join(d, "db/CURRENT"), 0),
      "CURRENT garbage": (d) => write(join(d, "db/CURRENT"), "garbage"),
      "MANIFEST deleted": (d) => remove(one(join(d, "db"), /^MANIFEST/)),
      "MANIFEST changed": (d) => change(one(join(d, "db"), /^MANIFEST/), 20),
      "MANIFEST emptied": (d) => cut(one(join(d, "db"), /^MANIFEST/), 0),
      "MANIFEST cut": (d) => cut(one(join(d, "db"), /^MANIFEST/), 60),
      "table deleted": (d) => remove(one(join(d, "db"), /\.ldb$/)),
      "table cut": (d) => cut(one(join(d, "db"), /\.ldb$/), 1000),
      "log deleted": (d) => remove(one(join(d, "db"), /\.log$/)),
      "log cut": (d) => cut(one(join(d, "db"), /\.log$/), 200_100),
      "log emptied": (d) => cut(one(join(d, "db"), /\.log$/), 0),
      "log changed": (d) => change(one(join(d, "db"), /\.log$/), 100),
      "marker deleted": (d) => remove(join(d, "committed")),
      "marker garbage": (d) => write(join(d, "committed"), "garbage"),
      "marker empty": (d) => cut(join(d, "committed"), 0),
    };
    const found: string[] = [];
    const expected: string[] = [];
    for (const [name, harm] of Object.entries(cases)) {
      const dir = join(root, "bad");
      cpSync(good, dir, { recursive: true });
      const path = harm(dir);
      const err = await mount_error(dir);
      const mkfs = await new LevelStore({ path: dir }).mkfs("x").catch((e: Error) => e.name);
      found.push(`${name}: ${err.detail.code} ${err.detail.path}, mkfs: ${mkfs}`);
      expected.push(`${name}: corrupt ${path}, mkfs: StoreError`);
      expect(err.message).toMatch(/^\/[^\n]+: .+$/);
      rmSync(dir, { recursive: true });
    }
    expect(found).toEqual(expected);
  });

  it("says so when the whole database is gone, and when nothing was ever made", async () => {
    const dir = join(root, "s");
    expect((await mount_error(dir)).detail).toMatchObject({ code: "not_found", path: dir });
    mkdirSync(dir);
    expect((await mount_error(dir)).detail).toMatchObject({ code: "not_found", path: dir });
    await filled(dir);
    rmSync(join(dir, "db"), { recursive: true });
    const gone = { code: "corrupt", path: join(dir, "db") };
    expect((await mount_error(dir)).detail).toMatchObject(gone);
    await expect(new LevelStore({ path: dir }).mkfs("x")).rejects.toThrow("is missing");
  });

  it("starts over when an mkfs was killed at any point", async () => {
    const dir = join(root, "s");
    const db = join(dir, "db");
    const leftovers: (() => Promise<void> | void)[] = [
      () => {
        mkdirSync(db, { recursive: true });
        writeFileSync(join(db, "MANIFEST-000001"), "");
      },
      async () => {
        mkdirSync(dir);
        const level = new ClassicLevel(db);
        await level.open();
        await level.close();
      },
      async () => {
        const level = new ClassicLevel(db);
        await level.open();
        await level.close();
        await made(join(root, "other"));
        cpSync(join(root, "other/committed"), join(dir, "committed"));
      },
    ];
    for (const leave of leftovers) {
      await leave();
      expect((await mount_error(dir)).detail.code).toBe("not_found");
      await umounted(await made(dir));
      rmSync(dir, { recursive: true });
    }
  });

  it("accepts a log whose last, never acknowledged write was torn", async () => {
    const dir = join(root, "s");
    await filled(dir);
    // The beginning of a record that says it is longer than the file.
    appendFileSync(one(join(dir, "db"), /\.log$/), Buffer.from("0011223344ff01aabbcc", "hex"));
    const store = await mounted(dir);
    expect(text(store.read("meta", A, 0, 4) ?? bytes(""))).toBe("last");
    expect([...(store.omap_get_values("meta", B, ["鍵".repeat(50)])?.keys() ?? [])]).toHaveLength(
      1,
    );
  });

  it("names the object whose value was changed in a table", async () => {
    const dir = join(root, "s");
    const store = await made(dir);
    const marker = "find me ".repeat(20);
    await commit(store, (t) => {
      t.create_collection("meta");
      t.write("meta", A, 0, bytes(marker));
      t.write("meta", B, 0, bytes("fine"));
    });
    await umounted(store);
    // Opening makes a table of the log.
    await umounted(await mounted(dir));
    const tables = files(join(dir, "db"), /\.ldb$/);
    const hit = tables.filter((f) => readFileSync(f).includes(marker));
    for (const f of hit) flip(f, readFileSync(f).lastIndexOf(marker) + 50);
    expect(hit).not.toEqual([]);
    const again = await mounted(dir);
    expect(() => again.read("meta", A, 0, 0)).toThrow(
      `${join(dir, "db")}: damaged: object ${A} in meta: data at 0`,
    );
    expect(text(again.read("meta", B, 0, 0) ?? bytes(""))).toBe("fine");
    await commit(again, (t) => t.remove("meta", A));
    expect(Object.keys(dump(again).meta ?? {})).not.toContain(A);
  });

  it("refuses a second opener", async () => {
    const dir = join(root, "s");
    await made(dir);
    expect((await mount_error(dir)).detail).toMatchObject({ code: "locked" });
    await expect(new LevelStore({ path: dir }).mkfs("x")).rejects.toThrow("in use");
  });

  it("refuses a format that it does not know", async () => {
    const dir = join(root, "s");
    await umounted(await made(dir));
    const level = new ClassicLevel<string, Uint8Array>(join(dir, "db"), { valueEncoding: "view" });
    const { frame } = await import("../store/value_format.ts");
    const format = { version: 9, fsid: "x", stripe_size: 4096 };
    await level.put("S/format", frame(bytes(JSON.stringify(format))));
    await level.close();
    expect((await mount_error(dir)).message).toContain("format 9; this build reads 1");
  });
});

describe("LevelStore and space", () => {
  it("takes its capacity from the option, else from the file system", async () => {
    const declared = await made(join(root, "a"), { size_bytes: 1 << 20 });
    await commit(declared, (t) => {
      t.create_collection("meta");
      t.write("meta", A, 0, new Uint8Array(1000));
    });
    const { total, used, available } = declared.statfs();
    expect([total, available]).toEqual([1 << 20, (1 << 20) - used]);
    const found = (await made(join(root, "b"))).statfs();
    expect(found.available).toBeGreaterThan(0);
    expect(found.total).toBe(found.used + found.available);
  });

  it("tells on_fatal once and accepts nothing more when a write fails", async () => {
    const dir = join(root, "s");
    const store = await made(dir);
    await commit(store, (t) => t.create_collection("meta"));
    const errors: Error[] = [];
    store.set_on_fatal((err) => errors.push(err));
    // Its directory goes away: LevelDB fails when it needs the next log file.
    rmSync(join(dir, "db"), { recursive: true });
    let acked = 0;
    for (let i = 0; i < 4; i++) {
      const t = new Transaction();
      t.write("meta", A, 0, new Uint8Array(9 << 20));
      store.queue_transaction(t, () => {
        acked++;
      });
    }
    await expect.poll(() => errors.length).toBe(1);
    expect(errors[0]).toBeInstanceOf(StoreError);
    expect(acked).toBeLessThan(4);
    expect(() => store.queue_transaction(new Transaction())).toThrow("nothing more is accepted");
  });
});

function remove(path: string): string {
  rmSync(path);
  return path;
}
function cut(path: string, size: number): string {
  expect(statSync(path).size).toBeGreaterThan(size);
  truncateSync(path, size);
  return path;
}
function write(path: string, content: string): string {
  writeFileSync(path, content);
  return path;
}
function change(path: string, at: number): string {
  flip(path, at);
  return path;
}
