/** CRUSH maps in the files of crushtool: read whatever they hold, with its words for what fails. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { CommandError, CrushTextError, type CrushWrapper, MapError } from "@tako/common";
import { ToolError } from "../errors.ts";
import { type CrushtoolArgs, ME } from "./crushtool_options.ts";
import { parse_crush } from "./read_osdmap.ts";
import { errno_text } from "./tool_args.ts";

function read_file(file: string): Uint8Array {
  if (file === "-" && process.stdin.isTTY) throw new ToolError(1, "stdin must not be from a tty");
  try {
    return new Uint8Array(readFileSync(file === "-" ? 0 : file));
  } catch (cause) {
    const is_dir = cause instanceof Error && "code" in cause && cause.code === "EISDIR";
    const what = is_dir ? `bufferlist::read_file(${file}): read error:` : `can't open ${file}: `;
    const why = `${what}${errno_text(cause)}`;
    throw new ToolError(1, `${ME}: error reading '${file}': ${why}`, { cause });
  }
}

/** Throws ToolError that says what is wrong, and where. */
export function read_crush_file(a: CrushtoolArgs, file: string): CrushWrapper {
  const bytes = read_file(file);
  try {
    if (bytes.length === 0) throw new CommandError("EINVAL", "the file is empty");
    return parse_crush(bytes, { allow_older: a.allow_older });
  } catch (cause) {
    throw explained(file, cause);
  }
}
/** The text of -c, which may as well be no text. An empty one is an empty map. */
export function compile_crush_file(file: string): CrushWrapper {
  if (file !== "-" && !existsSync(file)) {
    throw new ToolError(ENOENT_CODE, `input file ${file} not found`);
  }
  try {
    return parse_crush(read_file(file));
  } catch (cause) {
    throw explained(file, cause);
  }
}
const ENOENT_CODE = 254;

function explained(file: string, cause: unknown): unknown {
  if (cause instanceof CrushTextError) {
    const { line, column, reason } = cause;
    return new ToolError(1, `${file}:${line} error: column ${column}: ${reason}`, { cause });
  }
  if (cause instanceof MapError || cause instanceof CommandError) {
    return new ToolError(1, `${ME}: unable to decode ${file}: ${cause.message}`, { cause });
  }
  return cause;
}

export function write_file(file: string, data: string | Uint8Array): void {
  try {
    writeFileSync(file, data);
  } catch (cause) {
    throw new ToolError(1, `${ME}: error writing '${file}': ${errno_text(cause)}`, { cause });
  }
}
