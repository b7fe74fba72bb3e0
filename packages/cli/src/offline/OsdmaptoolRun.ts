/** One run of osdmaptool: the map it is about, what it prints, and where the map goes at the end. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import {
  CommandError,
  CrushWrapper,
  encode_osdmap_binary,
  json_text,
  MapError,
  OSDMap,
  type osdmap_file,
  type raw_osdmap,
} from "@tako/common";
import type { CliIo, Format } from "../cli_context.ts";
import { ToolError } from "../errors.ts";
import type { osdmaptool_key } from "./osdmaptool_options.ts";
import { type osdmap_format, parse_osdmap, read_crush } from "./read_osdmap.ts";
import { errno_text, type ToolArgs } from "./tool_args.ts";

/** The exit code of a main() that returns -1. */
const EXIT_FAILED = 255;

export interface RunSetup {
  readonly io: CliIo;
  readonly args: ToolArgs<osdmaptool_key>;
  readonly file: string;
  readonly format: Format;
  readonly out_file: string | undefined;
}

const USAGE =
  " usage: tako osdmaptool [options] <mapfile> ('tako osdmaptool --help' has the options)";
/** The line goes to stderr; how it is meant goes to stdout, as the original has it. */
export function usage_error(io: CliIo, line: string): ToolError {
  io.out(`${USAGE}\n`);
  return new ToolError(1, `osdmaptool: ${line}`);
}

export class OsdmaptoolRun {
  readonly io: CliIo;
  readonly args: ToolArgs<osdmaptool_key>;
  readonly file: string;
  readonly format: Format;
  readonly #out_file: string | undefined;
  /** What JSON output will say, by what it is about. */
  readonly #answers: Record<string, unknown> = {};
  map = new OSDMap();
  raw: raw_osdmap | undefined;
  osd_features: readonly bigint[] | undefined;
  /** The map has changed so that it is to be written. */
  modified = false;
  #read_as: osdmap_format = "ceph";
  #has_crush = true;

  constructor(setup: RunSetup) {
    this.io = setup.io;
    this.args = setup.args;
    this.file = setup.file;
    this.format = setup.format;
    this.#out_file = setup.out_file;
    this.io.err(`osdmaptool: osdmap file '${this.file}'\n`);
  }

  // ---------------------------------------------------------------- output

  /** Narration: among the data, as the original has it; apart from it where the data is JSON. */
  say(line: string): void {
    if (this.format === "plain") this.io.out(`${line}\n`);
    else this.io.err(`${line}\n`);
  }
  /** An answer, as text of whole lines or as data. */
  answer(about: string, data: unknown, text: string): void {
    if (this.format === "plain") this.io.out(text);
    else this.#answers[about] = data;
  }
  finish(): void {
    if (this.format === "plain") return;
    const indent = this.format === "json-pretty" ? "    " : "";
    this.io.out(`${json_text(this.#answers, indent)}\n`);
  }
  fail(line: string, exit_code = 1, cause?: unknown): never {
    throw new ToolError(exit_code, line, { cause });
  }
  /** The words are wrong, not the map. */
  usage(line: string): never {
    throw usage_error(this.io, line);
  }

  // ---------------------------------------------------------------- the map

  load(): void {
    const bytes = this.#read();
    const crush = this.args.text("--crush");
    try {
      const loaded = parse_osdmap(bytes, crush === undefined ? undefined : read_crush(crush));
      this.map = in_order(loaded.map);
      this.raw = loaded.raw;
      this.osd_features = loaded.osd_features;
      this.#read_as = loaded.format;
      this.#has_crush = loaded.has_crush;
    } catch (e) {
      if (e instanceof CommandError && crush !== undefined && e.message.startsWith(crush)) throw e;
      if (!(e instanceof MapError || e instanceof CommandError)) throw e;
      const what = `osdmaptool: error decoding osdmap '${this.file}'`;
      this.fail(`${what}: ${e.message}`, EXIT_FAILED, e);
    }
  }
  #read(): Uint8Array {
    try {
      return new Uint8Array(readFileSync(this.file === "-" ? 0 : this.file));
    } catch (e) {
      const why = errno_text(e);
      const is_dir = e instanceof Error && "code" in e && e.code === "EISDIR";
      const where = is_dir ? `bufferlist::read_file(${this.file}): read error:` : "";
      const what = where === "" ? `can't open ${this.file}: ` : where;
      return this.fail(`osdmaptool: couldn't open ${this.file}: ${what}${why}`, EXIT_FAILED, e);
    }
  }
  /** The map is made, not read. */
  start_with(made: osdmap_file): void {
    this.map = made.map;
    this.raw = made.raw;
    this.modified = true;
  }
  refuse_to_overwrite(): void {
    if (!existsSync(this.file)) return;
    this.fail(`osdmaptool: ${this.file} exists, --clobber to overwrite`, EXIT_FAILED);
  }
  need_crush(): void {
    if (this.#has_crush) return;
    const why = "the JSON of 'ceph osd dump' has no CRUSH map: give one with --crush";
    this.fail(`osdmaptool: ${this.file}: ${why}`);
  }
  bump_epoch(): void {
    this.map = new OSDMap({ ...this.map.f, epoch: this.map.epoch + 1 }, this.map);
  }

  write(): void {
    const to = this.#out_file ?? this.file;
    if (!this.modified && this.#out_file === undefined) return;
    if (this.#read_as === "json" && this.#out_file === undefined) {
      const how = "--out-file writes the map into a file of its own";
      this.fail(`osdmaptool: ${this.file} is JSON, which is not written: ${how}`);
    }
    this.say(`osdmaptool: writing epoch ${this.map.epoch} to ${to}`);
    const own = this.#read_as === "tako" && this.#out_file === undefined;
    try {
      writeFileSync(to, own ? this.map.encode() : encode_osdmap_binary(this.map, this.raw));
    } catch (e) {
      this.fail(`osdmaptool: error writing to '${to}': ${errno_text(e)}`, 1, e);
    }
  }
}

/** Ceph keeps weight sets by id, whatever order they had in the file. */
function in_order(map: OSDMap): OSDMap {
  const { map: crush } = map.crush;
  const ids = [...crush.choose_args.keys()];
  if (ids.every((id, i) => i === 0 || id > (ids[i - 1] ?? id))) return map;
  const choose_args = new Map([...crush.choose_args].sort(([a], [b]) => a - b));
  return new OSDMap({ ...map.f, crush: new CrushWrapper({ ...crush, choose_args }) });
}
