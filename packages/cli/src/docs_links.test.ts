/** What README.md, ARCHITECTURE.md, CHANGELOG.md and docs/ name is there: links, files, commands. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FakeCluster } from "./testing/FakeCluster.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const TOP = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"];
const IN_DOCS = readdirSync(join(ROOT, "docs")).filter((f) => f.endsWith(".md"));
const PAGES = [...TOP, ...IN_DOCS.map((f) => `docs/${f}`)];
/** Where paths of code may begin: the text says `pg/split.ts` when it is clear whose. */
const SOURCES = ["common", "osd", "mon", "client", "cli", "sim"].map((p) => `packages/${p}/src`);
const BASES = ["", "packages", "scripts", ...SOURCES, "packages/osd/src/peering"];
const SUFFIXES = ["", ".ts", ".mjs"];
/** Made by `npm start` and by daemons, or the reader's own. */
const NOT_OURS = /^(\.tako|node_modules|dist)\b|NAME|FILE|[*<>…{}]/;

function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}
/** Without blocks of code: what remains is sentences and tables. */
function prose(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, "");
}
function matches(text: string, re: RegExp): string[] {
  return [...text.matchAll(re)].map((m) => m[1] ?? "");
}
/** As web pages make names of headings. */
function anchors(file: string): string[] {
  return matches(prose(read(file)), /^#+ (.+)$/gm).map((h) =>
    h
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .trim()
      .replaceAll(" ", "-"),
  );
}
function broken_link(page: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return false;
  const [path = "", anchor] = link.split("#");
  const file = path === "" ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, file))) return true;
  return anchor !== undefined && !anchors(file).includes(anchor);
}
/** `osd/src/store/ObjectStore.ts`, `pg/ec/`, `.ci/run`: words in code style that are paths of ours. */
function is_path(word: string): boolean {
  if (NOT_OURS.test(word) || !/^[\w.][\w./-]*$/.test(word)) return false;
  if (/^(packages|scripts|docs|tests|lint|\.ci|[a-z]+\/src)\//.test(word)) return true;
  return /\w\w\/$|\/[\w./-]+\.(ts|mjs|md|txt|json|js)$/.test(word);
}
function is_there(path: string): boolean {
  return BASES.some((base) => SUFFIXES.some((s) => existsSync(join(ROOT, base, path + s))));
}

const TASKS = Object.keys((JSON.parse(read("package.json")) as { scripts: object }).scripts);
const COMMANDS = matches((await new FakeCluster().tako("--help")).out, /^ {2}([a-z_]+) /gm);

describe.each(PAGES)("%s", (page) => {
  const text = read(page);

  it("has no broken link", () => {
    const links = matches(prose(text), /\]\(([^)\s]+)\)/g);
    expect(links.filter((link) => broken_link(page, link))).toEqual([]);
  });

  it("names files that are there", () => {
    const words = matches(prose(text), /`([^`\n]+)`/g).flatMap((code) => code.split(/\s+/));
    expect(words.filter((word) => is_path(word) && !is_there(word))).toEqual([]);
  });

  it("names tasks of package.json, and commands of tako", () => {
    const tasks = matches(text, /\bnpm run ([a-z][\w:-]*)/g);
    expect(tasks.filter((task) => !TASKS.includes(task))).toEqual([]);
    const words = matches(text, /(?:npx |`)tako ([a-z_]+)/g);
    expect(words.filter((word) => !COMMANDS.includes(word))).toEqual([]);
  });
});

it("README.md leads to every page", () => {
  const readme = read("README.md");
  expect([...PAGES.slice(1)].filter((page) => !readme.includes(`](${page})`))).toEqual([]);
});

it("README.md tells of every task of package.json", () => {
  const readme = read("README.md");
  const words = TASKS.map((name) => (/^(start|test)$/.test(name) ? name : `run ${name}`));
  expect(words.filter((task) => !new RegExp(`\\bnpm ${task}(?![\\w:-])`).test(readme))).toEqual([]);
});
