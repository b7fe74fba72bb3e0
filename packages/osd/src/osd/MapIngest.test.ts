import {
  Config,
  encode_incremental,
  type Message,
  MonClient,
  NULL_LOG,
  new_incremental,
} from "@tako/common";
import { beforeEach, expect, test } from "vitest";
import { MemStore } from "../store/MemStore.ts";
import { COLL_META } from "../store/ObjectStore.ts";
import { Transaction } from "../store/Transaction.ts";
import { MapHistory } from "../testing/osd_maps.ts";
import { fake_connection } from "../testing/TestOSD.ts";
import { SeededRng, VirtualClock } from "../testing/VirtualClock.ts";
import { MapIngest } from "./MapIngest.ts";
import { MapStore } from "./MapStore.ts";
import { new_superblock, type OSDSuperblock, read_superblock } from "./superblock.ts";

let clock: VirtualClock;
let store: MemStore;
let maps: MapStore;
let sb: OSDSuperblock;
let ingest: MapIngest;
let sent: Message[];
let committed: [number, number][];
let min_persisted_epoch: number | undefined;
let history: MapHistory;

beforeEach(() => {
  clock = new VirtualClock();
  store = new MemStore({ clock });
  store.mkfs_now("00000000-0000-4000-8000-000000000000");
  store.mount_now();
  const t = new Transaction();
  t.create_collection(COLL_META);
  store.queue_transaction(t);
  maps = new MapStore(store, () => 4);
  sb = new_superblock(0, "x");
  sent = [];
  committed = [];
  min_persisted_epoch = undefined;
  history = new MapHistory(3);
  const con = fake_connection("mon.a", (m) => sent.push(m));
  const monc = new MonClient({
    messenger: {
      my_name: "osd.0",
      my_addr: { host: "h", port: 1, nonce: 1 },
      set_dispatcher() {},
      connect_to: () => con,
      connection_to: () => con,
      rebind: () => ({ host: "h", port: 1, nonce: 2 }),
      shutdown: async () => {},
    },
    clock,
    rng: new SeededRng(1),
    log: NULL_LOG,
    config: new Config(),
    mons: [{ name: "mon.a", addr: { host: "m", port: 1, nonce: 0 } }],
    on_session: () => {},
  });
  monc.start();
  monc.ms_handle_connect(con);
  ingest = new MapIngest({
    store,
    maps,
    superblock: sb,
    log: NULL_LOG,
    config: new Config({ osd_target_transaction_size: 2 }),
    monc,
    min_persisted_epoch: () => min_persisted_epoch,
    boot_epoch: () => 0,
    on_committed: (first, last) => committed.push([first, last]),
  });
});

function settle(): void {
  while (clock.run_deferred());
}
function take_first(): void {
  ingest.handle_osd_map(history.message(1, 2, { full_first: true }));
  settle();
}
function subscriptions(): unknown[] {
  return sent.flatMap((m) => (m.type === "mon_subscribe" ? m.what : []));
}

test("maps and superblock are stored together, and told of only when durable", () => {
  ingest.handle_osd_map(history.message(1, 2, { full_first: true }));
  expect(committed).toEqual([]);
  settle();
  expect(committed).toEqual([[1, 2]]);
  store.crash();
  store.mount_now();
  expect(read_superblock(store)).toMatchObject({ oldest_map: 1, newest_map: 2, current_epoch: 2 });
  expect(new MapStore(store, () => 4).get_map(2).crc).toBe(history.at(2).crc);
});

test("what is not durable at a crash is gone, superblock and maps alike", () => {
  take_first();
  history.down(1);
  ingest.handle_osd_map(history.message(3, 3));
  store.crash();
  store.mount_now();
  expect(read_superblock(store)?.newest_map).toBe(2);
  expect(new MapStore(store, () => 4).try_get_map(3)).toBeUndefined();
});

test("of a pool that goes away the last map that had it is kept, until nobody needs it", () => {
  take_first();
  history.next((inc) => inc.old_pools.add(1));
  history.next(() => {});
  ingest.handle_osd_map(history.message(3, 4));
  settle();
  const kept = new MapStore(store, () => 4);
  expect(kept.final_pool_map(1)?.epoch).toBe(2);
  const forget = (...in_use: number[]) => {
    const t = new Transaction();
    kept.forget_final_pools(t, new Set(in_use));
    store.queue_transaction(t);
  };
  forget(1);
  expect(kept.final_pool_map(1)?.epoch).toBe(2);
  forget();
  expect(kept.final_pool_map(1)).toBeUndefined();
});

