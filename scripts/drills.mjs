// @ts-check
/**
 * `npm run drills`: what may befall a cluster, each on a private one of real processes: its own
 * directory and ports, gone at the end. Each ends with every acknowledged object right.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { all_active, all_clean, Drill, has, names } from "./lib/drill.mjs";
import { chosen_of, positive, read_options } from "./lib/options.mjs";

/** @typedef {{ about: string, osds: number, conf?: string[], run: (d: Drill) => Promise<void> }} Spec */
/** Logs that a few writes outrun: whoever has less is backfilled. */
const SHORT_LOGS = [
  "osd_min_pg_log_entries = 4",
  "osd_max_pg_log_entries = 4",
  "osd_pg_log_trim_min = 1",
];
/** @type {Readonly<Record<string, Spec>>} */
const DRILLS = {
  split: { about: "pg_num grows under load, an OSD killed meanwhile", osds: 3, run: split },
  ec: { about: "shards of an erasure-coded pool lost amid overwrites", osds: 3, run: ec },
  down: { about: "the only OSD with the newest writes is away", osds: 2, run: down },
  unfound: { about: "an object whose only copy is away", osds: 3, run: unfound },
  scrub: { about: "bytes flipped on disk, found and repaired", osds: 3, run: scrub },
  incomplete: { about: "fewer shards than the code needs", osds: 3, run: incomplete },
  toofull: {
    about: "backfill to OSDs that are too full",
    osds: 3,
    conf: SHORT_LOGS,
    run: toofull,
  },
};
const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM"]);
const USAGE = `Usage: npm run drills [-- [options] NAME...]

Plays each drill (default: all) on a cluster of its own, and prints "ok NAME seconds" or
"FAILED NAME why". Exits 1 when one failed.

${Object.entries(DRILLS)
  .map(([name, d]) => `  ${name.padEnd(16)}${d.about}`)
  .join("\n")}

Options:
  --timeout SECS  longest wait for any one condition (default 60)
  --help          this text
`;

const { chosen, timeout_ms } = read_options({
  program: "drills",
  usage: USAGE,
  args: { allowPositionals: true, options: { timeout: { type: "string", default: "60" } } },
  read: ({ values, positionals }) => ({
    chosen: chosen_of("drill", DRILLS, positionals),
    timeout_ms: positive("--timeout", values.timeout) * 1000,
  }),
});
let failed = 0;
for (const [name, spec] of chosen) if (!(await play(name, spec))) failed++;
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);

/** @param {string} name @param {Spec} spec */
async function play(name, spec) {
  const from = performance.now();
  const secs = () => ((performance.now() - from) / 1000).toFixed(1);
  const say = (/** @type {string} */ line) => console.log(`  ${secs().padStart(5)}  ${line}`);
  console.log(`${name}: ${spec.about}`);
  const d = new Drill({ osds: spec.osds, timeout_ms, say, conf: spec.conf ?? [] });
  const interrupted = () => void d.end().finally(() => process.exit(130));
  for (const s of SIGNALS) process.once(s, interrupted);
  try {
    await d.start();
    await spec.run(d);
    console.log(`ok ${name} ${secs()}`);
    return true;
  } catch (e) {
    console.log(`FAILED ${name} ${e instanceof Error ? e.message : String(e)}`);
    return false;
  } finally {
    await d.end();
    for (const s of SIGNALS) process.off(s, interrupted);
  }
}

// ---- the drills ------------------------------------------------------------

/** @param {Drill} d */
async function split(d) {
  await d.pool({ pg_num: 4 });
  const load = d.load(names("o", 120));
  await load.more(120);
  d.step("pg_num 4 to 16 amid writes");
  await d.pool_set("pg_num", "16");
  await load.more(40);
  d.step("kill -9 osd.2, pg_num 24, writes go on");
  await d.kill(2);
  await d.up(2);
  await d.pool_set("pg_num", "24");
  await d.pgs("24 PGs active", (pgs) => pgs.length === 24 && all_active(pgs));
  await load.more(120);
  d.step("start osd.2, which splits what it has; pgp_num 24");
  await d.start_osd(2);
  await d.pool_set("pgp_num", "24");
  await load.more(60);
  const n = await load.stop();
  await d.pgs("24 PGs active+clean", (pgs) => pgs.length === 24 && all_clean(pgs));
  d.step(`24 PGs active+clean, ${n} writes acknowledged`);
  await d.verify();
}

