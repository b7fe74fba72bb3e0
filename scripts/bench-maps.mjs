// @ts-check
/**
 * What an epoch costs a monitor and an OSD in a cluster of 1,000 OSDs and 32,768 PGs: the same
 * classes as in the daemons, with memory for disks and nobody at the other end of the network.
 *
 *     npm run bench:maps
 */
import { prepare } from "./lib/prepare.mjs";

await prepare();
const { benchMon } = await import("./lib/bench_mon.mjs");
const { benchOsd } = await import("./lib/bench_osd.mjs");

/** Seconds of CPU. @param {() => void} fn */
function time(fn) {
  const before = process.cpuUsage();
  fn();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
/** @param {number[]} seconds */
function show(seconds) {
  const s = [...seconds].sort((a, b) => a - b);
  const ms = (/** @type {number} */ i) => ((s[i] ?? 0) * 1000).toFixed(1);
  return `${ms(0)} ms at best, ${ms(Math.floor(s.length / 2))} in the middle`;
}
const { down, up } = benchMon(1000, 15, time);
console.log(`monitor, one OSD marked down: ${show(down)}, up again: ${show(up)}`);
for (const pgs of [100, 1000, 4000]) {
  const o = benchOsd(1000, pgs, 15, time);
  const reports = `${o.stats_per_epoch} PG reports an epoch`;
  console.log(`OSD with ${pgs} PGs, another marked down: ${show(o.down)}; ${reports}`);
}
