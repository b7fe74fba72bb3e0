// @ts-check
/** An OSD with many PGs in a big cluster: what an epoch costs it that concerns none of them. */
import * as tako from "../../packages/common/dist/index.js";
import { MemStore, OSD } from "../../packages/osd/dist/index.js";
import { VirtualClock } from "../../packages/osd/dist/testing/VirtualClock.js";
import { makeMap } from "./bench_map.mjs";

const FSID = "11111111-2222-4333-8444-555555555555";
const ADDR = { host: "10.0.0.1", port: 6800, nonce: 9999 };
const MON = { host: "10.0.0.9", port: 3300, nonce: 1 };

/** Takes what is sent to it. */
class Wire {
  policy = /** @type {const} */ ("lossy");
  is_open = true;
  queued_bytes = 0;
  /** @type {unknown} */
  priv = null;
  /** @param {tako.entity_name_t} peer_name @param {tako.entity_addr_t} peer_addr @param {(m: tako.Message) => void} take */
  constructor(peer_name, peer_addr, take) {
    this.peer_name = peer_name;
    this.peer_addr = peer_addr;
    this.send = take;
  }
  mark_down() {
    this.is_open = false;
  }
}

/** The monitor's part: answers what a booting OSD asks, and keeps the map. */
class Cluster {
  clock = new VirtualClock();
  stats = 0;
  mon = new Wire("mon.a", MON, (m) => this.#from_osd(m));
  /** @type {tako.Message[]} */
  #inbox = [];
  /** @type {tako.OSDMap} */
  map;

  /** @param {number} osds @param {number} pg_num of the pool that is this OSD's alone */
  constructor(osds, pg_num) {
    const f = makeMap(osds).f;
    const state = [...f.osd_state];
    state[0] = tako.CEPH_OSD_EXISTS;
    const own = tako.pg_pool_t({ pg_num, pgp_num: pg_num, size: 1, min_size: 1, crush_rule: 1 });
    this.map = new tako.OSDMap({
      ...f,
      fsid: FSID,
      osd_state: state,
      pools: new Map([...f.pools, [2, own]]),
      pool_name: new Map([...f.pool_name, [2, "own"]]),
    });
    const store = new MemStore({ clock: this.clock });
    store.mkfs_now("f");
    store.mount_now();
    const connect = (
      /** @type {tako.entity_name_t} */ name,
      /** @type {tako.entity_addr_t} */ a,
    ) => (name.startsWith("mon") ? this.mon : new Wire(name, a, () => {}));
    const messenger = {
      my_name: /** @type {const} */ ("osd.0"),
      my_addr: ADDR,
      set_dispatcher() {},
      connect_to: connect,
      connection_to: () => undefined,
      rebind: () => ADDR,
      shutdown: async () => {},
    };
    this.osd = new OSD({
      whoami: 0,
      store,
      messenger,
      clock: this.clock,
      rng: { next: () => 0.5, int: () => 0 },
      log: tako.NULL_LOG,
      config: new tako.Config(),
      mons: [{ name: "mon.any", addr: MON }],
      identity: { metadata: {}, crush_weight: 1, crush_location: {}, device_class: "" },
      set_log_level() {},
      version: "0.1.0",
      on_must_stop: (why) => {
        throw new Error(why);
      },
    });
  }

  /** @param {tako.Message} m */
  #from_osd(m) {
    if (m.type === "mon_get_version") {
      const { epoch } = this.map;
      const range = { version: epoch, oldest_version: epoch };
      this.#inbox.push({ type: "mon_get_version_reply", handle: m.handle, ...range });
    } else if (m.type === "osd_boot") {
      this.advance((inc) => inc.new_up_client.set(0, ADDR));
    } else if (m.type === "osd_alive") {
      this.advance((inc) => inc.new_up_thru.set(0, m.want));
    } else if (m.type === "pg_stats") {
      this.stats += m.pg_stats.length;
    }
  }
  /** @param {(inc: tako.Incremental) => void} edit */
  advance(edit) {
    const inc = tako.new_incremental(this.map);
    edit(inc);
    this.map = this.map.apply_incremental(inc);
    inc.full_crc = this.map.crc;
    this.#inbox.push({ ...this.#head([], [inc.epoch]), data: [tako.encode_incremental(inc)] });
  }
  /** @param {number[]} full @param {number[]} incremental */
  #head(full, incremental) {
    const [newest_map, oldest_map] = [this.map.epoch, 1];
    return {
      type: /** @type {const} */ ("osd_map"),
      fsid: FSID,
      full,
      incremental,
      oldest_map,
      newest_map,
    };
  }

  /** Delivers, and runs what comes of it, for that many virtual ms. @param {number} ms */
  run(ms) {
    const end = this.clock.mono_ms() + ms;
    do {
      for (const m of this.#inbox.splice(0)) this.osd.ms_dispatch(this.mon, m);
      while (this.clock.run_deferred());
    } while (this.#inbox.length > 0 || this.clock.run_timer(end - this.clock.mono_ms()));
  }

  start() {
    this.osd.init();
    this.osd.ms_handle_connect(this.mon);
    const { epoch } = this.map;
    this.#inbox.push({ ...this.#head([epoch], []), data: [this.map.encode()] });
    this.run(20);
    const e = this.map.epoch;
    const history = tako.pg_history_t({
      epoch_created: e,
      epoch_pool_created: e,
      same_up_since: e,
      same_interval_since: e,
      same_primary_since: e,
    });
    const pgs = this.map.get_pgs(2).map((pgid) => {
      return { pgid, create_epoch: e, create_stamp: 0, history, past_intervals: null };
    });
    this.#inbox.push({ type: "osd_pg_create", epoch: e, pgs });
    this.run(20);
    const clean = this.osd.pgs.all().filter((pg) => pg.peering.is_clean()).length;
    if (clean !== pgs.length) throw new Error(`${clean} of ${pgs.length} PGs are clean`);
  }
}

/**
 * Seconds of each epoch that marks another OSD down, from its message to the end of all work, the
 * reports of the following 100 ms included.
 * @param {number} osds @param {number} pg_num @param {number} rounds
 * @param {(fn: () => void) => number} time
 */
export function benchOsd(osds, pg_num, rounds, time) {
  const c = new Cluster(osds, pg_num);
  c.start();
  c.run(10_000);
  const down = [];
  c.stats = 0;
  for (let i = 0; i < rounds; i++) {
    c.advance((inc) => inc.new_state.set(100 + 7 * i, tako.CEPH_OSD_UP));
    down.push(time(() => c.run(100)));
    const behind = c.osd.pgs.all().filter((pg) => pg.osdmap_epoch !== c.map.epoch).length;
    if (behind > 0) throw new Error(`${behind} PGs have not got the map`);
  }
  return { down, stats_per_epoch: c.stats / rounds };
}