/** A pool of k=2 m=1 that goes on with two shards. @param {Drill} d */
async function ec_pool(d) {
  const profile = ["k=2", "m=1", "crush-failure-domain=osd"];
  await d.command("osd erasure-code-profile set", { name: "drill", profile });
  await d.pool(
    { pg_num: 8, pool_type: "erasure", erasure_code_profile: "drill" },
    { allow_ec_overwrites: "true", min_size: "2" },
  );
}

/** @param {Drill} d */
async function ec(d) {
  await ec_pool(d);
  const list = names("o", 60);
  await d.write(list);
  for (const osd of [0, 1]) {
    d.step(`kill -9 osd.${osd} amid overwrites`);
    const load = d.load(list, (part) => d.overwrite(part));
    await load.more(20);
    await d.kill(osd);
    await d.up(2);
    await d.pgs("active with two shards", all_active);
    await load.more(60);
    await load.stop();
    await d.verify();
    await d.write(names(`without-${osd}`, 20));
    d.step(`start osd.${osd}`);
    await d.start_osd(osd);
    await d.pgs("active+clean", all_clean);
  }
  await d.verify();
  d.step("kill -9 osd.2: the shards that were rebuilt are read");
  await d.kill(2);
  await d.up(2);
  await d.verify();
}

/** @param {Drill} d */
async function down(d) {
  await d.pool({ pg_num: 8, size: 2 }, { min_size: "1" });
  const list = names("o", 60);
  await d.write(list);
  d.step("kill -9 osd.1, write on osd.0 alone, kill -9 osd.0, start osd.1");
  await d.kill(1);
  await d.up(1);
  await d.write(list);
  await d.kill(0);
  // Nobody is left to report it.
  await d.command("osd down", { ids: ["0"] });
  await d.start_osd(1);
  await d.pgs("every PG down", (pgs) => pgs.every((p) => has(p, "down")));
  d.step("every PG down; a write waits");
  const waiting = d.write(["late"]);
  waiting.catch(() => {});
  await d.start_osd(0);
  await waiting;
  await d.pgs("active+clean", all_clean);
  d.step("osd.0 is back: active+clean");
  await d.verify();
}

/** @param {Pg[]} pgs @param {string} stat @typedef {import("./lib/drill.mjs").Pg} Pg */
function sum(pgs, stat) {
  return pgs.reduce((n, p) => n + (p.stat_sum[stat] ?? 0), 0);
}

/** @param {Drill} d */
async function unfound(d) {
  await d.pool({ pg_num: 4, size: 3 }, { min_size: "1" });
  const list = names("o", 40);
  await d.write(list);
  d.step("kill -9 osd.0 and osd.1, write on osd.2 alone");
  await Promise.all([d.kill(0), d.kill(1)]);
  await d.up(1);
  const alone = names("alone", 10);
  await d.write([...list.slice(0, 10), ...alone]);
  d.step("start both with norecover, then kill -9 osd.2");
  await d.command("osd set", { key: "norecover" });
  await d.start_osd(0);
  await d.start_osd(1);
  const joined = (/** @type {Pg[]} */ pgs) => pgs.every((p) => p.acting.length === 3);
  await d.pgs("active on three", (pgs) => joined(pgs) && all_active(pgs));
  await d.kill(2);
  await d.up(2);
  await d.pgs("20 objects unfound", (pgs) => {
    return all_active(pgs) && sum(pgs, "num_objects_unfound") === 20;
  });
  d.step("20 objects unfound; others are written, a read of an unfound one waits");
  await d.write(names("meanwhile", 10));
  const waiting = d.io.read("alone-0");
  waiting.catch(() => {});
  d.step("start osd.2");
  await d.command("osd unset", { key: "norecover" });
  await d.start_osd(2);
  await waiting;
  await d.pgs("active+clean", (pgs) => all_clean(pgs) && sum(pgs, "num_objects_unfound") === 0);
  await d.verify();
}

