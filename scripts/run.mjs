// @ts-check
/**
 * Every `npm run` task: makes the checkout ready (see lib/prepare.mjs), then does the one thing.
 *
 *     node scripts/run.mjs <task> [arguments of the task]
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { fail, packageDirs, prepare, ROOT, runTool } from "./lib/prepare.mjs";

const BIOME = "node_modules/@biomejs/biome/bin/biome";
const TSC = "node_modules/typescript/bin/tsc";
const VITEST = "node_modules/vitest/vitest.mjs";

/** @typedef {{ build?: boolean, install?: boolean, run: (args: string[]) => unknown }} Task */
/** @type {Readonly<Record<string, Task>>} */
const TASKS = {
  start: {
    run: (args) => program("packages/cli/dist/main.js", ["cluster", "start", ...START, ...args]),
  },
  build: { run: () => 0 },
  test: { run: (args) => runTool(VITEST, ["run", ...args]) },
  e2e: { run: (args) => runTool(VITEST, ["run", "--project", "e2e", ...args]) },
  sim: { run: (args) => program("packages/sim/dist/main.js", args) },
  scenario: { run: (args) => program("packages/sim/dist/scenarios/main.js", args) },
  "sim:plants": { run: (args) => program("packages/sim/dist/plants/main.js", args) },
  bench: { run: (args) => program("scripts/bench-cluster.mjs", args) },
  demo: { run: (args) => program("scripts/demo.mjs", args) },
  docs: { run: (args) => program("scripts/gen-docs.mjs", args) },
  lint: { build: false, run: lint },
  format: {
    build: false,
    run: (args) => runTool(BIOME, args.includes("--check") ? FORMAT_CHECK : FORMAT_WRITE),
  },
  clean: { build: false, install: false, run: clean },
};

/** What `npm start` begins with; later options of the same name win, so people can add their own. */
const START = ["--osds", "3", "--pool", "test"];
/** `assist` is the sorting of imports, which belongs to the format. */
const FORMAT_WRITE = ["check", "--write", "--linter-enabled=false", "."];
const FORMAT_CHECK = ["check", "--linter-enabled=false", "--max-diagnostics=20", "."];

const [name = "", ...args] = process.argv.slice(2);
const task = Object.hasOwn(TASKS, name) ? TASKS[name] : undefined;
if (task === undefined) fail(`no task "${name}": one of ${Object.keys(TASKS).join(", ")}`, 2);
else {
  if (task.install !== false) await prepare({ build: task.build !== false });
  const code = await task.run(args);
  if (typeof code === "number") process.exitCode = code;
}

/**
 * Runs a program of ours in this process, so that signals and exit code are its own.
 * @param {string} file path from the root @param {string[]} args
 */
async function program(file, args) {
  const path = join(ROOT, file);
  process.argv = [process.execPath, path, ...args];
  await import(pathToFileURL(path).href);
}

/** Biome's rules, then the types of what the build leaves out: tests and these scripts. */
async function lint() {
  const rules = runTool(BIOME, ["lint", "--error-on-warnings", "--max-diagnostics=50", "."]);
  // Built only now: a type error there must not hide what the rules found.
  await prepare();
  const types = ["tsconfig.test.json", "scripts/tsconfig.json"].map((p) => runTool(TSC, ["-p", p]));
  return [rules, ...types].find((code) => code !== 0) ?? 0;
}

/** Takes back what the build made; `--all` also what the install did. */
function clean(/** @type {string[]} */ args) {
  const dirs = packageDirs().map((d) => `${d}/dist`);
  if (args.includes("--all")) dirs.push("node_modules");
  for (const d of [...dirs, "node_modules/.tako-build"]) {
    rmSync(join(ROOT, d), { recursive: true, force: true });
  }
}
