/**
 * PGCluster: one PG on a few OSDs in memory: real PGs, peering, stores and queues; a network that
 * delivers when the test (or a seed) says so, and a monitor that grants what is asked for. For tests
 * of what PGs do with each other; whole daemons are the simulator's.
 */
import { isDeepStrictEqual } from "node:util";
import {
  build_simple_crush_map,
  Config,
  type ConfigValues,
  clean_temps,
  type Incremental,
  type Log,
  type Message,
  NULL_LOG,
  new_incremental,
  OSDMap,
  PastIntervals,
  pg_history_t,
  pg_pool_t,
} from "@tako/common";
import { type PGPool, pool_of } from "../peering/PeeringStateInit.ts";
import type { PG } from "../pg/PG.ts";
import { copy_of, sums_of } from "./copies.ts";
import { TestClient } from "./TestClient.ts";
import { TestOSD } from "./TestOSD.ts";
import { SeededRng, VirtualClock } from "./VirtualClock.ts";

export const PGID = "1.0";
const POOL = 1;

export interface PGClusterOptions {
  readonly osds: number;
  /** Where the PG is: CRUSH is overruled. */
  readonly acting: readonly number[];
  readonly size?: number;
  readonly min_size?: number;
  readonly config?: ConfigValues;
  readonly seed?: number;
  readonly log?: Log;
}

/** Small logs, scans and chunks: their ends are reached quickly (peering.md §14). */
const TEST_CONFIG: ConfigValues = {
  // A lease is renewed for ever: nothing would come to rest. Leases have tests of their own.
  osd_pool_default_read_lease_ratio: 0,
  osd_min_pg_log_entries: 20,
  osd_max_pg_log_entries: 40,
  osd_pg_log_trim_min: 2,
  osd_backfill_scan_min: 2,
  osd_backfill_scan_max: 4,
  osd_recovery_max_chunk: 1000,
  osd_recovery_max_single_start: 2,
  osd_backfill_retry_interval: 1,
  osd_recovery_retry_interval: 1,
};

type Edit = (inc: Incremental) => void;

export class PGCluster {
  readonly clock = new VirtualClock();
  readonly rng: SeededRng;
  readonly config: Config;
  readonly log: Log;
  readonly osds: TestOSD[] = [];
  readonly clients: TestClient[] = [];
  readonly maps = new Map<number, OSDMap>();
  map: OSDMap;
  /** In flight, in order, by "from>to". */
  readonly #net = new Map<string, (() => void)[]>();
  #wanted: Edit[] = [];
  #nonce = 1;
  /** The cluster log. */
  readonly clog: string[] = [];
  /** Not delivered while set: test code decides. */
  readonly held = new Set<string>();
  /** Messages that never arrive. */
  lost: (from: number, m: Message) => boolean = () => false;

  constructor(o: PGClusterOptions) {
    this.rng = new SeededRng(o.seed ?? 1);
    this.config = new Config({ ...TEST_CONFIG, ...o.config });
    this.log = o.log ?? NULL_LOG;
    this.map = new OSDMap({ fsid: "11111111-2222-4333-8444-555555555555" });
    for (let i = 0; i < o.osds; i++) this.osds.push(new TestOSD(this, i));
    this.#first_map(o);
    this.#create_pg();
  }

