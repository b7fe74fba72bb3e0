// @ts-check
/**
 * How fast placements are: straw2 mappings a second, a whole map, an epoch that marks one OSD down,
 * a big map read in. Where Ceph's own crushtool and osdmaptool are installed, they do the same work
 * on the same maps, on one thread, for comparison.
 *
 *     npm run bench:placement
 *
 * To compare by hand, keep the files: `npm run bench:placement -- --keep DIR`, then
 *     time osdmaptool DIR/osdmap --test-map-pgs
 *     time crushtool -i DIR/crush --test --show-statistics --rule 0 --num-rep 3 --min-x 0 --max-x 199999
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { prepare } from "./lib/prepare.mjs";

await prepare();
const tako = await import("../packages/common/dist/index.js");

const { values } = parseArgs({ options: { keep: { type: "string" } } });
const dir = values.keep ?? mkdtempSync(join(tmpdir(), "tako-bench-"));
mkdirSync(dir, { recursive: true });

const MAPPINGS = 200_000;
const ROUNDS = 5;

/** Racks of ten hosts of ten OSDs each. @param {number} osds */
function makeMap(osds) {
  const each = (/** @type {(osd: number) => any} */ fn) =>
    Array.from({ length: osds }, (_, o) => fn(o));
  const device = (/** @type {number} */ o) => `device ${o} osd.${o}`;
  const lines = [
    "tunable choose_local_tries 0",
    "tunable choose_local_fallback_tries 0",
    "tunable choose_total_tries 50",
    "tunable chooseleaf_descend_once 1",
    "tunable chooseleaf_vary_r 1",
    "tunable chooseleaf_stable 1",
    "tunable straw_calc_version 1",
    "tunable allowed_bucket_algs 54",
    ...each(device),
    "type 0 osd\ntype 1 host\ntype 3 rack\ntype 11 root",
  ];
  const bucket = (
    /** @type {string} */ type,
    /** @type {string} */ name,
    /** @type {string[]} */ items,
  ) => lines.push(`${type} ${name} { alg straw2 ${items.map((i) => `item ${i}`).join(" ")} }`);
  const ten = (/** @type {number} */ i, /** @type {string} */ name) =>
    Array.from({ length: 10 }, (_, n) => `${name}${i * 10 + n}`);
  for (let h = 0; h < osds / 10; h++) bucket("host", `h${h}`, ten(h, "osd."));
  for (let r = 0; r < osds / 100; r++) bucket("rack", `r${r}`, ten(r, "h"));
  bucket(
    "root",
    "default",
    Array.from({ length: osds / 100 }, (_, r) => `r${r}`),
  );
  lines.push(
    "rule replicated_rule { id 0 type replicated min_size 1 max_size 10",
    "step take default step chooseleaf firstn 0 type host step emit }",
  );
  const addr = (/** @type {number} */ o) => ({
    host: "10.0.0.1",
    port: 6800 + (o % 1000),
    nonce: o,
  });
  return new tako.OSDMap({
    epoch: 1,
    crush: tako.compile_crush(lines.join("\n")),
    flags: tako.INITIAL_FLAGS,
    max_osd: osds,
    osd_state: each(() => 3),
    osd_weight: each(() => 0x10000),
    osd_info: each(() => tako.osd_info_t()),
    osd_xinfo: each(() => tako.osd_xinfo_t()),
    osd_uuid: each((o) => `00000000-0000-4000-8000-${String(o).padStart(12, "0")}`),
    osd_addrs: each((o) => ({
      client: addr(o),
      cluster: addr(o),
      hb_back: addr(o),
      hb_front: addr(o),
    })),
    pool_max: 1,
    pools: new Map([[1, tako.pg_pool_t({ pg_num: 32_768 })]]),
    pool_name: new Map([[1, "bench"]]),
  });
}

/** Best of some rounds, in seconds. @param {() => void} fn */
function best(fn, rounds = ROUNDS) {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const start = process.hrtime.bigint();
    fn();
    least = Math.min(least, Number(process.hrtime.bigint() - start) / 1e9);
  }
  return least;
}
/** @param {string} program @param {string[]} args @returns {number | undefined} seconds */
function tool(program, args) {
  if (spawnSync(program, ["--help"]).error) return undefined;
  return best(() => spawnSync(program, args, { stdio: "ignore" }), 3);
}
const rate = (/** @type {number} */ n, /** @type {number} */ s) =>
  `${Math.round(n / s).toLocaleString("en")}/s`;
const ms = (/** @type {number} */ s) => `${(s * 1000).toFixed(2)} ms`;

const map = makeMap(1000);
const weights = map.f.osd_weight;
writeFileSync(join(dir, "crush"), tako.encode_crush_binary(map.crush));
writeFileSync(join(dir, "osdmap"), tako.encode_osdmap_binary(map));

const ours = best(() => {
  for (let x = 0; x < MAPPINGS; x++) map.crush.do_rule(0, x, 3, weights, 0);
});
console.log(`straw2, 1,000 OSDs, 3 levels, 3 replicas: ${rate(MAPPINGS, ours)}`);
// A run of one input takes off what the program needs to start and to read the map.
const crushtool = (/** @type {number} */ last) =>
  tool("crushtool", [
    ...["-i", join(dir, "crush"), "--test", "--show-statistics", "--rule", "0", "--num-rep", "3"],
    ...["--min-x", "0", "--max-x", String(last)],
  ]);
const theirs = crushtool(MAPPINGS - 1);
const idle = crushtool(0);
if (theirs !== undefined && idle !== undefined) {
  const ratio = (theirs - idle) / ours;
  console.log(
    `  crushtool on one thread: ${rate(MAPPINGS, theirs - idle)}; ours is ${ratio.toFixed(2)} of it`,
  );
}

const full = best(() => new tako.OSDMapMapping(map), 3);
console.log(`whole map, 32,768 PGs: ${ms(full)}`);
const real = tool("osdmaptool", [join(dir, "osdmap"), "--test-map-pgs"]);
if (real !== undefined) console.log(`  osdmaptool --test-map-pgs: ${ms(real)}`);

const mapping = new tako.OSDMapMapping(map);
let now = map;
let mapped = 0;
const update = best(() => {
  // Down and up again, each time another map.
  const inc = tako.new_incremental(now);
  inc.new_state.set(123, 2);
  now = now.apply_incremental(inc);
  mapped = mapping.update(now).mapped;
}, 21);
const share = `1/${Math.round(full / update)} of the whole`;
console.log(`one OSD down: ${ms(update)} for ${mapped} PGs, ${share}, with the making of the map`);

const big = makeMap(10_000);
const bytes = tako.encode_osdmap_binary(big);
const load = best(() => tako.decode_osdmap_binary(bytes), 3);
console.log(
  `a map of 10,000 OSDs, ${bytes.length.toLocaleString("en")} bytes, read in: ${ms(load)}`,
);

if (values.keep === undefined) rmSync(dir, { recursive: true });
