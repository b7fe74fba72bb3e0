/** The report of `tako explain` and `tako pg explain` as text. */
import type {
  cluster_explanation,
  explain_fact,
  explained_cause,
  pg_explanation,
  pg_group,
} from "@tako/common";
import { NO_PAINT, type Paint } from "./colour.ts";

const WIDTH = 100;
/** Long lists are cut; JSON has all of it. */
const MAX_VALUE = 84;
const MAX_PGS = 12;

export function render_pg_explanation(x: pg_explanation, paint: Paint = NO_PAINT): string {
  return `${[heading(x), since(x), ...body(x, paint)].join("\n")}\n`;
}

export function render_cluster_explanation(
  x: cluster_explanation,
  paint: Paint = NO_PAINT,
): string {
  const out = [x.epoch === undefined ? x.summary : `Epoch ${x.epoch}: ${x.summary}`];
  for (const g of x.groups) out.push("", group_heading(g), ...body(g.explanation, paint));
  if (x.causes.length > 0) {
    out.push("", "Beside the PGs:");
    for (const c of x.causes) {
      out.push(...bullet(c.sentences.join(" ")));
      for (const u of c.unblocks) out.push(...wrap(u, "      "));
    }
  }
  return `${out.join("\n")}\n`;
}

function heading(x: pg_explanation): string {
  return `pg ${x.pgid} is ${x.state}: up ${osds(x.up)}, acting ${osds(x.acting)}`;
}
function group_heading({ pgids, explanation: x }: pg_group): string {
  if (pgids.length === 1) return heading(x);
  const rest = pgids.length - MAX_PGS;
  const more = rest > 0 ? ` and ${rest} more` : "";
  const names = `${pgids.slice(0, MAX_PGS).join(", ")}${more}`;
  return wrap(`${pgids.length} PGs are ${x.state}: ${names}; of these, pg ${x.pgid}:`, "").join(
    "\n",
  );
}
function osds(list: readonly number[]): string {
  return `[${list.map((o) => (o === 0x7fffffff ? "-" : o)).join(",")}]`;
}

function since({ since: s }: pg_explanation): string {
  const parts = [
    s.last_change === undefined ? "" : `since ${s.last_change}`,
    s.seconds === undefined ? "" : `(${s.seconds} s before its last report)`,
    s.same_interval_since === undefined ? "" : `in the interval of epoch ${s.same_interval_since}`,
  ];
  const first = parts.filter((p) => p !== "").join(" ");
  const stamps = [
    s.state_name === undefined ? "" : `in ${s.state_name} since ${s.enter_time ?? "?"}`,
    s.last_active === undefined ? "" : `last active ${s.last_active}`,
    s.last_clean === undefined ? "" : `last clean ${s.last_clean}`,
  ];
  const lines = [first, ...stamps].filter((l) => l !== "");
  return lines.map((l) => `  ${l}`).join("\n");
}

function body(x: pg_explanation, paint: Paint): string[] {
  const out: string[] = [];
  if (x.causes.length === 0) out.push("", ...wrap(x.summary, "  "));
  for (const [i, c] of x.causes.entries()) {
    const number = x.causes.length > 1 ? `${i + 1}. ` : "";
    out.push("", ...cause_lines(c, number, paint));
  }
  if (x.notes.length > 0) out.push("", ...x.notes.flatMap((n) => wrap(`Note: ${n}`, "  ")));
  return out;
}

function cause_lines(c: explained_cause, number: string, paint: Paint): string[] {
  const [first = "", ...rest] = c.sentences;
  const out = wrap(`${number}${first}`, "  ").map((line) => paint(line, "bold"));
  out.push(...rest.flatMap((s) => wrap(s, "  ")));
  if (c.facts.length > 0) out.push("  What decides:", ...c.facts.flatMap(fact_lines));
  if (c.unblocks.length > 0) out.push("  What would unblock it:", ...c.unblocks.flatMap(bullet));
  if (c.drastic.length > 0) {
    out.push("  What would be lost by the drastic options (none is advised):");
    for (const d of c.drastic) out.push(...bullet(`${d.option}: ${d.would_lose}`));
  }
  return out;
}
function fact_lines(f: explain_fact): string[] {
  const json = JSON.stringify(f.value);
  const value = json.length > MAX_VALUE ? `${json.slice(0, MAX_VALUE)}...` : json;
  const line = `    ${f.path} = ${value}`;
  if (line.length + f.means.length + 4 <= WIDTH) return [`${line}  (${f.means})`];
  return [line, ...wrap(`(${f.means})`, "        ")];
}
function bullet(text: string): string[] {
  const [first = "", ...rest] = wrap(text, "      ");
  return [`    - ${first.trimStart()}`, ...rest];
}

/** Lines of at most WIDTH columns, each after `indent`. */
function wrap(text: string, indent: string): string[] {
  const out: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line !== indent && line.length + 1 + word.length > WIDTH) {
      out.push(line);
      line = indent;
    }
    line += line === indent ? word : ` ${word}`;
  }
  if (line !== indent) out.push(line);
  return out;
}
