// @ts-check
/** Arguments of scripts that play what has names: NAME..., --timeout SECS, --help, and options of their own. */
import { parseArgs } from "node:util";

/** @typedef {NonNullable<import("node:util").ParseArgsConfig["options"]>} Options */

const COMMON = /** @type {const} */ ({
  timeout: { type: "string", default: "60" },
  help: { type: "boolean", short: "h" },
});

/**
 * What of `table` is to be played (no name: all of it), with the options. Prints `usage` and exits for
 * --help; exits with 2 and one line about what is wrong.
 *
 * @template T
 * @param {{ program: string, kind: string, usage: string, table: Readonly<Record<string, T>>, options: Options }} o
 */
export function named_options({ program, kind, usage, table, options }) {
  /** @param {string} why @returns {never} */
  const refuse = (why) => {
    console.error(`${program}: ${why}`);
    process.exit(2);
  };
  /** @returns {{ values: Readonly<Record<string, unknown>>, positionals: string[] }} */
  const parse = () => {
    try {
      return parseArgs({ allowPositionals: true, options: { ...COMMON, ...options } });
    } catch (e) {
      return refuse(e instanceof Error ? e.message : String(e));
    }
  };
  const { values, positionals } = parse();
  if (values.help) {
    process.stdout.write(usage);
    process.exit(0);
  }
  const secs = Number(values.timeout);
  if (!(secs > 0)) refuse(`--timeout: want seconds above 0, got "${values.timeout}"`);
  const names = Object.keys(table);
  const chosen = (positionals.length > 0 ? positionals : names).map((name) => {
    const one = Object.hasOwn(table, name) ? table[name] : undefined;
    if (one === undefined) return refuse(`no ${kind} "${name}"; there are ${names.join(", ")}`);
    return /** @type {const} */ ([name, one]);
  });
  return { chosen, timeout_ms: secs * 1000, values };
}
