import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CommandError } from "../errors.ts";
import { Config } from "./Config.ts";
import { parse_option } from "./option.ts";
import { is_option, OPTION_NAMES, option_spec } from "./options.ts";

function refusal(fn: () => unknown): string {
  try {
    fn();
  } catch (e) {
    if (e instanceof CommandError) return `${e.code} ${e.message}`;
    throw e;
  }
  return "accepted";
}

describe("option table", () => {
  it("has defaults that its own rules accept, and a description each", () => {
    for (const name of OPTION_NAMES) {
      const spec = option_spec(name);
      expect(parse_option(name, spec, spec.default), name).toBe(spec.default);
      expect(parse_option(name, spec, String(spec.default)), name).toBe(spec.default);
      expect(spec.desc.length, name).toBeGreaterThan(8);
    }
  });

  it("has the defaults of 16.2", () => {
    const url = new URL("testdata/defaults-16.2.15.json", import.meta.url);
    const golden: Record<string, string> = JSON.parse(readFileSync(url, "utf8"));
    let compared = 0;
    for (const [name, text] of Object.entries(golden)) {
      if (!is_option(name)) continue;
      compared++;
      const spec = option_spec(name);
      expect(spec.default, name).toBe(parse_option(name, spec, text));
    }
    expect(compared).toBeGreaterThan(90);
  });
});

describe("Config", () => {
  it("lets the later origin win, and says which it was", () => {
    const c = new Config();
    const seen: string[] = [];
    c.observe(["osd_heartbeat_grace"], () => seen.push(String(c.get("osd_heartbeat_grace"))));
    const file = "[osd.3]\nosd heartbeat grace = 7 # seconds\n[global]\nosd-heartbeat-grace = 9\n";
    c.load_file(file, "tako.conf", "osd.3");
    expect([c.get("osd_heartbeat_grace"), c.source("osd_heartbeat_grace")]).toEqual([7, "file"]);
    c.load_env({ TAKO_OSD_HEARTBEAT_GRACE: "500ms", HOME: "/", TAKO_X: "1" }, ["TAKO_X"]);
    c.put("osd_heartbeat_grace", "2", "cmdline");
    c.set("osd_heartbeat_grace", "1");
    expect(c.diff()).toEqual([{ name: "osd_heartbeat_grace", value: "1", source: "override" }]);
    c.rm("osd_heartbeat_grace");
    expect(c.source("osd_heartbeat_grace")).toBe("cmdline");
    expect(seen).toEqual(["9", "7", "0.5", "2", "1", "2"]);
  });

  it("refuses unknown and ill-typed options by name", () => {
    const c = new Config();
    const put = (k: string, v: string) => refusal(() => c.put(k, v, "cmdline"));
    expect(put("osd_hartbeat_grace", "5")).toBe(
      "EINVAL unknown option osd_hartbeat_grace; did you mean osd_heartbeat_grace?",
    );
    expect(put("__proto__", "5")).toBe("EINVAL unknown option __proto__");
    expect(put("constructor", "5")).toMatch(/^EINVAL unknown option constructor/);
    expect(put("osd_heartbeat_grace", "soon")).toBe(
      'EINVAL option osd_heartbeat_grace must be a time in seconds such as 5, 0.25, 100ms or 2h, got "soon"',
    );
    expect(put("osd_heartbeat_grace", "-1")).toMatch("must be at least 0.02, got -1");
    expect(put("osd_max_backfills", "1.5")).toMatch('must be an integer, got "1.5"');
    expect(put("osd_objectstore", "bluestore")).toMatch("must be one of level, mem");
    expect(put("mon_allow_pool_delete", "maybe")).toMatch("must be true or false");
    expect(put("osd_mon_report_interval", "NaN")).toMatch("must be a time");
    expect(put("osd_mon_report_interval", "1e999")).toMatch("must be a time");
    expect(refusal(() => c.set("fsid", "x"))).toBe(
      "EPERM option fsid may not be changed at run time",
    );
    expect(refusal(() => c.load_file("[osd]\nnonsense\n", "a.conf", "osd.1"))).toBe(
      "EINVAL a.conf:2: expected key = value",
    );
    expect(refusal(() => c.load_file("[mon]\n\nmon_dat = /x\n", "a.conf", "osd.1"))).toBe(
      "EINVAL a.conf:3: unknown option mon_dat; did you mean mon_data?",
    );
    expect(refusal(() => c.load_env({ TAKO_OSD_DATUM: "x" }))).toMatch(/^EINVAL TAKO_OSD_DATUM: /);
  });

  it("reads sizes and times with units, and texts in quotes", () => {
    const c = new Config({ osd_objectstore: "mem" });
    c.put("osd_recovery_max_chunk", "64Ki", "cmdline");
    c.put("osd_store_size", "2G", "cmdline");
    c.put("mon_osd_down_out_interval", "5min", "cmdline");
    c.load_file('crush_location = "root=default host=a;b"\n', "f", "osd.0");
    expect([
      c.get("osd_recovery_max_chunk"),
      c.get("osd_store_size"),
      c.get("mon_osd_down_out_interval"),
      c.get("crush_location"),
      c.get("osd_objectstore"),
    ]).toEqual([65536, 2 ** 31, 300, "root=default host=a;b", "mem"]);
    expect(c.show("mon").map((r) => r.name)).not.toContain("osd_max_backfills");
  });
});
