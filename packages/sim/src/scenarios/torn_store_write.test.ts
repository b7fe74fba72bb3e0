/**
 * Scenario 68, torn-store-write (peering.md §12.2): SIGKILL at every instant between the arrival of
 * a write and its reply. Each transaction is there or not there, as a whole; the store loads; a write
 * that the client still wants takes effect once.
 */

import { ObjectWriteOperation } from "@tako/client";
import { describe, expect, test } from "vitest";
import { wait_clean } from "./cluster_commands.ts";
import { play } from "./run_transcript.ts";
import { outcome, type Scene } from "./Scene.ts";

const text = new TextDecoder();

/** Data, attribute and omap of one object in one transaction. */
function write(s: Scene, tag: string, signal?: AbortSignal): Promise<string> {
  const op = new ObjectWriteOperation()
    .append(`[${tag}]`)
    .setxattr("tag", tag)
    .omap_set([["tag", tag]]);
  return outcome(s.io.operate_write("x", op, signal ? { signal } : {}).then(() => "ok"));
}
async function read(s: Scene): Promise<{ data: string; xattr: string; omap: string }> {
  const { io, world } = s;
  const data = text.decode(await world.done(io.read("x")));
  const xattr = text.decode(await world.done(io.getxattr("x", "tag")));
  const omap = await world.done(io.omap_get_all("x"));
  return { data, xattr, omap: text.decode(omap.get("tag")) };
}

/** How many events of the simulation one write takes, from the call to the reply. */
async function events_of_a_write(s: Scene): Promise<number> {
  const before = s.world.scheduler.events_run;
  await s.world.done(write(s, "0"));
  return s.world.scheduler.events_run - before;
}
/** Submits a write and stops time after `n` events. */
async function write_for(s: Scene, tag: string, n: number, signal?: AbortSignal) {
  const seen: { result: string | undefined } = { result: undefined };
  const done = write(s, tag, signal).then((r) => {
    seen.result = r;
  });
  for (let i = 0; i < n; i++) await s.world.until_event();
  return { seen, done };
}

const VICTIMS = ["A", "B", "C", "A B C", "A B"];

describe.each(VICTIMS)("killed at every instant of a write: %s", (victims) => {
  test("the client waits: once, whole", async () => {
    const s = await play(null, ["cluster osds=3", "pool p size=3 min_size=2"]);
    const n = await events_of_a_write(s);
    let expected = "[0]";
    for (let k = 0; k <= n + 2; k++) {
      const { done } = await write_for(s, `w${k}`, k);
      await play(s, [`kill-now ${victims}`, `start-now ${victims}`]);
      await s.world.done(done, "the write");
      expected += `[w${k}]`;
      expect(await read(s)).toEqual({ data: expected, xattr: `w${k}`, omap: `w${k}` });
    }
    await wait_clean(s);
    await play(s, ["assert quiescent"]);
  });

  test("the client gives up: whole or not at all", async () => {
    const s = await play(null, ["cluster osds=3", "pool p size=3 min_size=2"]);
    const n = await events_of_a_write(s);
    let [data, last] = ["[0]", "0"];
    const fates = { kept: 0, gone: 0 };
    for (let k = 0; k <= n; k++) {
      const abort = new AbortController();
      const { seen, done } = await write_for(s, `w${k}`, k, abort.signal);
      const acked = seen.result === "ok";
      abort.abort();
      await play(s, [`kill-now ${victims}`, `start-now ${victims}`]);
      await done;
      await wait_clean(s);
      const now = await read(s);
      const kept = now.data !== data;
      if (acked) expect(kept).toBe(true);
      if (kept) [data, last] = [`${data}[w${k}]`, `w${k}`];
      expect(now).toEqual({ data, xattr: last, omap: last });
      fates[kept ? "kept" : "gone"]++;
    }
    // Both happen, or the instants were not the right ones. With A alive it always goes on.
    expect(fates.kept).toBeGreaterThan(0);
    if (victims.includes("A")) expect(fates.gone).toBeGreaterThan(0);
    else expect(fates.gone).toBe(0);
    await play(s, ["assert quiescent"]);
  });
});
