/**
 * StateHistory: the states a PG has been through, for `tell osd.N dump_pgstate_history`. What was
 * passed between entering and leaving an outermost state is kept together; as long as that state
 * lasts, nothing of it is shown.
 * Ceph counterpart: PGStateHistory, PGStateInstance (src/osd/PGStateUtils.h).
 */
import { type epoch_t, utime_str } from "@tako/common";

interface Visit {
  readonly state: string;
  /** Wall clock, ms. */
  readonly enter: number;
  exit: number;
}
/** From entering an outermost state to leaving it. */
interface Instance {
  readonly epoch: epoch_t;
  /** In the order of leaving. */
  readonly left: Visit[];
  /** Innermost last. */
  readonly inside: Visit[];
}

/** Ceph keeps as many. */
const KEPT = 10;

export class StateHistory {
  readonly #done: Instance[] = [];
  #open: Instance | null = null;

  enter(state: string, epoch: epoch_t, now_ms: number): void {
    this.#open ??= { epoch, left: [], inside: [] };
    this.#open.inside.push({ state, enter: now_ms, exit: 0 });
  }
  exit(now_ms: number): void {
    const instance = this.#open;
    const visit = instance?.inside.pop();
    if (!instance || !visit) return;
    visit.exit = now_ms;
    instance.left.push(visit);
    if (instance.inside.length > 0) return;
    this.#open = null;
    this.#done.push(instance);
    if (this.#done.length > KEPT) this.#done.shift();
  }

  dump(): { currently: string; history: Record<string, unknown>[] } {
    return {
      currently: this.#open?.inside.at(-1)?.state ?? "",
      history: this.#done.map(({ epoch, left }) => ({
        epoch: String(epoch),
        states: left.map(({ state, enter, exit }) => ({
          state,
          enter: utime_str(enter),
          exit: utime_str(exit),
        })),
      })),
    };
  }
}
