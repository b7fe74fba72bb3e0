/** JSON text in which bigints are numbers, as they are for Ceph. */
export function json_text(value: unknown, indent = ""): string {
  return write(value, indent, "");
}

function write(v: unknown, indent: string, margin: string): string {
  if (typeof v === "bigint") return String(v);
  if (typeof v !== "object" || v === null) return JSON.stringify(v) ?? "null";
  const inner = margin + indent;
  const isList = Array.isArray(v);
  const parts = isList
    ? v.map((e) => write(e, indent, inner))
    : Object.entries(v)
        .filter(([, e]) => e !== undefined)
        .map(([k, e]) => `${JSON.stringify(k)}:${indent && " "}${write(e, indent, inner)}`);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (parts.length === 0) return open + close;
  if (indent === "") return open + parts.join(",") + close;
  return `${open}\n${parts.map((p) => inner + p).join(",\n")}\n${margin}${close}`;
}
