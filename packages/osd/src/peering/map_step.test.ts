/** Whether a map concerns a PG is said by what stands in it. */
import { new_incremental, OSDMap } from "@tako/common";
import { expect, test } from "vitest";
import { MapStep } from "./map_step.ts";
import type { PeeringState } from "./PeeringState.ts";
import { Transcript } from "./testing/Transcript.ts";

function clean_primary(): PeeringState {
  const t = new Transcript();
  for (const c of ["cluster osds=3 size=3 min_size=2", "create", "run"]) t.exec(c);
  const { pg } = t.osd(0);
  if (pg?.state_name !== "Clean") throw new Error("the PG is not clean");
  return pg;
}
/** An equal map that shares no object with it. */
const twin = (map: OSDMap) => OSDMap.decode(map.encode());

test("equal maps are one map, whichever objects they are", () => {
  const ps = clean_primary();
  const next = ps.osdmap.apply_incremental(new_incremental(ps.osdmap));
  for (const last of [ps.osdmap, twin(ps.osdmap)]) {
    expect(new MapStep(0, last, next, []).concerns(ps)).toBe(false);
    expect(new MapStep(0, last, twin(next), []).concerns(ps)).toBe(false);
  }
});

test("a pool that says something else concerns its PGs", () => {
  const ps = clean_primary();
  const inc = new_incremental(ps.osdmap);
  const pool = ps.osdmap.get_pg_pool(ps.pool.id);
  if (!pool) throw new Error("no pool");
  inc.new_pools.set(ps.pool.id, { ...pool, min_size: 1 });
  const next = ps.osdmap.apply_incremental(inc);
  expect(new MapStep(0, ps.osdmap, next, []).concerns(ps)).toBe(true);
  expect(new MapStep(0, twin(ps.osdmap), twin(next), []).concerns(ps)).toBe(true);
});
