/**
 * What a PG dump says of each PG: the JSON of `ceph pg dump`, `pg dump pgs`, `pg ls`, and of
 * Tako's commands of the same names. Only what whatif asks for is read.
 */
import { type epoch_t, pg_parse, type pg_t } from "../../types/osd_types.ts";
import { WhatifInputError } from "./errors.ts";

/** Numbers that a shortened dump leaves out are undefined. */
export interface dumped_pg {
  /** `active+clean` */
  readonly state: string;
  readonly up: readonly number[];
  readonly acting: readonly number[];
  /** same_interval_since of the PG. */
  readonly mapping_epoch: epoch_t | undefined;
  readonly num_bytes: number | undefined;
  readonly num_objects: number | undefined;
  readonly num_objects_degraded: number | undefined;
  readonly num_objects_misplaced: number | undefined;
  readonly num_objects_unfound: number | undefined;
  readonly blocked_by: readonly number[];
}
export interface pg_dump {
  readonly pgs: ReadonlyMap<pg_t, dumped_pg>;
}

type Fields = Readonly<Record<string, unknown>>;
function fields(v: unknown): Fields | undefined {
  return typeof v === "object" && v !== null && !Array.isArray(v) ? { ...v } : undefined;
}

/** Throws WhatifInputError with the place when `json` is no dump of PGs. */
export function read_pg_dump(json: unknown): pg_dump {
  const pgs = new Map<pg_t, dumped_pg>();
  find_pg_stats(json).forEach((v, i) => {
    const f = fields(v);
    if (!f) throw bad(`pg_stats[${i}] is no object`);
    const pgid = typeof f.pgid === "string" ? pg_parse(f.pgid) : undefined;
    if (pgid === undefined) throw bad(`pg_stats[${i}].pgid is no PG id`);
    if (pgs.has(pgid)) throw bad(`pg ${pgid} is there twice`);
    pgs.set(pgid, read_pg(f, pgid));
  });
  return { pgs };
}
function bad(what: string): WhatifInputError {
  return new WhatifInputError("EINVAL", `not a PG dump: ${what}`);
}

function find_pg_stats(json: unknown): readonly unknown[] {
  if (Array.isArray(json)) return json;
  const top = fields(json);
  const stats = top?.pg_stats ?? fields(top?.pg_map)?.pg_stats;
  if (Array.isArray(stats)) return stats;
  throw bad("there is no pg_stats list in it (want the JSON of 'pg dump -f json')");
}

function read_pg(f: Fields, pgid: pg_t): dumped_pg {
  const sum = fields(f.stat_sum) ?? f;
  const count = (from: Fields, name: string): number | undefined => {
    const v = from[name];
    if (v === undefined) return undefined;
    if (typeof v === "number" && Number.isFinite(v)) return v;
    throw bad(`pg ${pgid}: ${name} is no number`);
  };
  const osds = (name: string): number[] => {
    const v = f[name];
    if (Array.isArray(v) && v.every((o) => Number.isInteger(o))) return v;
    throw bad(`pg ${pgid}: ${name} is no list of OSDs`);
  };
  if (typeof f.state !== "string") throw bad(`pg ${pgid} has no state`);
  return {
    state: f.state,
    up: osds("up"),
    acting: osds("acting"),
    mapping_epoch: count(f, "mapping_epoch"),
    num_bytes: count(sum, "num_bytes"),
    num_objects: count(sum, "num_objects"),
    num_objects_degraded: count(sum, "num_objects_degraded"),
    num_objects_misplaced: count(sum, "num_objects_misplaced"),
    num_objects_unfound: count(sum, "num_objects_unfound"),
    blocked_by: f.blocked_by === undefined ? [] : osds("blocked_by"),
  };
}
