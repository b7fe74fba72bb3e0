/**
 * The options a pool carries for whoever reads them: what each may be set to, in words Ceph's. A
 * store that does not compress ignores the options of compression, and so on.
 * Ceph counterpart: pool_opts_t, OSDMonitor::prepare_command_pool_set. cluster.md §3.12.
 */
import { CommandError, type pg_pool_t } from "@tako/common";
import { type Parsed, strict_iecstrtoll, strict_strtod, strict_strtoll } from "./strict_parse.ts";

type Value = string | number;
/** Looks a pool up by its name; -1 for none. */
type PoolByName = (name: string) => number;

/** The value that a text stands for; 0 takes the option away. */
type Reader = (text: string, pool: pg_pool_t, pool_by_name: PoolByName) => Value;

function bad(text: string): never {
  throw new CommandError("EINVAL", text);
}
/** The number, or EINVAL: `error parsing int value 'x': why`. */
export function number_of(kind: string, text: string, parsed: Parsed): number {
  return typeof parsed === "number"
    ? parsed
    : bad(`error parsing ${kind} value '${text}': ${parsed}`);
}

const integer: Reader = (t) => number_of("integer", t, strict_strtoll(t));
const double: Reader = (t) => number_of("floating point", t, strict_strtod(t));
const int: Reader = (t) => number_of("int", t, strict_strtoll(t));
/** A number of bytes. */
const int_bytes: Reader = (t) => number_of("int", t, strict_iecstrtoll(t));
const any_text: Reader = (t) => t;

function one_of(what: string, words: readonly string[]): Reader {
  return (t) => (words.includes(t) ? t : bad(`unrecognized ${what} '${t}'`));
}
function in_range(read: Reader, least: number, most: number, text: string): Reader {
  return (t, ...rest) => {
    const n = Number(read(t, ...rest));
    return n >= least && n <= most ? n : bad(text);
  };
}

export const CSUM_TYPES: readonly string[] = [
  "",
  "none",
  "xxhash32",
  "xxhash64",
  "crc32c",
  "crc32c_16",
  "crc32c_8",
];

function pg_num_min(t: string, p: pg_pool_t): number {
  const n = number_of("int", t, strict_strtoll(t));
  return n <= p.pg_num_target ? n : bad(`specified pg_num_min ${n} > pg_num ${p.pg_num_target}`);
}
function pg_num_max(t: string, p: pg_pool_t): number {
  const n = number_of("int", t, strict_strtoll(t));
  return n === 0 || n >= p.pg_num_target
    ? n
    : bad(`specified pg_num_max ${n} < pg_num ${p.pg_num_target}`);
}
function compression_required_ratio(t: string): number {
  const n = number_of("float", t, strict_strtod(t));
  return n >= 0 && n <= 1 ? n : bad(`compression_required_ratio is out of range (0-1): '${t}'`);
}
function target_size_ratio(t: string): number {
  const n = number_of("floating point", t, strict_strtod(t));
  return n >= 0 ? n : bad("target_size_ratio cannot be negative");
}
function csum_type(t: string): number {
  const n = CSUM_TYPES.indexOf(t);
  return n > 0 ? n : bad(`unrecognized csum_type '${t}'`);
}
function dedup_tier(t: string, _p: pg_pool_t, pool_by_name: PoolByName): number {
  const id = pool_by_name(t);
  return id >= 0 ? id : bad("expecting value 'pool name'");
}

const COMPRESSION_MODES = ["none", "passive", "aggressive", "force"];
const COMPRESSION_ALGORITHMS = ["none", "snappy", "zlib", "zstd", "lz4"];

/** In the order of `osd pool get <pool> all`. */
const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ["scrub_min_interval", double],
  ["scrub_max_interval", double],
  ["deep_scrub_interval", double],
  [
    "recovery_priority",
    in_range(int, -10, 10, "pool recovery_priority must be between -10 and 10"),
  ],
  ["recovery_op_priority", integer],
  ["scrub_priority", integer],
  ["compression_mode", one_of("compression mode", COMPRESSION_MODES)],
  ["compression_algorithm", one_of("compression_algorithm", COMPRESSION_ALGORITHMS)],
  ["compression_required_ratio", compression_required_ratio],
  ["compression_max_blob_size", int_bytes],
  ["compression_min_blob_size", int_bytes],
  ["csum_type", csum_type],
  ["csum_max_block", int_bytes],
  ["csum_min_block", int_bytes],
  ["fingerprint_algorithm", any_text],
  ["pg_num_min", pg_num_min],
  ["target_size_bytes", (t) => number_of("unit", t, strict_iecstrtoll(t))],
  ["target_size_ratio", target_size_ratio],
  ["pg_autoscale_bias", in_range(double, 0, 1000, "pg_autoscale_bias must be between 0 and 1000")],
  ["read_lease_interval", double],
  ["dedup_tier", dedup_tier],
  ["dedup_chunk_algorithm", any_text],
  ["dedup_cdc_chunk_size", int],
  ["pg_num_max", pg_num_max],
]);
/** Those that the word `unset` takes away; the others go with a 0. */
const UNSETTABLE: ReadonlySet<string> = new Set([
  "compression_mode",
  "compression_algorithm",
  "csum_type",
  "fingerprint_algorithm",
  "dedup_chunk_algorithm",
]);

export const POOL_OPTS: readonly string[] = [...READERS.keys()];

/** The options with `name` set to what `text` says; undefined when there is no such option. */
export function set_opt(
  pool: pg_pool_t,
  name: string,
  text: string,
  pool_by_name: PoolByName,
): pg_pool_t["opts"] | undefined {
  const read = READERS.get(name);
  if (!read) return undefined;
  const opts = new Map(pool.opts);
  const gone = text === "unset" && UNSETTABLE.has(name);
  const value = gone ? 0 : read(text, pool, pool_by_name);
  if (value === 0) opts.delete(name);
  else opts.set(name, value);
  return opts;
}
/** As `osd pool get` shows it. */
export function shown_opt(name: string, value: Value): Value {
  return name === "csum_type" ? (CSUM_TYPES[Number(value)] ?? value) : value;
}
