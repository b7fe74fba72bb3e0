// @ts-check
/**
 * `npm run compare-ceph`: plays named failure sequences on a real Ceph cluster and on Tako, both on
 * the loopback interface, and prints what each tells of its PGs side by side. Every difference has a
 * reason in docs/compare-ceph.md, or the exit code is 1.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { CephSide, ceph_version, missing_tools } from "./lib/compare/CephSide.mjs";
import { compare, markdown, render, unexplained } from "./lib/compare/report.mjs";
import { SEQUENCES } from "./lib/compare/sequences.mjs";
import { TakoSide } from "./lib/compare/TakoSide.mjs";
import { chosen_of, positive, read_options } from "./lib/options.mjs";
import { prepare } from "./lib/prepare.mjs";

/** @typedef {import("./lib/compare/sequences.mjs").Sequence} Sequence */
/** What stands above it in the file of --markdown is written by hand. */
const MARK = "<!-- tables: npm run compare-ceph -- --markdown docs/compare-ceph.md -->";
const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM"]);
const USAGE = `Usage: npm run compare-ceph [-- [options] NAME...]

Plays each sequence (default: all) on a real Ceph cluster and on Tako, and compares PG states, up and
acting sets, blocked_by, recovery_state and more. Exits 1 when something differs without a documented
reason (docs/compare-ceph.md), 0 when nothing does or Ceph is not installed.

${Object.entries(SEQUENCES)
  .map(([name, s]) => `  ${name.padEnd(16)}${s.about}`)
  .join("\n")}

Options:
  --differences     print only what differs
  --markdown FILE   write the tables there too; what FILE says above its mark stays
  --timeout SECS    longest wait for any one condition (default 60)
  --help            this text
`;

const options = read_options({
  program: "compare-ceph",
  usage: USAGE,
  args: {
    allowPositionals: true,
    options: {
      differences: { type: "boolean", default: false },
      markdown: { type: "string" },
      timeout: { type: "string", default: "60" },
    },
  },
  read: ({ values, positionals }) => ({
    chosen: chosen_of("sequence", SEQUENCES, positionals),
    timeout_ms: positive("--timeout", values.timeout) * 1000,
    differences: values.differences,
    markdown: values.markdown,
  }),
});
const missing = missing_tools();
if (missing.length > 0) {
  console.log(`skipped: no Ceph to compare with (not on PATH: ${missing.join(", ")})`);
  process.exit(0);
}
await prepare();
const version = await ceph_version();
console.log(`Ceph ${version} on the left, Tako on the right\n`);
/** @type {string[]} */
const doc = [];
let failed = 0;
let explained = 0;
let stopped = false;
for (const [name, s] of options.chosen) {
  if (!(await play(name, s))) failed++;
  if (stopped) process.exit(130);
}
if (options.markdown !== undefined) write_tables(options.markdown);
const agree = options.chosen.length - failed;
console.log(`${agree} sequences agree, ${failed} do not; ${explained} differences with a reason`);
process.exit(failed > 0 ? 1 : 0);

/** @param {string} name @param {Sequence} s */
async function play(name, s) {
  const from = performance.now();
  console.log(`${name}: ${s.about}`);
  const o = { osds: s.osds, conf: s.conf, timeout_ms: options.timeout_ms };
  const [ceph, tako] = [new CephSide(o), new TakoSide(o)];
  const sides = /** @type {const} */ ([
    ["Ceph", ceph],
    ["Tako", tako],
  ]);
  const end = () => Promise.all([ceph.end(), tako.end()]);
  // The steps fail, and play() clears away what there is.
  const interrupted = () => {
    stopped = true;
    end().catch(() => {});
  };
  for (const sig of SIGNALS) process.once(sig, interrupted);
  try {
    const ends = await Promise.allSettled(
      sides.map(async ([, side]) => {
        await side.start();
        await s.play(side);
      }),
    );
    const all = compare(name, ceph.observations, tako.observations);
    const bad = print(all);
    doc.push(...markdown(name, s.about, all));
    for (const [i, e] of ends.entries()) {
      if (e.status === "rejected")
        console.log(`  ${sides[i]?.[0]} failed: ${e.reason?.message ?? e.reason}`);
    }
    const ok = bad === 0 && ends.every((e) => e.status === "fulfilled");
    const secs = ((performance.now() - from) / 1000).toFixed(1);
    console.log(`${ok ? "ok" : "FAILED"} ${name} ${secs} s, ${bad} unexplained differences\n`);
    return ok;
  } finally {
    for (const sig of SIGNALS) process.off(sig, interrupted);
    await end();
  }
}

/** @param {import("./lib/compare/report.mjs").Compared[]} all */
function print(all) {
  for (const o of all) {
    const lines = options.differences ? o.lines.filter((l) => !l.same) : o.lines;
    if (lines.length > 0) console.log(render({ ...o, lines }).join("\n"));
  }
  explained += all.flatMap((o) => o.lines.filter((l) => l.reason)).length;
  return unexplained(all).length;
}

/** @param {string} file */
function write_tables(file) {
  const old = existsSync(file) ? readFileSync(file, "utf8") : "";
  const head = old.includes(MARK) ? old.slice(0, old.indexOf(MARK)) : "";
  const when = new Date().toISOString().slice(0, 10);
  const tables = [MARK, "", `Ceph ${version}, ${when}.`, "", ...doc];
  writeFileSync(file, `${head}${tables.join("\n").trimEnd()}\n`);
}
