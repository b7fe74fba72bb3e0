/**
 * How log entries, dup records and missing items lie in the omap of a PG's metadata object: their
 * keys, and msgpack arrays as values. Key order is version order.
 * Ceph counterpart: eversion_t::get_key_name and the encoders of osd_types.cc. peering.md §2.3.
 *
 *   0000000012.00000000000000000034        a log entry (12'34)
 *   dup_0000000012.00000000000000000033    the dup records of one version
 *   missing/<hobject>                      a missing item
 */
import {
  type eversion_t,
  type hobject_t,
  is_hobject,
  type osd_reqid_t,
  PG_LOG_OPS,
  type pg_log_dup_t,
  type pg_log_entry_t,
  type pg_log_mod_desc_t,
  type pg_missing_item_t,
} from "@tako/common";
import { pack, unpack } from "msgpackr";

/** Log keys are all that start with a digit: LOG_BEGIN <= key < LOG_END. */
export const LOG_BEGIN = "0";
export const LOG_END = ":";
export const DUP_PREFIX = "dup_";
export const DUP_END = "dup`";
export const MISSING_PREFIX = "missing/";
export const MISSING_END = "missing0";
export const ROLLBACK_KEY = "can_rollback_to";
export const DELETES_KEY = "may_include_deletes_in_missing";

export function log_key(v: eversion_t): string {
  return `${String(v.epoch).padStart(10, "0")}.${String(v.version).padStart(20, "0")}`;
}
export function dup_key(v: eversion_t): string {
  return DUP_PREFIX + log_key(v);
}
export function missing_key(oid: hobject_t): string {
  return MISSING_PREFIX + oid;
}
/** The first key behind `key`: turns an inclusive end of a range into an exclusive one. */
export function after_key(key: string): string {
  return `${key}\0`;
}
/** Version in a log key; undefined when it is none. */
export function parse_log_key(key: string): eversion_t | undefined {
  const m = /^(\d{10})\.(\d{20})$/.exec(key);
  return m ? { epoch: Number(m[1]), version: Number(m[2]) } : undefined;
}

/** A value that no encoder here has written. */
export class BadValue extends Error {}

function fail(what: string): never {
  throw new BadValue(what);
}
function uint(x: unknown, what: string): number {
  return Number.isSafeInteger(x) && Number(x) >= 0 ? Number(x) : fail(`${what} is no count`);
}
function int(x: unknown, what: string): number {
  return Number.isSafeInteger(x) ? Number(x) : fail(`${what} is no integer`);
}
function num(x: unknown, what: string): number {
  return typeof x === "number" && Number.isFinite(x) ? x : fail(`${what} is no number`);
}
function text(x: unknown, what: string): string {
  return typeof x === "string" ? x : fail(`${what} is no text`);
}
function list(x: unknown, what: string): readonly unknown[] {
  return Array.isArray(x) ? x : fail(`${what} is no list`);
}
function hobject(x: unknown): hobject_t {
  const t = text(x, "object name");
  return is_hobject(t) && t !== "MIN" && t !== "MAX" ? t : fail(`object name ${t}`);
}
function decode(bytes: Uint8Array): readonly unknown[] {
  let v: unknown;
  try {
    v = unpack(bytes);
  } catch (cause) {
    throw new BadValue("not msgpack", { cause });
  }
  return list(v, "value");
}

// ---------------------------------------------------------------- entries

const OP_NUMBER = new Map(PG_LOG_OPS.map((op, i) => [op, i]));

/** The version is in the key. The rare fields come last and only when there is one. */
export function encode_entry(e: pg_log_entry_t): Uint8Array {
  const { prior_version: p, reqid: r } = e;
  const row: unknown[] = [
    OP_NUMBER.get(e.op),
    e.soid,
    p.epoch,
    p.version,
    r.name,
    r.inc,
    r.tid,
    e.user_version,
    e.mtime,
    e.return_code,
  ];
  if (e.mod_desc || e.reverting_to || e.extra_reqids?.length) {
    const to = e.reverting_to;
    row.push(
      e.mod_desc ? [e.mod_desc.rollbackable, e.mod_desc.ops] : null,
      to ? [to.epoch, to.version] : null,
      e.extra_reqids?.map((x) => [x.reqid.name, x.reqid.inc, x.reqid.tid, x.user_version]) ?? null,
    );
  }
  return pack(row);
}

