/**
 * The configuration file: `key = value` lines under [global], [osd] or [osd.3], as in ceph.conf.
 * `#` and `;` begin a comment; a value may stand in quotes. Pure: takes the text, not the file.
 */
import { CommandError } from "../errors.ts";
import type { entity_name_t } from "../types/entity.ts";

export interface IniLine {
  readonly section: string;
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

/** Those of daemons that are not here may stand in a file of Ceph's. */
const SECTION = /^\[\s*(global|(?:mon|mgr|mds|osd|client)(?:\.[A-Za-z0-9_.-]+)?)\s*\]$/;

/** CommandError EINVAL with file and line for anything that is neither a section nor a setting. */
export function parse_ini(text: string, file: string): IniLine[] {
  const out: IniLine[] = [];
  let section = "global";
  text.split(/\r?\n/).forEach((raw, i) => {
    const line = strip_comment(raw).trim();
    if (line === "") return;
    if (line.startsWith("[")) {
      const m = SECTION.exec(line);
      if (m?.[1] === undefined) {
        throw wrong(file, i + 1, `"${line.slice(0, 60)}" is no section; [global], [osd], [osd.3]`);
      }
      section = m[1];
      return;
    }
    const eq = line.indexOf("=");
    if (eq <= 0) throw wrong(file, i + 1, "expected key = value");
    const key = line.slice(0, eq).trim();
    out.push({ section, key, value: unquote(line.slice(eq + 1).trim()), line: i + 1 });
  });
  return out;
}

/** From the general to the particular: later ones win. */
export function sections_of(name: entity_name_t): string[] {
  return ["global", name.slice(0, name.indexOf(".")), name];
}

function strip_comment(line: string): string {
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const c = line[i] ?? "";
    if (quote !== "") {
      if (c === quote) quote = "";
    } else if (c === '"' || c === "'") quote = c;
    else if (c === "#" || c === ";") return line.slice(0, i);
  }
  return line;
}

function unquote(v: string): string {
  const q = v[0];
  return v.length >= 2 && (q === '"' || q === "'") && v.endsWith(q) ? v.slice(1, -1) : v;
}

function wrong(file: string, line: number, what: string): CommandError {
  return new CommandError("EINVAL", `${file}:${line}: ${what}`);
}
