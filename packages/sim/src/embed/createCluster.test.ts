import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { type Cluster, type ClusterOptions, createCluster } from "./createCluster.ts";

const text = new TextDecoder();
const open: Cluster[] = [];

async function make(options: ClusterOptions): Promise<Cluster> {
  const cluster = await createCluster(options);
  open.push(cluster);
  return cluster;
}
afterEach(async () => {
  for (const c of open.splice(0)) await c.close();
});

describe("createCluster", () => {
  it("serves objects, through a kill and a recovery", async () => {
    const cluster = await make({ osds: 4, seed: 7 });
    const io = await cluster.pool("data", { pg_num: 8 });
    await io.write_full("a", "first");
    await cluster.clean();
    cluster.kill(0);
    await cluster.until(() => cluster.osdmap.is_down(0), "osd.0 is marked down");
    await io.append("a", ", second");
    cluster.start("osd.0");
    await cluster.clean();
    expect(text.decode(await io.read("a"))).toBe("first, second");
    const names = [];
    for await (const o of io.list_objects()) names.push(o.oid);
    expect(names).toEqual(["a"]);
    await expect(io.read("nothing")).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("keeps time still unless somebody waits", async () => {
    const cluster = await make({ osds: 3, seed: 1 });
    const before = cluster.now_ms;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(cluster.now_ms).toBe(before);
    await cluster.advance(12_345);
    expect(cluster.now_ms).toBe(before + 12_345);
  });

  it("gives the same history for the same seed", async () => {
    const run = async (seed: number) => {
      const cluster = await make({ osds: 3, seed });
      const io = await cluster.pool("p", { pg_num: 4 });
      await Promise.all([io.write_full("a", "1"), io.write_full("b", "2"), cluster.advance(500)]);
      cluster.kill(2);
      await cluster.advance(10_000);
      return cluster.world.log.hash;
    };
    expect(await run(5)).toBe(await run(5));
    expect(await run(5)).not.toBe(await run(6));
  });

  it("partitions, pauses and stops OSDs", async () => {
    const cluster = await make({ osds: 3, seed: 3 });
    const io = await cluster.pool("p", { pg_num: 4, size: 3, min_size: 1 });
    const down = (id: number) => cluster.until(() => cluster.osdmap.is_down(id), `osd.${id} down`);
    cluster.partition(["osd.1"], ["mon.a", 0, 2]);
    await down(1);
    cluster.heal();
    cluster.pause(2);
    await down(2);
    cluster.resume(2);
    await cluster.clean();
    await cluster.stop(0);
    expect(cluster.osdmap.is_down(0)).toBe(true);
    await io.write_full("x", "with two");
    expect(cluster.pg_state("1.0")).toContain("undersized");
    expect(() => cluster.kill(7)).toThrow("no osd '7' in this cluster");
  });

  it("refuses what waits for ever, in virtual time", async () => {
    const cluster = await make({ osds: 3, seed: 4 });
    await expect(cluster.until(() => false, "the end of time", 5_000)).rejects.toThrow(
      "not within its time: the end of time",
    );
    await expect(createCluster({ osds: 0 })).rejects.toThrow("osds: 0 is no number of OSDs");
  });

  it("goes with the wall clock when it is told to", async () => {
    const cluster = await make({ osds: 3, seed: 2, time: "real" });
    const io = await cluster.pool("p", { pg_num: 2 });
    await io.write_full("a", "real");
    expect(text.decode(await io.read("a"))).toBe("real");
    const before = cluster.now_ms;
    await new Promise((resolve) => setTimeout(resolve, 50));
    await cluster.advance(1);
    expect(cluster.now_ms).toBeGreaterThan(before + 40);
  });

  it("has an example in the documentation that is this test's neighbour", () => {
    const doc = readFileSync(new URL("../../../../docs/embedding.md", import.meta.url), "utf8");
    const example = readFileSync(new URL("./example.test.ts", import.meta.url), "utf8");
    expect(doc).toContain(`\`\`\`ts\n${example.slice(example.indexOf("\nimport") + 1)}\`\`\``);
  });
});
