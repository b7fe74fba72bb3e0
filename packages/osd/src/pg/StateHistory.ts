/**
 * StateHistory: the last states a PG has been in, for `tell osd.N dump_pgstate_history`.
 * Ceph counterpart: PGStateHistory (src/osd/PGStateUtils.h).
 */
import { type epoch_t, type spg_t, utime_str } from "@tako/common";

interface Visit {
  readonly epoch: epoch_t;
  readonly state: string;
  readonly enter: number;
  readonly exit: number;
}
type Stack = readonly { readonly path: string; readonly enter_time: number }[];

/** Ceph keeps as many. */
const KEPT = 10;

export class StateHistory {
  readonly #spgid: spg_t;
  readonly #visits: Visit[] = [];
  #current: { state: string; epoch: epoch_t; enter: number } | undefined;

  constructor(spgid: spg_t) {
    this.#spgid = spgid;
  }

  /** After each event: `stack` has the innermost state first. */
  note(epoch: epoch_t, stack: Stack, now_ms: number): void {
    const top = stack[0];
    if (!top || top.path === this.#current?.state) return;
    if (this.#current) {
      this.#visits.push({ ...this.#current, exit: now_ms });
      if (this.#visits.length > KEPT) this.#visits.shift();
    }
    this.#current = { state: top.path, epoch, enter: top.enter_time };
  }

  dump(stack: Stack): Record<string, unknown> {
    return {
      pg: this.#spgid,
      currently: stack[0]?.path ?? "",
      history: this.#visits.map((v) => ({
        epoch: String(v.epoch),
        states: [{ state: v.state, enter: utime_str(v.enter), exit: utime_str(v.exit) }],
      })),
    };
  }
}
