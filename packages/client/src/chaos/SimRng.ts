/** Seeded random numbers (sfc32): the only source of chance in a seeded run. */
import type { Rng } from "@tako/common";

export class SimRng implements Rng {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `stream` tells apart independent sequences of one seed (one a process, one for faults, ...). */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0;
    this.#b = Math.imul(stream + 1, 0x9e3779b9);
    this.#c = 0x243f6a88;
    this.#d = 1;
    for (let i = 0; i < 16; i++) this.#u32();
  }
  #u32(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (this.#c << 21) | (this.#c >>> 11);
    this.#c = (this.#c + t) | 0;
    return t >>> 0;
  }
  next(): number {
    return this.#u32() / 0x100000000;
  }
  int(n: number): number {
    return Math.floor(this.next() * n);
  }
  /** Uniform in [lo, hi). */
  between(lo: number, hi: number): number {
    return lo + this.next() * (hi - lo);
  }
  chance(p: number): boolean {
    return this.next() < p;
  }
  /** One of a non-empty list. */
  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)] as T;
  }
}
