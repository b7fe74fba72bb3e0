/**
 * What an option is: its type, bounds, default and who reads it; and how text becomes its value.
 * Pure. Ceph counterpart: src/common/options.h (Option). Options: peering.md §14, cluster.md §9.
 */
import { CommandError } from "../errors.ts";

export type OptionType = "int" | "float" | "bool" | "str" | "size" | "secs";
export type Service = "mon" | "osd" | "client";
/** The TypeScript type of an option's value. Seconds may be fractions; sizes are bytes. */
export type ValueOf<T extends OptionType> = T extends "bool"
  ? boolean
  : T extends "str"
    ? string
    : number;
export type OptionValue = string | number | boolean;

export interface OptionSpec<T extends OptionType = OptionType> {
  readonly type: T;
  readonly default: ValueOf<T>;
  readonly desc: string;
  readonly services: readonly Service[];
  readonly min?: number;
  readonly max?: number;
  readonly allowed?: readonly string[];
  /** Only read when the daemon starts: `config set` is refused. */
  readonly startup?: true;
  /** Not one of Ceph's: this project's own. */
  readonly tako?: true;
}
type More = Pick<OptionSpec, "min" | "max" | "allowed" | "startup" | "tako">;

function maker<T extends OptionType>(type: T) {
  return (
    value: ValueOf<T>,
    services: readonly Service[],
    desc: string,
    more: More = {},
  ): OptionSpec<T> => ({ type, default: value, desc, services, ...more });
}
export const int = maker("int");
export const float = maker("float");
export const bool = maker("bool");
export const str = maker("str");
export const size = maker("size");
export const secs = maker("secs");

/** Most seconds an option may have: ten years; keeps every timer arithmetic exact. */
const MAX_SECS = 10 * 365 * 86400;
const SIZE_UNITS = ["", "K", "M", "G", "T", "P"];
const SECS_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  ms: 0.001,
  s: 1,
  sec: 1,
  m: 60,
  min: 60,
  h: 3600,
  hr: 3600,
  d: 86400,
  day: 86400,
  w: 604800,
};
const TYPE_WORDS: Readonly<Record<OptionType, string>> = {
  int: "an integer",
  float: "a number",
  bool: "true or false",
  str: "text",
  size: "a size in bytes such as 4096, 64K or 8M",
  secs: "a time in seconds such as 5, 0.25, 100ms or 2h",
};

/** The value that `raw` stands for; CommandError EINVAL naming the option when it is none. */
export function parse_option(name: string, spec: OptionSpec, raw: OptionValue): OptionValue {
  const v = typeof raw === "string" ? from_text(spec.type, raw.trim()) : from_value(spec.type, raw);
  if (v === undefined) {
    throw bad(name, `must be ${TYPE_WORDS[spec.type]}, got "${shorten(String(raw))}"`);
  }
  if (typeof v === "number") check_range(name, spec, v);
  if (typeof v === "string") check_text(name, spec, v);
  return v;
}

function check_range(name: string, spec: OptionSpec, v: number): void {
  const signed = spec.type === "int" || spec.type === "float";
  const min = spec.min ?? (signed ? Number.MIN_SAFE_INTEGER : 0);
  const max = spec.max ?? (spec.type === "secs" ? MAX_SECS : Number.MAX_SAFE_INTEGER);
  if (v < min) throw bad(name, `must be at least ${min}, got ${v}`);
  if (v > max) throw bad(name, `must be at most ${max}, got ${v}`);
}

function check_text(name: string, spec: OptionSpec, v: string): void {
  if (spec.allowed !== undefined && !spec.allowed.includes(v)) {
    throw bad(name, `must be one of ${spec.allowed.join(", ")}, got "${shorten(v)}"`);
  }
  if (/[\n\r\0]/.test(v)) throw bad(name, "must not contain line breaks");
}

function from_value(type: OptionType, raw: number | boolean): OptionValue | undefined {
  if (type === "bool") return typeof raw === "boolean" ? raw : undefined;
  if (type === "str") return String(raw);
  if (typeof raw !== "number" || !Number.isFinite(raw)) return undefined;
  return type === "int" || type === "size" ? whole(raw) : raw;
}

function from_text(type: OptionType, raw: string): OptionValue | undefined {
  switch (type) {
    case "str":
      return raw;
    case "bool":
      if (/^(true|yes|on|1)$/i.test(raw)) return true;
      return /^(false|no|off|0)$/i.test(raw) ? false : undefined;
    case "int":
      return /^[+-]?\d{1,16}$/.test(raw) ? whole(Number(raw)) : undefined;
    case "float":
      return decimal(raw);
    case "size":
      return size_from_text(raw);
    case "secs":
      return secs_from_text(raw);
  }
}

function size_from_text(raw: string): number | undefined {
  const m = /^(\d{1,16}(?:\.\d{1,6})?)\s*([KMGTP]?)(?:i?B?)$/i.exec(raw);
  if (m === null) return undefined;
  return whole(Number(m[1]) * 1024 ** SIZE_UNITS.indexOf((m[2] ?? "").toUpperCase()));
}

function secs_from_text(raw: string): number | undefined {
  const m = /^([0-9.eE+-]+?)\s*([a-z]*)$/.exec(raw);
  const n = m === null ? undefined : decimal(m[1] ?? "");
  const unit = Object.hasOwn(SECS_UNITS, m?.[2] ?? "") ? SECS_UNITS[m?.[2] ?? ""] : undefined;
  return n === undefined || unit === undefined ? undefined : n * unit;
}

function decimal(raw: string): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(raw)) return undefined;
  const n = Number(raw);
  return Number.isFinite(n) ? n : undefined;
}
function whole(n: number): number | undefined {
  return Number.isSafeInteger(n) ? n : undefined;
}
function shorten(s: string): string {
  return s.length > 60 ? `${s.slice(0, 57)}...` : s;
}
function bad(name: string, what: string): CommandError {
  return new CommandError("EINVAL", `option ${name} ${what}`);
}

/** The text `config show` prints; parse_option reads it back. */
export function option_text(v: OptionValue): string {
  return typeof v === "string" ? v : String(v);
}
