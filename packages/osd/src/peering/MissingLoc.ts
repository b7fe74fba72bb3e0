/**
 * MissingLoc: on the primary, the objects that some member of the PG lacks, and the shards from
 * which each can be had. Bookkeeping only; it asks nobody and moves no object.
 * Ceph counterpart: MissingLoc (src/osd/MissingLoc.{h,cc}). peering.md §6.14.
 */
import {
  ev_eq,
  ev_lt,
  type eversion_t,
  type hobject_t,
  hobject_cmp,
  invariant,
  type pg_info_t,
  type pg_missing_item_t,
  type pg_shard_t,
  shard_cmp,
  shard_osd,
} from "@tako/common";
import type { pg_missing_t } from "../pg/pg_missing.ts";
import {
  type IsPGReadablePredicate,
  type IsPGRecoverablePredicate,
  replicated_recoverable,
} from "./recoverable.ts";

const NOWHERE: ReadonlySet<pg_shard_t> = new Set();

export class MissingLoc {
  readonly #needs_recovery = new Map<hobject_t, pg_missing_item_t>();
  readonly #locations = new Map<hobject_t, Set<pg_shard_t>>();
  /** Shards that are, or were, a location of something. */
  readonly #sources = new Set<pg_shard_t>();
  /** Kept up to date with every change of the above: statistics ask often. */
  readonly #unfound = new Set<hobject_t>();
  #is_readable: IsPGReadablePredicate = replicated_recoverable;
  #is_recoverable: IsPGRecoverablePredicate = replicated_recoverable;

