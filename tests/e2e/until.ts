/** Waiting for a condition: never for time to pass. */
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 20;
/** Bounds how long a failure takes; a success is never this slow, busy machine or not. */
export const PATIENCE_MS = 60_000;

/** Asks again and again; a failure says what was waited for. */
export async function until(
  what: string | (() => string),
  holds: () => boolean | Promise<boolean>,
  timeout_ms = PATIENCE_MS,
): Promise<void> {
  const deadline = Date.now() + timeout_ms;
  while (!(await holds())) {
    if (Date.now() > deadline) {
      throw new Error(`not within ${timeout_ms} ms: ${typeof what === "string" ? what : what()}`);
    }
    await sleep(POLL_MS);
  }
}
