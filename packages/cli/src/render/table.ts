/** Columns of text as Ceph prints them: two spaces apart, left aligned unless told. */
export interface TableOptions {
  /** Is column i aligned to the right? */
  readonly right?: (i: number) => boolean;
  readonly gap?: string;
}
export function table(
  head: readonly string[],
  rows: readonly (readonly unknown[])[],
  o: TableOptions = {},
): string {
  const cells = [head, ...rows].map((r) => r.map((c) => String(c ?? "")));
  const widths = head.map((_, i) => Math.max(...cells.map((r) => (r[i] ?? "").length)));
  const pad = (c: string, i: number) => {
    const w = widths[i] ?? 0;
    return o.right?.(i) ? c.padStart(w) : c.padEnd(w);
  };
  return cells.map((r) => r.map(pad).join(o.gap ?? "  ").trimEnd()).join("\n");
}
