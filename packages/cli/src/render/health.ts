/** `health`, `health detail` and the head of `status`. cluster.md §7.2, §8. */
import { health_colour, type Paint } from "./colour.ts";
import { Fields } from "./Fields.ts";
import { format_age } from "./format.ts";

export interface HealthLine {
  readonly code: string;
  readonly severity: string;
  readonly summary: string;
  readonly muted: boolean;
}

/** Checks, the worst first. */
export function health_lines(health: Fields): HealthLine[] {
  const checks = health.at("checks");
  const lines = checks.keys().map((code) => {
    const c = checks.at(code);
    const summary = c.at("summary").text("message");
    return { code, severity: c.text("severity"), summary, muted: c.yes("muted") };
  });
  const rank = (l: HealthLine) => (l.severity === "HEALTH_ERR" ? 0 : 1);
  return lines.sort((a, b) => rank(a) - rank(b));
}

/** `(muted: OSD_DOWN(5m) TOO_FEW_OSDS)`, or nothing. */
export function muted_text(health: Fields, now_ms: number): string {
  const muted = new Set(health_lines(health).flatMap((l) => (l.muted ? [l.code] : [])));
  const words = health.list("mutes").flatMap((m) => {
    const code = m.text("code");
    if (!muted.has(code)) return [];
    const left = ttl_left(m, now_ms);
    return [left === undefined ? code : `${code}(${left})`];
  });
  return words.length > 0 ? `(muted: ${words.join(" ")})` : "";
}
function ttl_left(mute: Fields, now_ms: number): string | undefined {
  const until = Date.parse(mute.text("ttl").replace("+0000", "Z"));
  return Number.isFinite(until) ? format_age((until - now_ms) / 1000) : undefined;
}

/** `HEALTH_WARN 1 osds down; ...`, with `detail` a paragraph for each check. */
export function render_health(v: unknown, now_ms: number, paint: Paint): string {
  const health = new Fields(v);
  const status = health.text("status");
  const lines = health_lines(health);
  const summary = lines.flatMap((l) => (l.muted ? [] : [l.summary])).join("; ");
  const head = [paint(status, health_colour(status)), summary, muted_text(health, now_ms)];
  const out = [head.filter((s) => s !== "").join(" ")];
  const checks = health.at("checks");
  for (const l of lines) {
    const check = checks.at(l.code);
    if (!check.has("detail")) continue;
    out.push(`${mark(health, l, now_ms)}[${short(l.severity)}] ${l.code}: ${l.summary}`);
    for (const d of check.list("detail")) out.push(`    ${d.text("message")}`);
  }
  return out.join("\n");
}

function mark(health: Fields, l: HealthLine, now_ms: number): string {
  if (!l.muted) return "";
  const mute = health.list("mutes").find((m) => m.text("code") === l.code);
  const ttl = mute && ttl_left(mute, now_ms);
  const words = [ttl === undefined ? "MUTED" : `MUTED ttl ${ttl}`];
  if (mute?.yes("sticky")) words.push("STICKY");
  return `(${words.join(", ")}) `;
}
function short(severity: string): string {
  if (severity === "HEALTH_ERR") return "ERR";
  return severity === "HEALTH_WARN" ? "WRN" : "OK";
}
