/**
 * Everything at once, directed by a seed: three clients with a model each, members that die and come
 * back, moves to other OSDs, and all of them failing together. Nothing that was answered may be lost,
 * nothing done twice or out of order, and in the end all copies are alike.
 * More seeds: PG_CHAOS_SEEDS=500 npx vitest run packages/osd/src/testing/pg_chaos.test.ts
 */
import { expect, it } from "vitest";
import { PGCluster } from "./PGCluster.ts";
import type { TestClient } from "./TestClient.ts";

interface Writer {
  readonly client: TestClient;
  readonly prefix: string;
  /** Content of each object when all that was submitted is done. */
  readonly model: Map<string, string>;
}

function write(c: PGCluster, w: Writer): void {
  const oid = `${w.prefix}${c.rng.int(25)}`;
  const was = w.model.get(oid);
  const x = String(c.rng.int(1000));
  switch (c.rng.int(7)) {
    case 0:
      w.client.submit(oid, { op: "delete", failok: true });
      w.model.delete(oid);
      return;
    case 1: {
      const bytes = x.repeat(c.rng.int(1500));
      w.client.submit(oid, { op: "writefull", bytes });
      w.model.set(oid, bytes);
      return;
    }
    case 2: {
      const kv = { [`k${c.rng.int(40)}`]: x.repeat(c.rng.int(40)), last: x };
      w.client.submit(oid, { op: "omap-set-vals", kv });
      w.model.set(oid, was ?? "");
      return;
    }
    case 3:
      w.client.submit(oid, { op: "setxattr", name: `a${c.rng.int(4)}`, bytes: x });
      w.model.set(oid, was ?? "");
      return;
    case 4:
      // Refused when the object exists: the refusal must survive like a write.
      w.client.submit(oid, { op: "create", exclusive: true }, { op: "append", bytes: "made" });
      w.model.set(oid, was ?? "made");
      return;
    default:
      w.client.submit(oid, { op: "append", bytes: `${x};` });
      w.model.set(oid, `${was ?? ""}${x};`);
  }
}

function disturb(c: PGCluster): void {
  const up = c.osds.filter((o) => o.running);
  const down = c.osds.filter((o) => !o.running);
  const one = (list: typeof up) => list[c.rng.int(list.length)]?.id ?? 0;
  const what = c.rng.int(10);
  if (what < 3 && down.length < 2) c.kill(one(up));
  else if (what < 6 && down.length > 0) c.start(one(down));
  else if (what === 6) {
    const ids = c.osds.map((o) => o.id);
    c.upmap([0, 1, 2].map(() => ids.splice(c.rng.int(ids.length), 1)[0] ?? 0));
  } else if (what === 7 && down.length === 0 && c.rng.int(3) === 0) {
    for (const o of c.osds) c.kill(o.id);
    c.steps(c.rng.int(20));
    for (const o of c.osds) c.start(o.id);
  }
}

const seeds = Number(process.env.PG_CHAOS_SEEDS ?? 6);

it.each(Array.from({ length: seeds }, (_, i) => i + 1))("chaos, seed %d", (seed) => {
  const c = new PGCluster({
    osds: 5,
    acting: [0, 1, 2],
    seed,
    config: { osd_recovery_max_omap_entries_per_chunk: 4, osd_max_backfills: 2 },
  });
  c.until_clean();
  const writers: Writer[] = ["a", "b", "c"].map((prefix) => ({
    client: c.client(),
    prefix,
    model: new Map(),
  }));
  for (let round = 0; round < 40; round++) {
    for (const w of writers) {
      for (let n = c.rng.int(12); n > 0 && w.client.pending < 40; n--) write(c, w);
    }
    c.steps(c.rng.int(250));
    disturb(c);
    c.steps(c.rng.int(250));
  }
  for (const o of c.osds) if (!o.running) c.start(o.id);
  c.until(() => writers.every((w) => w.client.pending === 0), "writes");
  c.until_clean();
  c.settle();
  c.assert_copies_identical();
  for (const w of writers) {
    for (const [oid, want] of w.model) {
      const got = w.client.read(oid);
      const brief = (s: string | undefined) => [s?.length, s?.slice(-30)];
      if (got !== want) expect([oid, ...brief(got)]).toEqual([oid, ...brief(want)]);
    }
  }
});
