/**
 * Reads the peering vectors in testdata/vectors and turns their neutral notation into ours: `x9` is
 * the object with hash 0x9, other names get a hash of their letters; versions are `epoch'version`.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  EVERSION_ZERO,
  ev_max,
  ev_parse,
  type eversion_t,
  type hobject_t,
  type pg_info_t as info_t,
  make_hobject,
  pg_info_t,
  type pg_log_entry_t,
  type pg_log_op_t,
  type pg_log_wire_t,
} from "@tako/common";
import type { LogEntryHandler } from "../pg/LogEntryHandler.ts";
import { pg_missing_t } from "../pg/pg_missing.ts";

export interface VectorFile<C> {
  readonly topic: string;
  readonly cases: readonly (C & { readonly name: string })[];
}
/**
 * testdata/vectors/peering, or what there is of it in another folder, VECTORS_DIR. The name of their
 * describe() must end in "vectors": that is how `npm run vectors` finds them.
 */
export function read_vectors<C>(topic: string): VectorFile<C> {
  const file = vector_file(topic);
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { topic, cases: [] };
}
function vector_file(topic: string): string {
  const given = process.env.VECTORS_DIR;
  if (given === undefined) {
    return fileURLToPath(new URL(`../../testdata/vectors/peering/${topic}.json`, import.meta.url));
  }
  const inside = join(given, "peering", `${topic}.json`);
  return existsSync(inside) ? inside : join(given, `${topic}.json`);
}

export interface EntryVector {
  readonly op: pg_log_op_t;
  readonly object?: string;
  readonly version: string;
  readonly prior_version: string;
  readonly rollbackable?: boolean;
  readonly user_version?: number;
  readonly request?: string;
}
export interface LogVector {
  readonly tail?: string;
  readonly head?: string;
  readonly entries: readonly EntryVector[];
}
export interface MissingVector {
  readonly [object: string]: {
    readonly need: string;
    readonly have?: string;
    readonly delete?: boolean;
  };
}
export type InfoVector = Partial<
  Record<"last_update" | "last_complete" | "log_tail" | "last_backfill", string>
>;

export function ver(text: string): eversion_t {
  const v = ev_parse(text);
  if (!v) throw new Error(`not a version: ${text}`);
  return v;
}
export function obj(name: string): hobject_t {
  const hex = /^x([0-9a-f]+)$/.exec(name)?.[1];
  let hash = 0;
  for (const c of name) hash = (hash * 31 + c.charCodeAt(0)) >>> 0;
  return make_hobject({ pool: 1, hash: hex ? Number.parseInt(hex, 16) : hash, oid: name });
}
export function entry(e: EntryVector): pg_log_entry_t {
  const m = /^(.+)\.(\d+):(\d+)$/.exec(e.request ?? `client.1.0:${ver(e.version).version}`);
  return {
    op: e.op,
    soid: obj(e.object ?? "thing"),
    version: ver(e.version),
    prior_version: ver(e.prior_version),
    reqid: { name: m?.[1] ?? "", inc: Number(m?.[2]), tid: Number(m?.[3]) },
    user_version: e.user_version ?? 0,
    mtime: 0,
    return_code: e.op === "error" ? -2 : 0,
    ...(e.rollbackable ? { mod_desc: { rollbackable: true, ops: [] } } : {}),
  };
}
export function log(v: LogVector): pg_log_wire_t {
  const entries = v.entries.map(entry);
  const head = v.head ? ver(v.head) : (entries.at(-1)?.version ?? EVERSION_ZERO);
  return {
    head,
    tail: v.tail ? ver(v.tail) : EVERSION_ZERO,
    can_rollback_to: EVERSION_ZERO,
    rollback_info_trimmed_to: EVERSION_ZERO,
    entries,
    dups: [],
  };
}
export function info(v: InfoVector, l?: pg_log_wire_t): info_t {
  const i = pg_info_t("1.0");
  i.last_update = v.last_update ? ver(v.last_update) : (l?.head ?? EVERSION_ZERO);
  i.last_complete = v.last_complete ? ver(v.last_complete) : EVERSION_ZERO;
  i.log_tail = v.log_tail ? ver(v.log_tail) : (l?.tail ?? EVERSION_ZERO);
  if (v.last_backfill && v.last_backfill !== "MAX") {
    const after = /^object after x([0-9a-f]+)$/.exec(v.last_backfill)?.[1];
    i.last_backfill = after
      ? make_hobject({ pool: 1, hash: Number.parseInt(after, 16), oid: "y" })
      : obj("some");
  }
  return i;
}
export function fill_missing(m: pg_missing_t, v: MissingVector): void {
  for (const [name, item] of Object.entries(v)) {
    m.add(obj(name), ver(item.need), ver(item.have ?? "0'0"), item.delete ?? false);
  }
}
export function missing(v: MissingVector, may_include_deletes: boolean): pg_missing_t {
  const m = new pg_missing_t();
  m.may_include_deletes = may_include_deletes;
  fill_missing(m, v);
  return m;
}
/** What proc_replica_log and activate give the primary for a replica. */
export function replay(m: pg_missing_t, mine: pg_log_wire_t, i: info_t): void {
  const from = ev_max(i.last_update, mine.tail);
  for (const e of mine.entries) {
    const newer = e.version.epoch - from.epoch || e.version.version - from.version;
    if (newer > 0 && e.op !== "error") m.add_next_event(e);
  }
}

/** Notes what the store is asked to do. */
export class RecordingHandler implements LogEntryHandler {
  readonly removed: hobject_t[] = [];
  readonly rolled_back: eversion_t[] = [];
  readonly rolled_forward: eversion_t[] = [];
  readonly trimmed: eversion_t[] = [];
  rollback(e: pg_log_entry_t): void {
    this.rolled_back.push(e.version);
  }
  rollforward(e: pg_log_entry_t): void {
    this.rolled_forward.push(e.version);
  }
  trim(e: pg_log_entry_t): void {
    this.trimmed.push(e.version);
  }
  remove(hoid: hobject_t): void {
    this.removed.push(hoid);
  }
  try_stash(): void {}
}
