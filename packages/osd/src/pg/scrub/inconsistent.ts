/**
 * What scrub found wrong with one object, and with each copy of it; kept until the next scrub for
 * `rados list-inconsistent-obj`, in the shape of that command.
 * Ceph counterpart: inconsistent_obj_wrapper, shard_info_wrapper (src/common/scrub_types.h), Scrub::Store,
 * dump_inconsistent (src/tools/rados/rados.cc). peering.md §11, cluster.md §7.5.
 */
import {
  type hobject_t,
  NO_SHARD,
  parse_hobject,
  type pg_shard_t,
  shard_cmp,
  shard_id,
  shard_osd,
  utime_str,
} from "@tako/common";
import { attr_xattr, decode_object_info, OI_ATTR, type object_info_t } from "../object_info.ts";
import type { ScrubObject } from "./ScrubMap.ts";

/** In the order in which they are shown. `unexpected` is ours: the log says the object was deleted. */
const SHARD_ERRORS = {
  missing: "shallow",
  stat_error: "shallow",
  read_error: "deep",
  data_digest_mismatch_info: "deep",
  omap_digest_mismatch_info: "deep",
  size_mismatch_info: "shallow",
  info_missing: "shallow",
  info_corrupted: "shallow",
  obj_size_info_mismatch: "shallow",
  unexpected: "shallow",
} as const;
export type shard_error_t = keyof typeof SHARD_ERRORS;

/** The copies differ, without a hint which of them is wrong. */
const OBJECT_ERRORS = {
  object_info_inconsistency: "shallow",
  data_digest_mismatch: "deep",
  omap_digest_mismatch: "deep",
  size_mismatch: "shallow",
  attr_value_mismatch: "shallow",
  attr_name_mismatch: "shallow",
  size_too_large: "shallow",
} as const;
export type object_error_t = keyof typeof OBJECT_ERRORS;

/** shard_info_wrapper: one copy. */
export interface shard_info_t {
  readonly errors: Set<shard_error_t>;
  /** undefined: it has none. */
  readonly object: ScrubObject | undefined;
  readonly primary: boolean;
  selected_oi: boolean;
}
/** inconsistent_obj_wrapper: an object. */
export interface inconsistent_obj_t {
  readonly soid: hobject_t;
  /** user_version of the authoritative copy; 0: there is none. */
  version: number;
  readonly errors: Set<object_error_t>;
  readonly shards: Map<pg_shard_t, shard_info_t>;
}

export function shard_has(s: shard_info_t, kind: "deep" | "shallow"): boolean {
  for (const e of s.errors) if (SHARD_ERRORS[e] === kind) return true;
  return false;
}
export function object_has(o: inconsistent_obj_t, kind: "deep" | "shallow"): boolean {
  for (const e of o.errors) if (OBJECT_ERRORS[e] === kind) return true;
  return false;
}
export function has_errors(o: inconsistent_obj_t): boolean {
  return o.errors.size > 0 || [...o.shards.values()].some((s) => s.errors.size > 0);
}

// ---------------------------------------------------------------- as JSON

/** osd_reqid of the entry that wrote `oi`, where the log still has it. */
export type ReqidOf = (soid: hobject_t, oi: object_info_t) => string;

function in_order<T extends string>(table: Readonly<Record<T, unknown>>, set: ReadonlySet<T>): T[] {
  return (Object.keys(table) as T[]).filter((e) => set.has(e));
}

export function dump_inconsistent(o: inconsistent_obj_t, reqid_of: ReqidOf): unknown {
  const id = parse_hobject(o.soid);
  const union = new Set([...o.shards.values()].flatMap((s) => [...s.errors]));
  const selected = [...o.shards.values()].find((s) => s.selected_oi);
  const oi = selected && stored_info(selected.object);
  return {
    object: {
      name: id?.oid ?? "",
      nspace: id?.nspace ?? "",
      locator: id?.key ?? "",
      snap: id?.snap ?? "head",
      version: o.version,
    },
    errors: in_order(OBJECT_ERRORS, o.errors),
    union_shard_errors: in_order(SHARD_ERRORS, union),
    ...(oi && { selected_object_info: dump_object_info(o.soid, oi, reqid_of) }),
    shards: [...o.shards]
      .sort((a, b) => shard_cmp(a[0], b[0]))
      .map(([shard, s]) => dump_shard(o, shard, s, union, reqid_of)),
  };
}

