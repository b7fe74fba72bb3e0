/** Calls of a history as lines for people. Pure. */
import { errno_name } from "@tako/common";
import type { Call, Seen, Step } from "./history.ts";

/** Longer texts are cut in the middle. */
const LONG = 72;

export function show_text(s: string): string {
  const zeros = s.replace(/\0{4,}/g, (z) => `<${z.length} zeros>`);
  const runs = zeros.replace(/x{4,}/g, (z) => `<${z.length} x>`);
  const t = runs.replaceAll("\0", "\\0");
  if (t.length <= LONG) return `"${t}"`;
  return `"${t.slice(0, LONG / 2)}…${t.slice(-LONG / 2)}" (${s.length})`;
}

export function show_step(s: Step): string {
  const { op, failok, ...rest } = s;
  const args = Object.entries(rest).map(([k, v]) => {
    if (typeof v === "string") return k === "data" || k === "value" ? show_text(v) : v;
    return typeof v === "number" || typeof v === "boolean" ? `${k} ${v}` : JSON.stringify(v);
  });
  return [op, ...args, ...(failok ? ["(may fail)"] : [])].join(" ");
}

/** `12.345-12.350 client.3 #17 append "[c3.4]" -> version 12` */
export function show_call(c: Call): string {
  const from = (c.inv_ms / 1000).toFixed(3);
  const to = c.outcome === null ? "?" : (c.ret_ms / 1000).toFixed(3);
  const steps = c.steps.map(show_step).join("; ");
  return `${from.padStart(8)}-${to.padEnd(8)} ${c.process} #${c.id} ${steps} -> ${show_outcome(c)}`;
}
function show_outcome(c: Call): string {
  if (c.outcome === null) return "nobody knows";
  if (c.outcome.type === "fail") return errno_name(c.outcome.errno);
  const seen = c.outcome.seen.map(show_seen).join(", ");
  return seen === "" ? `version ${c.outcome.ver}` : `version ${c.outcome.ver}: ${seen}`;
}
export function show_seen(s: Seen): string {
  return typeof s === "string" ? show_text(s) : s === null ? "-" : String(s);
}
