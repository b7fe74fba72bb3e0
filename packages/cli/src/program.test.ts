import { expect, test } from "vitest";
import { FakeCluster } from "./testing/FakeCluster.ts";

/** The command line, and the command that the monitor must get. */
const COMMANDS: readonly (readonly [line: string, cmd: Record<string, unknown>])[] = [
  ["-s", { prefix: "status" }],
  ["status", { prefix: "status" }],
  ["health", { prefix: "health" }],
  ["health detail", { prefix: "health", detail: "detail" }],
  [
    "health mute OSD_DOWN 1h --sticky",
    { prefix: "health mute", code: "OSD_DOWN", ttl: "1h", sticky: true },
  ],
  ["health unmute", { prefix: "health unmute" }],
  ["df detail", { prefix: "df", detail: "detail" }],
  ["log last 5 debug", { prefix: "log last", num: "5", level: "debug" }],
  ["log hello world", { prefix: "log", logtext: ["hello", "world"] }],
  ["osd dump 12", { prefix: "osd dump", epoch: "12" }],
  ["osd tree down in", { prefix: "osd tree", states: ["down", "in"] }],
  ["osd find osd.3", { prefix: "osd find", id: "osd.3" }],
  ["osd map rbd foo ns", { prefix: "osd map", pool: "rbd", object: "foo", nspace: "ns" }],
  [
    "osd df tree class hdd",
    { prefix: "osd df", output_method: "tree", filter_by: "class", filter: "hdd" },
  ],
  ["osd out 1 osd.2", { prefix: "osd out", ids: ["1", "osd.2"] }],
  ["osd down 1 --definitely-dead", { prefix: "osd down", ids: ["1"], definitely_dead: true }],
  [
    "osd lost 1 --yes-i-really-mean-it",
    { prefix: "osd lost", id: "1", yes_i_really_mean_it: true },
  ],
  ["osd reweight 1 0.5", { prefix: "osd reweight", id: "1", weight: "0.5" }],
  ["osd set noout", { prefix: "osd set", key: "noout" }],
  ["osd pg-temp 1.2a 3 4", { prefix: "osd pg-temp", pgid: "1.2a", id: ["3", "4"] }],
  ["osd pg-temp 1.2a", { prefix: "osd pg-temp", pgid: "1.2a" }],
  ["osd blocklist add 1.2.3.4 60", { prefix: "osd blocklist add", addr: "1.2.3.4", expire: "60" }],
  ["osd pool create p", { prefix: "osd pool create", pool: "p" }],
  [
    "osd pool create p 32 16",
    { prefix: "osd pool create", pool: "p", pg_num: "32", pgp_num: "16" },
  ],
  [
    "osd pool create p 32 replicated myrule --size 2",
    {
      prefix: "osd pool create",
      pool: "p",
      pg_num: "32",
      pool_type: "replicated",
      erasure_code_profile: "myrule",
      size: "2",
    },
  ],
  [
    "osd pool create p 8 8 myrule 100 --pg-num-min 4 --bulk",
    {
      prefix: "osd pool create",
      pool: "p",
      pg_num: "8",
      pgp_num: "8",
      erasure_code_profile: "myrule",
      rule: "100",
      pg_num_min: "4",
      bulk: true,
    },
  ],
  [
    "osd pool create p erasure prof rule",
    {
      prefix: "osd pool create",
      pool: "p",
      pool_type: "erasure",
      erasure_code_profile: "prof",
      rule: "rule",
    },
  ],
  [
    "osd pool rm p p --yes-i-really-really-mean-it",
    { prefix: "osd pool rm", pool: "p", pool2: "p", yes_i_really_really_mean_it: true },
  ],
  ["osd pool set p size 2", { prefix: "osd pool set", pool: "p", var: "size", val: "2" }],
  [
    "osd pool application enable p rbd",
    { prefix: "osd pool application enable", pool: "p", app: "rbd" },
  ],
  [
    "osd crush create-or-move osd.3 1.0 root=default host=h1",
    {
      prefix: "osd crush create-or-move",
      id: "osd.3",
      weight: "1.0",
      args: ["root=default", "host=h1"],
    },
  ],
  [
    "osd erasure-code-profile set x k=2 m=1 --force",
    { prefix: "osd erasure-code-profile set", name: "x", profile: ["k=2", "m=1"], force: true },
  ],
  ["pg dump pgs_brief", { prefix: "pg dump", dumpcontents: ["pgs_brief"] }],
  ["pg ls", { prefix: "pg ls" }],
  ["pg ls degraded undersized", { prefix: "pg ls", states: ["degraded", "undersized"] }],
  ["pg ls rbd clean", { prefix: "pg ls", pool: "rbd", states: ["clean"] }],
  ["pg ls-by-osd osd.0 clean", { prefix: "pg ls-by-osd", osd: "osd.0", states: ["clean"] }],
  ["pg ls-by-pool rbd", { prefix: "pg ls-by-pool", poolstr: "rbd" }],
  [
    "pg dump_stuck inactive stale 30",
    { prefix: "pg dump_stuck", stuckops: ["inactive", "stale"], threshold: "30" },
  ],
  ["pg dump_stuck", { prefix: "pg dump_stuck" }],
  ["pg scrub 1.0", { prefix: "pg scrub", pgid: "1.0" }],
  ["pg deep-scrub 1.0", { prefix: "pg deep-scrub", pgid: "1.0" }],
  ["pg repair 1.0", { prefix: "pg repair", pgid: "1.0" }],
  ["osd deep-scrub osd.1", { prefix: "osd deep-scrub", who: "osd.1" }],
  ["osd repair *", { prefix: "osd repair", who: "*" }],
  ["tell 1.0 deep_scrub 100", { prefix: "deep_scrub", time: "100" }],
  ["pg repeer 1.0", { prefix: "pg repeer", pgid: "1.0" }],
  ["pg force-recovery 1.0 1.1", { prefix: "pg force-recovery", pgid: ["1.0", "1.1"] }],
  ["osd pool force-backfill rbd", { prefix: "osd pool force-backfill", who: ["rbd"] }],
  ["pg 1.2a mark_unfound_lost revert", { prefix: "mark_unfound_lost", mulcmd: "revert" }],
  ["pg 1.2a query", { prefix: "query" }],
  ["pg query 1.2a", { prefix: "query" }],
  ["pg 1.2a list_unfound", { prefix: "list_unfound" }],
  [
    "tell osd.0 config set osd_max_backfills 2",
    { prefix: "config set", key: "osd_max_backfills", value: "2" },
  ],
  [
    "tell mon.a config set mon_tick_interval 2",
    { prefix: "config set", name: "mon_tick_interval", value: "2" },
  ],
  ["tell osd.0 log set debug peering", { prefix: "log set", level: "debug", subsys: "peering" }],
  ["tell osd.0 query 1.0", { prefix: "query", pgid: "1.0" }],
  ["tell osd.0 dump_ops_in_flight", { prefix: "dump_ops_in_flight" }],
  ["config show osd.0", { prefix: "config show" }],
  ["config show osd.0 osd_max_backfills", { prefix: "config get", key: "osd_max_backfills" }],
  [
    "config set osd.0 osd_max_backfills 2",
    { prefix: "config set", key: "osd_max_backfills", value: "2" },
  ],
];

