/**
 * BackgroundQueue: the port through which recovery and backfill get their turns: a bounded number of
 * jobs at a time, first come first served. Peering and client writes never wait in it; scrubs have a
 * queue of their own (ScrubQueue). io/PQueueBackground implements it in a daemon; SlotQueue is the same
 * for the simulator.
 */
export interface BackgroundQueue {
  /** Runs `job` when a slot is free, never from inside this call. It must call `done` once. */
  add(job: (done: () => void) => void): void;
  /** Jobs that may run at a time, >= 1. */
  set_concurrency(n: number): void;
  /** Nothing more starts. */
  stop(): void;
}

export class SlotQueue implements BackgroundQueue {
  readonly #defer: (fn: () => void) => void;
  readonly #waiting: ((done: () => void) => void)[] = [];
  #concurrency: number;
  #running = 0;
  #stopped = false;

  constructor(concurrency: number, defer: (fn: () => void) => void) {
    this.#concurrency = concurrency;
    this.#defer = defer;
  }
  add(job: (done: () => void) => void): void {
    this.#waiting.push(job);
    this.#defer(() => this.#next());
  }
  set_concurrency(n: number): void {
    this.#concurrency = n;
    this.#defer(() => this.#next());
  }
  stop(): void {
    this.#stopped = true;
    this.#waiting.length = 0;
  }
  #next(): void {
    if (this.#stopped || this.#running >= this.#concurrency) return;
    const job = this.#waiting.shift();
    if (!job) return;
    this.#running++;
    let ended = false;
    job(() => {
      if (ended) return;
      ended = true;
      this.#running--;
      this.#defer(() => this.#next());
    });
  }
}
