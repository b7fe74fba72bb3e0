/**
 * Reader and writer of one of Ceph's encodings as one object, so that they cannot drift.
 * Ceph counterpart: the encode/decode pairs, ENCODE_START and ENCODE_FINISH.
 */
import { type LeReader, type LeWriter, less_number, less_text } from "../../crush/le_bytes.ts";

export interface LeCodec<T> {
  /** Fewest bytes a value takes: a count of more than fit is refused before it is believed. */
  readonly min: number;
  enc(w: LeWriter, v: T): void;
  dec(r: LeReader): T;
}
export type ValueOf<C> = C extends LeCodec<infer T> ? T : never;

export const u8: LeCodec<number> = { min: 1, enc: (w, v) => w.u8(v), dec: (r) => r.u8() };
export const u16: LeCodec<number> = { min: 2, enc: (w, v) => w.u16(v), dec: (r) => r.u16() };
export const u32: LeCodec<number> = { min: 4, enc: (w, v) => w.u32(v), dec: (r) => r.u32() };
export const i32: LeCodec<number> = { min: 4, enc: (w, v) => w.i32(v), dec: (r) => r.i32() };
export const u64: LeCodec<bigint> = { min: 8, enc: (w, v) => w.u64(v), dec: (r) => r.u64() };
export const i64: LeCodec<bigint> = { min: 8, enc: (w, v) => w.i64(v), dec: (r) => r.i64() };
export const f32: LeCodec<number> = { min: 4, enc: (w, v) => w.f32(v), dec: (r) => r.f32() };
export const f64: LeCodec<number> = { min: 8, enc: (w, v) => w.f64(v), dec: (r) => r.f64() };
export const bool: LeCodec<boolean> = { min: 1, enc: (w, v) => w.bool(v), dec: (r) => r.bool() };
export const text: LeCodec<string> = { min: 4, enc: (w, v) => w.text(v), dec: (r) => r.text() };
export const blob: LeCodec<Uint8Array> = { min: 4, enc: (w, v) => w.blob(v), dec: (r) => r.blob() };
/** Always this many bytes. */
export function bytes(n: number): LeCodec<Uint8Array> {
  return { min: n, enc: (w, v) => w.bytes(v), dec: (r) => r.bytes(n) };
}
/** A 64-bit id that is within what JavaScript counts exactly. */
export const id64: LeCodec<number> = {
  min: 8,
  enc: (w, v) => w.i64(BigInt(v)),
  dec: (r) => r.safe_i64("id"),
};

export function list<T>(c: LeCodec<T>): LeCodec<readonly T[]> {
  return {
    min: 4,
    enc: (w, v) => w.list(v, (e) => c.enc(w, e)),
    dec: (r) => r.list(c.min, () => c.dec(r)),
  };
}
export function pair<A, B>(a: LeCodec<A>, b: LeCodec<B>): LeCodec<readonly [A, B]> {
  return {
    min: a.min + b.min,
    enc: (w, v) => {
      a.enc(w, v[0]);
      b.enc(w, v[1]);
    },
    dec: (r) => [a.dec(r), b.dec(r)],
  };
}
type Less<K> = (a: K, b: K) => boolean;
export function map<K, V>(
  key: LeCodec<K>,
  val: LeCodec<V>,
  less: Less<K>,
): LeCodec<ReadonlyMap<K, V>> {
  return {
    min: 4,
    enc: (w, v) =>
      w.map(
        v,
        less,
        (k) => key.enc(w, k),
        (e) => val.enc(w, e),
      ),
    dec: (r) =>
      r.map(
        key.min + val.min,
        () => key.dec(r),
        () => val.dec(r),
        less,
      ),
  };
}
export const by_id = <V>(key: LeCodec<number>, val: LeCodec<V>) => map(key, val, less_number);
export const by_text = <V>(val: LeCodec<V>) => map(text, val, less_text);

/** The fields in the order in which they are written here. */
export function struct<T extends object>(fields: { [K in keyof T]: LeCodec<T[K]> }): LeCodec<T> {
  const keys = Object.keys(fields) as (keyof T)[];
  return {
    min: keys.reduce((n, k) => n + fields[k].min, 0),
    enc: (w, v) => {
      for (const k of keys) fields[k].enc(w, v[k]);
    },
    dec: (r) => {
      const out: Partial<T> = {};
      for (const k of keys) out[k] = fields[k].dec(r);
      return out as T;
    },
  };
}

/** A field of a section, written from version `since` on; before that its value was `blank`. */
export interface Since<T> {
  readonly codec: LeCodec<T>;
  readonly since: number;
  readonly blank: T;
}
export function since<T>(version: number, codec: LeCodec<T>, blank: T): Since<T> {
  return { codec, since: version, blank };
}

/** What a section is beside its fields. */
export interface Section {
  readonly struct_v: number;
  readonly struct_compat: number;
  /** What a newer writer added after the fields that we know. */
  readonly rest: Uint8Array;
}

/** A section that may be of any version from `oldest` up to what `newest` can still read. */
export function section<T extends object>(
  what: string,
  oldest: number,
  newest: number,
  fields: { [K in keyof T]: LeCodec<T[K]> | Since<T[K]> },
): LeCodec<T & Section> {
  type Entry = { key: keyof T; field: Since<T[keyof T]> };
  const entries = (Object.keys(fields) as (keyof T)[]).map((key): Entry => {
    const f: LeCodec<T[keyof T]> | Since<T[keyof T]> = fields[key];
    const field = "since" in f ? f : { codec: f, since: 0, blank: undefined as never };
    return { key, field };
  });
  return {
    min: 6,
    enc: (w, v) => {
      w.section(v.struct_v, v.struct_compat, () => {
        for (const { key, field } of entries) {
          if (v.struct_v >= field.since) field.codec.enc(w, v[key]);
        }
        w.bytes(v.rest);
      });
    },
    dec: (r) => {
      const at = r.pos;
      let struct_v = 0;
      const { v, compat, rest } = r.section(what, newest, (version) => {
        struct_v = version;
        if (version < oldest) r.fail(`${what}: version ${version} is too old to be read`, at);
        const out: Partial<T> = {};
        for (const { key, field } of entries) {
          out[key] = version >= field.since ? field.codec.dec(r) : field.blank;
        }
        return out as T;
      });
      return { ...v, struct_v, struct_compat: compat, rest };
    },
  };
}