test.each(COMMANDS)("tako %s", async (line, cmd) => {
  expect(await new FakeCluster().asks(line)).toEqual(cmd);
});

test("who is asked", async () => {
  const c = new FakeCluster();
  await c.tako("tell osd.3 version");
  await c.tako("pg 1.2a query");
  await c.tako("tell mon.a version");
  await c.tako("config show osd.4");
  expect(c.asked.map((a) => `${a.to} ${a.cmd.prefix}`)).toEqual([
    "osd.3 version",
    "1.2a query",
    "mon mon_status",
    "mon version",
    "osd.4 config show",
  ]);
});
test("tell of a monitor that is not the one in the session", async () => {
  const c = new FakeCluster();
  c.answers = { mon_status: { outb: { name: "a" } } };
  expect(await c.tako("tell mon.b version")).toEqual({
    code: 6,
    out: "",
    err: "Error ENXIO: mon.b is not the monitor that answers: mon.a is\n",
  });
});

test("data on stdout, the status line on stderr, in every format", async () => {
  const c = new FakeCluster();
  c.answers = {
    "osd ls": { outb: [0, 1], outs: "two of them" },
    "osd map": { outb: { epoch: 3 }, outs: "osdmap e3 ..." },
    "osd set": { outs: "noout is set" },
  };
  const err = "two of them\n";
  expect(await c.tako("osd ls")).toEqual({ code: 0, out: "0\n1\n", err });
  expect(await c.tako("osd ls -f json")).toEqual({ code: 0, out: "[0,1]\n", err });
  expect(await c.tako("-f json-pretty osd ls")).toMatchObject({ out: "[\n    0,\n    1\n]\n" });
  expect(await c.tako("osd map p o")).toEqual({ code: 0, out: "osdmap e3 ...\n", err: "" });
  expect(await c.tako("osd map p o -f json")).toMatchObject({
    out: '{"epoch":3}\n',
    err: "osdmap e3 ...\n",
  });
  expect(await c.tako("osd set noout")).toEqual({ code: 0, out: "", err: "noout is set\n" });
});

test("a refused command: one line, the errno as exit code", async () => {
  const c = new FakeCluster();
  c.answers = { "osd find": { errno: "ENOENT", outs: "osd.9 does not exist\n" } };
  const want = { code: 2, out: "", err: "Error ENOENT: osd.9 does not exist\n" };
  expect(await c.tako("osd find 9")).toEqual(want);
  c.answers = { "osd rm": { errno: "EBUSY", outs: "osd.1 is still up" } };
  expect(await c.tako("osd rm 1")).toMatchObject({ code: 16 });
});

