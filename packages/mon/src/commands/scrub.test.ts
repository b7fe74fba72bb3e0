/** Orders to scrub: who gets them, and what is answered when nobody can. */
import type { Message } from "@tako/common";
import { expect, test } from "vitest";
import { type FakeOsd, Harness } from "../testing/harness.ts";

function cluster(): { h: Harness; osds: FakeOsd[] } {
  const h = new Harness({ mon_osd_min_up_ratio: 0 });
  const osds = h.boot(3);
  h.command({ prefix: "osd pool create", pool: "rbd", pg_num: 8 });
  h.advance(1000);
  return { h, osds };
}
function orders(o: FakeOsd | undefined): Message[] {
  return o?.con.take("osd_scrub") ?? [];
}

test("pg scrub, deep-scrub and repair go to the PG's primary", () => {
  const { h, osds } = cluster();
  const { acting_primary: osd } = h.map.pg_to_up_acting_osds("1.3");
  for (const op of ["scrub", "deep-scrub", "repair"]) {
    expect(h.command({ prefix: `pg ${op}`, pgid: "1.3" })).toEqual({
      result: 0,
      outs: `instructing pg 1.3 on osd.${osd} to ${op}`,
    });
    const [deep, repair] = [op === "deep-scrub", op === "repair"];
    const { epoch } = h.map;
    expect(orders(osds[osd])).toEqual([
      { type: "osd_scrub", epoch, scrub_pgs: ["1.3"], deep, repair },
    ]);
  }
  for (const o of osds) expect(orders(o)).toEqual([]);
});

test("refusals: no such PG, no pgid, no primary, no session with it", () => {
  const { h, osds } = cluster();
  const say = (pgid?: string) => h.command({ prefix: "pg scrub", ...(pgid && { pgid }) });
  expect(say("1.99")).toMatchObject({ result: -2, outs: "pg 1.99 does not exist" });
  expect(say("x")).toMatchObject({ result: -22, outs: "invalid pgid 'x'" });
  expect(say()).toMatchObject({ result: -22 });
  const { acting_primary } = h.map.pg_to_up_acting_osds("1.3");
  const con = osds[acting_primary]?.con;
  if (con) h.disconnect(con);
  expect(say("1.3")).toMatchObject({
    result: -11,
    outs: `pg 1.3 primary osd.${acting_primary} is not currently connected`,
  });
  h.command({ prefix: "osd down", ids: ["all"] });
  expect(say("1.3")).toMatchObject({ result: -11, outs: "pg 1.3 has no primary osd" });
});

test("osd scrub: the PGs that it leads; all OSDs; those that are not there", () => {
  const { h, osds } = cluster();
  for (const o of osds) {
    const mine = h.map.get_pgs(1).filter((p) => {
      return h.map.pg_to_up_acting_osds(p).acting_primary === o.id;
    });
    expect(h.command({ prefix: "osd deep-scrub", who: `${o.id}` }).outs).toBe(
      `instructed osd(s) ${o.id} to deep-scrub`,
    );
    expect(orders(o)).toMatchObject([{ scrub_pgs: mine, deep: true, repair: false }]);
  }
  const all = { prefix: "osd repair", who: "*" };
  expect(h.command(all).outs).toBe("instructed osd(s) 0,1,2 to repair");
  for (const o of osds) expect(orders(o)).toMatchObject([{ repair: true }]);
  const con = osds[1]?.con;
  if (con) h.disconnect(con);
  expect(h.command(all).outs).toBe("instructed osd(s) 0,2 to repair; osd(s) 1 were not connected");
  expect(h.command({ prefix: "osd scrub", who: "osd.1" })).toMatchObject({
    result: -11,
    outs: "failed to instruct osd(s) 1 to scrub (not connected)",
  });
});
