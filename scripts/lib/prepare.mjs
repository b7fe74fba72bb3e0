// @ts-check
/**
 * Makes a checkout ready to run: installs and builds what is missing or stale, and nothing else.
 * Node built-ins only, because it runs before anything is installed.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = resolve(fileURLToPath(import.meta.url), "../../..");
const MIN_NODE = 20;
const WINDOWS = process.platform === "win32";
const INSTALL_STAMP = join(ROOT, "node_modules/.tako-install");
const BUILD_STAMP = join(ROOT, "node_modules/.tako-build");

/** @type {Readonly<Record<string, string>>} */
const BINS = {
  tako: "packages/cli/dist/main.js",
  "tako-mon": "packages/mon/dist/main.js",
  "tako-osd": "packages/osd/dist/main.js",
};

/** Ends the process with one line that says what was wrong and what would be right. */
export function fail(/** @type {string} */ why, code = 1) {
  process.stderr.write(`tako: ${why}\n`);
  process.exit(code);
}

/** Installs if asked for by the lock file, then builds if any source changed. */
export async function prepare({ build = true } = {}) {
  checkNode();
  if (installed() && (!build || built())) return;
  const unlock = await lock();
  if (!installed()) await install();
  if (build && !built()) await compile();
  unlock();
}

function checkNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < MIN_NODE) {
    fail(`Node ${process.versions.node} is too old: install Node ${MIN_NODE} or later.`, 2);
  }
}

/** @returns {string[]} the packages' folders, relative to the root */
export function packageDirs() {
  return readdirSync(join(ROOT, "packages"))
    .map((d) => `packages/${d}`)
    .filter((d) => existsSync(join(ROOT, d, "package.json")))
    .sort();
}

// ---- install ---------------------------------------------------------------

function installKey() {
  const h = createHash("sha256");
  const manifests = packageDirs().map((d) => `${d}/package.json`);
  for (const f of ["package-lock.json", "package.json", ...manifests]) {
    h.update(f).update(readFileSync(join(ROOT, f)));
  }
  // Native add-ons and optional packages differ by platform: a copied node_modules is stale.
  return h.update(`${process.platform} ${process.arch}`).digest("hex");
}

function installed() {
  const key = installKey();
  if (readText(INSTALL_STAMP) === key) return true;
  // The manifests changed, or somebody ran npm by hand: npm's own record of what it installed says
  // whether that will do. Installing anew would pull the modules from under whoever runs meanwhile.
  if (!treeMatchesLock()) return false;
  writeFileSync(INSTALL_STAMP, key);
  return true;
}

function treeMatchesLock() {
  const lock = readJson(join(ROOT, "package-lock.json"));
  const tree = readJson(join(ROOT, "node_modules/.package-lock.json"));
  if (!tree?.packages || !lock?.packages) return false;
  return Object.entries(lock.packages).every(([path, want]) => {
    if (!path.includes("node_modules/")) return manifestMatches(path, want);
    if (want.optional === true) return true;
    return existsSync(join(ROOT, path)) && tree.packages[path]?.version === want.version;
  });
}

/** If not, `npm ci` will say what to do. @param {string} dir @param {Record<string, object>} locked */
function manifestMatches(dir, locked) {
  const manifest = readJson(join(ROOT, dir, "package.json"));
  return ["dependencies", "devDependencies", "optionalDependencies"].every((kind) => {
    const [a, b] = [manifest?.[kind] ?? {}, locked[kind] ?? {}].map((o) =>
      Object.entries(o).sort(),
    );
    return JSON.stringify(a) === JSON.stringify(b);
  });
}

async function install() {
  note("Installing dependencies (npm ci) …");
  const args = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
  const cli = process.env.npm_execpath;
  const [cmd, pre] = cli?.endsWith("npm-cli.js") ? [process.execPath, [cli]] : ["npm", []];
  await runQuietly(cmd, [...pre, ...args], "npm ci failed", WINDOWS && cmd === "npm");
  writeFileSync(INSTALL_STAMP, installKey());
}

// ---- build -----------------------------------------------------------------

/** Changes when any file that tsc reads does. */
function buildKey() {
  const h = createHash("sha256").update(readText(INSTALL_STAMP) ?? "");
  for (const f of ["tsconfig.json", "tsconfig.base.json"]) stamp(h, join(ROOT, f));
  for (const d of packageDirs()) {
    stamp(h, join(ROOT, d, "tsconfig.json"));
    stamp(h, join(ROOT, d, "package.json"));
    walk(join(ROOT, d, "src"), (file) => stamp(h, file));
  }
  return h.digest("hex");
}

