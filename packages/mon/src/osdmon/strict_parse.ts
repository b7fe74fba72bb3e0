/**
 * Numbers in commands: the value, or in words what is wrong with the text.
 * Ceph counterpart: src/common/strtol.cc.
 */

/** A number; a text says why there is none. */
export type Parsed = number | string;

export function strict_strtoll(text: string): Parsed {
  if (!/^\s*[-+]?\d+$/.test(text)) return `Expected option value to be integer, got '${text}'`;
  const n = Number(text);
  return Number.isSafeInteger(n) ? n : `The option value '${text}' seems to be invalid`;
}

export function strict_strtod(text: string): Parsed {
  const n = /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(n) ? n : `strict_strtod: expected double, got: '${text}'`;
}

const PREFIXES = "BKMGTPE";

/** `10`, `10K`, `10Ki`: in powers of 1024. */
export function strict_iecstrtoll(text: string, least = Number.MIN_SAFE_INTEGER): Parsed {
  if (text === "") return "strict_iecstrtoll: value not specified";
  const [, digits = "", unit = ""] = /^([-+0-9]*)(.*)$/s.exec(text) ?? [];
  if (unit === "Bi") return 'strict_iecstrtoll: illegal prefix "Bi"';
  if (unit.length > 2) return "strict_iecstrtoll: illegal prefix (length > 2)";
  const power = unit === "" ? 0 : PREFIXES.indexOf(unit.slice(0, 1));
  if (power < 0) return "strict_iecstrtoll: unit prefix not recognized";
  return scaled("strict_iecstrtoll", digits, 1024 ** power, least);
}

/** `10`, `10K`: in powers of 1000; nothing negative. */
export function strict_si_cast(text: string): Parsed {
  if (text === "") return "strict_sistrtoll: value not specified";
  const has_unit = /[^-+0-9]/.test(text);
  const power = has_unit ? PREFIXES.indexOf(text.slice(-1)) : 0;
  if (power < 0) return "strict_si_cast: unit prefix not recognized";
  const digits = has_unit ? text.slice(0, -1) : text;
  return scaled("strict_sistrtoll", digits, 1000 ** power, 0);
}

function scaled(who: string, digits: string, factor: number, least: number): Parsed {
  const n = strict_strtoll(digits);
  if (typeof n === "string") return n;
  if (n < 0 && least >= 0) return `${who}: value should not be negative`;
  if (n * factor < least) return `${who}: value seems to be too small`;
  return n * factor > Number.MAX_SAFE_INTEGER ? `${who}: value seems to be too large` : n * factor;
}
