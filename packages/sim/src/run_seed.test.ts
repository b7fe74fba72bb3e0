/** One seed is one history, to the byte: the hash goes over every line of the event log. */
import { expect, test } from "vitest";
import { run_seed } from "./run_seed.ts";

test("the same seed gives the same event log, another seed another", async () => {
  const first = await run_seed({ seed: 11, seconds: 2 });
  const again = await run_seed({ seed: 11, seconds: 2 });
  const other = await run_seed({ seed: 12, seconds: 2 });
  expect(first.error).toBeUndefined();
  expect({ hash: again.hash, events: again.events }).toEqual({
    hash: first.hash,
    events: first.events,
  });
  expect(first.events).toBeGreaterThan(1000);
  expect(other.hash).not.toBe(first.hash);
}, 60_000);
