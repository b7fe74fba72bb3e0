/**
 * JSON text as Ceph writes it: bigints are numbers, and fractions have all the digits of a double.
 * Ceph counterpart: JSONFormatter.
 */
import { print_ostream_float } from "../../crush/print_float.ts";

/**
 * A value as Ceph's JSON formatter prints it: floats by their digits, `indent` per level or one
 * line.
 */
export function json_text(value: unknown, indent = ""): string {
  return write(value, indent, "");
}

const DOUBLE_DIGITS = 17;

function write(v: unknown, indent: string, margin: string): string {
  if (typeof v === "bigint") return String(v);
  if (typeof v === "number" && !Number.isInteger(v) && Number.isFinite(v)) {
    return print_ostream_float(v, DOUBLE_DIGITS);
  }
  if (typeof v !== "object" || v === null) return JSON.stringify(v) ?? "null";
  const inner = margin + indent;
  const isList = Array.isArray(v);
  const entries = (o: object) => (o instanceof Map ? [...o] : Object.entries(o));
  const parts = isList
    ? v.map((e) => write(e, indent, inner))
    : entries(v)
        .filter(([, e]) => e !== undefined)
        .map(([k, e]) => `${JSON.stringify(String(k))}:${indent && " "}${write(e, indent, inner)}`);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (parts.length === 0) return open + close;
  if (indent === "") return open + parts.join(",") + close;
  return `${open}\n${parts.map((p) => inner + p).join(",\n")}\n${margin}${close}`;
}
