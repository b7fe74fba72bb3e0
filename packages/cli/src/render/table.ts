/**
 * Columns of text as Ceph prints them: two spaces apart, every cell padded to the width of its
 * column, the last one too. Ceph counterpart: TextTable (src/common/TextTable.h).
 */
export interface Column {
  readonly head: string;
  readonly align: "left" | "right";
  readonly head_align: "left" | "right";
}

/** Text: heading and cells to the left. */
export function left(head: string): Column {
  return { head, align: "left", head_align: "left" };
}
/** Numbers in most of Ceph's tables: heading to the left, cells to the right. */
export function num(head: string): Column {
  return { head, align: "right", head_align: "left" };
}
/** Numbers in the tables of `df`: all to the right. */
export function right(head: string): Column {
  return { head, align: "right", head_align: "right" };
}

const GAP = "  ";

/** Rows may be shorter than the columns. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const widths = columns.map((c, i) =>
    Math.max(c.head.length, ...rows.map((r) => String(r[i] ?? "").length)),
  );
  const cell = (text: string, i: number, align: Column["align"]) =>
    align === "right" ? text.padStart(widths[i] ?? 0) : text.padEnd(widths[i] ?? 0);
  const head = columns.map((c, i) => cell(c.head, i, c.head_align)).join(GAP);
  const lines = rows.map((r) =>
    columns.map((c, i) => cell(String(r[i] ?? ""), i, c.align)).join(GAP),
  );
  return [head, ...lines].join("\n");
}
