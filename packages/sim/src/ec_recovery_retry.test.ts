/** Recovery of an erasure-coded object that fails with no shard to blame: tried again, but not at once. */
import { expect, test } from "vitest";
import { play } from "./scenarios/run_transcript.ts";

test("what cannot be decoded is tried again after osd_recovery_retry_interval", async () => {
  const s = await play(null, [
    "cluster osds=3 osd_recovery_retry_interval=2",
    "pool p k=2 m=1 min_size=2",
    "write x v1",
    "kill C",
    "write x v2",
    "write y v2",
  ]);
  const { world } = s;
  const code = world.osd(s.cast.id("A"))?.pgs.all()[0]?.ec?.code;
  if (!code) throw new Error("A has no erasure-coded PG");
  const failures: number[] = [];
  world.log.on_line = (line) => {
    const m = /^ *([\d.]+) .* ec_recovery_failed /.exec(line);
    if (m) failures.push(Number(m[1]));
  };
  const { decode } = code;
  code.decode = () => ({ error: "EIO", why: "no such matrix" });
  await play(s, ["start C", "wait state active+recovery_wait+degraded", "advance 10s"]);
  // Both objects each time.
  const rounds = failures.filter((t, i) => i === 0 || t - (failures[i - 1] ?? 0) > 1000);
  expect(failures.length).toBeLessThanOrEqual(2 * rounds.length);
  expect(rounds.length).toBeGreaterThanOrEqual(4);
  expect(rounds.length).toBeLessThanOrEqual(6);
  code.decode = decode;
  await play(s, ["wait clean", "expect x v2", "expect y v2", "assert quiescent"]);
});
