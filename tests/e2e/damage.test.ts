/**
 * Data directories that were damaged behind a daemon's back: it names the file in one line and ends
 * with 74, and never makes a new store over an old one.
 */
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { make_hobject } from "@tako/common";
import { expect, test } from "vitest";
import { LevelStore } from "../../packages/osd/src/io/LevelStore.ts";
import { COLL_META } from "../../packages/osd/src/store/ObjectStore.ts";
import { Transaction } from "../../packages/osd/src/store/Transaction.ts";
import { Cluster } from "./cluster.ts";
import { type DaemonSpec, exit_of, run } from "./daemon.ts";
import { Workload } from "./workload.ts";

interface Outcome {
  readonly code: number | null;
  readonly stderr: string;
}
/** Runs the daemon on another data directory until it ends by itself. */
async function outcome(spec: DaemonSpec, data: string, args: string[] = []): Promise<Outcome> {
  const { service, id, conf } = spec;
  const usual = [`--id=${id}`, `--data=${data}`, "--listen=127.0.0.1:0", `--config=${conf}`];
  const p = run(service, [...usual, ...args]);
  let stderr = "";
  p.stdout?.resume();
  p.stderr?.on("data", (b) => (stderr += String(b)));
  const { code } = await exit_of(p);
  return { code, stderr };
}

/** A cluster of one OSD with data in table files and in the log, all killed; and its directories. */
async function dead_cluster(): Promise<Cluster> {
  const conf = { osd_pool_default_size: 1, mon_allow_pool_size_one: true };
  const c = await Cluster.start({ osds: 1, conf });
  const rados = await c.rados();
  await c.pool(rados, "test", { pg_num: 8 });
  const w = new Workload(await rados.open_ioctx("test")).start();
  await w.more(60);
  // At the next start LevelDB moves what is in the log to a table.
  await Promise.all(c.daemons.map((d) => d.slay()));
  for (const d of c.daemons) d.start();
  await w.more(30);
  await w.stop();
  await w.verify();
  await Promise.all(c.daemons.map((d) => d.slay()));
  return c;
}

const DAMAGE = {
  torn: (file: string) => truncateSync(file, Math.floor(readFileSync(file).length / 2)),
  deleted: (file: string) => rmSync(file),
  garbled: (file: string) => {
    const b = readFileSync(file);
    for (let i = Math.floor(b.length / 3); i < b.length; i += 5) b[i] = (b[i] ?? 0) ^ 0x5a;
    writeFileSync(file, b);
  },
};
const CASES: readonly [service: "mon" | "osd", how: keyof typeof DAMAGE, file: RegExp][] = [
  ["mon", "torn", /^store\.db\/\d+\.ldb$/],
  ["mon", "garbled", /^store\.db\/\d+\.ldb$/],
  ["mon", "deleted", /^store\.db\/\d+\.log$/],
  ["mon", "torn", /^store\.db\/\d+\.log$/],
  ["mon", "garbled", /^store\.db\/CURRENT$/],
  ["mon", "deleted", /^store\.db\/CURRENT$/],
  ["mon", "torn", /^store\.db\/MANIFEST/],
  ["mon", "deleted", /^store\.seq$/],
  ["osd", "torn", /^db\/\d+\.ldb$/],
  ["osd", "deleted", /^db\/\d+\.ldb$/],
  ["osd", "torn", /^db\/\d+\.log$/],
  ["osd", "deleted", /^db\/CURRENT$/],
  ["osd", "garbled", /^db\/MANIFEST/],
  ["osd", "deleted", /^committed$/],
  ["osd", "garbled", /^committed$/],
];

test("damage, a second process, another id or cluster: named in one line, exit code 74", async () => {
  const c = await dead_cluster();
  const results = CASES.map(async ([service, how, wanted], i) => {
    const { spec } = service === "mon" ? c.mon : c.osd(0);
    const data = join(c.dir, `damaged.${i}`);
    cpSync(spec.data, data, { recursive: true });
    const file = join(
      data,
      (readdirSync(data, { recursive: true }) as string[]).find((f) => wanted.test(f)) ?? "?",
    );
    DAMAGE[how](file);
    const { code, stderr } = await outcome(spec, data);
    return { service, how, file, code, stderr };
  });
  for (const r of await Promise.all(results)) {
    expect(r).toMatchObject({ code: 74, stderr: expect.stringContaining(r.file) });
    expect(r.stderr).toMatch(/^tako-(mon|osd): [^\n]+\n$/);
  }
  await serves_nobody_else(c);
  await c.clean(await c.rados());
});

/** A data directory serves one process, its own id and its own cluster. Starts the cluster. */
async function serves_nobody_else(c: Cluster): Promise<void> {
  const other = await Cluster.start({ osds: 0 });
  await other.mon.log("daemon_running");
  const { spec } = c.osd(0);
  const copy = (name: string) => {
    const data = join(c.dir, name);
    cpSync(spec.data, data, { recursive: true });
    return data;
  };
  const garbage = copy("garbage");
  await spoil_superblock(garbage);
  const marks = c.daemons.map((d) => d.lines.length);
  for (const d of c.daemons) d.start();
  for (const [i, d] of c.daemons.entries()) await d.log("daemon_running", marks[i]);

  const [mon, osd, id, cluster, superblock] = await Promise.all([
    outcome(c.mon.spec, c.mon.spec.data),
    outcome(spec, spec.data),
    outcome({ ...spec, id: "7" }, copy("seven")),
    outcome(spec, copy("foreign"), [`--mon-host=127.0.0.1:${other.mon.spec.port}`]),
    outcome(spec, garbage),
  ]);
  const line = (text: string) => expect.stringMatching(new RegExp(`^tako-[^\n]*${text}[^\n]*\n$`));
  expect(mon).toEqual({
    code: 74,
    stderr: line(`${c.mon.spec.data}/store.db: in use by another process`),
  });
  expect(osd).toEqual({ code: 74, stderr: line(`${spec.data}/db: in use by another process`) });
  expect(id).toEqual({ code: 74, stderr: line("belongs to osd.0, not to osd.7") });
  expect(cluster).toEqual({
    code: 74,
    stderr: line(`127.0.0.1:${other.mon.spec.port} refuses us: cluster`),
  });
  expect(superblock).toEqual({
    code: 74,
    stderr: line(`${garbage}: meta/osd_superblock is not readable`),
  });
}

async function spoil_superblock(data: string): Promise<void> {
  const store = new LevelStore({ path: data });
  await store.mount();
  const oid = make_hobject({ pool: -1, hash: 0, oid: "osd_superblock" });
  const t = new Transaction();
  t.omap_setkeys(COLL_META, oid, new Map([["superblock", Buffer.from("c1garbage", "latin1")]]));
  await new Promise<void>((ok) => store.queue_transaction(t, ok));
  await store.umount();
}
