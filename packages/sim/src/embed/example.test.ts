/** The example of docs/embedding.md, which shows this file from its first import on. */
import { createCluster } from "@tako/sim";
import { expect, test } from "vitest";

test("a write that was acknowledged survives the death of its primary", async () => {
  const cluster = await createCluster({ osds: 6, seed: 7 });
  const io = await cluster.pool("data", { pg_num: 8, size: 3, min_size: 2 });
  await io.write_full("greeting", "hello");

  const { acting_primary } = cluster.osdmap.pg_to_up_acting_osds("1.0");
  cluster.kill(acting_primary);
  await cluster.advance(30_000);
  await io.append("greeting", ", world");

  cluster.start(acting_primary);
  await cluster.clean();
  expect(new TextDecoder().decode(await io.read("greeting"))).toBe("hello, world");
  await cluster.close();
});