function dump_shard(
  o: inconsistent_obj_t,
  shard: pg_shard_t,
  s: shard_info_t,
  union: ReadonlySet<shard_error_t>,
  reqid_of: ReqidOf,
): unknown {
  const id = shard_id(shard);
  const head = {
    osd: shard_osd(shard),
    primary: s.primary,
    ...(id !== NO_SHARD && { shard: id }),
    errors: in_order(SHARD_ERRORS, s.errors),
  };
  const { object } = s;
  if (!object) return head;
  const infos = union.has("info_missing") || union.has("info_corrupted");
  const show_info =
    infos || o.errors.has("object_info_inconsistency") || s.errors.has("obj_size_info_mismatch");
  const show_attrs = o.errors.has("attr_name_mismatch") || o.errors.has("attr_value_mismatch");
  return {
    ...head,
    ...(!object.stat_error && { size: object.size }),
    ...(object.omap_digest !== undefined && { omap_digest: hex32(object.omap_digest) }),
    ...(object.digest !== undefined && { data_digest: hex32(object.digest) }),
    ...(show_info && !s.errors.has("info_missing") && dump_info_of(o.soid, s, reqid_of)),
    ...(show_attrs && { attrs: dump_attrs(object) }),
  };
}

export function stored_info(object: ScrubObject | undefined): object_info_t | undefined {
  const bytes = object?.attrs.get(OI_ATTR);
  return bytes && decode_object_info(bytes);
}
function dump_info_of(soid: hobject_t, s: shard_info_t, reqid_of: ReqidOf) {
  const oi = stored_info(s.object);
  if (oi) return { object_info: dump_object_info(soid, oi, reqid_of) };
  const bytes = s.object?.attrs.get(OI_ATTR);
  return bytes ? { object_info: printable(bytes).value } : {};
}
function dump_attrs(object: ScrubObject): unknown[] {
  return [...object.attrs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([attr, bytes]) => {
      const name = attr_xattr(attr);
      if (name === undefined) return [];
      const { value, base64 } = printable(bytes);
      return [{ name, value, Base64: base64 }];
    });
}

/** object_info_t::dump: fields that we do not have stand there with the value they have by default. */
export function dump_object_info(soid: hobject_t, oi: object_info_t, reqid_of: ReqidOf): unknown {
  const version = (v: object_info_t["version"]) => `${v.epoch}'${v.version}`;
  const mtime = utime_str(oi.mtime);
  return {
    oid: dump_hobject(soid),
    version: version(oi.version),
    prior_version: version(oi.prior_version),
    last_reqid: reqid_of(soid, oi),
    user_version: oi.user_version,
    size: oi.size,
    mtime,
    local_mtime: mtime,
    lost: 0,
    flags: flags_of(oi),
    truncate_seq: 0,
    truncate_size: 0,
    data_digest: hex32(oi.data_digest ?? 0xffffffff),
    omap_digest: hex32(oi.omap_digest ?? 0xffffffff),
    expected_object_size: 0,
    expected_write_size: 0,
    alloc_hint_flags: 0,
    manifest: { type: 0 },
    watchers: {},
  };
}
function flags_of(oi: object_info_t): string[] {
  return [
    "dirty",
    ...(oi.omap ? ["omap"] : []),
    ...(oi.data_digest === undefined ? [] : ["data_digest"]),
    ...(oi.omap_digest === undefined ? [] : ["omap_digest"]),
  ];
}
/** As Ceph prints it in a line: `1:..:foo:head(12'3 client.4.0:5 dirty|data_digest s 7 uv 3 ...)`. */
export function object_info_str(soid: hobject_t, oi: object_info_t, reqid: string): string {
  const hex = (n: number) => n.toString(16);
  const digests = [
    ...(oi.data_digest === undefined ? [] : [` dd ${hex(oi.data_digest)}`]),
    ...(oi.omap_digest === undefined ? [] : [` od ${hex(oi.omap_digest)}`]),
  ].join("");
  const { version: v } = oi;
  const what = `${v.epoch}'${v.version} ${reqid} ${flags_of(oi).join("|")}`;
  return `${soid}(${what} s ${oi.size} uv ${oi.user_version}${digests} alloc_hint [0 0 0])`;
}

export function dump_hobject(soid: hobject_t, pool = 0): Record<string, unknown> {
  const o = parse_hobject(soid);
  return {
    oid: o?.oid ?? "",
    key: o?.key ?? "",
    snapid: -2,
    hash: o?.hash ?? 0,
    max: 0,
    pool: o?.pool ?? pool,
    namespace: o?.nspace ?? "",
  };
}

function hex32(n: number): string {
  return `0x${n.toString(16).padStart(8, "0")}`;
}
/** Text stays as it is; bytes become base64. */
function printable(bytes: Uint8Array): { value: string; base64: boolean } {
  const text = String.fromCharCode(...bytes.subarray(0, MAX_SHOWN));
  const plain = bytes.every((b) => b >= 0x20 && b < 0x7f);
  return plain ? { value: text, base64: false } : { value: btoa(text), base64: true };
}
/** Of a value that is shown. */
const MAX_SHOWN = 4096;
