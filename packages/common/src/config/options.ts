/**
 * The table of all options. An option that is not here does not exist, and is refused by name.
 */
import { CommandError } from "../errors.ts";
import type { OptionSpec, OptionType, ValueOf } from "./option.ts";
import { COMMON_OPTIONS } from "./options_common.ts";
import { MON_OPTIONS } from "./options_mon.ts";
import { OSD_OPTIONS } from "./options_osd.ts";

export const OPTIONS = { ...COMMON_OPTIONS, ...MON_OPTIONS, ...OSD_OPTIONS };
export type OptionName = keyof typeof OPTIONS;
/** The type of that option's value. */
export type OptionOf<N extends OptionName> =
  (typeof OPTIONS)[N] extends OptionSpec<infer T extends OptionType> ? ValueOf<T> : never;

/** In alphabetical order. */
export const OPTION_NAMES: readonly OptionName[] = Object.keys(OPTIONS).filter(is_option).sort();

export function is_option(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name);
}
/** Type, default, level and description of an option. */
export function option_spec(name: OptionName): OptionSpec {
  return OPTIONS[name];
}

/**
 * The option meant by `name`, which may be written with spaces or dashes as in ceph.conf;
 * CommandError EINVAL with the nearest names when there is none.
 */
export function find_option(name: string): OptionName {
  const n = name
    .trim()
    .toLowerCase()
    .replace(/[\s-]+/g, "_");
  if (is_option(n)) return n;
  const near = suggest(n);
  const hint = near.length === 0 ? "" : `; did you mean ${near.join(" or ")}?`;
  throw new CommandError("EINVAL", `unknown option ${name.slice(0, 80)}${hint}`);
}

/** Up to two names that a person may have meant. */
export function suggest(wrong: string): OptionName[] {
  if (wrong.length > 80) return [];
  const limit = Math.max(2, Math.floor(wrong.length / 4));
  const near = OPTION_NAMES.map((name) => ({ name, d: distance(wrong, name) }))
    .filter(({ name, d }) => d <= limit || (wrong.length >= 6 && name.endsWith(`_${wrong}`)))
    .sort((a, b) => a.d - b.d);
  const best = near[0]?.d ?? 0;
  return near
    .filter(({ d }) => d <= best + 1)
    .slice(0, 2)
    .map(({ name }) => name);
}

/** Levenshtein. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
