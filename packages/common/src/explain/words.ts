/** Small words: lists, plurals, names. */

export function listed(items: readonly string[], and = "and"): string {
  if (items.length <= 1) return items.join("");
  return `${items.slice(0, -1).join(", ")} ${and} ${items.at(-1)}`;
}
export function osd_name(id: number): string {
  return `osd.${id}`;
}
export function osd_names(ids: readonly number[], and = "and"): string {
  return listed(ids.map(osd_name), and);
}
/** `1 object`, `2 objects` */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
/** `is` or `are` */
export function are(items: readonly unknown[] | number): string {
  return (typeof items === "number" ? items : items.length) === 1 ? "is" : "are";
}
export function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)}%`;
}
export function unique(ids: Iterable<number>): number[] {
  return [...new Set(ids)].sort((a, b) => a - b);
}
export function osd_set(ids: readonly number[]): string {
  return `[${ids.map((o) => (o === 0x7fffffff ? "-" : o)).join(",")}]`;
}
