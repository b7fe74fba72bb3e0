/**
 * ObjectContext: what the primary knows of an object that is in use, and who may touch it; and the
 * cache of them. Ceph counterpart: ObjectContext, RWState, ObcLockManager (src/osd/osd_internal_types.h,
 * object_state.h). Rules: peering.md §8.3, §8.5.
 *
 * The store shows queued transactions at once, so `oi` is the state after all writes in flight: what
 * the next write builds on. Reads wait until those writes are durable on every member.
 */
import type { hobject_t } from "@tako/common";
import type { coll_t, ObjectStore } from "../store/ObjectStore.ts";
import { decode_object_info, NO_OBJECT, OI_ATTR, type object_info_t } from "./object_info.ts";

export interface ObjectContext {
  readonly soid: hobject_t;
  exists: boolean;
  oi: object_info_t;
  /** Its "_" attribute is unreadable: ops get EIO. */
  readonly corrupt: boolean;
  /** Writes in flight. They may share the lock: their order is that of the log. */
  writes: number;
  /** The object is being read for a push: no writes. */
  recovery_read: boolean;
  /** Client reads that wait for shards (erasure-coded pools): no writes. */
  reads: number;
  /** A write that waits for the old bytes of its stripes (erasure-coded pools): nothing else. */
  rmw: boolean;
}

export function may_read(obc: ObjectContext): boolean {
  return obc.writes === 0 && !obc.rmw;
}
export function may_write(obc: ObjectContext): boolean {
  return !obc.recovery_read && obc.reads === 0 && !obc.rmw;
}
/** Recovery does not queue up: it comes back later. */
export function get_recovery_read(obc: ObjectContext): boolean {
  if (obc.writes > 0 || obc.recovery_read || obc.rmw) return false;
  obc.recovery_read = true;
  return true;
}
function in_use(obc: ObjectContext): boolean {
  return obc.writes > 0 || obc.recovery_read || obc.reads > 0 || obc.rmw;
}

/** Idle contexts kept for the next op. */
const CACHE_MAX = 1024;

export class ObjectContexts {
  readonly #store: ObjectStore;
  readonly #coll: coll_t;
  /** In order of last use. */
  readonly #objects = new Map<hobject_t, ObjectContext>();

  constructor(store: ObjectStore, coll: coll_t) {
    this.#store = store;
    this.#coll = coll;
  }

  get(soid: hobject_t): ObjectContext {
    const known = this.#objects.get(soid);
    if (known) {
      this.#objects.delete(soid);
      this.#objects.set(soid, known);
      return known;
    }
    const obc = this.#load(soid);
    this.#objects.set(soid, obc);
    if (this.#objects.size > CACHE_MAX) this.#shrink();
    return obc;
  }
  /** Only when it is in the cache. */
  peek(soid: hobject_t): ObjectContext | undefined {
    return this.#objects.get(soid);
  }

  /** Is an object of that range being written, or about to be? */
  writing(in_range: (soid: hobject_t) => boolean): boolean {
    for (const obc of this.#objects.values()) {
      if ((obc.writes > 0 || obc.rmw) && in_range(obc.soid)) return true;
    }
    return false;
  }

  /** Recovery has replaced the object in the store: reads it anew, and keeps the locks. */
  reload(soid: hobject_t): void {
    const old = this.#objects.get(soid);
    if (!old) return;
    const { writes, recovery_read, reads, rmw } = old;
    // The same context stays: others hold it.
    Object.assign(old, this.#load(soid), { writes, recovery_read, reads, rmw });
  }

  /** A new interval: nothing that was projected need be true any more. */
  clear(): void {
    this.#objects.clear();
  }

  #load(soid: hobject_t): ObjectContext {
    const attr = this.#store.getattr(this.#coll, soid, OI_ATTR);
    const oi = attr && decode_object_info(attr);
    const exists = attr !== undefined || this.#store.exists(this.#coll, soid);
    return {
      soid,
      exists,
      oi: oi ?? NO_OBJECT,
      corrupt: exists && oi === undefined,
      writes: 0,
      recovery_read: false,
      reads: 0,
      rmw: false,
    };
  }
  #shrink(): void {
    for (const [soid, obc] of this.#objects) {
      if (this.#objects.size <= CACHE_MAX) return;
      if (!in_use(obc)) this.#objects.delete(soid);
    }
  }
}
