/**
 * Compares what the shards have of a chunk's objects: which copies are wrong, which are right, how
 * many errors that makes, and what is said about it in the cluster log. Pure.
 * Ceph counterpart: PGBackend::be_compare_scrubmaps, be_compare_scrub_objects. peering.md §11.
 */
import { ev_gt, hobject_cmp, type hobject_t, type pg_shard_t } from "@tako/common";
import { OI_ATTR, type object_info_t } from "../object_info.ts";
import {
  has_errors,
  type inconsistent_obj_t,
  object_has,
  object_info_str,
  shard_has,
  type shard_info_t,
  stored_info,
} from "./inconsistent.ts";
import type { ScrubMap, ScrubObject } from "./ScrubMap.ts";
import {
  type AuthCopy,
  type CompareOptions,
  differ,
  select_auth_object,
  shards_in_order,
} from "./select_auth.ts";

/** An object with bad copies, and copies from which they can be made good. */
export interface Repairable {
  readonly soid: hobject_t;
  readonly oi: object_info_t;
  readonly authoritative: readonly pg_shard_t[];
  readonly missing: readonly pg_shard_t[];
  readonly inconsistent: readonly pg_shard_t[];
}

export interface CompareResult {
  shallow_errors: number;
  deep_errors: number;
  /** Lines for the cluster log. */
  readonly lines: string[];
  readonly inconsistent: inconsistent_obj_t[];
  readonly repairable: Repairable[];
  /** Copies of objects that are deleted. */
  readonly unexpected: { readonly soid: hobject_t; readonly shards: readonly pg_shard_t[] }[];
  /** The copy of each object that is believed. */
  readonly auth: Map<hobject_t, AuthCopy>;
  /** Of objects without one: there they are, all the same. */
  readonly unsound: Map<hobject_t, object_info_t>;
}

export function compare_scrubmaps(
  maps: ReadonlyMap<pg_shard_t, ScrubMap>,
  o: CompareOptions,
): CompareResult {
  const r: CompareResult = {
    shallow_errors: 0,
    deep_errors: 0,
    lines: [],
    inconsistent: [],
    repairable: [],
    unexpected: [],
    auth: new Map(),
    unsound: new Map(),
  };
  const order = shards_in_order(maps, o.whoami);
  const master_set = new Set([...maps.values()].flatMap((m) => [...m.keys()]));
  for (const soid of [...master_set].sort(hobject_cmp)) {
    const shards = new Map(
      order.map((s): [pg_shard_t, shard_info_t] => {
        const object = maps.get(s)?.get(soid);
        return [s, { errors: new Set(), object, primary: s === o.whoami, selected_oi: false }];
      }),
    );
    const obj: inconsistent_obj_t = { soid, version: 0, errors: new Set(), shards };
    if (o.is_deleted(soid)) note_unexpected(r, obj, o);
    else compare_object(r, obj, o);
    if (object_has(obj, "deep")) r.deep_errors++;
    else if (object_has(obj, "shallow")) r.shallow_errors++;
    if (has_errors(obj)) r.inconsistent.push(obj);
  }
  return r;
}

/** The deletion did not reach these copies. */
function note_unexpected(r: CompareResult, obj: inconsistent_obj_t, o: CompareOptions): void {
  const having = [...obj.shards].filter(([, s]) => s.object);
  for (const [shard, s] of having) {
    s.errors.add("unexpected");
    r.shallow_errors++;
    r.lines.push(`${o.pgid} shard ${shard} soid ${obj.soid} : unexpected, it was deleted`);
  }
  r.unexpected.push({ soid: obj.soid, shards: having.map(([shard]) => shard) });
}

function compare_object(r: CompareResult, obj: inconsistent_obj_t, o: CompareOptions): void {
  const { soid, shards } = obj;
  const say = (line: string) => r.lines.push(line);
  const auth = select_auth_object(soid, shards, o, say);
  if (!auth) {
    for (const s of shards.values()) {
      if (!s.object) s.errors.add("missing");
      count_shard(r, s);
      const oi = stored_info(s.object);
      const newest = r.unsound.get(soid)?.version;
      if (oi && (!newest || ev_gt(oi.version, newest))) r.unsound.set(soid, oi);
    }
    say(`${o.pgid} soid ${soid} : failed to pick suitable object info`);
    return;
  }
  obj.version = auth.oi.user_version;
  r.auth.set(soid, auth);
  const missing: pg_shard_t[] = [];
  const bad: pg_shard_t[] = [];
  /** Differ from the authoritative copy, and nothing says which is right. */
  const different: pg_shard_t[] = [];
  const good: pg_shard_t[] = [];
  for (const [shard, s] of shards) {
    s.selected_oi = shard === auth.shard;
    if (!s.object) {
      missing.push(shard);
      s.errors.add("missing");
      say(`${o.pgid} shard ${shard} ${soid} : missing`);
      count_shard(r, s);
      continue;
    }
    const said = compare_copies(auth, s.object, s, obj, o);
    if (s.errors.size > 0) {
      bad.push(shard);
      count_shard(r, s);
      if (said.length > 0) say(`${o.pgid} shard ${shard} soid ${soid} : ${said.join(", ")}`);
    } else if (said.length > 0) {
      different.push(shard);
      say(`${o.pgid} soid ${soid} : ${said.join(", ")}`);
    } else good.push(shard);
  }
  settle(r, obj, auth, { missing, bad, different, good }, o);
}

