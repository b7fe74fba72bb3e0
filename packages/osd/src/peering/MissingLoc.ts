/**
 * MissingLoc: on the primary, the objects that some member of the PG lacks, and the shards from
 * which each can be had. Bookkeeping only; it asks nobody and moves no object.
 * Ceph counterpart: MissingLoc (src/osd/MissingLoc.{h,cc}). peering.md §6.14.
 *
 * Thousands of objects have the same few sets of locations, so the sets are shared: an object points
 * at one, and whether that is enough to recover from is decided once a set.
 */
import {
  ev_eq,
  ev_is_zero,
  ev_le,
  type eversion_t,
  hobject_cmp,
  type hobject_t,
  type IsPGReadablePredicate,
  type IsPGRecoverablePredicate,
  invariant,
  type pg_info_t,
  type pg_missing_item_t,
  type pg_shard_t,
  replicated_recoverable,
  shard_cmp,
  shard_osd,
  sort_few,
} from "@tako/common";
import type { pg_missing_t } from "../pg/pg_missing.ts";

/** All objects that can be had from exactly these shards. */
class LocationSet {
  readonly shards: ReadonlySet<pg_shard_t>;
  recoverable: boolean;
  objects = 0;
  constructor(shards: ReadonlySet<pg_shard_t>, recoverable: boolean) {
    this.shards = shards;
    this.recoverable = recoverable;
  }
}
const NOWHERE: ReadonlySet<pg_shard_t> = new Set();

/** The version that an object goes back to after its newest was given up as lost. */
export type RevertTarget = (hoid: hobject_t) => eversion_t | undefined;

/** What the members have and lack; a PeeringState is one. */
export interface members_t {
  readonly pg_whoami: pg_shard_t;
  readonly info: pg_info_t;
  readonly missing: pg_missing_t;
  readonly acting_recovery_backfill: ReadonlySet<pg_shard_t>;
  /** Of members and strays. */
  readonly peer_info: ReadonlyMap<pg_shard_t, pg_info_t>;
  readonly peer_missing: ReadonlyMap<pg_shard_t, pg_missing_t>;
}

export class MissingLoc {
  readonly #needs_recovery = new Map<hobject_t, pg_missing_item_t>();
  /** One for each object above that is not a deletion. */
  readonly #at = new Map<hobject_t, LocationSet>();
  readonly #sets = new Map<string, LocationSet>();
  /** Shards that are, or were, a location of something. */
  readonly #sources = new Set<pg_shard_t>();
  readonly #reverting_to: RevertTarget;
  #is_readable: IsPGReadablePredicate = replicated_recoverable;
  #is_recoverable: IsPGRecoverablePredicate = replicated_recoverable;

