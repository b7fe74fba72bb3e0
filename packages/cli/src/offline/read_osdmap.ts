/**
 * Maps out of files, for the commands that work without a cluster. What a file is shows in its
 * content: Ceph's binary OSDMap (`ceph osd getmap`), the JSON of `ceph osd dump` or of
 * `ceph report`, or Tako's own encoding. A CRUSH map may come from a file of its own: binary, text
 * or JSON. Errors name the file, and the place in it.
 */
import { readFileSync } from "node:fs";
import {
  CommandError,
  type CrushWrapper,
  compile_crush,
  type crush_decode_options,
  crush_from_dump,
  decode_crush_binary,
  decode_osdmap_binary,
  is_osdmap_binary,
  MapError,
  OSDMap,
  osdmap_from_dump,
  type raw_osdmap,
} from "@tako/common";
import { file_error } from "../cli_context.ts";

export type osdmap_format = "ceph" | "json" | "tako";

export interface loaded_osdmap {
  readonly map: OSDMap;
  readonly format: osdmap_format;
  /** What only Ceph's binary map says. */
  readonly raw?: raw_osdmap;
  /** By OSD, to the last bit: a number of JavaScript's has too few. */
  readonly osd_features?: readonly bigint[];
  /** False: there was no CRUSH map, nothing can be placed. `ceph osd dump` leaves it out. */
  readonly has_crush: boolean;
}

export interface read_osdmap_options {
  /** File with a CRUSH map; it takes the place of the one in the map. */
  readonly crush?: string | undefined;
  /** Refuse a map without a CRUSH map. */
  readonly need_crush?: boolean;
}

/** `-` is standard input. Throws CommandError. */
export function read_osdmap(file: string, options: read_osdmap_options = {}): loaded_osdmap {
  const crush = options.crush === undefined ? undefined : read_crush(options.crush);
  const loaded = blame(file, () => parse_osdmap(read_bytes(file), crush));
  if (options.need_crush && !loaded.has_crush) {
    const how = "'ceph osd crush dump -f json' or 'ceph osd getcrushmap' has it";
    throw new CommandError("EINVAL", `${file}: no CRUSH map in it: give one with --crush (${how})`);
  }
  return loaded;
}

/** A CRUSH map: binary, text, JSON of `ceph osd crush dump`, or the one inside an OSDMap. */
export function read_crush(file: string): CrushWrapper {
  return blame(file, () => parse_crush(read_bytes(file)));
}

/** Any JSON file; `-` is standard input. Throws CommandError. */
export function read_json(file: string): unknown {
  return blame(file, () => parse_json(new TextDecoder().decode(read_bytes(file))));
}

/** Throws MapError or CommandError. `crush` replaces the CRUSH map that `bytes` have or lack. */
export function parse_osdmap(bytes: Uint8Array, crush?: CrushWrapper): loaded_osdmap {
  const with_crush = (m: OSDMap) => (crush ? new OSDMap({ ...m.f, crush }) : m);
  if (is_osdmap_binary(bytes)) {
    const { map, raw } = decode_osdmap_binary(bytes);
    const osd_features = raw.osd.osd_xinfo.map((x) => x.features);
    return { map: with_crush(map), raw, osd_features, format: "ceph", has_crush: true };
  }
  if (is_tako_map(bytes)) {
    return { map: with_crush(OSDMap.decode(bytes)), format: "tako", has_crush: true };
  }
  const text = text_of(bytes);
  if (text === undefined || !looks_like_json(text)) {
    throw new MapError(
      "bad_encoding",
      bytes.length === 0
        ? "the file is empty"
        : `${what_else(bytes, text)}: want a binary OSDMap or the JSON of 'ceph osd dump'`,
    );
  }
  const { dump, crush_dump } = find_dumps(parse_json(text));
  const found = crush ?? (crush_dump === undefined ? undefined : crush_from_dump(crush_dump));
  refuse_newer(dump);
  const map = osdmap_from_dump(dump, found ?? new OSDMap().crush);
  const osd_features = features_in(text, map.max_osd);
  return { map, osd_features, format: "json", has_crush: found !== undefined };
}