function count_shard(r: CompareResult, s: shard_info_t): void {
  if (shard_has(s, "deep")) r.deep_errors++;
  else if (shard_has(s, "shallow")) r.shallow_errors++;
}

function settle(
  r: CompareResult,
  obj: inconsistent_obj_t,
  auth: AuthCopy,
  found: Record<"missing" | "bad" | "different" | "good", pg_shard_t[]>,
  o: CompareOptions,
): void {
  const { missing, bad, different, good } = found;
  if (good.length === 0) {
    const first = different.shift();
    if (first === undefined) {
      r.lines.push(`${o.pgid} soid ${obj.soid} : failed to pick suitable auth object`);
      return;
    }
    good.push(first);
  }
  const inconsistent = [...bad, ...different];
  if (missing.length + inconsistent.length === 0) return;
  r.repairable.push({ soid: obj.soid, oi: auth.oi, authoritative: good, missing, inconsistent });
}

/** How `copy` differs, in words; errors are noted with the copy or with the object. */
function compare_copies(
  auth: AuthCopy,
  copy: ScrubObject,
  s: shard_info_t,
  obj: inconsistent_obj_t,
  o: CompareOptions,
): string[] {
  const said: string[] = [];
  const of_auth = `from shard ${auth.shard}`;
  const of_oi = () => {
    return `from auth oi ${object_info_str(obj.soid, auth.oi, o.reqid_of(obj.soid, auth.oi))}`;
  };
  compare_digests(auth, copy, s, obj, said, { of_auth, of_oi, erasure: o.erasure });
  if (copy.stat_error) return said;
  if (!s.errors.has("info_missing") && !s.errors.has("info_corrupted")) {
    if (!same_bytes(copy.attrs.get(OI_ATTR), auth.object.attrs.get(OI_ATTR))) {
      said.push("object info inconsistent ");
      obj.errors.add("object_info_inconsistency");
    }
  }
  const oi_size = o.ondisk_size(auth.oi.size);
  if (oi_size !== copy.size) {
    said.push(`size ${copy.size} != size ${oi_size} ${of_oi()}`);
    s.errors.add("size_mismatch_info");
  }
  if (auth.object.size !== copy.size) {
    said.push(`size ${copy.size} != size ${auth.object.size} ${of_auth}`);
    obj.errors.add("size_mismatch");
  }
  if (copy.size > o.max_object_size && !obj.errors.has("size_too_large")) {
    said.push(`size ${copy.size} > ${o.max_object_size} is too large`);
    obj.errors.add("size_too_large");
  }
  compare_attrs(auth.object, copy, obj, said);
  return said;
}

function compare_digests(
  auth: AuthCopy,
  copy: ScrubObject,
  s: shard_info_t,
  obj: inconsistent_obj_t,
  said: string[],
  o: { readonly of_auth: string; readonly of_oi: () => string; readonly erasure: boolean },
): void {
  const hex = (n: number | undefined) => `0x${(n ?? 0).toString(16)}`;
  const { object, oi } = auth;
  if (differ(copy.digest, object.digest)) {
    said.push(`data_digest ${hex(copy.digest)} != data_digest ${hex(object.digest)} ${o.of_auth}`);
    obj.errors.add("data_digest_mismatch");
  }
  if (differ(copy.omap_digest, object.omap_digest)) {
    const [a, b] = [hex(copy.omap_digest), hex(object.omap_digest)];
    said.push(`omap_digest ${a} != omap_digest ${b} ${o.of_auth}`);
    obj.errors.add("omap_digest_mismatch");
  }
  if (o.erasure) return;
  if (differ(copy.digest, oi.data_digest)) {
    said.push(`data_digest ${hex(copy.digest)} != data_digest ${hex(oi.data_digest)} ${o.of_oi()}`);
    s.errors.add("data_digest_mismatch_info");
  }
  if (differ(copy.omap_digest, oi.omap_digest)) {
    const [a, b] = [hex(copy.omap_digest), hex(oi.omap_digest)];
    said.push(`omap_digest ${a} != omap_digest ${b} ${o.of_oi()}`);
    s.errors.add("omap_digest_mismatch_info");
  }
}

/** The client's attributes; our own was compared before. */
function compare_attrs(
  auth: ScrubObject,
  copy: ScrubObject,
  obj: inconsistent_obj_t,
  said: string[],
): void {
  const of_user = (o: ScrubObject) => {
    return [...o.attrs.keys()].filter((k) => k !== OI_ATTR && k.startsWith("_")).sort();
  };
  for (const name of of_user(auth)) {
    if (!copy.attrs.has(name)) {
      said.push(`attr name mismatch '${name}'`);
      obj.errors.add("attr_name_mismatch");
    } else if (!same_bytes(copy.attrs.get(name), auth.attrs.get(name))) {
      said.push(`attr value mismatch '${name}'`);
      obj.errors.add("attr_value_mismatch");
    }
  }
  for (const name of of_user(copy)) {
    if (auth.attrs.has(name)) continue;
    said.push(`attr name mismatch '${name}'`);
    obj.errors.add("attr_name_mismatch");
  }
}

function same_bytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (!a || !b || a.length !== b.length) return a === b;
  return a.every((x, i) => x === b[i]);
}