  #first_map(o: PGClusterOptions): void {
    const pool = pg_pool_t({ pg_num: 1, size: o.size ?? 3, min_size: o.min_size ?? 2 });
    this.new_map((inc) => {
      inc.new_max_osd = o.osds;
      inc.crush = build_simple_crush_map("osd").edit((b) => {
        for (let i = 0; i < o.osds; i++) {
          b.insert_item(i, 1, `osd.${i}`, new Map([["root", "default"]]));
        }
      });
      inc.new_pools.set(POOL, pool);
      inc.new_pool_names.set(POOL, "test");
      for (let i = 0; i < o.osds; i++) this.#up(inc, i);
    });
    this.new_map((inc) => {
      inc.new_pg_upmap.set(PGID, o.acting);
    });
  }
  #up(inc: Incremental, osd: number): void {
    inc.new_weight.set(osd, 0x10000);
    inc.new_up_client.set(osd, { host: "h", port: 6800 + osd, nonce: this.#nonce++ });
  }
  #create_pg(): void {
    const { epoch } = this.map;
    const history = pg_history_t({
      epoch_created: epoch,
      epoch_pool_created: epoch,
      same_up_since: epoch,
      same_interval_since: epoch,
      same_primary_since: epoch,
      last_epoch_clean: epoch,
      last_scrub_stamp: this.clock.now_ms(),
      last_deep_scrub_stamp: this.clock.now_ms(),
      last_clean_scrub_stamp: this.clock.now_ms(),
    });
    this.primary_osd().create_pg(PGID, history, new PastIntervals().to_wire(), epoch);
  }

  // ---------------------------------------------------------------- maps

  /** The next epoch; every live OSD and client hears of it some time. */
  new_map(edit: Edit): void {
    const inc = new_incremental(this.map);
    edit(inc);
    clean_temps(this.map, this.map.apply_incremental(inc), inc);
    this.map = this.map.apply_incremental(inc);
    const { map } = this;
    this.maps.set(map.epoch, map);
    for (const osd of this.osds) this.post("mon", `osd.${osd.id}`, () => osd.handle_osd_map(map));
    for (const c of this.clients) this.post("mon", c.name, () => c.handle_osd_map(map));
  }
  /** An edit that goes into the next epoch, which comes when nothing else happens. */
  want(edit: Edit): void {
    this.#wanted.push(edit);
  }
  get pool(): PGPool {
    const pool = pool_of(this.map, POOL);
    if (!pool) throw new Error("no pool");
    return pool;
  }
  primary_osd(): TestOSD {
    const { acting_primary } = this.map.pg_to_up_acting_osds(PGID);
    return this.osd(acting_primary);
  }
  osd(id: number): TestOSD {
    const o = this.osds[id];
    if (!o) throw new Error(`no osd.${id}`);
    return o;
  }
  pg(id: number): PG {
    const pg = this.osd(id).pgs.get(PGID);
    if (!pg) throw new Error(`no pg on osd.${id}`);
    return pg;
  }
  primary(): PG {
    return this.pg(this.primary_osd().id);
  }

  /** kill -9 and the map that says so. */
  kill(id: number): void {
    this.osd(id).crash();
    for (const [key] of this.#net) {
      const [from, to] = key.split(">");
      if (from === `osd.${id}` || to === `osd.${id}`) this.#net.delete(key);
    }
    for (const c of this.clients) c.reset(id);
    this.new_map((inc) => inc.new_state.set(id, 0));
  }
  start(id: number): void {
    this.osd(id).start();
    this.new_map((inc) => this.#up(inc, id));
  }
  upmap(acting: readonly number[]): void {
    this.new_map((inc) => {
      inc.new_pg_upmap.set(PGID, acting);
    });
  }

  // ---------------------------------------------------------------- network and time

  post(from: string, to: string, deliver: () => void): void {
    const key = `${from}>${to}`;
    const queue = this.#net.get(key);
    if (queue) queue.push(deliver);
    else this.#net.set(key, [deliver]);
  }
  send(from: number, to: number, m: Message): void {
    if (this.lost(from, m)) return;
    const target = this.osd(to);
    this.post(`osd.${from}`, `osd.${to}`, () => target.ms_dispatch(from, m));
  }
  /** One message, from a connection that chance chooses. */
  deliver_one(): boolean {
    const ready = [...this.#net.keys()].filter((k) => !this.held.has(k)).sort();
    const key = ready[this.rng.int(Math.max(1, ready.length))];
    const queue = key === undefined ? undefined : this.#net.get(key);
    const deliver = queue?.shift();
    if (key !== undefined && queue?.length === 0) this.#net.delete(key);
    deliver?.();
    return deliver !== undefined;
  }
  /** Something that can happen now, or within `limit_ms`. */
  step(limit_ms = 0): boolean {
    const first = this.rng.int(2) === 0;
    if (first && this.deliver_one()) return true;
    if (this.clock.run_deferred()) return true;
    if (!first && this.deliver_one()) return true;
    // Short timers are commits; the monitor is usually slower than those.
    if (this.rng.int(20) > 0 && this.clock.run_timer(50)) return true;
    if (this.#grant_wanted() || this.clock.run_timer(50)) return true;
    return limit_ms > 0 && this.clock.run_timer(limit_ms);
  }
  #grant_wanted(): boolean {
    const edits = this.#wanted;
    if (edits.length === 0) return false;
    this.#wanted = [];
    this.new_map((inc) => {
      for (const edit of edits) edit(inc);
    });
    return true;
  }
  steps(n: number): void {
    for (let i = 0; i < n && this.step(); i++) this.check();
  }
  /** Until nothing happens any more; timers up to a minute ahead are waited for. */
  settle(max_steps = 200_000): void {
    for (let i = 0; i < max_steps; i++) {
      if (!this.step(60_000)) return;
      this.check();
    }
    throw new Error(`still busy: ${this.describe()}`);
  }
  until(done: () => boolean, what: string, max_steps = 200_000): void {
    for (let i = 0; i < max_steps && !done(); i++) {
      if (!this.step(60_000) && !done()) throw new Error(`${what}: idle; ${this.describe()}`);
      this.check();
    }
    if (!done()) throw new Error(`${what}: still busy; ${this.describe()}`);
  }
  /** After each event: what must hold in every PG. */
  check(): void {
    for (const osd of this.osds) {
      for (const pg of osd.pgs.values()) pg.peering.check_invariants();
    }
  }
  is_clean(): boolean {
    return this.primary_osd().pgs.get(PGID)?.get_stats().state === "active+clean";
  }
  until_clean(): void {
    this.until(() => this.is_clean() && this.map.pg_temp.size === 0, "clean");
  }
  /** I26: all copies alike, to the byte, and the sums true. */
  assert_copies_identical(): void {
    const { acting } = this.map.pg_to_up_acting_osds(PGID);
    const first = this.primary();
    const want = copy_of(first);
    for (const id of acting) {
      const pg = this.pg(id);
      if (!isDeepStrictEqual(copy_of(pg), want)) {
        throw new Error(`osd.${id} differs from osd.${first.host.whoami}`);
      }
      const { num_objects, num_bytes } = pg.peering.info.stats.stat_sum;
      const sums = sums_of(pg);
      if (sums.num_objects !== num_objects || sums.num_bytes !== num_bytes) {
        throw new Error(
          `osd.${id} has ${JSON.stringify(sums)}, says ${num_objects} objects, ${num_bytes} bytes`,
        );
      }
      if (this.osd(id).store.collection_list(pg.temp_coll, "MIN", "MAX", 1).objects.length > 0) {
        throw new Error(`osd.${id} has temporary objects left`);
      }
    }
  }
  describe(): string {
    return this.osds
      .map((o) => {
        const pg = o.pgs.get(PGID);
        const what = pg
          ? `${pg.peering.get_pg_state_string()} ${pg.peering.state_name} e${pg.osdmap_epoch}`
          : "-";
        return `osd.${o.id} ${o.running ? "" : "down "}${what}`;
      })
      .join("; ");
  }
  client(): TestClient {
    const c = new TestClient(this, this.clients.length + 1);
    this.clients.push(c);
    return c;
  }
}