test("an unreachable cluster: 3", async () => {
  const c = new FakeCluster();
  c.reachable = false;
  expect(await c.tako("-s --connect-timeout 1")).toEqual({
    code: 3,
    out: "",
    err: "Error: no monitor answered within 1 s (fake:1): is the cluster running?\n",
  });
});

/** Mistyped lines: what is printed, all with exit code 2 and nothing asked. */
const MISTYPED: readonly (readonly [line: string, err: string])[] = [
  ["sttus", "tako: unknown command 'tako sttus': did you mean 'tako status'?"],
  ["osd tre", "tako: unknown command 'tako osd tre': did you mean 'tako osd tree'?"],
  [
    "osd pool creat x --size 3",
    "tako: unknown command 'tako osd pool creat': did you mean 'tako osd pool create'?",
  ],
  ["pool ls", "tako: unknown command 'tako pool': did you mean 'tako osd pool ls'?"],
  ["pg foo", "tako: unknown command 'tako pg foo': see 'tako pg --help'"],
  ["pg 1.0", "tako: pg 1.0 wants a command, such as 'query'"],
  [
    "osd crush rule",
    "tako: 'tako osd crush rule' wants a command: ls, ls-by-class, dump, create-replicated, create-simple, create-erasure, rm, rename",
  ],
  ["health foo", "tako: health knows no 'foo': health, health detail, mute or unmute"],
  ["tell foo x", "tako: 'foo' is not a daemon: osd.N, mon.NAME or a pgid such as 1.2a"],
  ["tell osd.0 config show a b", "tako: 'config show' takes no argument, got 'a b'"],
  ["osd find", "tako osd find: missing required argument 'id'\nsee 'tako osd find --help'"],
  [
    "osd find 1 2",
    "tako osd find: too many arguments for 'find'. Expected 1 argument but got 2.\nsee 'tako osd find --help'",
  ],
  [
    "osd df treee",
    "tako osd df: 'treee' is none of plain, tree (did you mean tree?)\nsee 'tako osd df --help'",
  ],
  [
    "-f jsn osd ls",
    "tako: 'jsn' is none of plain, json, json-pretty (did you mean json?)\nsee 'tako --help'",
  ],
  ["osd ls --bogus", "tako osd ls: unknown option '--bogus'\nsee 'tako osd ls --help'"],
  [
    "osd ls --connect-timeout x",
    "tako osd ls: --connect-timeout <s>: want a number of seconds above 0, got 'x'\nsee 'tako osd ls --help'",
  ],
  ["rados put a b", "tako: name the pool with -p POOL"],
  ["-w -f json", "tako: -w knows no format but plain"],
];
test.each(MISTYPED)("mistyped: tako %s", async (line, err) => {
  const c = new FakeCluster();
  expect(await c.tako(line)).toEqual({ code: 2, out: "", err: `${err}\n` });
  expect(c.asked).toEqual([]);
});

test("help and version go to stdout and end with 0", async () => {
  const c = new FakeCluster();
  expect(await c.tako("--version")).toEqual({ code: 0, out: "tako version 0.1.0\n", err: "" });
  const help = await c.tako("osd tree --help");
  expect(help).toMatchObject({ code: 0, err: "" });
  expect(help.out).toContain("Examples:\n  tako osd tree");
  expect(help.out).toContain("--format");
  expect(await c.tako("")).toMatchObject({ code: 0, err: "" });
});

test("options of a group stand before and after its words; `logs -f` stays its own", async () => {
  const c = new FakeCluster();
  expect(await c.tako("rados lspools -f json")).toMatchObject({ out: '["a","b"]\n' });
  expect(await c.tako("rados -f json lspools")).toMatchObject({ out: '["a","b"]\n' });
  const logs = await c.tako("cluster logs --help");
  expect(logs.out).toContain("-f, --follow");
});

test("osd tree: what the states leave out still counts in the weights", async () => {
  const c = new FakeCluster();
  await c.tako("osd tree 7 down");
  expect(c.asked.map((a) => a.cmd)).toEqual([{ prefix: "osd tree", epoch: "7", states: ["down"] }]);
  c.answers = { "osd tree": { outb: { nodes: [], stray: [] } } };
  c.asked.length = 0;
  await c.tako("osd tree 7 down");
  expect(c.asked.map((a) => a.cmd)[1]).toEqual({ prefix: "osd tree", epoch: "7" });
});

test("bytes of a command go out as they are", async () => {
  const c = new FakeCluster();
  c.answers = { "osd getmap": { data: [new Uint8Array([104, 105])], outs: "got osdmap epoch 3" } };
  expect(await c.tako("osd getmap")).toEqual({ code: 0, out: "hi", err: "got osdmap epoch 3\n" });
});
