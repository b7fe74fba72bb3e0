/**
 * Holds the sources and docs/logs.md to the registry. After adding an event: a row in events.ts,
 * then `npx vitest run packages/common/src/log -u` writes the document.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, it } from "vitest";
import { EVENT_GROUPS, type EventRow } from "./events.ts";

const PACKAGES = new URL("../../..", import.meta.url).pathname;
const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"];

const rows = new Map<string, EventRow>();
for (const group of Object.values<Readonly<Record<string, EventRow>>>(EVENT_GROUPS)) {
  for (const [name, row] of Object.entries(group)) rows.set(name, row);
}
function levels(row: EventRow): readonly string[] {
  return typeof row[0] === "string" ? [row[0]] : row[0];
}

interface Use {
  readonly event: string;
  readonly level: string;
  readonly where: string;
}

/** Every `log.<level>(fields, event)` of the sources. */
function uses(): Use[] {
  const out: Use[] = [];
  for (const file of readdirSync(PACKAGES, { recursive: true, encoding: "utf8" }).sort()) {
    if (!/^[a-z]+\/src\/.*\.ts$/.test(file) || /\.test\.ts$|\/testing/.test(file)) continue;
    if (file.endsWith("common/src/ports.ts") || file.endsWith("io/PinoLog.ts")) continue;
    const text = strip_comments(readFileSync(join(PACKAGES, file), "utf8"));
    for (const m of text.matchAll(/\blog(?:\(\))?\.([a-z]+)\(/g)) {
      const level = m[1] ?? "";
      if (!LEVELS.includes(level)) continue;
      const line = text.slice(0, m.index).split("\n").length;
      const where = `${relative(PACKAGES, join(PACKAGES, file))}:${line}`;
      const args = arguments_at(text, m.index + m[0].length);
      for (const event of event_names(args.at(-1) ?? "", text)) out.push({ event, level, where });
    }
  }
  return out;
}

/** The literal, or those that the variable can hold; "?" when neither can be seen. */
function event_names(arg: string, text: string): string[] {
  const literal = /^"([^"]*)"$/.exec(arg)?.[1];
  if (literal !== undefined) return [literal];
  if (!/^\w+$/.test(arg)) return [`? ${arg}`];
  const held = [...text.matchAll(new RegExp(`\\b${arg}(?:: ([^,)]*)| = ([^;]*))`, "g"))];
  const names = held.flatMap((m) => [...(m[1] ?? m[2] ?? "").matchAll(/"([a-z0-9_]+)"/g)]);
  return names.length > 0 ? names.map((m) => m[1] ?? "") : [`? ${arg}`];
}

/** Arguments of a call, its text beginning after the parenthesis. */
function arguments_at(text: string, from: number): string[] {
  const args: string[] = [];
  let depth = 0;
  let start = from;
  for (let i = from; i < text.length; i++) {
    const c = text[i] ?? "";
    if (c === '"' || c === "'" || c === "`") i = end_of_string(text, i);
    else if ("([{".includes(c)) depth++;
    else if (")]}".includes(c) && depth-- === 0) {
      args.push(text.slice(start, i).trim());
      break;
    } else if (c === "," && depth === 0) {
      args.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  return args.filter((a) => a !== "");
}
function end_of_string(text: string, from: number): number {
  let i = from + 1;
  while (i < text.length && text[i] !== text[from]) i += text[i] === "\\" ? 2 : 1;
  return i;
}
function strip_comments(text: string): string {
  const blank = (s: string) => s.replace(/[^\n]/g, " ");
  return text.replace(/\/\*[\s\S]*?\*\//g, blank).replace(/(^|\s)\/\/.*$/gm, blank);
}

it("knows every event that the sources log, with its level, and no others", () => {
  const used = uses();
  expect(used.length).toBeGreaterThan(50);
  const faults: string[] = [];
  const seen = new Set<string>();
  for (const { event, level, where } of used) {
    seen.add(event);
    const row = rows.get(event);
    if (row === undefined) faults.push(`${where}: ${event} (${level}) has no row in events.ts`);
    else if (!levels(row).includes(level)) {
      faults.push(`${where}: ${event} is logged at ${level}, events.ts says ${levels(row)}`);
    }
  }
  for (const name of rows.keys()) {
    if (!seen.has(name)) faults.push(`events.ts: nothing logs ${name}`);
  }
  expect(faults.sort()).toEqual([]);
});

it("is what docs/logs.md says", async () => {
  await expect(render()).toMatchFileSnapshot(join(PACKAGES, "../docs/logs.md"));
});

function render(): string {
  const parts = Object.entries<Readonly<Record<string, EventRow>>>(EVENT_GROUPS).map(
    ([title, group]) => {
      const lines = Object.entries(group).map(
        ([name, row]) => `| \`${name}\` | ${levels(row).join(", ")} | ${row[1]} | ${row[2]} |`,
      );
      return `## ${title}\n\n| event | level | fields | meaning |\n|---|---|---|---|\n${lines.join("\n")}\n`;
    },
  );
  return `${INTRO}\n${parts.join("\n")}`;
}

const INTRO = `# Logs

<!-- Made from packages/common/src/log/events.ts. Change that, then: npx vitest run packages/common/src/log -u -->

Each daemon writes one JSON object a line to stdout. \`msg\` is the event, a constant name; everything
that varies is a field.

## Every line

| field | meaning |
|---|---|
| \`level\` | \`fatal\`: the process ends. \`error\`: an invariant or data is at risk. \`warn\`: an operator may act. \`info\`: map epochs, OSDs up and down, PG states. \`debug\`: each event and message. \`trace\`: pings |
| \`time\` | ISO 8601, UTC |
| \`service\`, \`name\` | \`osd\`, \`osd.0\` |
| \`subsys\` | the part that speaks: its level can be set alone |
| \`msg\` | the event |

Usual fields: \`epoch\` (OSDMap epoch), \`pg\` (\`1.2a\`), \`osd\` (id), \`peer\` (\`osd.2\`), \`addr\`
(host:port/nonce), \`*_ms\` and \`*_s\` (durations).

## Reading

Follow one PG from the start of an interval to active+clean:

    tako cluster logs --pg 1.0
    docker compose logs --no-log-prefix osd0 | grep '"pg":"1.0"'

At run time, without a restart:

    tako tell osd.0 log set debug peering     # one subsystem
    tako tell osd.0 log set info              # all of them
`;
