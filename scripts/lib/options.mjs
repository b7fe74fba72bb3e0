// @ts-check
/** Arguments of scripts: --help prints the usage, anything wrong ends with exit code 2 and one line. */
import { parseArgs } from "node:util";

/** @typedef {import("node:util").ParseArgsConfig} Config */

/**
 * `read` makes of what was given what the script wants, and throws where it is wrong. The option --help is
 * there by itself.
 *
 * @template {Config} T
 * @template R
 * @param {{ program: string, usage: string, args: T, read: (parsed: ReturnType<typeof parseArgs<T>>) => R }} o
 * @returns {R}
 */
export function read_options({ program, usage, args, read }) {
  try {
    if (process.argv.slice(2).some((a) => a === "--help" || a === "-h")) {
      process.stdout.write(usage);
      process.exit(0);
    }
    return read(parseArgs(args));
  } catch (e) {
    process.stderr.write(`${program}: ${e instanceof Error ? e.message : e}; see --help\n`);
    return process.exit(2);
  }
}

/** @param {string} name @param {string} text @param {number} min */
export function whole_number(name, text, min) {
  const n = Number(text);
  if (Number.isInteger(n) && n >= min) return n;
  throw new Error(`${name} must be a whole number, ${min} or more, not "${text}"`);
}
/** @param {string} name @param {string} text */
export function positive(name, text) {
  const n = Number(text);
  if (n > 0) return n;
  throw new Error(`${name} must be a number above 0, not "${text}"`);
}

/**
 * What of `table` is to be played: all of it when nothing is named.
 *
 * @template T
 * @param {string} kind @param {Readonly<Record<string, T>>} table @param {readonly string[]} wanted
 */
export function chosen_of(kind, table, wanted) {
  const names = Object.keys(table);
  return (wanted.length > 0 ? wanted : names).map((name) => {
    const one = Object.hasOwn(table, name) ? table[name] : undefined;
    if (one === undefined) throw new Error(`no ${kind} "${name}"; there are ${names.join(", ")}`);
    return /** @type {const} */ ([name, one]);
  });
}
