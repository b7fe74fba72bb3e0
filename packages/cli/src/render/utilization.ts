/** `osd utilization`, `osd reweight-by-utilization`: OSDMap::summarize_mapping_stats and mgr. */
import { Fields } from "./Fields.ts";
import { format_float } from "./format.ts";

/** Also as it would be, where that is told. */
export function render_utilization(v: unknown): string {
  const f = new Fields(v);
  if (f.keys().length === 0) return "";
  const average = f.num("avg_pgs");
  const then = (name: string) => (f.has(name) ? f.num(name) : undefined);
  const step = (now: number, next: number | undefined) =>
    next === undefined ? format_float(now) : `${format_float(now)} -> ${format_float(next)}`;
  const extreme = (which: "min" | "max") => {
    const now = f.num(`${which}_osd_pgs`);
    const next = then(`new_${which}_osd_pgs`);
    const mean = step(now / average, next === undefined ? undefined : next / average);
    return `${which} osd.${f.num(`${which}_osd`)} with ${step(now, next)} pgs (${mean} * mean)\n`;
  };
  const expected = format_float(f.num("expected_baseline_std_dev"));
  const [moved, total] = [then("moved_pgs"), f.has("total_pgs") ? f.num("total_pgs") : 0];
  const percent = total > 0 ? ((moved ?? 0) * 100) / total : 0;
  return [
    moved === undefined ? "" : `moved ${moved} / ${total} (${format_float(percent)}%)\n`,
    `avg ${format_float(average)}\n`,
    `stddev ${step(f.num("std_dev"), then("new_std_dev"))} (expected baseline ${expected})\n`,
    extreme("min"),
    extreme("max"),
  ].join("");
}

export function render_reweight(v: unknown): string {
  const f = new Fields(v);
  const changes = f
    .list("reweights")
    .map((r) => `osd.${r.num("osd")} weight ${fixed(r, "weight")} -> ${fixed(r, "new_weight")}`);
  const lines = [
    `oload ${f.num("overload_min")}`,
    `max_change ${format_float(f.num("max_change"))}`,
    `max_change_osds ${f.num("max_change_osds")}`,
    `average_utilization ${fixed(f, "average_utilization")}`,
    `overload_utilization ${fixed(f, "overload_utilization")}`,
    ...changes,
  ];
  return `${render_utilization(f.get("utilization"))}\n${lines.join("\n")}`;
}
function fixed(f: Fields, name: string): string {
  return f.num(name).toFixed(4);
}
