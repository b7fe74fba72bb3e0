/** kill -9 of a process that writes to a LevelStore: acknowledged = there, and nothing is half there. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, it } from "vitest";
import { make_hobject } from "../../packages/common/src/index.ts";
import { LevelStore } from "../../packages/osd/src/io/LevelStore.ts";

const C = "1.0_head";
const LOG = make_hobject({ pool: 1, hash: 0, oid: "" });
const OBJECTS = 20;
const WRITER = join(import.meta.dirname, "level_store_writer.mjs");

let dir = "";
let child: ChildProcess | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "tako-kill-"));
});
afterEach(() => {
  child?.kill("SIGKILL");
  rmSync(dir, { recursive: true, force: true });
});

function start_writer() {
  const writer = spawn(process.execPath, [WRITER, dir], { stdio: ["ignore", "pipe", "inherit"] });
  child = writer;
  return writer;
}

/** Lets the writer acknowledge `count` transactions, kills it, returns the last number seen. */
async function write_and_kill(count: number): Promise<number> {
  const writer = start_writer();
  const exited = once(writer, "exit");
  let acked = 0;
  let left = count;
  for await (const line of createInterface({ input: writer.stdout })) {
    acked = Number(line);
    if (--left === 0) writer.kill("SIGKILL");
  }
  await exited;
  expect(writer.signalCode).toBe("SIGKILL");
  return acked;
}

function number(b: Uint8Array | undefined): number {
  return Number(new TextDecoder().decode(b));
}

/** The number of the last transaction in the store, after checking that it is all there. */
async function check(): Promise<number> {
  const store = new LevelStore({ path: dir });
  await store.mount();
  const head = number(store.omap_get_values(C, LOG, ["head"])?.get("head"));
  const keys = store.omap_list(C, LOG, "", "0", 1e9)?.keys ?? [];
  expect(keys.map(Number)).toEqual(Array.from({ length: head }, (_, i) => i + 1));
  for (let k = 0; k < OBJECTS && k < head; k++) {
    const o = make_hobject({ pool: 1, hash: k, oid: `o${k}` });
    const i = head - ((((head - k) % OBJECTS) + OBJECTS) % OBJECTS);
    const data = store.read(C, o, 0, 0);
    const seen = [
      number(store.getattr(C, o, "_")),
      data?.length,
      data?.every((x) => x === i % 251),
    ];
    if (i > 0) expect(seen).toEqual([i, 1000 + ((i * 7919) % 90_000), true]);
  }
  await store.umount();
  return head;
}

it("keeps every acknowledged transaction, whole, through kill -9 again and again", async () => {
  await new LevelStore({ path: dir }).mkfs("kill");
  for (const count of [1, 7, 150, 33, 400, 2]) {
    const acked = await write_and_kill(count);
    expect(await check()).toBeGreaterThanOrEqual(acked);
  }
});

it("is locked while another process has it, and free when that was killed", async () => {
  await new LevelStore({ path: dir }).mkfs("kill");
  const writer = start_writer();
  const exited = once(writer, "exit");
  await once(writer.stdout, "data");
  const detail = { code: "locked", path: join(dir, "db") };
  await expect(new LevelStore({ path: dir }).mount()).rejects.toMatchObject({ detail });
  await expect(new LevelStore({ path: dir }).mkfs("x")).rejects.toMatchObject({ detail });
  writer.kill("SIGKILL");
  await exited;
  expect(await check()).toBeGreaterThan(0);
});