  constructor(reverting_to: RevertTarget = () => undefined) {
    this.#reverting_to = reverting_to;
  }
  set_backend_predicates(
    readable: IsPGReadablePredicate,
    recoverable: IsPGRecoverablePredicate,
  ): void {
    this.#is_readable = readable;
    this.#is_recoverable = recoverable;
    for (const set of this.#sets.values()) set.recoverable = recoverable(set.shards);
  }
  clear(): void {
    this.#needs_recovery.clear();
    this.#at.clear();
    this.#sets.clear();
    this.#sources.clear();
  }

  // ---------------------------------------------------------------- reading

  is_recoverable(have: ReadonlySet<pg_shard_t>): boolean {
    return this.#is_recoverable(have);
  }
  get_needs_recovery(): ReadonlyMap<hobject_t, pg_missing_item_t> {
    return this.#needs_recovery;
  }
  num_needs_recovery(): number {
    return this.#needs_recovery.size;
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
    return this.#at.get(hoid)?.recoverable === false;
  }
  num_unfound(): number {
    let n = 0;
    for (const set of this.#sets.values()) if (!set.recoverable) n += set.objects;
    return n;
  }
  have_unfound(): boolean {
    return this.num_unfound() > 0;
  }
  /** In object order. */
  get_unfound(): hobject_t[] {
    const unfound: hobject_t[] = [];
    for (const [hoid, set] of this.#at) if (!set.recoverable) unfound.push(hoid);
    return unfound.sort(hobject_cmp);
  }
  get_locations(hoid: hobject_t): ReadonlySet<pg_shard_t> {
    return this.#at.get(hoid)?.shards ?? NOWHERE;
  }
  /** How many objects that somebody lacks there are in each set of locations. */
  location_counts(): { readonly shards: readonly pg_shard_t[]; readonly objects: number }[] {
    return [...this.#sets]
      .filter(([, set]) => set.objects > 0)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, set]) => ({ shards: [...set.shards], objects: set.objects }));
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
      if (!known) {
        this.add_missing(hoid, item.need, item.have, item.is_delete);
        continue;
      }
      invariant(ev_eq(known.need, item.need), "members need different versions of an object", {
        hoid,
        known: known.need,
        need: item.need,
      });
    }
  }
  add_missing(hoid: hobject_t, need: eversion_t, have: eversion_t, is_delete: boolean): void {
    this.#needs_recovery.set(hoid, { need, have, is_delete });
    if (is_delete) this.#place(hoid, undefined);
    else if (!this.#at.has(hoid)) this.#place(hoid, []);
  }
  /** A newer version is wanted, or an older one after the lost was given up. */
  revise_need(hoid: hobject_t, need: eversion_t): void {
    const item = this.#needs_recovery.get(hoid);
    invariant(item, "missing_loc: revise_need of what nobody lacks", { hoid });
    this.#needs_recovery.set(hoid, { ...item, need });
  }
  /** Every member has it. */
  recovered(hoid: hobject_t): void {
    this.#place(hoid, undefined);
    this.#needs_recovery.delete(hoid);
  }
  /** Something about this object changed on some member: counts anew who has and who lacks it. */
  rebuild_object(members: members_t, hoid: hobject_t): void {
    this.recovered(hoid);
    const item = lacked_item(members, hoid);
    if (!item) return;
    this.add_missing(hoid, item.need, item.have, item.is_delete);
    if (item.is_delete) return;
    const { need } = item;
    if (this.#has_object(members.info, members.missing, hoid, need)) {
      this.add_location(hoid, members.pg_whoami);
    }
    for (const [peer, m] of members.peer_missing) {
      const info = members.peer_info.get(peer);
      if (info && this.#has_object(info, m, hoid, need)) this.add_location(hoid, peer);
    }
  }

  // ---------------------------------------------------------------- where it is

  /** No effect for what nobody lacks. */
  add_location(hoid: hobject_t, shard: pg_shard_t): void {
    const at = this.#at.get(hoid);
    if (!at || at.shards.has(shard)) return;
    this.#sources.add(shard);
    this.#place(hoid, [...at.shards, shard]);
  }
  remove_location(hoid: hobject_t, shard: pg_shard_t): void {
    const at = this.#at.get(hoid);
    if (at?.shards.has(shard)) {
      this.#place(
        hoid,
        [...at.shards].filter((s) => s !== shard),
      );
    }
  }
  clear_location(hoid: hobject_t): void {
    if (this.#at.has(hoid)) this.#place(hoid, []);
  }

  /** `from` told what it has and lacks. Returns whether it is a new source of some object. */
  add_source_info(from: pg_shard_t, oinfo: pg_info_t, omissing: pg_missing_t): boolean {
    let found_missing = false;
    for (const [hoid, at] of this.#at) {
      const item = this.#needs_recovery.get(hoid);
      if (!item || at.shards.has(from)) continue;
      if (!this.#has_object(oinfo, omissing, hoid, item.need)) continue;
      this.add_location(hoid, from);
      found_missing = true;
    }
    return found_missing;
  }
  /** Forgets a shard as a source: a stray that is told to delete its copy. */
  remove_source(shard: pg_shard_t): void {
    if (!this.#sources.delete(shard)) return;
    for (const hoid of this.#at.keys()) this.remove_location(hoid, shard);
  }
  /** Shards from which objects may be had. */
  get sources(): ReadonlySet<pg_shard_t> {
    return this.#sources;
  }
  /** Forgets the sources on OSDs that are down; returns those. */
  check_recovery_sources(is_down: (osd: number) => boolean): pg_shard_t[] {
    const gone = [...this.#sources].filter((s) => is_down(shard_osd(s))).sort(shard_cmp);
    for (const s of gone) this.remove_source(s);
    return gone;
  }

  /**
   * Does a copy with this info and missing set hold the object in version `need`, or in the older one
   * that stands for it?
   */
  #has_object(info: pg_info_t, missing: pg_missing_t, hoid: hobject_t, need: eversion_t): boolean {
    // Whether the object at last_backfill itself arrived is not certain.
    const covered = info.last_backfill === "MAX" || hobject_cmp(hoid, info.last_backfill) < 0;
    if (!covered) return false;
    const item = missing.get(hoid);
    if (!item) return ev_le(need, info.last_update);
    if (ev_is_zero(item.have)) return false;
    const older = this.#reverting_to(hoid);
    return older !== undefined && ev_eq(item.have, older);
  }

  /** Puts an object among those with these locations; undefined takes it out. */
  #place(hoid: hobject_t, shards: pg_shard_t[] | undefined): void {
    const old = this.#at.get(hoid);
    if (old) old.objects--;
    if (!shards) {
      this.#at.delete(hoid);
      return;
    }
    const key = shards.sort(shard_cmp).join(",");
    let set = this.#sets.get(key);
    if (!set) {
      const of = new Set(shards);
      set = new LocationSet(of, this.#is_recoverable(of));
      this.#sets.set(key, set);
    }
    set.objects++;
    this.#at.set(hoid, set);
  }
}

/** The item of some member that lacks the object, the primary's first. */
function lacked_item(members: members_t, hoid: hobject_t): pg_missing_item_t | undefined {
  const own = members.missing.get(hoid);
  if (own) return own;
  for (const s of sort_few([...members.acting_recovery_backfill], shard_cmp)) {
    const item = s === members.pg_whoami ? undefined : members.peer_missing.get(s)?.get(hoid);
    if (item) return item;
  }
  return undefined;
}