/** What changes placements and is not known here must not be passed over. */
function refuse_newer(dump: unknown): void {
  const primaries = is_object(dump) ? dump.pg_upmap_primaries : undefined;
  if (!Array.isArray(primaries) || primaries.length === 0) return;
  throw new MapError(
    "bad_encoding",
    "/pg_upmap_primaries: those of releases since reef are not read",
  );
}

/** The features of `osd_xinfo`, digit by digit. */
function features_in(text: string, max_osd: number): bigint[] {
  const out = new Array<bigint>(max_osd).fill(0n);
  const xinfo = text.slice(Math.max(0, text.indexOf('"osd_xinfo"')));
  for (const [, osd, bits] of xinfo.matchAll(/"osd"\s*:\s*(\d+)[^{}]*?"features"\s*:\s*(\d+)/g)) {
    if (Number(osd) < max_osd) out[Number(osd)] = BigInt(bits ?? 0);
  }
  return out;
}

export function parse_crush(bytes: Uint8Array, options: crush_decode_options = {}): CrushWrapper {
  if (is_crush_binary(bytes)) return decode_crush_binary(bytes, options);
  if (is_osdmap_binary(bytes) || is_tako_map(bytes)) return parse_osdmap(bytes).map.crush;
  const text = text_of(bytes);
  if (text === undefined) throw new MapError("bad_encoding", "neither a CRUSH map nor text");
  if (!looks_like_json(text)) return compile_crush(text);
  const json = parse_json(text);
  return crush_from_dump(find_dumps(json).crush_dump ?? json);
}

const CRUSH_MAGIC = [0x00, 0x00, 0x01, 0x00];
function is_crush_binary(bytes: Uint8Array): boolean {
  return CRUSH_MAGIC.every((b, i) => bytes[i] === b);
}
const TAKO_MAGIC = "tako osdmap 1";
/** The magic is a text after its length. */
function is_tako_map(bytes: Uint8Array): boolean {
  return new TextDecoder("latin1").decode(bytes.subarray(0, 24)).includes(TAKO_MAGIC);
}
function what_else(bytes: Uint8Array, text: string | undefined): string {
  if (is_crush_binary(bytes)) return "a CRUSH map, no OSDMap";
  return text === undefined ? "not an OSDMap of a release since firefly" : "no OSDMap";
}
function text_of(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}
function looks_like_json(text: string): boolean {
  return /^\s*[{[]/.test(text);
}

function parse_json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const at = /at position (\d+)/.exec(why)?.[1];
    const before = text.slice(0, at === undefined ? text.length : Number(at)).split("\n");
    const where = `line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`;
    const brief = why.replace(/ (in JSON )?at position.*$/, "").replace(/, ".*" is not/, ": not");
    throw new MapError("bad_encoding", `${where}: ${brief}`, { cause });
  }
}

/** The parts of `ceph report`; anything else is a dump itself. */
function find_dumps(json: unknown): { dump: unknown; crush_dump?: unknown } {
  if (!is_object(json)) return { dump: json };
  const dump = is_object(json.osdmap) && !("pools" in json) ? json.osdmap : json;
  const crush_dump = json.crushmap ?? json.crush ?? json.crush_dump;
  return { dump, ...(crush_dump !== undefined && { crush_dump }) };
}
function is_object(v: unknown): v is Record<string, unknown> {
  return typeof v === "object" && v !== null && !Array.isArray(v);
}

function read_bytes(file: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file === "-" ? 0 : file));
  } catch (e) {
    throw file_error(file, e);
  }
}
/** Puts the file's name before what is wrong with it. */
function blame<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (e) {
    if (!(e instanceof MapError || e instanceof CommandError)) throw e;
    if (e.message.startsWith(`${file}: `)) throw e;
    const code = e instanceof CommandError ? e.code : "EINVAL";
    throw new CommandError(code, `${file}: ${e.message}`, { cause: e });
  }
}