/** @param {Drill} d */
async function scrub(d) {
  await d.pool({ pg_num: 4, size: 3 });
  await d.write(names("o", 40));
  d.step("restart osd.1, so that its data is in tables; stop it and flip bytes of 4 objects");
  await d.kill(1, "SIGTERM");
  await d.up(2);
  await d.start_osd(1);
  await d.pgs("active+clean", all_clean);
  await d.kill(1, "SIGTERM");
  await d.up(2);
  const hit = names("o", 4);
  for (const name of hit) flip(join(d.data_of(1), "db"), d.acknowledged.get(name));
  await d.start_osd(1);
  await d.pgs("active+clean", all_clean);
  const map = await Promise.all(hit.map((o) => d.command("osd map", { pool: "drill", object: o })));
  const pgids = [...new Set(map.map((m) => String(m.pgid)))].sort();
  d.step(`deep-scrub of ${pgids.join(" ")}`);
  for (const pgid of pgids) await d.command("pg deep-scrub", { pgid });
  const of = (/** @type {Pg[]} */ pgs) => pgs.filter((p) => pgids.includes(p.pgid));
  await d.pgs("inconsistent", (pgs) => of(pgs).every((p) => has(p, "inconsistent")));
  d.step("inconsistent; repair");
  for (const pgid of pgids) await d.command("pg repair", { pgid });
  await d.pgs("repaired", (pgs) => all_clean(pgs) && sum(pgs, "num_scrub_errors") === 0);
  d.step("active+clean; read with osd.1 as the only one up that had them flipped");
  await d.pool_set("min_size", "1");
  await Promise.all([d.kill(0), d.kill(2)]);
  await d.up(1);
  await d.verify();
}

/** Changes a byte of it in every table that holds it. @param {string} db @param {Buffer | undefined} data */
function flip(db, data) {
  let flipped = 0;
  const marker = data?.subarray(0, 256) ?? Buffer.from("?");
  for (const f of readdirSync(db).filter((name) => name.endsWith(".ldb"))) {
    const bytes = readFileSync(join(db, f));
    for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 1)) {
      bytes[at + 100] = (bytes[at + 100] ?? 0) ^ 0x10;
      flipped++;
    }
    writeFileSync(join(db, f), bytes);
  }
  if (flipped === 0) throw new Error(`the object's data is in no table of ${db}`);
}

/** @param {Drill} d */
async function incomplete(d) {
  await ec_pool(d);
  await d.write(names("o", 60));
  d.step("kill -9 osd.1 and osd.2, and declare them lost");
  await Promise.all([d.kill(1), d.kill(2)]);
  await d.up(1);
  for (const id of [1, 2]) await d.command("osd lost", { id, yes_i_really_mean_it: true });
  await d.pgs("every PG incomplete", (pgs) => pgs.every((p) => has(p, "incomplete")));
  d.step("every PG incomplete; they turn up after all");
  await d.start_osd(1);
  await d.start_osd(2);
  await d.pgs("active+clean", all_clean);
  await d.verify();
}

/** @param {Drill} d */
async function toofull(d) {
  await d.pool({ pg_num: 8, size: 2 });
  await d.write(names("o", 100));
  d.step("backfillfull_ratio 0.00001, osd.2 out");
  await d.command("osd set-backfillfull-ratio", { ratio: 0.00001 });
  await d.command("osd out", { ids: ["2"] });
  await d.pgs("backfill_toofull", (pgs) => pgs.some((p) => has(p, "backfill_toofull")));
  d.step("backfill_toofull; writes go on");
  await d.write(names("o", 40));
  await d.command("osd set-backfillfull-ratio", { ratio: 0.9 });
  await d.pgs("active+clean without osd.2", (pgs) => {
    return all_clean(pgs) && pgs.every((p) => !p.acting.includes(2));
  });
  d.step("room again: active+clean without osd.2, which is killed");
  await d.kill(2);
  await d.up(2);
  await d.verify();
}
