/**
 * Erasure code profiles, rules and pools against what a real monitor answered (testdata/erasure), and
 * where this one is stricter.
 */
import { readFileSync } from "node:fs";
import { ERRNO } from "@tako/common";
import { describe, expect, test } from "vitest";
import { Harness } from "../testing/harness.ts";

type Words = Readonly<Record<string, string>>;
interface ProfileSet {
  readonly words: readonly string[];
  readonly errno: number;
  readonly outs: string;
  readonly profile?: Words;
  readonly forced?: Words;
}
interface CephCommand {
  readonly cmd: Readonly<Record<string, unknown>>;
  readonly errno: number;
  readonly outs: string;
}
interface CephState {
  readonly pools: readonly Readonly<Record<string, unknown>>[];
  readonly erasure_code_profiles: Readonly<Record<string, Words>>;
  readonly rules: unknown;
  readonly get_e2: Readonly<Record<string, unknown>>;
}
function testdata(name: string) {
  return JSON.parse(
    readFileSync(new URL(`../../testdata/erasure/${name}`, import.meta.url), "utf8"),
  );
}

/** Ceph's words, when ours are those and perhaps more. */
function common(ours: string, ceph: string): string {
  return ceph !== "" && ours.startsWith(ceph) ? ceph : ours;
}

const SET = "osd erasure-code-profile set";
/** Six OSDs, half of them ssd, half hdd. */
function cluster(): Harness {
  const h = new Harness({ mon_allow_pool_delete: true });
  for (let i = 0; i < 6; i++) h.osd(i).boot({ device_class: i < 3 ? "ssd" : "hdd" });
  h.advance(1000);
  return h;
}

