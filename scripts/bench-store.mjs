// @ts-check
/**
 * Measures an OSD's store alone: what one write of a client costs on one shard, without network
 * and peering. `node scripts/bench-store.mjs --help`. Needs a build (`npm run build`).
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { make_hobject } from "../packages/common/dist/index.js";
import { LevelStore } from "../packages/osd/dist/io/LevelStore.js";
import { MemStore } from "../packages/osd/dist/store/MemStore.js";
import { Transaction } from "../packages/osd/dist/store/Transaction.js";

const HELP = `Usage: node scripts/bench-store.mjs [--store level|mem] [--seconds 2] [--stripe BYTES] [--dir DIR]

  --store    which store (default level)
  --seconds  how long each line is measured (default 2)
  --stripe   size of the pieces that object data is kept in (default: the store's)
  --dir      directory on the disk to measure (default: a new one under the system's temporary
             directory; removed at the end)

Example: node scripts/bench-store.mjs --dir /mnt/disk --seconds 5`;

const { values: options } = parseArgs({
  options: {
    store: { type: "string", default: "level" },
    seconds: { type: "string", default: "2" },
    stripe: { type: "string" },
    dir: { type: "string", default: tmpdir() },
    help: { type: "boolean", default: false },
  },
});
if (options.help) {
  console.log(HELP);
  process.exit(0);
}

const C = "1.0_head";
const PGMETA = make_hobject({ pool: 1, hash: 0, oid: "" });
const INFO = new Uint8Array(400).fill(1);
const ENTRY = new Uint8Array(250).fill(2);
const OBJECT_INFO = new Uint8Array(200).fill(3);
/** @param {number} i */
const obj = (i) =>
  make_hobject({ pool: 1, hash: Math.imul(i, 0x9e3779b1) >>> 0, oid: `bench_${i}` });
/** @param {number} i */
const log_key = (i) => `0000000007.${String(i).padStart(20, "0")}`;

let version = 0;
/**
 * One client write as a replica applies it: data, object info, log entry in and old one out, info.
 * @param {import("@tako/common").hobject_t} o
 * @param {number} off
 * @param {Uint8Array} data
 */
function client_write(o, off, data) {
  version++;
  const t = new Transaction();
  t.write(C, o, off, data);
  t.setattr(C, o, "_", OBJECT_INFO);
  t.omap_setkeys(
    C,
    PGMETA,
    new Map([
      [log_key(version), ENTRY],
      ["_info", INFO],
    ]),
  );
  if (version > 1000) t.omap_rmkeys(C, PGMETA, [log_key(version - 1000)]);
  return t;
}

const clock = {
  now_ms: () => Date.now(),
  mono_ms: () => performance.now(),
  /** @param {number} ms @param {() => void} fn */
  set_timer: (ms, fn) => {
    const t = setTimeout(fn, ms);
    return { cancel: () => clearTimeout(t) };
  },
  /** @param {() => void} fn */
  defer: (fn) => setImmediate(fn),
};

const dir = mkdtempSync(join(options.dir, "tako-bench-"));
const stripe = options.stripe ? { stripe_size: Number(options.stripe) } : {};
const store =
  options.store === "mem"
    ? new MemStore({ clock, capacity_bytes: 2 ** 40, ...stripe })
    : new LevelStore({ path: join(dir, "store"), ...stripe });
const seconds = Number(options.seconds);

/**
 * Keeps `depth` transactions under way for `seconds`.
 * @param {string} name
 * @param {number} depth
 * @param {number} bytes
 * @param {(i: number) => Transaction} next
 */
async function measure(name, depth, bytes, next) {
  const start = performance.now();
  const end = start + seconds * 1000;
  const latencies = /** @type {number[]} */ ([]);
  let i = 0;
  const cpu = process.cpuUsage();
  await Promise.all(
    Array.from({ length: depth }, async () => {
      while (performance.now() < end) {
        const t = next(i++);
        const at = performance.now();
        await new Promise((resolve) => store.queue_transaction(t, () => resolve(undefined)));
        latencies.push(performance.now() - at);
      }
    }),
  );
  const s = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  report(name, i / s, bytes, latencies, (user + system) / i);
}

/** @param {string} name @param {number} bytes @param {(i: number) => unknown} read */
function measure_reads(name, bytes, read) {
  const start = performance.now();
  const end = start + (seconds * 1000) / 2;
  let i = 0;
  while (performance.now() < end) read(i++);
  const s = (performance.now() - start) / 1000;
  report(name, i / s, bytes, [], (s / i) * 1e6);
}

/** @param {string} name @param {number} rate @param {number} bytes @param {number[]} ms @param {number} cpu */
function report(name, rate, bytes, ms, cpu) {
  const p = (/** @type {number} */ q) =>
    (ms[Math.floor(ms.length * q)]?.toFixed(2) ?? "").padStart(8);
  const mib = ((rate * bytes) / 2 ** 20).toFixed(1).padStart(8);
  const per_s = rate.toFixed(0).padStart(8);
  console.log(
    `${name.padEnd(34)}${per_s}/s ${mib} MiB/s  p50 ${p(0.5)} p99 ${p(0.99)} ms ${cpu.toFixed(0).padStart(7)} us cpu`,
  );
}

try {
  await store.mkfs("bench");
  await store.mount();
  const t = new Transaction();
  t.create_collection(C);
  t.touch(C, PGMETA);
  store.queue_transaction(t);

  const small = new Uint8Array(4096).fill(7);
  const large = new Uint8Array(4 << 20).fill(7);
  const big = obj(-1);
  await measure("4 KiB objects, one at a time", 1, 4096, (i) => client_write(obj(i), 0, small));
  await measure("4 KiB objects, 16 at a time", 16, 4096, (i) =>
    client_write(obj(i % 20000), 0, small),
  );
  await measure("4 KiB objects, 128 at a time", 128, 4096, (i) =>
    client_write(obj(i % 20000), 0, small),
  );
  await measure("4 MiB objects, 4 at a time", 4, 4 << 20, (i) =>
    client_write(obj(i % 16), 0, large),
  );
  store.queue_transaction(client_write(big, 0, large));
  const random_off = () => Math.floor(Math.random() * 1024) * 4096;
  await measure("4 KiB into 4 MiB, 16 at a time", 16, 4096, () =>
    client_write(big, random_off(), small),
  );
  measure_reads("read 4 KiB objects", 4096, (i) => store.read(C, obj(20 + (i % 500)), 0, 0));
  measure_reads("read 4 MiB objects", 4 << 20, (i) => store.read(C, obj(i % 4), 0, 0));
  measure_reads("read 4 KiB of 4 MiB", 4096, () => store.read(C, big, random_off(), 4096));
  await store.umount();
  const at = performance.now();
  await store.mount();
  console.log(
    `mount with ${store.collection_list(C, "MIN", "MAX", 1e9).objects.length} objects: ${(performance.now() - at).toFixed(0)} ms`,
  );
  await store.umount();
} finally {
  rmSync(dir, { recursive: true, force: true });
}
