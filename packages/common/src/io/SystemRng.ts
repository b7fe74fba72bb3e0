/** Chance of the real world. Not for secrets. */
import type { Rng } from "../ports.ts";

export class SystemRng implements Rng {
  next(): number {
    return Math.random();
  }
  int(n: number): number {
    return Math.floor(Math.random() * n);
  }
}
