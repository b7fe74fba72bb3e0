/**
 * BackfillInterval: the objects of one shard in [begin, end) with their versions, in order: what a
 * scan found, less what has been dealt with. Ceph counterpart: BackfillInterval
 * (src/osd/osd_types.h). peering.md §7.3.
 */
import { type eversion_t, hobject_cmp, type hobject_t } from "@tako/common";

export interface BackfillObject {
  readonly soid: hobject_t;
  readonly version: eversion_t;
}

export class BackfillInterval {
  begin: hobject_t;
  end: hobject_t;
  /** Log version that the scan is valid for; undefined: not scanned. */
  version: eversion_t | undefined;
  #objects: BackfillObject[] = [];
  #first = 0;

  /** Empty, to be scanned from `start`. */
  constructor(start: hobject_t) {
    this.begin = start;
    this.end = start;
  }

  /** What a scan of [begin, end) found, in order. */
  assign(begin: hobject_t, end: hobject_t, objects: readonly BackfillObject[]): void {
    this.begin = begin;
    this.end = end;
    this.#objects = [...objects];
    this.#first = 0;
  }
  reset(start: hobject_t): void {
    this.assign(start, start, []);
    this.version = undefined;
  }

  get empty(): boolean {
    return this.#first >= this.#objects.length;
  }
  get front(): BackfillObject | undefined {
    return this.#objects[this.#first];
  }
  get extends_to_end(): boolean {
    return this.end === "MAX";
  }
  objects(): readonly BackfillObject[] {
    return this.#objects.slice(this.#first);
  }

  /** begin = the first object, or the end when there is none. */
  trim(): void {
    this.begin = this.front?.soid ?? this.end;
  }
  pop_front(): void {
    this.#first++;
    this.trim();
  }
  /** Drops objects <= soid. */
  trim_to(soid: hobject_t): void {
    for (let o = this.front; o && hobject_cmp(o.soid, soid) <= 0; o = this.front) this.#first++;
    this.trim();
  }

  /** The object was written at `version`; outside of the interval it is somebody else's. */
  set(soid: hobject_t, version: eversion_t): void {
    if (!this.#covers(soid)) return;
    const i = this.#lower_bound(soid);
    const replace = this.#objects[i]?.soid === soid;
    this.#objects.splice(i, replace ? 1 : 0, { soid, version });
  }
  delete(soid: hobject_t): void {
    if (!this.#covers(soid)) return;
    const i = this.#lower_bound(soid);
    if (this.#objects[i]?.soid === soid) this.#objects.splice(i, 1);
  }

  #covers(soid: hobject_t): boolean {
    return hobject_cmp(soid, this.begin) >= 0 && hobject_cmp(soid, this.end) < 0;
  }
  #lower_bound(soid: hobject_t): number {
    let lo = this.#first;
    let hi = this.#objects.length;
    while (lo < hi) {
      const mid = (lo + hi) >>> 1;
      const o = this.#objects[mid];
      if (o && hobject_cmp(o.soid, soid) < 0) lo = mid + 1;
      else hi = mid;
    }
    return lo;
  }
}
