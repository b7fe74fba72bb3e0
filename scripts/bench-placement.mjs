// @ts-check
/**
 * How fast placements are: straw2 mappings a second, a whole map, an epoch that marks one OSD down,
 * a big map read in. Where Ceph's own crushtool and osdmaptool are installed, they do the same work
 * on the same maps, on one thread, for comparison.
 *
 *     npm run bench:placement
 *
 * Times are of CPU. To be reached: 0.7 of crushtool's rate; an OSD down in 1/20 of the whole; a map
 * of 10,000 OSDs in 2 s. To compare by hand, keep the files: `npm run bench:placement -- --keep DIR`, then
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
const { makeMap } = await import("./lib/bench_map.mjs");

const { values } = parseArgs({ options: { keep: { type: "string" } } });
const dir = values.keep ?? mkdtempSync(join(tmpdir(), "tako-bench-"));
mkdirSync(dir, { recursive: true });

const MAPPINGS = 200_000;
const ROUNDS = 5;

/** Least of some rounds. @param {() => number} measure */
function least(measure, rounds = ROUNDS) {
  return Math.min(...Array.from({ length: rounds }, measure));
}
/** Seconds of CPU, so that others on the machine matter less; the best of some rounds. @param {() => void} fn */
function best(fn, rounds = ROUNDS) {
  return least(() => {
    const before = process.cpuUsage();
    fn();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  }, rounds);
}
/** The same of a program, by the shell's account. @param {string} program @param {string[]} args @returns {number | undefined} */
function tool(program, args) {
  if (spawnSync(program, ["--help"]).error) return undefined;
  const script = '"$@" >/dev/null 2>&1; times';
  return least(() => {
    const { stdout } = spawnSync("sh", ["-c", script, "sh", program, ...args], {
      encoding: "utf8",
    });
    // Two lines, of the shell and of its children: user and system as 0m1.250s.
    const of_children = stdout.trim().split("\n").at(-1) ?? "";
    return [...of_children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
      (sum, [, m, s]) => sum + 60 * Number(m) + Number(s),
      0,
    );
  }, 3);
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

// A new map each time: one that was asked before remembers.
const full = best(() => new tako.OSDMapMapping(new tako.OSDMap(map.f)));
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