describe("osd erasure-code-profile set, as Ceph", () => {
  const { sets }: { readonly sets: readonly ProfileSet[] } = testdata("profiles.json");
  /** Where this monitor refuses what Ceph takes, and why. */
  const stricter: Readonly<Record<string, [keyof typeof ERRNO, RegExp]>> = {
    // Ceph's plugins would crash on, or lose, what is written with these.
    "plugin=isa technique=cauchy k=200 m=60": ["EINVAL", /k\+m=260 must be <= 256/],
    "k=200 m=60": ["EINVAL", /k\+m=260 must be <= 256/],
    "stripe_unit=0": ["EINVAL", /must be from 1 to/],
    "stripe_unit=4G": ["EINVAL", /must be from 1 to/],
    "technique=cauchy_good packetsize=0": ["EINVAL", /packetsize=0 must be a multiple of 8/],
    "technique=cauchy_good packetsize=2047": ["EINVAL", /packetsize=2047 must be a multiple of 8/],
    // Not here.
    "w=16": ["EOPNOTSUPP", /w=16 is not here/],
    "w=32": ["EOPNOTSUPP", /w=32 is not here/],
    "w=7 technique=cauchy_good": ["EINVAL", /w=7 must be one of/],
    "technique=liberation": ["EOPNOTSUPP", /one of Ceph's that is not here/],
    "technique=blaum_roth": ["EOPNOTSUPP", /one of Ceph's that is not here/],
    "technique=liber8tion": ["EOPNOTSUPP", /one of Ceph's that is not here/],
  };
  /** Same errno, other words. */
  const worded: readonly RegExp[] = [/^load dlopen/, /^mapping /];

  test.each(sets.map((s): [string, ProfileSet] => [s.words.join(" "), s]))("%s", (words, s) => {
    const h = new Harness();
    const set = (more = {}) => h.command({ prefix: SET, name: "x", profile: s.words, ...more });
    const get = () => h.command({ prefix: "osd erasure-code-profile get", name: "x" }).outb;
    const r = set();
    const deviation = stricter[words];
    if (deviation) {
      expect(s.errno).toBe(0);
      expect(r).toMatchObject({ result: -ERRNO[deviation[0]] });
      expect(r.outs).toMatch(deviation[1]);
      return;
    }
    expect({ errno: Math.abs(r.result), outs: r.outs }).toEqual({
      errno: s.errno,
      outs: worded.some((w) => w.test(s.outs)) ? r.outs : s.outs,
    });
    if (s.profile) expect(get()).toEqual(s.profile);
    const forced = set({ force: true });
    expect(Math.abs(forced.result)).toBe(s.forced ? 0 : s.errno);
    if (s.forced) expect(get()).toEqual(s.forced);
  });
});

test("commands about erasure-coded pools: same answers and the same map as Ceph", () => {
  const golden: { readonly commands: readonly CephCommand[]; readonly state: CephState } =
    testdata("commands.json");
  const h = cluster();
  for (const { cmd, errno, outs } of golden.commands) {
    const r = h.command(cmd);
    const got = { cmd, errno: Math.abs(r.result), outs: common(r.outs, outs) };
    expect(got).toEqual({ cmd, errno, outs });
  }
  const dump = h.map.dump();
  const pools: readonly Readonly<Record<string, unknown>>[] = Array.isArray(dump.pools)
    ? dump.pools
    : [];
  const keys = Object.keys(golden.state.pools[0] ?? {});
  const without_creating = (flags: unknown) => String(flags).replace(",creating", "");
  const shown = (p: Readonly<Record<string, unknown>>) => ({
    ...Object.fromEntries(keys.map((k) => [k, p[k]])),
    flags_names: without_creating(p.flags_names),
  });
  expect(pools.map(shown)).toEqual(golden.state.pools.map(shown));
  expect(dump.erasure_code_profiles).toEqual(golden.state.erasure_code_profiles);
  const no_ids = (rules: unknown) => JSON.stringify(rules).replaceAll(/"item":-\d+,/g, "");
  expect(no_ids(h.command({ prefix: "osd crush rule dump" }).outb)).toBe(
    no_ids(golden.state.rules),
  );
  const e2 = h.command({ prefix: "osd pool get", pool: "e2", var: "all" }).outb;
  // No autoscaler, and so no `bulk` for it, here.
  const { pg_autoscale_mode, bulk, ...same } = golden.state.get_e2;
  expect(e2).toMatchObject(same);
});

describe("where this monitor is stricter, or tidier, than Ceph", () => {
  const set = (h: Harness, name: string, ...profile: string[]) =>
    h.command({ prefix: SET, name, profile, force: true });
  const create = (h: Harness, pool: string, profile: string, more = {}) =>
    h.command({
      prefix: "osd pool create",
      pool,
      pg_num: 8,
      pool_type: "erasure",
      erasure_code_profile: profile,
      ...more,
    });

  test("the code of a pool that is there cannot be replaced, where its shards go can", () => {
    const h = cluster();
    set(h, "p", "k=2", "m=1");
    create(h, "one", "p");
    const r = set(h, "p", "k=3", "m=1");
    expect(r.result).toBe(-ERRNO.EBUSY);
    expect(r.outs).toMatch(/^one pool\(s\) hold data coded with the erasure code profile 'p'/);
    expect(set(h, "p", "k=2", "m=1", "crush-failure-domain=osd")).toMatchObject({ result: 0 });
    expect(h.map.erasure_code_profiles.get("p")?.get("crush-failure-domain")).toBe("osd");
    h.command({
      prefix: "osd pool rm",
      pool: "one",
      pool2: "one",
      yes_i_really_really_mean_it: true,
    });
    expect(set(h, "p", "k=3", "m=1")).toMatchObject({ result: 0 });
  });

  test("a pool that is refused leaves no rule behind", () => {
    const h = cluster();
    set(h, "p", "k=2", "m=1");
    const before = h.map.epoch;
    expect(create(h, "huge", "p", { pg_num: 1024 })).toMatchObject({ result: -ERRNO.ERANGE });
    h.advance(1000);
    expect(h.map.epoch).toBe(before);
    expect(h.map.crush.get_rule_id("huge")).toBe(undefined);
  });

  test("the default profile comes back with the first pool that needs it", () => {
    const h = cluster();
    h.command({ prefix: "osd erasure-code-profile rm", name: "default" });
    expect(h.map.erasure_code_profiles.has("default")).toBe(false);
    expect(create(h, "e", "default")).toMatchObject({ result: 0 });
    expect(h.map.erasure_code_profiles.get("default")?.get("w")).toBe("8");
    expect(h.map.get_pg_pool(1)).toMatchObject({ size: 4, min_size: 3, stripe_width: 8192 });
  });
});
