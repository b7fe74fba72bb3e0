/**
 * Placement by a random number generator, to hold CRUSH's against: any devices that are in, where
 * the rule's kind of bucket takes each at most once. The same on every run.
 * Ceph counterpart: CrushTester::random_placement, check_valid_placement; lrand48 of the C library.
 */
import type { CrushWrapper } from "./CrushWrapper.ts";
import { choose_steps, get_maximum_affected_by_rule } from "./rule_reach.ts";
import type { crush_rule } from "./types.ts";

const MAX_TRIES = 100;

export class RandomPlacement {
  readonly #crush: CrushWrapper;
  readonly #weights: readonly number[];
  readonly #random = new Lrand48();

  constructor(crush: CrushWrapper, weights: readonly number[]) {
    this.#crush = crush;
    this.#weights = weights;
  }

  /** Empty when chance finds no place that is allowed. */
  map(rule: crush_rule, num_rep: number): number[] {
    const n = Math.min(num_rep, get_maximum_affected_by_rule(this.#crush, rule));
    const types = choose_steps(rule).map((s) => this.#crush.get_type_name(s.arg2) ?? "");
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const devices = Array.from(
        { length: Math.max(0, n) },
        () => this.#random.next() % this.#crush.get_max_devices(),
      );
      if (this.#is_valid(devices, types)) return devices;
    }
    return [];
  }

  #is_valid(devices: readonly number[], types: readonly string[]): boolean {
    if (devices.some((d) => (this.#weights[d] ?? 0) === 0)) return false;
    if (new Set(devices).size < devices.length) return false;
    if (types.length === 1 && types[0] === "osd") return true;
    const seen = new Set<string>();
    for (const d of devices) {
      const at = this.#crush.get_full_location(d);
      for (const type of types) {
        const name = at.get(type) ?? "";
        if (seen.has(name)) return false;
        seen.add(name);
      }
    }
    return true;
  }
}

/** x = (0x5deece66d x + 11) mod 2^48, of which the upper 31 bits are used, from 0 on. */
class Lrand48 {
  #high = 0;
  #low = 0;

  next(): number {
    // In halves of 24 bits: each product stays exact.
    const low = this.#low * 0xece66d + 0xb;
    const high = this.#low * 0x5de + this.#high * 0xece66d + Math.floor(low / 0x1000000);
    this.#low = low % 0x1000000;
    this.#high = high % 0x1000000;
    return Math.floor((this.#high * 0x1000000 + this.#low) / 0x20000);
  }
}
