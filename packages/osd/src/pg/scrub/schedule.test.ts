import { Config, type ConfigValues, pg_pool_t } from "@tako/common";
import { describe, expect, it } from "vitest";
import {
  NOTHING_REQUESTED,
  type ScrubFacts,
  scrub_deadline,
  scrub_mode,
  scrub_time,
} from "./schedule.ts";

const DAY = 86_400_000;
const NOW = 100 * DAY;
function facts(f: Partial<ScrubFacts> = {}): ScrubFacts {
  return {
    pool: pg_pool_t({ pg_num: 1, size: 3 }),
    last_scrub_stamp: NOW - DAY / 2,
    last_deep_scrub_stamp: NOW - DAY,
    num_deep_scrub_errors: 0,
    stats_invalid: false,
    ...f,
  };
}
const BOTH = { scrub: true, deep: true };
function mode(f: Partial<ScrubFacts>, allowed = BOTH, config: ConfigValues = {}, chance = 0.99) {
  const c = new Config(config);
  return scrub_mode(facts(f), NOTHING_REQUESTED, allowed, c, NOW, () => chance);
}

describe("when", () => {
  const time = (f: Partial<ScrubFacts>, jitter = 0.5, config: ConfigValues = {}) =>
    scrub_time(facts(f), NOTHING_REQUESTED, new Config(config), NOW, () => jitter);

  it("a day after the last, and up to half a day more, by chance that is not asked for before", () => {
    const never = () => {
      throw new Error("asked for chance too early");
    };
    const last_scrub_stamp = NOW - DAY + 1;
    const early = scrub_time(
      facts({ last_scrub_stamp }),
      NOTHING_REQUESTED,
      new Config(),
      NOW,
      never,
    );
    expect(early).toBe(NOW + 1);
    expect(time({ last_scrub_stamp: NOW - 2 * DAY }, 0.5)).toBe(NOW - DAY + DAY / 4);
    expect(time({ last_scrub_stamp: NOW - 2 * DAY }, 0)).toBe(NOW - DAY);
    expect(scrub_deadline(facts(), new Config())).toBe(NOW - DAY / 2 + 7 * DAY);
  });
  it("a pool may have intervals of its own", () => {
    const pool = pg_pool_t({
      pg_num: 1,
      opts: new Map([
        ["scrub_min_interval", 3600],
        ["scrub_max_interval", 7200],
      ]),
    });
    expect(time({ pool, last_scrub_stamp: NOW - 3_600_000 }, 0)).toBe(NOW);
    expect(scrub_deadline(facts({ pool, last_scrub_stamp: NOW }), new Config())).toBe(
      NOW + 7_200_000,
    );
  });
  it("at once when it is ordered, or when the sums are estimates", () => {
    const requested = { ...NOTHING_REQUESTED, must_scrub: true };
    expect(scrub_time(facts(), requested, new Config(), NOW, () => 1)).toBe(0);
    expect(time({ stats_invalid: true })).toBe(0);
    expect(time({ stats_invalid: true }, 0, { osd_scrub_invalid_stats: false })).toBeGreaterThan(
      NOW,
    );
  });
});

describe("how", () => {
  it("deep when a week has passed, by chance, or to look at errors again", () => {
    expect(mode({})).toMatchObject({ deep: false, repair: false, required: false });
    expect(mode({ last_deep_scrub_stamp: NOW - 7 * DAY })).toMatchObject({ deep: true });
    expect(mode({}, BOTH, {}, 0.1)).toMatchObject({ deep: true });
    expect(mode({ num_deep_scrub_errors: 1 })).toMatchObject({ deep: true });
  });
  it("flags forbid what the clock asks for, never what a person does", () => {
    const late = { last_deep_scrub_stamp: 0 };
    expect(mode(late, { scrub: false, deep: true })).toMatchObject({ deep: true });
    expect(mode({}, { scrub: false, deep: true })).toBeUndefined();
    expect(mode(late, { scrub: true, deep: false })).toMatchObject({ deep: false });
    expect(mode({ num_deep_scrub_errors: 1 }, { scrub: true, deep: false })).toBeUndefined();
    const wanted = { ...NOTHING_REQUESTED, must_scrub: true, must_repair: true };
    const none = { scrub: false, deep: false };
    expect(scrub_mode(facts(), wanted, none, new Config(), NOW, () => 0)).toMatchObject({
      deep: true,
      repair: true,
      required: true,
    });
  });
  it("with osd_scrub_auto_repair deep ones repair, and others are followed by one that does", () => {
    const auto = { osd_scrub_auto_repair: true };
    expect(mode({ last_deep_scrub_stamp: 0 }, BOTH, auto)).toMatchObject({ auto_repair: true });
    expect(mode({}, BOTH, auto)).toMatchObject({ auto_repair: false, deep_scrub_on_error: true });
  });
});
