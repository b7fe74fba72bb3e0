/**
 * CRUSH as part of a map's encoding. What comes in is checked until the mapper can trust it: every
 * search ends, every item is there.
 */

import { CrushWrapper } from "../crush/CrushWrapper.ts";
import { find_crush_fault } from "../crush/check.ts";
import {
  CRUSH_RULE_OPS,
  type crush_algorithm,
  type crush_bucket,
  type crush_choose_arg,
  type crush_encoding,
  type crush_map,
  type crush_op,
  type crush_rule,
  type crush_rule_step,
  type crush_tunables,
} from "../crush/types.ts";
import {
  by_number,
  type Codec,
  decode,
  encode,
  i32,
  list,
  map,
  one_of,
  optional,
  sint,
  struct,
  text,
  u8,
  u16,
  u32,
  uint,
} from "./bytes.ts";
import { MapError } from "./MapError.ts";

const MAGIC = "tako crush 2";
const MAX_DEVICES = 1 << 20;
const MAX_BUCKETS = 1 << 20;

const bucket_id = sint(-MAX_BUCKETS, -1);
const item = sint(-MAX_BUCKETS, MAX_DEVICES - 1);
const tries = uint(0x7fffffff);

const bucket = struct<crush_bucket>({
  id: bucket_id,
  type: uint(0xffff),
  alg: one_of<crush_algorithm>(1, 2, 3, 4, 5),
  hash: one_of(0),
  weight: u32,
  items: list(item),
  item_weights: list(u32),
  derived: optional(list(u32)),
});
const step = struct<crush_rule_step>({
  op: one_of<crush_op>(...Object.values(CRUSH_RULE_OPS)),
  arg1: i32,
  arg2: i32,
});
const rule = struct<crush_rule>({
  id: u8,
  name: text,
  ruleset: optional(u8),
  type: u8,
  min_size: u8,
  max_size: u8,
  steps: list(step),
});
const tunables = struct<crush_tunables>({
  choose_local_tries: tries,
  choose_local_fallback_tries: tries,
  choose_total_tries: tries,
  chooseleaf_descend_once: tries,
  chooseleaf_vary_r: u8,
  chooseleaf_stable: u8,
  straw_calc_version: u8,
  allowed_bucket_algs: u32,
});
const choose_arg = struct<crush_choose_arg>({
  bucket_id,
  weight_set: list(list(u32)),
  ids: list(i32),
});

// Readonly maps go in, plain ones come out.
const ro = <K, V>(c: Codec<Map<K, V>>) => c as Codec<ReadonlyMap<K, V>>;
const numbered = <V>(key: Codec<number>, val: Codec<V>) => ro(map(key, val, by_number));

const crush_codec = struct<crush_map>({
  max_devices: uint(MAX_DEVICES),
  buckets: numbered(bucket_id, bucket),
  rules: numbered(u8, rule),
  tunables,
  type_names: numbered(u16, text),
  item_names: numbered(item, text),
  class_names: numbered(u32, text),
  class_map: numbered(item, u32),
  class_bucket: numbered(bucket_id, numbered(u32, bucket_id)),
  choose_args: numbered(sint(-1, Number.MAX_SAFE_INTEGER / 4), numbered(bucket_id, choose_arg)),
  encoding: optional(
    struct<crush_encoding>({
      max_buckets: uint(MAX_BUCKETS),
      max_rules: uint(0x100),
      sections: u8,
      stale_rule_names: numbered(u32, text),
    }),
  ),
});

// Most epochs carry the CRUSH map of the one before.
const encoded = new WeakMap<CrushWrapper, Uint8Array>();

export function crush_encode(c: CrushWrapper): Uint8Array {
  let bytes = encoded.get(c);
  if (!bytes) {
    bytes = encode(crush_codec, MAGIC, c.map);
    encoded.set(c, bytes);
  }
  return bytes;
}

export function crush_decode(bytes: Uint8Array): CrushWrapper {
  const m = decode(crush_codec, MAGIC, bytes);
  check_crush(m);
  const c = new CrushWrapper(m);
  encoded.set(c, bytes.slice());
  return c;
}

/** Throws MapError unless the mapper can work with `m`. */
export function check_crush(m: crush_map): void {
  const fault = find_crush_fault(m);
  if (fault) throw new MapError("bad_encoding", `crush map: ${fault.what}`);
}
