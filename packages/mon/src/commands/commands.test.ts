/** What commands answer: texts that people grep for, refusals with errno, no-ops. */
import { decode_osdmap_binary, ERRNO, type Errno } from "@tako/common";
import { describe, expect, test } from "vitest";
import { type FakeOsd, Harness } from "../testing/harness.ts";
import { COMMAND_PREFIXES } from "./dispatch.ts";

function cluster(): { h: Harness; osds: FakeOsd[] } {
  const h = new Harness({ mon_allow_pool_delete: true, mon_osd_min_up_ratio: 0 });
  const osds = h.boot(3);
  h.command({ prefix: "osd pool create", pool: "rbd", pg_num: 8 });
  h.advance(1000);
  return { h, osds };
}
type Cmd = Record<string, unknown>;
const NONE = new Uint8Array();
const sure = { yes_i_really_mean_it: true };

describe("acknowledgement texts", () => {
  const { h } = cluster();
  const cases: [Cmd, string][] = [
    [{ prefix: "osd pool create", pool: "x" }, "pool 'x' created"],
    [{ prefix: "osd pool create", pool: "x" }, "pool 'x' already exists"],
    [{ prefix: "osd pool set", pool: "rbd", var: "size", val: "2" }, "set pool 1 size to 2"],
    [{ prefix: "osd pool set", pool: "rbd", var: "size", val: 2 }, "set pool 1 size to 2"],
    [{ prefix: "osd pool rename", srcpool: "x", destpool: "y" }, "pool 'x' renamed to 'y'"],
    [
      { prefix: "osd pool rm", pool: "y", pool2: "y", yes_i_really_really_mean_it: true },
      "pool 'y' removed",
    ],
    [
      { prefix: "osd pool application enable", pool: "rbd", app: "rbd" },
      "enabled application 'rbd' on pool 'rbd'",
    ],
    [{ prefix: "osd set", key: "noout" }, "noout is set"],
    [{ prefix: "osd unset", key: "noout" }, "noout is unset"],
    [{ prefix: "osd set", key: "pause" }, "pauserd,pausewr is set"],
    [{ prefix: "osd unpause" }, "pauserd,pausewr is unset"],
    [{ prefix: "osd out", ids: ["1", "osd.2"] }, "marked out osd.1. marked out osd.2. "],
    [{ prefix: "osd out", ids: ["1"] }, "osd.1 is already out. "],
    [{ prefix: "osd in", ids: ["any"] }, "marked in osd.1. marked in osd.2. "],
    [{ prefix: "osd reweight", id: 1, weight: 0.5 }, "reweighted osd.1 to 0.5 (8000)"],
    [{ prefix: "osd down", ids: ["1"] }, "marked down osd.1. "],
    [{ prefix: "osd down", ids: ["1"] }, "osd.1 is already down. "],
    [{ prefix: "osd lost", id: "1", ...sure }, "marked osd lost in epoch 18"],
    [{ prefix: "osd rm", ids: ["1"] }, "removed osd.1"],
    [{ prefix: "osd setmaxosd", newmax: 10 }, "set new max_osd = 10"],
    [{ prefix: "osd getmap" }, "got osdmap epoch 21"],
  ];
  test.each(cases)("%j", (cmd, outs) => {
    expect(h.command(cmd)).toMatchObject({ result: 0, outs });
  });
});

