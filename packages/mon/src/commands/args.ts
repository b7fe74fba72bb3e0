/**
 * Arguments of a command, by name, checked. The names are those of Ceph's command table: `pool`,
 * `pg_num`, `ids`, `id`, `var`, `val`, `yes_i_really_mean_it` ... A wrong one ends the command with
 * EINVAL and one line that names it. Ceph counterpart: cmd_getval, src/mon/MonCommands.h.
 */
import { type OSDMap, pg_parse, type pg_t } from "@tako/common";
import { strict_strtoll } from "../osdmon/strict_parse.ts";
import { fail } from "./reply.ts";

export type Cmd = Readonly<Record<string, unknown>>;

function shown(v: unknown): string {
  const t = typeof v === "string" ? v : (JSON.stringify(v) ?? String(v));
  return t.length > 60 ? `${t.slice(0, 57)}...` : t;
}

export class Args {
  private readonly cmd: Cmd;
  constructor(cmd: Cmd) {
    this.cmd = cmd;
  }

  has(name: string): boolean {
    const v = this.raw(name);
    return v !== undefined && v !== null && v !== "";
  }

  /** Required text (numbers are taken as text). */
  str(name: string, what = name): string {
    const v = this.opt_str(name);
    return v ?? fail("EINVAL", `missing required argument: ${what}`);
  }
  opt_str(name: string): string | undefined {
    if (!this.has(name)) return undefined;
    const v = this.raw(name);
    if (typeof v === "string") return v;
    if (typeof v === "number" || typeof v === "boolean") return String(v);
    return fail("EINVAL", `${name} must be text, got '${shown(v)}'`);
  }

  int(name: string, min: number, max: number): number {
    return this.opt_int(name, min, max) ?? fail("EINVAL", `missing required argument: ${name}`);
  }
  opt_int(name: string, min: number, max: number): number | undefined {
    if (!this.has(name)) return undefined;
    const v = this.raw(name);
    const n = typeof v === "string" && /^-?\d{1,15}$/.test(v) ? Number(v) : v;
    if (typeof n === "number" && Number.isInteger(n) && n >= min && n <= max) return n;
    return fail("EINVAL", `${name} must be an integer from ${min} to ${max}, got '${shown(v)}'`);
  }

  float(name: string, min: number, max: number): number {
    const v = this.raw(name);
    if (!this.has(name)) return fail("EINVAL", `missing required argument: ${name}`);
    const n = typeof v === "string" && /^-?(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(v) ? Number(v) : v;
    if (typeof n === "number" && n >= min && n <= max) return n;
    const range = max === Number.MAX_VALUE ? `at least ${min}` : `from ${min} to ${max}`;
    return fail("EINVAL", `${name} must be a number ${range}, got '${shown(v)}'`);
  }

  /** One number or several. */
  floats(name: string, min: number, max: number): number[] {
    const v = this.raw(name);
    if (!Array.isArray(v)) return [this.float(name, min, max)];
    return v.map((x: unknown) => new Args({ [name]: x }).float(name, min, max));
  }

  /** A list of words; a single word counts as a list of one. */
  list(name: string): string[] {
    const v = this.raw(name);
    if (v === undefined || v === null || v === "") return [];
    if (!Array.isArray(v)) return [this.str(name)];
    return v.map((x: unknown) => {
      if (typeof x === "string" || typeof x === "number") return String(x);
      return fail("EINVAL", `${name} must be a list of words, got '${shown(x)}'`);
    });
  }

  /** A yes: `true`, or the option's own text: `--yes-i-really-mean-it`. */
  flag(name: string): boolean {
    const v = this.raw(name);
    if (v === undefined || v === null || v === false || v === "" || v === "false") return false;
    if (v === true || v === "true") return true;
    const words = String(v).replace(/^--/, "").replaceAll("-", "_");
    if (words === name) return true;
    return fail("EINVAL", `${name} must be true or false, got '${shown(v)}'`);
  }

  oneOf<const T extends readonly string[]>(name: string, allowed: T): T[number] {
    const v = this.str(name);
    const found = allowed.find((a) => a === v);
    return found ?? fail("EINVAL", `${name} must be one of ${allowed.join("|")}, got '${v}'`);
  }
  opt_oneOf<const T extends readonly string[]>(name: string, allowed: T): T[number] | undefined {
    return this.has(name) ? this.oneOf(name, allowed) : undefined;
  }

  /** `3` or `osd.3`. */
  osd(name = "id"): number {
    return parse_osd(this.str(name));
  }
  /** Several ids; `all`, `any` and `*` stand for all that exist. */
  osds(map: OSDMap, name = "ids"): number[] {
    const words = this.list(name);
    if (words.length === 0) return fail("EINVAL", `missing required argument: ${name}`);
    const ids = new Set<number>();
    for (const w of words) {
      if (is_wildcard(w)) for (const o of map.get_all_osds()) ids.add(o);
      else ids.add(parse_osd(w));
    }
    return [...ids].sort((a, b) => a - b);
  }

  /** A PG that exists. */
  pgid(map: OSDMap, none = (text: string) => `pg ${text} does not exist`, name = "pgid"): pg_t {
    const t = this.str(name);
    const pg = pg_parse(t);
    if (!pg) return fail("EINVAL", `invalid pgid '${t}'`);
    return map.pg_exists(pg) ? pg : fail("ENOENT", none(pg));
  }

  /** Id of a pool named by name, or by number where that is no pool's name. */
  pool(map: OSDMap, name = "pool"): number {
    const t = this.str(name);
    const id = map.lookup_pg_pool_name(t);
    return id >= 0 ? id : fail("ENOENT", `unrecognized pool '${t}'`);
  }

  /** Own keys only: a command has no prototype to speak of. */
  private raw(name: string): unknown {
    return Object.hasOwn(this.cmd, name) ? this.cmd[name] : undefined;
  }
}

export function is_wildcard(word: string | undefined): boolean {
  return word === "all" || word === "any" || word === "*";
}

/** An OSD of a list, or what is wrong with the word, and the number that Ceph has for that. */
export type OsdWord =
  | { readonly osd: number; readonly why?: undefined }
  | { readonly why: string; readonly code: number };

export function parse_osd_id(word: string): OsdWord {
  const text = word.replace(/^osd\./, "");
  if (/^[-+]/.test(text)) return { why: `expected numerical value, got: ${text}`, code: -22 };
  const n = strict_strtoll(text);
  return typeof n === "number" ? { osd: n } : { why: n, code: -1 };
}

/** As far as the ids of CRUSH go; the last one stands for none. */
const MAX_ID = 0x7fffffff;

export function parse_osd(text: string): number {
  const m = /^(?:osd\.)?(\d{1,10})$/.exec(text);
  const id = Number(m?.[1] ?? -1);
  return id >= 0 && id <= MAX_ID ? id : fail("EINVAL", `'${text}' is not an osd id: 3 or osd.3`);
}
