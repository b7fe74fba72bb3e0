/** The report of `tako whatif` as text. */
import type { moved_amount, next_loss, whatif_pg, whatif_report } from "@tako/common";
import { format_osds, format_size } from "./format.ts";
import { left, right, table } from "./table.ts";

export interface render_whatif_options {
  /** All PGs, not the worst only. */
  readonly all: boolean;
}

const WORST = 10;
const NEXT = 5;

export function render_whatif(r: whatif_report, o: render_whatif_options): string {
  const parts = [
    heading(r),
    counts(r),
    states(r),
    movement(r),
    next(r),
    affected(r, o),
    unknown(r),
    notes(r),
  ];
  const text = parts.filter((p) => p !== "").join("\n\n");
  // Last columns are empty in most rows.
  return `${text.replaceAll(/ +$/gm, "")}\n`;
}

function heading(r: whatif_report): string {
  const { before, after } = r.osds;
  const change = (what: "up" | "in") =>
    before[what] === after[what]
      ? `${after[what]} ${what}`
      : `${before[what]} -> ${after[what]} ${what}`;
  const lines = [`epoch ${r.epoch}, ${after.total} osds: ${change("up")}, ${change("in")}`];
  r.steps.forEach((s, i) => {
    lines.push(`  ${i + 1}. ${s}`);
  });
  return lines.join("\n");
}

function counts(r: whatif_report): string {
  const { before, after } = r.pgs;
  const rows: [string, number | string, string | number][] = [
    ["active", before.active, after.active],
    ["inactive", before.inactive, after.inactive],
  ];
  for (const kind of ["down", "incomplete", "stale"] as const) {
    if (after[kind] > 0) rows.push([`  ${kind}`, "", after[kind]]);
  }
  if (before.unknown + after.unknown > 0) rows.push(["unknown", before.unknown, after.unknown]);
  rows.push(["undersized", before.undersized, after.undersized]);
  if (after.unfound > 0) rows.push(["objects unfound", "", after.unfound]);
  if (after.lost_writes > 0) rows.push(["writes lost", "", after.lost_writes]);
  const margins = [...new Set([...keys(r.margin.before), ...keys(r.margin.after)])];
  for (const m of margins.sort((a, b) => a - b)) {
    const [was, is] = [r.margin.before[m] ?? 0, r.margin.after[m] ?? 0];
    rows.push([m === 0 ? "can lose no member" : `can lose ${m}`, was, is]);
  }
  rows.push(["total", before.total, after.total]);
  return table([left("PGS"), right("BEFORE"), right("AFTER")], rows);
}
const keys = (counts: Readonly<Record<string, number>>) => Object.keys(counts).map(Number);
function states(r: whatif_report): string {
  const rows = Object.entries(r.states.after).sort(([, a], [, b]) => b - a);
  return ["states after:", ...rows.map(([s, n]) => `  ${String(n).padStart(7)} ${s}`)].join("\n");
}

function movement(r: whatif_report): string {
  const m = r.movement;
  const lines = [`movement: ${amount(m)}`];
  if (m.shards > 0 || m.lower_bound.shards > 0) {
    lines.push(
      `  at least ${amount(m.lower_bound)} have to${times(m.shards, m.lower_bound.shards)}`,
    );
  }
  if (m.done.shards > 0) lines.push(`  of these, copied in 'settle': ${amount(m.done)}`);
  if (m.blocked.shards > 0) lines.push(`  of these, blocked as the PGs are: ${amount(m.blocked)}`);
  if (m.pgs_of_unknown_size > 0) {
    lines.push(
      `  without the bytes of ${m.pgs_of_unknown_size} PGs that the PG dump does not size`,
    );
  }
  if (r.down_in.length > 0) {
    lines.push(
      `  (osds that are down but in: ${r.down_in.length}; nothing is copied for them until they are` +
        " out, after mon_osd_down_out_interval unless noout is set)",
    );
  }
  return lines.join("\n");
}
function amount(a: moved_amount): string {
  if (a.shards === 0) return "nothing";
  const bytes = a.bytes === null ? "" : `, ${format_size(a.bytes)}`;
  return `${a.shards} shards of ${a.pgs} PGs${bytes}`;
}
function times(moved: number, least: number): string {
  return least > 0 && moved > least ? `; this is ${(moved / least).toFixed(2)} times that` : "";
}

function next(r: whatif_report): string {
  const blocks = r.next.flatMap((ranked) => {
    const hurt = ranked.filter((n) => n.inactive + n.last_copy > 0);
    const type = ranked[0]?.type;
    if (type === undefined) return [];
    if (hurt.length === 0)
      return [`no single ${type} would make a PG inactive or lose its last copy`];
    const columns = [left(type.toUpperCase()), right("LAST COPY"), right("INACTIVE")];
    const text = table(
      [...columns, right("NO MARGIN LEFT"), right("PGS")],
      hurt.slice(0, NEXT).map(next_row),
    );
    return [hurt.length > NEXT ? `${text}\n... and ${hurt.length - NEXT} more` : text];
  });
  return blocks.length === 0 ? "" : ["would hurt next, by PGs:", ...blocks].join("\n");
}
function next_row(n: next_loss): (string | number)[] {
  return [n.name, n.last_copy, n.inactive, n.no_margin, n.pgs];
}

function affected(r: whatif_report, o: render_whatif_options): string {
  if (r.affected.length === 0) return "no PG is affected";
  const shown = o.all ? r.affected : r.affected.slice(0, WORST);
  const columns = ["PG", "POOL", "BEFORE", "AFTER", "MARGIN", "UP", "ACTING", ""].map(left);
  const text = table(columns, shown.map(pg_row));
  const left_out = r.affected.length - shown.length;
  const head = `affected PGs: ${r.affected.length}, the worst first`;
  const tail = left_out > 0 ? `\n... and ${left_out} more: --all lists them` : "";
  return `${head}\n${text}${tail}`;
}
function pg_row(p: whatif_pg): string[] {
  const osds = [format_osds(p.up), format_osds(p.acting)];
  const margin = p.active === "unknown" ? "unknown" : p.margin === null ? "-" : `${p.margin}`;
  return [p.pgid, p.pool, p.was, p.state, margin, ...osds, remark(p)];
}
function remark(p: whatif_pg): string {
  const says: string[] = [];
  if (p.active === "no" && p.state === "unknown") says.push("not active");
  if (p.blocked_by.length > 0) says.push(`blocked by ${p.blocked_by.map((b) => `osd.${b}`)}`);
  if (p.unfound === "yes") says.push("objects unfound");
  if (p.unfound === "unknown" && p.state !== "unknown") says.push("objects may be unfound");
  if (p.lost_writes) says.push("acknowledged writes are lost");
  return says.join("; ");
}

function unknown(r: whatif_report): string {
  if (r.unknown.length === 0) return "";
  const rows = r.unknown.slice(0, WORST).map((u) => `  ${u.pgs} PGs (${u.example}): ${u.reason}`);
  return ["unknown:", ...rows].join("\n");
}
function notes(r: whatif_report): string {
  return r.notes.map((n) => `note: ${n}`).join("\n");
}
