// @ts-check
/** Two lists of observations beside each other: what agrees, what differs and why. */
import { reason_for } from "./reasons.mjs";

/** @typedef {import("./Side.mjs").Observation} Observation */
/** @typedef {import("./reasons.mjs").Reason} Reason */
/** @typedef {{ field: string, ceph: string, tako: string, same: boolean, reason?: Reason | undefined }} Line */
/** @typedef {{ moment: string, pgid: string, lines: Line[] }} Compared */

const WIDTH = 34;
const ABSENT = "-";

/**
 * @param {string} sequence @param {Observation[]} ceph @param {Observation[]} tako
 * @returns {Compared[]}
 */
export function compare(sequence, ceph, tako) {
  const n = Math.max(ceph.length, tako.length);
  return Array.from({ length: n }, (_, i) => {
    const [c, t] = [ceph[i], tako[i]];
    const { moment, pgid } = c ?? t ?? { moment: "?", pgid: "?" };
    return { moment, pgid, lines: compare_rows(sequence, c?.rows ?? [], t?.rows ?? []) };
  });
}
/**
 * @typedef {import("./observe.mjs").Row} Row
 * @param {string} sequence @param {Row[]} ceph @param {Row[]} tako
 */
function compare_rows(sequence, ceph, tako) {
  const theirs = by_field(ceph);
  const ours = by_field(tako);
  const fields = [...new Set([...theirs.keys(), ...ours.keys()])];
  return fields.map((field) => {
    const c = theirs.get(field) ?? ABSENT;
    const t = ours.get(field) ?? ABSENT;
    const same = c === t;
    const both = theirs.has(field) && ours.has(field);
    const reason = !same && both ? reason_for(sequence, field, c, t) : undefined;
    return { field, ceph: c, tako: t, same, reason };
  });
}
/** A field that is there twice has its number. @param {Row[]} rows @returns {Map<string, string>} */
function by_field(rows) {
  /** @type {Map<string, string>} */
  const map = new Map();
  for (const { field, value } of rows) {
    let key = field;
    for (let n = 2; map.has(key); n++) key = `${field} (${n})`;
    map.set(key, value);
  }
  return map;
}

/** @param {Compared[]} all */
export function unexplained(all) {
  return all.flatMap((o) => o.lines.filter((l) => !l.same && !l.reason));
}

/** The lines of one observation, for a terminal. @param {Compared} o @returns {string[]} */
export function render(o) {
  const out = [`  PG ${o.pgid}: ${o.moment}`];
  for (const l of o.lines) {
    const name = `    ${l.field}`.padEnd(WIDTH);
    const verdict = l.same
      ? ""
      : `  <- ${l.reason ? `${l.reason.id}: ${l.reason.why}` : "DIFFERENT"}`;
    if (l.ceph.length < WIDTH && l.tako.length < WIDTH) {
      out.push(`${name}${l.ceph.padEnd(WIDTH)}${l.tako}${verdict}`);
    } else if (l.same) {
      out.push(`${name}${"both".padEnd(WIDTH)}both`, `      ${l.ceph}`);
    } else {
      out.push(`${name}${verdict.trimStart()}`, `      Ceph ${l.ceph}`, `      Tako ${l.tako}`);
    }
  }
  return out;
}

const MARKDOWN_FIELDS = /^(state|up|acting|blocked_by|recovery_state( \(\d\))?)$/;
/**
 * A sequence as a Markdown table: the main fields, and every other in which the two differ.
 * @param {string} name @param {string} about @param {Compared[]} all @returns {string[]}
 */
export function markdown(name, about, all) {
  const out = [`### ${name}: ${about}`, ""];
  out.push("| moment | PG | field | Ceph | Tako | |", "|---|---|---|---|---|---|");
  for (const o of all) {
    let where = `${o.moment} | ${o.pgid}`;
    const rest = o.lines.filter((l) => !MARKDOWN_FIELDS.test(l.field) && l.same).length;
    for (const l of o.lines) {
      if (l.same && !MARKDOWN_FIELDS.test(l.field)) continue;
      const verdict = l.same ? "=" : (l.reason?.id ?? "**different**");
      out.push(`| ${where} | ${l.field} | ${code(l.ceph)} | ${code(l.tako)} | ${verdict} |`);
      where = " | ";
    }
    out.push(`| ${where} | ${rest} other fields | | | = |`);
  }
  return [...out, ""];
}
/** @param {string} value */
function code(value) {
  return `\`${value.replaceAll("|", "\\|")}\``;
}