  set_backend_predicates(
    readable: IsPGReadablePredicate,
    recoverable: IsPGRecoverablePredicate,
  ): void {
    this.#is_readable = readable;
    this.#is_recoverable = recoverable;
    for (const hoid of this.#needs_recovery.keys()) this.#update_unfound(hoid);
  }
  clear(): void {
    this.#needs_recovery.clear();
    this.#locations.clear();
    this.#sources.clear();
    this.#unfound.clear();
  }

  // ---------------------------------------------------------------- reading

  is_recoverable(have: ReadonlySet<pg_shard_t>): boolean {
    return this.#is_recoverable(have);
  }
  get_needs_recovery(): ReadonlyMap<hobject_t, pg_missing_item_t> {
    return this.#needs_recovery;
  }
  /** The version to bring it to; undefined when no member lacks it. */
  needs_recovery(hoid: hobject_t): eversion_t | undefined {
    return this.#needs_recovery.get(hoid)?.need;
  }
  is_deleted(hoid: hobject_t): boolean {
    return this.#needs_recovery.get(hoid)?.is_delete ?? false;
  }
  /** Lacked by somebody, and nobody known has it. Deletions need no source. */
  is_unfound(hoid: hobject_t): boolean {
    return this.#unfound.has(hoid);
  }
  num_unfound(): number {
    return this.#unfound.size;
  }
  have_unfound(): boolean {
    return this.#unfound.size > 0;
  }
  /** In object order. */
  get_unfound(): hobject_t[] {
    return [...this.#unfound].sort(hobject_cmp);
  }
  num_needs_recovery(): number {
    return this.#needs_recovery.size;
  }
  get_locations(hoid: hobject_t): ReadonlySet<pg_shard_t> {
    return this.#locations.get(hoid) ?? NOWHERE;
  }
  has_sources(): boolean {
    return this.#sources.size > 0;
  }
  /** Can it be read from the members of `acting` that have it? True for what nobody lacks. */
  readable_with_acting(hoid: hobject_t, acting: ReadonlySet<pg_shard_t>): boolean {
    const item = this.#needs_recovery.get(hoid);
    if (!item) return true;
    if (item.is_delete) return false;
    const at = [...this.get_locations(hoid)].filter((s) => acting.has(s));
    return this.#is_readable(new Set(at));
  }

  // ---------------------------------------------------------------- what is lacked

  /** The missing set of a member. All members went through the same log, so needs agree. */
  add_active_missing(missing: pg_missing_t): void {
    for (const [hoid, item] of missing.get_items()) {
      const known = this.#needs_recovery.get(hoid);
      if (known) {
        invariant(ev_eq(known.need, item.need), "members need different versions of an object", {
          hoid,
          known: known.need,
          need: item.need,
        });
        continue;
      }
      this.add_missing(hoid, item.need, item.have, item.is_delete);
    }
  }
  add_missing(hoid: hobject_t, need: eversion_t, have: eversion_t, is_delete: boolean): void {
    this.#needs_recovery.set(hoid, { need, have, is_delete });
    this.#update_unfound(hoid);
  }
  /** A newer version is wanted, or an older one after the lost was given up. */
  revise_need(hoid: hobject_t, need: eversion_t): void {
    const item = this.#needs_recovery.get(hoid);
    invariant(item, "missing_loc: revise_need of what nobody lacks", { hoid });
    this.#needs_recovery.set(hoid, { ...item, need });
  }
  /** Every member has it. */
  recovered(hoid: hobject_t): void {
    this.#needs_recovery.delete(hoid);
    this.#locations.delete(hoid);
    this.#unfound.delete(hoid);
  }
  /**
   * Somebody's copy turned out bad, or a member joined: counts anew who has and who lacks the object.
   * `missing` and `infos`: of all members, own shard included.
   */
  rebuild(
    hoid: hobject_t,
    missing: ReadonlyMap<pg_shard_t, pg_missing_t>,
    infos: ReadonlyMap<pg_shard_t, pg_info_t>,
  ): void {
    this.recovered(hoid);
    for (const m of missing.values()) {
      const item = m.get(hoid);
      if (!item) continue;
      this.add_missing(hoid, item.need, item.have, item.is_delete);
      break;
    }
    const item = this.#needs_recovery.get(hoid);
    if (!item || item.is_delete) return;
    for (const [shard, m] of missing) {
      const info = infos.get(shard);
      if (info && has_object(info, m, hoid, item.need)) this.add_location(hoid, shard);
    }
  }

  // ---------------------------------------------------------------- where it is

  add_location(hoid: hobject_t, shard: pg_shard_t): void {
    const at = this.#locations.get(hoid);
    if (at) at.add(shard);
    else this.#locations.set(hoid, new Set([shard]));
    this.#sources.add(shard);
    this.#update_unfound(hoid);
  }
  remove_location(hoid: hobject_t, shard: pg_shard_t): void {
    if (this.#locations.get(hoid)?.delete(shard)) this.#update_unfound(hoid);
  }
  clear_location(hoid: hobject_t): void {
    this.#locations.delete(hoid);
    this.#update_unfound(hoid);
  }

  /** `from` told what it has and lacks. Returns whether it is a new source of some object. */
  add_source_info(from: pg_shard_t, oinfo: pg_info_t, omissing: pg_missing_t): boolean {
    let found_missing = false;
    for (const [hoid, item] of this.#needs_recovery) {
      if (item.is_delete || this.get_locations(hoid).has(from)) continue;
      if (!has_object(oinfo, omissing, hoid, item.need)) continue;
      this.add_location(hoid, from);
      found_missing = true;
    }
    return found_missing;
  }
  /** Forgets a shard as a source: a stray that is told to delete its copy. */
  remove_source(shard: pg_shard_t): void {
    this.#sources.delete(shard);
    for (const hoid of this.#locations.keys()) this.remove_location(hoid, shard);
  }
  /** Forgets the sources on OSDs that are down; returns those. */
  check_recovery_sources(is_down: (osd: number) => boolean): pg_shard_t[] {
    const gone = [...this.#sources].filter((s) => is_down(shard_osd(s))).sort(shard_cmp);
    for (const s of gone) this.remove_source(s);
    return gone;
  }

  #update_unfound(hoid: hobject_t): void {
    const item = this.#needs_recovery.get(hoid);
    if (item && !item.is_delete && !this.#is_recoverable(this.get_locations(hoid))) {
      this.#unfound.add(hoid);
    } else {
      this.#unfound.delete(hoid);
    }
  }
}

/** Does a copy with this info and missing set hold the object in version `need`? */
function has_object(
  info: pg_info_t,
  missing: pg_missing_t,
  hoid: hobject_t,
  need: eversion_t,
): boolean {
  if (ev_lt(info.last_update, need)) return false;
  // Whether the object at last_backfill itself arrived is not certain.
  if (info.last_backfill !== "MAX" && hobject_cmp(hoid, info.last_backfill) >= 0) return false;
  return !missing.is_missing(hoid);
}
