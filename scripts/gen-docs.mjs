// @ts-check
/**
 * Writes the documents that are generated from the code; with --check only says whether the files
 * in docs/ are what the code would write now. Reads the build: `npm run docs` builds first.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fail, ROOT } from "./lib/prepare.mjs";

const USAGE = `Usage: npm run docs [-- --check]

Writes the generated documents in docs/.

Options:
  --check  write nothing; exit 1 if a document is not what the code would write now
  --help   this text
`;

/** @type {Readonly<Record<string, () => Promise<string>>>} */
const DOCUMENTS = {
  "docs/peering-states.md": async () => {
    /** @type {Record<string, unknown>} */
    const osd = await import("@tako/osd");
    const render = osd.renderPeeringStates;
    if (typeof render !== "function") fail("@tako/osd does not export renderPeeringStates()");
    return /** @type {(coverage?: unknown) => string} */ (render)(coverage());
  },
};

/** What the last recorded simulation has passed: `npm run sim -- --coverage docs/coverage.json`. */
function coverage() {
  const text = read(join(ROOT, "docs/coverage.json"));
  return text === undefined ? undefined : JSON.parse(text);
}

const args = process.argv.slice(2);
const unknown = args.find((a) => a !== "--check" && a !== "--help");
if (unknown !== undefined) fail(`docs: unknown option ${unknown}: only --check and --help`, 2);
if (args.includes("--help")) process.stdout.write(USAGE);
else await main(args.includes("--check"));

/** @param {boolean} check */
async function main(check) {
  for (const [file, render] of Object.entries(DOCUMENTS)) {
    const path = join(ROOT, file);
    const text = await render();
    if (read(path) === text) {
      process.stdout.write(`${file}: up to date\n`);
    } else if (check) {
      process.stderr.write(`${file}: stale; run \`npm run docs\` and commit the result\n`);
      process.exitCode = 1;
    } else {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      process.stdout.write(`${file}: written\n`);
    }
  }
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
