// @ts-check
/**
 * How fast erasure coding is, for the usual codes: encoding by typed arrays and by the WebAssembly SIMD
 * module; decoding with m data chunks lost; a stripe of object bytes to shards. Figures are gigabytes
 * (10^9) of object data a second on one thread, the best of several rounds.
 *
 *     npm run bench:ec
 */
import { parseArgs } from "node:util";
import { prepare } from "./lib/prepare.mjs";

await prepare();
const tako = await import("../packages/common/dist/index.js");
const { typed_array_coder } = await import("../packages/common/dist/ec/region.js");
const { wasm_coder } = await import("../packages/common/dist/ec/region_wasm.js");
const { jerasure_reed_sol_van } = await import("../packages/common/dist/ec/matrices.js");

const { values } = parseArgs({ options: { rounds: { type: "string", default: "20" } } });
const ROUNDS = Number(values.rounds);
// Short rounds, and many: the best one was not interrupted, also on a busy machine.
const BYTES_A_ROUND = 4 << 20;

/** GB/s of `bytes` per call of `fn`. @param {number} bytes @param {() => void} fn */
function rate(bytes, fn) {
  const times = Math.max(1, Math.floor(BYTES_A_ROUND / bytes));
  let best = Number.POSITIVE_INFINITY;
  for (let r = 0; r < ROUNDS; r++) {
    const start = performance.now();
    for (let i = 0; i < times; i++) fn();
    best = Math.min(best, (performance.now() - start) / times);
  }
  return (bytes / best / 1e6).toFixed(2);
}

/** @param {number} n @param {number} size */
function chunks(n, size) {
  return Array.from({ length: n }, (_, i) =>
    Uint8Array.from({ length: size }, (_, x) => (x * 7 + i * 31 + (x >> 8)) & 255),
  );
}

/** @param {unknown[]} cells */
const row = (...cells) => console.log(cells.map((c) => String(c).padStart(12)).join(""));

console.log("GB/s of object data, one thread; jerasure reed_sol_van");
row("k+m", "chunk", "typed", "SIMD", "decode", "stripe");
for (const [k, m] of /** @type {const} */ ([
  [2, 1],
  [2, 2],
  [4, 2],
  [8, 3],
  [10, 4],
])) {
  const ec = tako.create_erasure_code(
    new Map(
      Object.entries({
        plugin: "jerasure",
        technique: "reed_sol_van",
        k: String(k),
        m: String(m),
      }),
    ),
  );
  const matrix = jerasure_reed_sol_van(k, m);
  for (const size of [4096, 65536, 1 << 20]) {
    const data = chunks(k, size);
    const coding = chunks(m, size);
    const plain = typed_array_coder(matrix);
    const simd = wasm_coder(matrix);
    const all = [...data, ...coding];
    ec.encode_chunks(data, coding);
    const lost = Array.from({ length: Math.min(k, m) }, (_, i) => i);
    const left = new Map([...all.entries()].filter(([i]) => !lost.includes(i)));
    const sinfo = new tako.stripe_info_t(k, k * size);
    const object = new Uint8Array(k * size);
    row(
      `${k}+${m}`,
      size,
      rate(k * size, () => plain(data, coding)),
      simd ? rate(k * size, () => simd(data, coding)) : "absent",
      rate(k * size, () => ec.decode(lost, left)),
      rate(k * size, () => tako.ecutil_encode(sinfo, ec, object)),
    );
  }
}