describe("refusals", () => {
  const { h } = cluster();
  const cases: [Cmd, Errno, RegExp][] = [
    [
      { prefix: "osd down", ids: ["x"] },
      "EINVAL",
      /^Expected option value to be integer, got 'x'invalid osd id-1$/,
    ],
    [{ prefix: "osd down" }, "EINVAL", /missing required argument: ids/],
    [{ prefix: "osd lost", id: 0 }, "EPERM", /--yes-i-really-mean-it/],
    [{ prefix: "osd lost", id: 0, ...sure }, "EBUSY", /^osd\.0 is not down$/],
    [{ prefix: "osd lost", id: 7, ...sure }, "ENOENT", /^osd\.7 does not exist$/],
    [
      { prefix: "osd rm", ids: ["0"] },
      "EBUSY",
      /osd\.0 is still up; must be down before removal\. /,
    ],
    [{ prefix: "osd set", key: "nonsense" }, "EINVAL", /unrecognized flag 'nonsense'/],
    [{ prefix: "osd unset", key: "sortbitwise" }, "EINVAL", /unrecognized flag/],
    [
      { prefix: "osd reweight", id: 0, weight: "NaN" },
      "EINVAL",
      /weight must be a number from 0 to 1/,
    ],
    [
      { prefix: "osd setmaxosd", newmax: 1 },
      "EBUSY",
      /osd\.1 \(and possibly others\) still in use/,
    ],
    [{ prefix: "osd pool create", pool: "z", pg_num: 4096 }, "ERANGE", /mon_max_pg_per_osd 250/],
    [
      { prefix: "osd pool create", pool: "z", pg_num: -1 },
      "ERANGE",
      /^'pg_num' must be greater than 0 and/,
    ],
    [{ prefix: "osd pool create", pool: "z", rule: "no" }, "ENOENT", /rule no doesn't exist/],
    [{ prefix: "osd pool create", pool: "" }, "EINVAL", /missing required argument: pool/],
    [{ prefix: "osd pool create", pool: "a\u0000b" }, "EINVAL", /control character/],
    [{ prefix: "osd pool rm", pool: "rbd" }, "EPERM", /PERMANENTLY DESTROY/],
    [
      { prefix: "osd pool set", pool: "no", var: "size", val: "2" },
      "ENOENT",
      /unrecognized pool 'no'/,
    ],
    [{ prefix: "osd pool set", pool: "rbd", var: "size", val: "11" }, "EINVAL", /between 1 and 10/],
    [
      { prefix: "osd pool set", pool: "rbd", var: "size", val: "1" },
      "EPERM",
      /^configuring pool size as 1 is disabled by default\.$/,
    ],
    [
      { prefix: "osd pool set", pool: "rbd", var: "min_size", val: "4" },
      "EINVAL",
      /between 1 and size/,
    ],
    [
      { prefix: "osd pool set", pool: "rbd", var: "pg_num", val: "4" },
      "EOPNOTSUPP",
      /cannot shrink/,
    ],
    [
      { prefix: "osd pool set", pool: "rbd", var: "pg_num", val: "16" },
      "EBUSY",
      /initial PGs are being created/,
    ],
    [{ prefix: "osd pool set", pool: "rbd", var: "pgp_num", val: "9" }, "EINVAL", /> pg_num 8/],
    [
      { prefix: "osd pool set", pool: "rbd", var: "colour", val: "red" },
      "EINVAL",
      /^unrecognized variable 'colour'$/,
    ],
    [
      { prefix: "osd pool get", pool: "rbd", var: "colour" },
      "EINVAL",
      /^pool 'rbd': invalid variable: 'colour'$/,
    ],
    [{ prefix: "osd find", id: 9 }, "ENOENT", /osd\.9 does not exist/],
    [{ prefix: "osd dump", epoch: 999 }, "ENOENT", /there is no map for epoch 999/],
    [{ prefix: "osd map", pool: "no", object: "o" }, "ENOENT", /pool no does not exist/],
    [{ prefix: "pg map", pgid: "1.zz" }, "EINVAL", /invalid pgid '1.zz'/],
    [{ prefix: "pg map", pgid: "9.0" }, "ENOENT", /^pg '9\.0' does not exist$/],
    [{ prefix: "pg dump", dumpcontents: ["all", "x"] }, "EINVAL", /dumpcontents must be one of/],
    [{ prefix: "pg ls", states: ["odd"] }, "EINVAL", /'odd' is not a valid pg state/],
    [{ prefix: "pg dump_stuck", stuckops: ["odd"] }, "EINVAL", /Unknown type: odd/],
    [
      { prefix: "osd tree", states: ["up", "down"] },
      "EINVAL",
      /^can specify only one of 'up', 'down' and 'destroyed'$/,
    ],
    [{ prefix: "config set", name: "no_such", value: 1 }, "EINVAL", /unknown option no_such/],
    [
      { prefix: "osd crush move", name: "osd.0", args: ["planet=x"] },
      "EINVAL",
      /'planet' does not/,
    ],
    [
      { prefix: "osd crush rule rm", name: "replicated_rule" },
      "EBUSY",
      /ruleset replicated_rule 0 is in use/,
    ],
    [{ prefix: "osd new", uuid: "x" }, "EINVAL", /^invalid UUID value 'x'\.$/],
    [{ prefix: "what is this" }, "EINVAL", /no such command: 'what is this'/],
    [{}, "EINVAL", /no such command/],
    [{ prefix: 7 }, "EINVAL", /no such command/],
    [{ prefix: "__proto__" }, "EINVAL", /no such command/],
  ];
  test.each(cases)("%j -> %s", (cmd, errno, text) => {
    const e = h.map.epoch;
    const r = h.command(cmd);
    expect({ result: r.result, outs: r.outs }).toEqual({
      result: -ERRNO[errno],
      outs: expect.stringMatching(text),
    });
    expect(r.outs).not.toContain("\n");
    expect(h.map.epoch).toBe(e);
  });
});

test("a command whose wish is the map already answers at once, without an epoch", () => {
  const { h } = cluster();
  h.command({ prefix: "osd set", key: "noout" });
  const e = h.map.epoch;
  const replies: string[] = [];
  h.mon.handle_command({ prefix: "osd set", key: "noout" }, (r) => replies.push(r.outs));
  expect([replies, h.map.epoch]).toEqual([["noout is set"], e]);
});

test("what PGs lie on is destroyed and purged only by force; what they do not, at once", () => {
  const { h, osds } = cluster();
  for (const pg of h.map.get_pgs(1)) {
    const lead = osds[h.map.pg_to_up_acting_osds(pg).acting_primary];
    lead?.stats({ [pg]: "active+clean" }, { ...h.map.pg_to_up_acting_osds(pg) });
  }
  const said = (cmd: Cmd) => [h.command(cmd).result, h.command(cmd).outs];
  const mapped = "OSD(s) 1 have 8 pgs currently mapped to them. ";
  expect(said({ prefix: "osd safe-to-destroy", ids: ["1"] })).toEqual([-ERRNO.EBUSY, mapped]);
  h.command({ prefix: "osd down", ids: ["1"] });
  for (const prefix of ["osd destroy", "osd purge"]) {
    expect(said({ prefix, id: 1 })).toEqual([
      -ERRNO.EBUSY,
      `${mapped}\nYou can proceed by passing --force, but be warned that this will likely mean ` +
        "real, permanent data loss.",
    ]);
    expect(said({ prefix, id: 9 })).toEqual([0, "osd.9 does not exist"]);
  }
  expect(h.command({ prefix: "osd ok-to-stop", ids: ["0", "2"] })).toMatchObject({
    result: -ERRNO.EBUSY,
    outs: "unsafe to stop osd(s) at this time (8 PGs are or would become offline)",
    outb: { ok_to_stop: false, osds: [0, 2], num_ok_pgs: 0, num_not_ok_pgs: 8 },
  });
  expect(h.command({ prefix: "osd destroy", id: 1, force: true }).outs).toBe("destroyed osd.1");
  expect(h.command({ prefix: "osd purge", id: 1, ...sure }).outs).toBe("purged osd.1");
});

test("two that want the same id or pool at the same time get one", () => {
  const { h } = cluster();
  const uuid = "99999999-2222-4333-8444-555555555555";
  const replies: unknown[] = [];
  for (let i = 0; i < 2; i++) {
    h.mon.handle_command({ prefix: "osd new", uuid }, (r) => replies.push(r.outb));
    h.mon.handle_command({ prefix: "osd pool create", pool: "q" }, (r) => replies.push(r.outs));
  }
  h.settle();
  h.advance(100);
  expect(replies).toEqual([
    { osdid: 3 },
    "pool 'q' created",
    { osdid: 3 },
    "pool 'q' already exists",
  ]);
  expect([h.map.get_all_osds(), h.map.pool_ids()]).toEqual([
    [0, 1, 2, 3],
    [1, 2],
  ]);
});

test("osd new leaves weight in and state new: weight is applied before state", () => {
  const { h } = cluster();
  h.command({ prefix: "osd create" });
  expect([h.map.get_weight(3), h.map.is_new(3), h.map.exists(3), h.map.is_up(3)]).toEqual([
    0x10000,
    true,
    true,
    false,
  ]);
  h.command({ prefix: "osd rm", ids: ["3"] });
  expect([h.map.exists(3), h.map.max_osd]).toEqual([false, 4]);
  expect(h.command({ prefix: "osd create" }).outb).toEqual({ osdid: 3 });
});

test("quotas fill a pool and empty it again", () => {
  const { h, osds } = cluster();
  const flags = () => h.command({ prefix: "osd pool ls", detail: "detail" }).outb;
  h.command({ prefix: "osd pool set-quota", pool: "rbd", field: "max_objects", val: "10" });
  const lead = osds[h.map.pg_to_up_acting_osds("1.0").acting_primary];
  lead?.stats({ "1.0": "active+clean" }, { stat_sum: { num_objects: 12, num_bytes: 100 } });
  h.advance(6000);
  expect(flags()).toMatchObject([{ flags_names: expect.stringContaining("full_quota") }]);
  lead?.stats({ "1.0": "active+clean" }, { stat_sum: { num_objects: 9, num_bytes: 100 } });
  h.advance(6000);
  expect(flags()).toMatchObject([{ flags_names: expect.not.stringContaining("full") }]);
});

test("repeer, pg-temp and primary-temp force another acting set", () => {
  const { h } = cluster();
  const { up, acting_primary } = h.map.pg_to_up_acting_osds("1.0");
  expect(h.command({ prefix: "pg repeer", pgid: "1.0" }).result).toBe(0);
  expect(h.map.pg_to_up_acting_osds("1.0").acting).toEqual([acting_primary]);
  const want = [...up].reverse();
  h.command({ prefix: "osd pg-temp", pgid: "1.0", id: want });
  expect(h.map.pg_to_up_acting_osds("1.0").acting).toEqual(want);
  h.command({ prefix: "osd pg-temp", pgid: "1.0" });
  expect(h.map.pg_temp.size).toBe(0);
  h.command({ prefix: "osd primary-temp", pgid: "1.0", id: up[1] });
  expect(h.map.pg_to_up_acting_osds("1.0").acting_primary).toBe(up[1]);
  h.command({ prefix: "osd rm-primary-temp", pgid: "1.0" });
  expect(h.map.primary_temp.size).toBe(0);
});

test("health mutes: hidden while muted, back when it grows or the time is over", () => {
  const { h } = cluster();
  const health = () => h.command({ prefix: "health" }).outb as { status: string; mutes: unknown[] };
  h.command({ prefix: "osd down", ids: ["0"] });
  expect(health().status).toBe("HEALTH_WARN");
  for (const code of ["OSD_DOWN", "OSD_HOST_DOWN"])
    h.command({ prefix: "health mute", code, ttl: "10m" });
  expect(health()).toMatchObject({ status: "HEALTH_OK", mutes: [{ code: "OSD_DOWN" }, {}] });
  h.advance(1000);
  h.restart();
  expect(health().mutes.length).toBe(2);
  h.command({ prefix: "osd down", ids: ["1"] });
  expect(health()).toMatchObject({ status: "HEALTH_WARN", mutes: [] });
  expect(h.command({ prefix: "health mute", code: "NO_SUCH" }).result).toBe(-ERRNO.ENOENT);
});

test("a PG whose primary is down shows as stale, a stuck one in dump_stuck and health", () => {
  const { h, osds } = cluster();
  const now = h.clock.now_ms();
  const stamps = { last_active: now, last_clean: now, last_peered: now, last_unstale: now };
  const lead = osds[h.map.pg_to_up_acting_osds("1.0").acting_primary];
  lead?.stats({ "1.0": "active+clean" }, stamps);
  h.command({ prefix: "osd down", ids: [lead?.id] });
  const brief = () =>
    h.command({ prefix: "pg dump", dumpcontents: ["pgs_brief"] }).outb as {
      pg_stats: { state: string }[];
    };
  expect(brief().pg_stats[0]?.state).toBe("stale+active+clean");
  h.advance(61_000);
  expect(h.command({ prefix: "pg dump_stuck", stuckops: ["stale"] }).outb).toMatchObject({
    stuck_pg_stats: [{ pgid: "1.0", state: "stale+active+clean" }],
  });
  const detail = JSON.stringify(h.command({ prefix: "health", detail: "detail" }).outb);
  expect(detail).toContain(
    "pg 1.0 is stuck stale for 61s, current state stale+active+clean, last acting",
  );
});

test("what a pool or bucket had in CRUSH goes with it", () => {
  const { h } = cluster();
  h.command({ prefix: "osd crush weight-set create", pool: "rbd", mode: "positional" });
  h.command({ prefix: "osd crush weight-set create-compat" });
  h.command({
    prefix: "osd pool rm",
    pool: "rbd",
    pool2: "rbd",
    yes_i_really_really_mean_it: true,
  });
  expect(h.command({ prefix: "osd crush weight-set ls" }).outb).toEqual(["(compat)"]);
  h.command({ prefix: "osd crush add-bucket", name: "e", type: "host" });
  h.command({ prefix: "osd set-group", flags: "noout", who: ["e"] });
  expect(h.map.dump().crush_node_flags).toEqual({ e: ["noout"] });
  h.command({ prefix: "osd crush rm", name: "e" });
  expect(h.map.dump().crush_node_flags).toEqual({});
});

test("osd getmap is the map in Ceph's form", () => {
  const { h } = cluster();
  const { map } = decode_osdmap_binary(h.command({ prefix: "osd getmap" }).data?.[0] ?? NONE);
  expect(map.dump()).toEqual(h.map.dump());
});

test("osd setcrushmap takes a whole map or nothing", () => {
  const { h } = cluster();
  const set = (bytes: Uint8Array, more: Cmd = {}) =>
    h.command({ prefix: "osd setcrushmap", ...more }, [bytes]);
  const bytes = h.command({ prefix: "osd getcrushmap" }).data?.[0] ?? NONE;
  const { epoch, crush_version } = h.map;
  for (let n = 0; n < bytes.length; n++) {
    const r = set(bytes.subarray(0, n));
    expect(r).toMatchObject({ result: -ERRNO.EINVAL });
    expect(r.outs).toMatch(/^Failed to parse crushmap: .* \(at byte \d+ of \d+\)$/);
  }
  const other = set(bytes, { prior_version: crush_version + 1 });
  expect(other).toMatchObject({
    result: -ERRNO.EPERM,
    outs: `prior_version ${crush_version + 1} != crush version ${crush_version}`,
  });
  expect(h.map.epoch).toBe(epoch);
  expect(set(bytes).outs).toBe(String(crush_version + 1));
  expect(h.map.crush_version).toBe(crush_version + 1);
  // Sent again by somebody who has not heard that it is done.
  expect(set(bytes, { prior_version: crush_version }).outs).toBe(String(crush_version + 1));
  expect([h.map.crush_version, h.map.epoch]).toEqual([crush_version + 1, epoch + 1]);
});

test("a map that takes long to compute with is refused", () => {
  const { h } = cluster();
  const bytes = h.command({ prefix: "osd getcrushmap" }).data?.[0] ?? NONE;
  let now = h.clock.mono_ms();
  h.clock.mono_ms = () => (now += 1000);
  const r = h.command({ prefix: "osd setcrushmap" }, [bytes]);
  expect(r).toMatchObject({
    result: -ERRNO.ETIMEDOUT,
    outs: "crush smoke test failed with -110: timed out during smoke test (5 seconds)",
  });
});

test("every read command answers something, on an empty and on a living cluster", () => {
  const { h } = cluster();
  const args = {
    pool: "rbd",
    var: "all",
    pgid: "1.0",
    id: 0,
    ids: ["0"],
    object: "o",
    name: "default",
  };
  const more = { class: "ssd", node: "default", bucket: "default", osd: "0", logtext: ["x"] };
  const read = COMMAND_PREFIXES.filter(
    (p) => !/ (rm|set|unset|mute|unmute)$| crush (rule )?(dump|ls)$/.test(p),
  );
  for (const target of [h, new Harness()]) {
    for (const prefix of read) {
      expect(Number.isInteger(target.command({ prefix, ...args, ...more }).result)).toBe(true);
    }
    target.advance(10_000);
    expect(target.mon.is_ready).toBe(true);
  }
});

test("flags on OSDs, CRUSH nodes and classes hold, and show in health", () => {
  const { h, osds } = cluster();
  h.command({ prefix: "osd set-group", flags: "nodown,noout", who: ["osd.0", "h1", "ssd"] });
  expect([0, 1, 2].map((o) => [h.map.is_nodown(o), h.map.is_noout(o)])).toEqual([
    [true, true],
    [true, true],
    [true, true],
  ]);
  h.command({ prefix: "osd unset-group", flags: "nodown,noout", who: ["ssd"] });
  expect([0, 1, 2].map((o) => h.map.is_nodown(o))).toEqual([true, true, false]);
  osds[2]?.report_failed(0, { immediate: true });
  osds[2]?.report_failed(1, { immediate: true });
  expect(h.map.get_up_osds()).toEqual([0, 1, 2]);
  expect(JSON.stringify(h.command({ prefix: "health" }).outb)).toContain(
    "2 OSDs or CRUSH {nodes, device-classes} have {NOUP,NODOWN,NOIN,NOOUT} flags set",
  );
  h.command({ prefix: "osd rm-nodown", ids: ["0"] });
  h.command({ prefix: "osd rm-noout", ids: ["0"] });
  h.command({ prefix: "osd unset-group", flags: "nodown,noout", who: ["h1"] });
  expect(h.command({ prefix: "health" }).outb).toMatchObject({ status: "HEALTH_OK" });
});