/** @param {import("node:crypto").Hash} h @param {string} file */
function stamp(h, file) {
  const s = statSync(file, { throwIfNoEntry: false });
  h.update(`${relative(ROOT, file)} ${s?.size} ${s?.mtimeMs}\n`);
}

/** @param {string} dir @param {(file: string) => void} visit */
function walk(dir, visit) {
  if (!existsSync(dir)) return;
  const entries = readdirSync(dir, { withFileTypes: true });
  for (const e of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(dir, e.name);
    if (e.isDirectory()) walk(path, visit);
    else if (e.name.endsWith(".ts") && !e.name.endsWith(".test.ts")) visit(path);
  }
}

function built() {
  const outputs = packageDirs().map((d) => join(ROOT, d, "dist/.tsbuildinfo"));
  return outputs.every((f) => existsSync(f)) && readText(BUILD_STAMP) === buildKey();
}

async function compile() {
  note("Building (tsc -b) …");
  const key = buildKey();
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  await runQuietly(process.execPath, [tsc, "-b"], "the build failed", false);
  linkBins();
  writeFileSync(BUILD_STAMP, key);
}

/** npm links bins at install, when dist/ is not there yet; so `npx tako` is ours to set right. */
function linkBins() {
  for (const [name, target] of Object.entries(BINS)) {
    const file = join(ROOT, target);
    if (!existsSync(file)) continue;
    chmodSync(file, 0o755);
    const link = join(ROOT, "node_modules/.bin", name);
    if (WINDOWS || existsSync(link)) continue;
    rmSync(link, { force: true });
    symlinkSync(join("../..", target), link);
  }
}

// ---- tools -----------------------------------------------------------------

/** One install or build at a time, also when `npm start` and `npm test` start together. */
async function lock() {
  const id = createHash("sha256").update(ROOT).digest("hex").slice(0, 12);
  const dir = join(tmpdir(), `tako-prepare-${id}`);
  const owner = join(dir, "pid");
  for (let waited_ms = 0; ; waited_ms += 200) {
    try {
      mkdirSync(dir);
      writeFileSync(owner, String(process.pid));
      const unlock = () => rmSync(dir, { recursive: true, force: true });
      process.on("exit", unlock);
      return unlock;
    } catch (e) {
      if (/** @type {NodeJS.ErrnoException} */ (e).code !== "EEXIST") throw e;
    }
    const pid = Number(readText(owner));
    // Without a pid after two seconds its maker died between the two calls above.
    if (pid > 0 ? !alive(pid) : waited_ms >= 2000) rmSync(dir, { recursive: true, force: true });
    else if (waited_ms === 0) note("Waiting for another install or build of this checkout …");
    await new Promise((r) => setTimeout(r, 200));
  }
}

/** @param {number} pid */
function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (e) {
    return /** @type {NodeJS.ErrnoException} */ (e).code === "EPERM";
  }
}

/**
 * Runs without output; on failure prints all of it and exits.
 * @param {string} cmd @param {string[]} args @param {string} complaint @param {boolean} shell
 * @returns {Promise<void>}
 */
function runQuietly(cmd, args, complaint, shell) {
  return new Promise((done) => {
    const child = spawn(cmd, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"], shell });
    let out = "";
    for (const s of [child.stdout, child.stderr]) {
      s.setEncoding("utf8").on("data", (text) => {
        out += text;
      });
    }
    child.on("error", (e) => fail(`cannot run ${cmd}: ${e.message}`));
    child.on("close", (code, signal) => {
      if (code === 0) return done();
      process.stderr.write(out.endsWith("\n") ? out : `${out}\n`);
      fail(`${complaint} (${signal ?? `exit code ${code}`})`);
    });
  });
}

/**
 * Runs a script of an installed package with our stdio; resolves to its exit code.
 * @param {string} script path from the root @param {string[]} args
 */
export function runTool(script, args) {
  const r = spawnSync(process.execPath, [join(ROOT, script), ...args], {
    cwd: ROOT,
    stdio: "inherit",
  });
  return r.status ?? 1;
}

function note(/** @type {string} */ text) {
  process.stderr.write(`${text}\n`);
}

function readText(/** @type {string} */ file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function readJson(/** @type {string} */ file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
