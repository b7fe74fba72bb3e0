/** Fault: one way to break something. Families of them are in the files beside this one. */

import type { FaultWorld } from "./FaultWorld.ts";
import type { Field } from "./Field.ts";

/** Whether it was done. A promise: the monitor was asked. */
export type Outcome = boolean | Promise<boolean>;

/** `W`: what it needs of the world; by default what both kinds of clusters have. */
export interface Fault<W extends FaultWorld = FaultWorld> {
  /** Its name in counts and profiles. */
  readonly kind: string;
  /** How often it comes, beside the others, before the run's own rates. */
  readonly weight: number;
  /** It leaves all processes, links and disks alone: may come while a copy is missing. */
  readonly gentle?: boolean;
  /** False: it could not be done just now, and does not count. */
  readonly strike: (f: Field<W>) => Outcome;
}
