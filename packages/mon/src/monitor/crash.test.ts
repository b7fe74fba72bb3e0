/**
 * Whatever is asked and whenever the monitor is killed: what was acknowledged is there afterwards,
 * what was published stays true, and the maps are one unbroken chain.
 */

import type { OSDMap } from "@tako/common";
import fc from "fast-check";
import { expect, test } from "vitest";
import { apply_maps, type FakeConnection, Harness } from "../testing/harness.ts";

type Step =
  | { readonly do: "out" | "in" | "reweight"; readonly osd: number; readonly weight: number }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "crash"; readonly applied: boolean };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom("out", "in", "reweight"),
    osd: fc.integer({ min: 0, max: 3 }),
    weight: fc.integer({ min: 1, max: 8 }),
  }) as fc.Arbitrary<Step>,
  fc.record({ do: fc.constant("wait"), ms: fc.integer({ min: 1, max: 60 }) }) as fc.Arbitrary<Step>,
  fc.record({ do: fc.constant("crash"), applied: fc.boolean() }) as fc.Arbitrary<Step>,
);

/** A subscriber that keeps every epoch it was ever sent. */
class Watcher {
  readonly crcs = new Map<number, number>();
  map: OSDMap | undefined;
  con: FakeConnection;
  private readonly h: Harness;
  constructor(h: Harness) {
    this.h = h;
    this.con = this.subscribe();
  }
  subscribe(): FakeConnection {
    const con = this.h.client();
    const start = (this.map?.epoch ?? 0) + 1;
    this.h.post(con, { type: "mon_subscribe", what: [{ name: "osdmap", start, onetime: false }] });
    this.con = con;
    return con;
  }
  read(): void {
    for (const m of this.con.take("osd_map")) {
      this.map = apply_maps(this.map, m);
      if (this.map) this.crcs.set(this.map.epoch, this.map.crc);
    }
  }
}

function command_of(s: Extract<Step, { osd: number }>): Record<string, unknown> {
  if (s.do === "reweight") return { prefix: "osd reweight", id: s.osd, weight: s.weight / 8 };
  return { prefix: `osd ${s.do}`, ids: [s.osd] };
}

function run(steps: readonly Step[]): void {
  const h = new Harness();
  h.boot(4);
  Object.assign(h.store, { commit_ms: () => 7 });
  const watcher = new Watcher(h);
  /** OSD -> what the last command on it left, once that is acknowledged. */
  const acked = new Map<number, boolean>();
  const last = new Map<number, Step>();
  for (const s of steps) {
    if (s.do === "wait") h.advance(s.ms);
    else if (s.do === "crash") {
      watcher.read();
      h.restart(s.applied ? h.store.num_in_flight : 0);
      watcher.subscribe();
    } else {
      const is_in = s.do !== "out";
      acked.delete(s.osd);
      last.set(s.osd, s);
      h.mon.handle_command(command_of(s), () => {
        if (last.get(s.osd) === s) acked.set(s.osd, is_in);
      });
    }
    watcher.read();
    for (const [e, crc] of watcher.crcs) {
      expect(h.mon.svc.osdmon.maps.get_map(e)?.crc).toBe(crc);
    }
  }
  for (const [osd, is_in] of acked) expect(h.map.is_in(osd)).toBe(is_in);
  let map: OSDMap | undefined;
  const con = h.client();
  h.post(con, { type: "mon_subscribe", what: [{ name: "osdmap", start: 1, onetime: false }] });
  for (const m of con.take("osd_map")) map = apply_maps(map, m);
  expect([map?.epoch, map?.crc]).toEqual([h.map.epoch, h.map.crc]);
}

test("acknowledged is kept, published stays true, epochs are contiguous", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), run), { numRuns: 60, seed: 1 });
});