test("a pool that goes away in a gap is kept from the map before", () => {
  take_first();
  history.next((inc) => inc.old_pools.add(1));
  for (let i = 0; i < 5; i++) history.next(() => {});
  ingest.handle_osd_map(history.message(7, 8, { full_first: true, oldest: 7 }));
  settle();
  expect(committed.at(-1)).toEqual([7, 8]);
  expect(maps.final_pool_map(1)?.epoch).toBe(2);
});

test("old maps are dropped; overlapping ones go on from what is known", () => {
  take_first();
  for (let i = 0; i < 3; i++) history.next(() => {});
  ingest.handle_osd_map(history.message(2, 4));
  ingest.handle_osd_map(history.message(3, 4));
  settle();
  expect(committed).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

test("an incremental with another checksum is thrown away and the full map asked for", () => {
  take_first();
  history.down(1);
  // The same epoch of a history that went another way: it applies, but to another result.
  const other = new MapHistory(3);
  const inc = new_incremental(other.newest);
  inc.new_state.set(2, 2);
  inc.full_crc = history.at(3).crc;
  ingest.handle_osd_map({ ...history.message(3, 3), data: [encode_incremental(inc)] });
  settle();
  expect(sb.newest_map).toBe(2);
  expect(sent.at(-1)).toMatchObject({ type: "mon_get_osdmap", full_first: 3, full_last: 3 });
  // The answer brings it as a full map.
  ingest.handle_osd_map(history.message(3, 3, { full_first: true }));
  settle();
  expect(committed.at(-1)).toEqual([3, 3]);
  expect(maps.get_map(3).is_up(1)).toBe(false);
});

test("a gap that the mon can fill is asked for, the message dropped", () => {
  take_first();
  for (let i = 0; i < 5; i++) history.next(() => {});
  ingest.handle_osd_map(history.message(6, 7));
  settle();
  expect(committed).toEqual([[1, 2]]);
  expect(subscriptions()).toContainEqual({ name: "osdmap", start: 3, onetime: false });
});

test("a gap that nobody can fill: older maps are forgotten, and the range is contiguous again", () => {
  take_first();
  for (let i = 0; i < 5; i++) history.next(() => {});
  ingest.handle_osd_map(history.message(6, 7, { full_first: true, oldest: 6 }));
  settle();
  expect(sb).toMatchObject({ oldest_map: 6, newest_map: 7 });
  expect([1, 2, 3, 4, 5, 6, 7].filter((e) => maps.try_get_map(e) !== undefined)).toEqual([6, 7]);
});

test("maps are trimmed to the mon's bound, but none that a PG stands at or needs, few at a time", () => {
  take_first();
  for (let i = 0; i < 8; i++) history.next(() => {});
  ingest.handle_osd_map(history.message(3, 8));
  settle();
  min_persisted_epoch = 6;
  ingest.handle_osd_map(history.message(9, 9, { oldest: 8 }));
  settle();
  expect(sb.oldest_map).toBe(3);
  ingest.handle_osd_map(history.message(10, 10, { oldest: 8 }));
  settle();
  expect(sb.oldest_map).toBe(5);
  history.next(() => {});
  ingest.handle_osd_map(history.message(11, 11, { oldest: 8 }));
  settle();
  expect(sb.oldest_map).toBe(6);
  expect(maps.try_get_map(5)).toBeUndefined();
});

test("garbage and another cluster's maps change nothing", () => {
  take_first();
  history.down(1);
  const m = history.message(3, 3);
  ingest.handle_osd_map({ ...m, fsid: "00000000-0000-4000-8000-0000000000ff" });
  ingest.handle_osd_map({ ...m, data: [] });
  ingest.handle_osd_map({ ...m, data: [new Uint8Array([1, 2, 3])] });
  ingest.handle_osd_map({ ...m, full: [], incremental: [], data: [] });
  settle();
  expect(committed).toEqual([[1, 2]]);
  expect(sb.newest_map).toBe(2);
});
