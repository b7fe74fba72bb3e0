/**
 * Scenario 45, all-restart (peering.md §12.2), in every order of return and with various pauses: the
 * power goes while writes are under way; in the end everything acknowledged is there, once.
 */
import { expect, test } from "vitest";
import { wait_clean } from "./cluster_commands.ts";
import { play } from "./run_transcript.ts";
import { outcome } from "./Scene.ts";

const ORDERS = ["A B C", "A C B", "B A C", "B C A", "C A B", "C B A"];
const text = new TextDecoder();

test.each(ORDERS)("return in the order %s", async (order) => {
  const s = await play(null, ["cluster osds=4", "pool p size=3 min_size=2"]);
  let expected = "";
  for (const [round, pause] of ["0ms", "100ms", "3s", "12s"].entries()) {
    // One acknowledged, one under way; in some rounds C has been away before.
    if (round % 2 === 1) await play(s, ["kill C"]);
    await s.world.done(s.io.append("x", `[${round}a]`));
    const done = outcome(s.io.append("x", `[${round}b]`).then(() => "ok"));
    for (let i = 0; i < 3 * round; i++) await s.world.until_event();
    await play(s, ["power-cut", `advance ${pause}`]);
    for (const name of order.split(" ")) await play(s, [`start-now ${name}`, `advance ${pause}`]);
    await play(s, ["start-now D"]);
    expect(await s.world.done(done, "the write under way")).toBe("ok");
    await wait_clean(s);
    expected += `[${round}a][${round}b]`;
    expect(text.decode(await s.world.done(s.io.read("x")))).toBe(expected);
  }
  await play(s, ["assert acting A B C", "assert quiescent"]);
});
