/**
 * I12 of peering.md §12.1: what the primary takes a member to miss is what the member misses, entry
 * by entry, after histories of all kinds. And: the checks of ClusterInvariants do find what is wrong.
 */

import { SimRng } from "@tako/client/chaos";
import type { pg_missing_item_t } from "@tako/common";
import type { PG } from "@tako/osd";
import { expect, test } from "vitest";
import { wait_clean } from "./scenarios/cluster_commands.ts";
import { play } from "./scenarios/run_transcript.ts";
import type { Scene } from "./scenarios/Scene.ts";
import { oid_of } from "./scenarios/show_message.ts";

function readable(s: Scene, items: Iterable<[string, pg_missing_item_t]>): string[] {
  return [...items]
    .map(([oid, i]) => {
      const del = i.is_delete ? " delete" : "";
      return `${oid_of(oid)} ${s.cast.version(i.have)}->${s.cast.version(i.need)}${del}`;
    })
    .sort();
}
/** Of each member: its own missing set, and the primary's view of it. */
function views(s: Scene): { own: Record<string, string[]>; view: Record<string, string[]> } {
  const own: Record<string, string[]> = {};
  const view: Record<string, string[]> = {};
  const primary = s.primary();
  for (const shard of primary?.peers ?? []) {
    const name = s.cast.letter(Number(shard));
    own[name] = readable(s, s.pg(Number(shard))?.peering.missing.get_items() ?? []);
    view[name] = readable(s, primary?.peering.peer_missing.get(shard)?.get_items() ?? []);
  }
  return { own, view };
}

/** Ten operations on few objects; the client gives up what is not answered before the next fault. */
async function some_writes(s: Scene, rng: SimRng, label: string): Promise<void> {
  const lines: string[] = [];
  for (let i = 0; i < 10; i++) {
    const oid = `o${rng.int(6)}`;
    const what = rng.pick(["write", "write", "append", "remove", "create"]);
    lines.push(`async ${label}${i} ${what} ${oid} ${label}${i}`);
  }
  await play(s, lines);
  await s.world.run_for(rng.between(0, 15));
  await play(
    s,
    lines.map((l) => `give-up ${l.split(" ")[1]}`),
  );
}

test.each([1, 2, 3, 4, 5, 6])("the primary's view of missing, history %i", async (seed) => {
  const rng = new SimRng(seed);
  const s = await play(null, [`cluster osds=4 seed=${seed}`, "pool p size=3 min_size=1"]);
  await play(s, ["fill 6 v0", "set norecover"]);
  let compared = 0;
  for (let round = 0; round < 6; round++) {
    await some_writes(s, rng, `r${round}a`);
    const gone = rng.pick(["A", "B", "C", "A B", "B C"]);
    await play(s, [`kill ${gone}`]);
    await some_writes(s, rng, `r${round}b`);
    await play(s, [`start ${gone}`, "wait map A B C"]);
    const settled = () => /active/.test(s.pg_state()) && s.primary()?.repops.size === 0;
    await s.world.until(settled, "active again");
    await s.world.run_for(100);
    const { own, view } = views(s);
    expect(view).toEqual(own);
    compared += Object.values(own).flat().length;
  }
  expect(compared).toBeGreaterThan(0);
  await play(s, ["unset norecover"]);
  await wait_clean(s);
  await play(s, ["assert quiescent"]);
});

test("a wrong view, a lost entry, a history that goes back are found", async () => {
  const s = await play(null, [
    "cluster osds=4",
    "pool p size=3 min_size=2",
    "write x v1",
    "set norecover",
    "kill C",
    "write x v2",
    "start C",
    // Not yet when only A is recovering: B may have missed a write when C went.
    "wait in C RepRecovering",
    "wait in A Recovering",
  ]);
  const c = s.pg(s.cast.id("C"))?.peering;
  const view = s.primary()?.peering.peer_missing.get(String(s.cast.id("C")) as "1");
  const [soid] = [...(view?.get_items().keys() ?? [])];
  if (!c || !view || soid === undefined) throw new Error("C misses nothing");
  s.invariants.check();

  const item = view.get(soid);
  view.rm(soid);
  expect(() => s.invariants.check()).toThrow(/I12: a member misses/);
  if (item) view.add(soid, item.need, item.have, item.is_delete);
  s.invariants.check();

  const { history } = c.info;
  const { last_epoch_started: les } = history;
  history.last_epoch_started = les - 1;
  expect(() => s.invariants.check()).toThrow(/I6/);
  history.last_epoch_started = les;
  s.invariants.check();

  history.same_up_since++;
  expect(() => s.invariants.check()).toThrow(/I14/);
  history.same_up_since--;

  const { last_update } = c.info;
  c.info.last_update = { ...last_update, version: last_update.version - 1 };
  expect(() => s.invariants.check()).toThrow(/I4|I10/);
});

/** What check() looks at in one PG. */
function looks(pg: PG): string {
  const p = pg.peering;
  const { last_update, last_backfill, last_epoch_started, history } = p.info;
  const views = [...p.peer_missing].map(([shard, m]) => [shard, m.num_missing()]);
  const own = [p.state_name, p.last_update_ondisk, p.missing.num_missing(), views, pg.peers];
  return JSON.stringify([
    pg.osdmap_epoch,
    last_update,
    last_backfill,
    last_epoch_started,
    history,
    own,
  ]);
}

test("an event changes no PG that it has not reached", async () => {
  const s = await play(null, ["cluster osds=4 seed=5", "pool p size=3 min_size=1"]);
  const reached = new Set<PG>();
  s.world.on_pg_turn = (pg) => reached.add(pg);
  const seen = new Map<PG, string>();
  let changes = 0;
  s.world.scheduler.after_event = () => {
    for (const osd of s.world.running_osds) {
      for (const pg of osd.pgs.all()) {
        const now = looks(pg);
        const was = seen.get(pg);
        seen.set(pg, now);
        if (was === undefined || was === now) continue;
        changes++;
        if (!reached.has(pg)) throw new Error(`osd.${osd.whoami} ${pg.spgid}: ${was} -> ${now}`);
      }
    }
    reached.clear();
  };
  const rng = new SimRng(5);
  for (const gone of ["A", "B C", "A B C"]) {
    await some_writes(s, rng, `${gone.replaceAll(" ", "")}a`);
    await play(s, [`kill ${gone}`]);
    if (gone !== "A B C") await some_writes(s, rng, `${gone.replaceAll(" ", "")}b`);
    await play(s, [`start ${gone}`, "wait map A B C"]);
  }
  await wait_clean(s);
  expect(changes).toBeGreaterThan(50);
});
