import { describe, expect, it } from "vitest";
import { clean_temps, find_stale_temps } from "./clean_temps.ts";
import { new_incremental } from "./Incremental.ts";
import { build_map } from "./testing/build_map.ts";

describe("clean_temps", () => {
  const m = build_map({ osds: 6, hosts: 6, pools: [{ pg_num: 16 }] });
  const up = m.pg_to_up_acting_osds("1.0").up;
  const [a = -1, b = -1, c = -1] = up;
  const other = m.get_all_osds().filter((o) => !up.includes(o));
  const [d = -1, e = -1] = other;

  it("says what has no use any more, and why", () => {
    const inc = new_incremental(m);
    inc.new_pg_temp.set("1.0", [a, d, c]);
    inc.new_primary_temp.set("1.0", d);
    const up_after = m.pg_to_up_acting_osds("1.1").up.filter((o) => o !== e);
    inc.new_pg_temp.set("1.1", up_after);
    inc.new_pg_temp.set("1.2", [e]);
    inc.new_pg_temp.set("1.3", [a, b, c, d]);
    inc.new_pg_temp.set("1.10", [a]);
    inc.new_pg_temp.set("9.0", [a]);
    inc.new_primary_temp.set("1.4", m.pg_to_up_acting_osds("1.4").up_primary);
    inc.new_primary_temp.set("1.5", e);
    inc.new_state.set(e, 2);
    const stale = find_stale_temps(m.apply_incremental(inc));
    expect(Object.fromEntries(stale.pg_temp)).toEqual({
      "1.1": "same_as_computed_up_set",
      "1.2": "all_members_down",
      "1.3": "larger_than_pool_size",
      "1.10": "pg_does_not_exist",
      "9.0": "pg_does_not_exist",
    });
    expect(stale.pg_temp.has("1.0")).toBe(false);
    expect(Object.fromEntries(stale.primary_temp)).toEqual({
      "1.4": "redundant",
      "1.5": "target_down",
    });
  });

  it("drops what is only pending and revokes what is committed", () => {
    const first = new_incremental(m);
    first.new_pg_temp.set("1.0", [d]);
    first.new_primary_temp.set("1.6", d);
    const committed = m.apply_incremental(first);
    const pending = new_incremental(committed);
    pending.new_state.set(d, 2);
    pending.new_pg_temp.set("1.1", committed.pg_to_up_acting_osds("1.1").up);
    const next = committed.apply_incremental(pending);
    expect(clean_temps(committed, next, pending)).toBe(true);
    expect(pending.new_pg_temp.get("1.0")).toEqual([]);
    expect(pending.new_primary_temp.get("1.6")).toBe(-1);
    const cleaned = committed.apply_incremental(pending);
    expect(cleaned.pg_temp.has("1.0")).toBe(false);
    expect(clean_temps(committed, cleaned, pending)).toBe(false);
  });
});
