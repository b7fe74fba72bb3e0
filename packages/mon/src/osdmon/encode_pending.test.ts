import { OSDMap, OSDMapMapping } from "@tako/common";
import { expect, test } from "vitest";
import { Harness } from "../testing/harness.ts";

function with_pool(osds: number): Harness {
  const h = new Harness();
  h.boot(osds);
  h.command({ prefix: "osd pool create", pool: "p", pg_num: 8 });
  h.command({ prefix: "osd set-require-min-compat-client", version: "luminous" });
  h.advance(1000);
  return h;
}
const upmaps = (h: Harness) => ({
  lists: Object.fromEntries(h.map.pg_upmap),
  items: Object.fromEntries(h.map.pg_upmap_items),
});

test("an epoch takes the upmaps with it that it makes void, and leaves the others", () => {
  const h = with_pool(6);
  const { raw } = h.map.pg_to_raw_osds("1.0");
  const from = raw[0] ?? -1;
  const to = [0, 1, 2, 3, 4, 5].find((o) => !raw.includes(o)) ?? -1;
  const list = [...h.map.pg_to_raw_osds("1.1").raw].reverse();
  h.command({ prefix: "osd pg-upmap-items", pgid: "1.0", id: [from, to] });
  h.command({ prefix: "osd pg-upmap", pgid: "1.1", id: list });
  const both = { lists: { "1.1": list }, items: { "1.0": [[from, to]] } };
  expect(upmaps(h)).toEqual(both);

  // Nothing changes for them when somebody goes down or another OSD is taken out.
  h.command({ prefix: "osd down", ids: [String(to)] });
  expect(upmaps(h)).toEqual(both);
  h.command({ prefix: "osd out", ids: [String(to)] });
  expect(upmaps(h).items).toEqual({});
  h.command({ prefix: "osd in", ids: [String(to)] });
  expect(upmaps(h).items).toEqual({});

  const gone = list[0] ?? -1;
  h.command({ prefix: "osd down", ids: [String(gone)] });
  expect(upmaps(h).lists).toEqual({ "1.1": list });
  h.command({ prefix: "osd purge", id: gone, yes_i_really_mean_it: true });
  expect(h.map.exists(gone)).toBe(false);
  expect(upmaps(h).lists).toEqual({});
});

test("the mapping that goes on from epoch to epoch is that of the map", () => {
  const h = with_pool(5);
  const steps = [
    { prefix: "osd down", ids: ["1"] },
    { prefix: "osd out", ids: ["1"] },
    { prefix: "osd reweight", id: 2, weight: 0.5 },
    { prefix: "osd pool create", pool: "q", pg_num: 4 },
    { prefix: "osd pool set", pool: "p", var: "size", val: "2" },
    { prefix: "osd crush reweight", name: "osd.3", weight: 3 },
    { prefix: "osd in", ids: ["1"] },
  ];
  for (const step of steps) {
    const before = h.map.epoch;
    expect(h.command(step)).toMatchObject({ result: 0 });
    expect(h.map.epoch).toBeGreaterThan(before);
    const { mapping } = h.mon.svc.osdmon;
    const fresh = new OSDMapMapping(new OSDMap(h.map.f));
    expect(mapping.epoch).toBe(h.map.epoch);
    for (const id of h.map.pool_ids()) {
      for (const pg of h.map.get_pgs(id)) expect(mapping.get(pg)).toEqual(fresh.get(pg));
    }
  }
});