/** Many entries name the same client and the same object: they shall share the text. */
export type Interner = Map<string, string>;
function intern<T extends string>(pool: Interner, s: T): T {
  const known = pool.get(s);
  if (known !== undefined) return known as T;
  pool.set(s, s);
  return s;
}

export function decode_entry(
  version: eversion_t,
  bytes: Uint8Array,
  pool: Interner,
): pg_log_entry_t {
  const row = decode(bytes);
  const op = PG_LOG_OPS[uint(row[0], "op")] ?? fail("unknown op");
  const entry: pg_log_entry_t = {
    op,
    soid: intern(pool, hobject(row[1])),
    version,
    prior_version: decode_version(row[2], row[3]),
    reqid: decode_reqid(row[4], row[5], row[6], pool),
    user_version: uint(row[7], "user_version"),
    mtime: num(row[8], "mtime"),
    return_code: int(row[9], "return_code"),
  };
  return row.length > 10 ? { ...entry, ...decode_rare(row, pool) } : entry;
}

function decode_rare(row: readonly unknown[], pool: Interner): Partial<pg_log_entry_t> {
  const rare: { -readonly [K in keyof pg_log_entry_t]?: pg_log_entry_t[K] } = {};
  if (row[10]) rare.mod_desc = decode_mod_desc(list(row[10], "mod_desc"));
  if (row[11]) {
    const to = list(row[11], "reverting_to");
    rare.reverting_to = decode_version(to[0], to[1]);
  }
  if (row[12]) {
    rare.extra_reqids = list(row[12], "extra_reqids").map((x) => {
      const r = list(x, "extra_reqid");
      return {
        reqid: decode_reqid(r[0], r[1], r[2], pool),
        user_version: uint(r[3], "user_version"),
      };
    });
  }
  return rare;
}
function decode_mod_desc(row: readonly unknown[]): pg_log_mod_desc_t {
  const ops = list(row[1], "mod_desc ops").map((o) => {
    if (typeof o !== "object" || o === null || !("code" in o)) return fail("mod_desc op");
    return { ...o, code: text(o.code, "mod_desc code") };
  });
  return { rollbackable: row[0] === true, ops };
}
function decode_version(epoch: unknown, version: unknown): eversion_t {
  return { epoch: uint(epoch, "epoch"), version: uint(version, "version") };
}
function decode_reqid(name: unknown, inc: unknown, tid: unknown, pool: Interner): osd_reqid_t {
  return {
    name: intern(pool, text(name, "reqid name")),
    inc: uint(inc, "reqid inc"),
    tid: uint(tid, "reqid tid"),
  };
}

// ---------------------------------------------------------------- dups, missing, rollback bounds

/** All records of one version. */
export function encode_dups(dups: readonly pg_log_dup_t[]): Uint8Array {
  return pack(
    dups.map((d) => [d.reqid.name, d.reqid.inc, d.reqid.tid, d.user_version, d.return_code]),
  );
}
export function decode_dups(
  version: eversion_t,
  bytes: Uint8Array,
  pool: Interner,
): pg_log_dup_t[] {
  return decode(bytes).map((x) => {
    const r = list(x, "dup");
    return {
      reqid: decode_reqid(r[0], r[1], r[2], pool),
      version,
      user_version: uint(r[3], "user_version"),
      return_code: int(r[4], "return_code"),
    };
  });
}

export function encode_missing_item(i: pg_missing_item_t): Uint8Array {
  return pack([i.need.epoch, i.need.version, i.have.epoch, i.have.version, i.is_delete]);
}
export function decode_missing_item(bytes: Uint8Array): pg_missing_item_t {
  const r = decode(bytes);
  return {
    need: decode_version(r[0], r[1]),
    have: decode_version(r[2], r[3]),
    is_delete: r[4] === true,
  };
}
export function decode_missing_oid(key: string): hobject_t {
  return hobject(key.slice(MISSING_PREFIX.length));
}

/** can_rollback_to and rollback_info_trimmed_to: stored for erasure-coded PGs only. */
export function encode_rollback(crt: eversion_t, rit: eversion_t): Uint8Array {
  return pack([crt.epoch, crt.version, rit.epoch, rit.version]);
}
export function decode_rollback(bytes: Uint8Array): [crt: eversion_t, rit: eversion_t] {
  const r = decode(bytes);
  return [decode_version(r[0], r[1]), decode_version(r[2], r[3])];
}
