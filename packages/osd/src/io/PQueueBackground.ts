/** BackgroundQueue on p-queue: what bounds background work in a real OSD. */
import PQueue from "p-queue";
import type { BackgroundQueue } from "../osd/BackgroundQueue.ts";

export class PQueueBackground implements BackgroundQueue {
  readonly #queue: PQueue;

  constructor(concurrency: number) {
    this.#queue = new PQueue({ concurrency });
  }
  add(job: (done: () => void) => void): void {
    void this.#queue.add(
      () =>
        new Promise<void>((done) => {
          setImmediate(() => job(done));
        }),
    );
  }
  set_concurrency(n: number): void {
    this.#queue.concurrency = n;
  }
  stop(): void {
    this.#queue.pause();
    this.#queue.clear();
  }
}
