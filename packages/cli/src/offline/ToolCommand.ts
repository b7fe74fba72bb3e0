/**
 * A tool of Ceph's as a command of ours: it reads its words itself, the way the original does.
 */
import { Command, Option, type ParseOptionsResult } from "commander";
import type { tool_option } from "./tool_args.ts";

/** Options that are declared here are for help and completion alone. */
export class ToolCommand extends Command {
  override parseOptions(argv: string[]): ParseOptionsResult {
    return { operands: argv, unknown: [] };
  }

  declare_options(options: readonly tool_option[]): this {
    for (const o of options) {
      if (o.about !== undefined) this.addOption(new Option(as_flags(o), o.about));
    }
    return this;
  }
}
function as_flags({ flags, value, more = [], optional }: tool_option): string {
  const words = flags.slice(0, 2).join(", ");
  if (value === undefined) return words;
  return optional ? `${words} [${value}]` : `${words} <${[value, ...more].join("> <")}>`;
}
