/**
 * BitRot: bits turn over on the disk of one OSD, in copies of objects that nobody writes any more, and
 * scrubs and repairs run meanwhile, ordered and scheduled. Whatever else breaks, what is read is what
 * was written; and at the end repair has made every copy good again.
 * One OSD only: somebody always has a good copy.
 */
import { type IoCtx, type Rados, RadosError } from "@tako/client";
import type { SimRng } from "@tako/client/chaos";
import { type ConfigValues, type hobject_t, InvariantError, parse_hobject } from "@tako/common";
import type { MemStore } from "@tako/osd";
import { all_pgs } from "./checks.ts";
import type { World } from "./World.ts";

/** Scrubs fall due several times within a run of so many virtual seconds. */
export function bit_rot_config(seconds: number): ConfigValues {
  return {
    osd_scrub_min_interval: seconds / 5,
    osd_scrub_max_interval: (seconds * 4) / 5,
    osd_deep_scrub_interval: (seconds * 3) / 5,
    osd_scrub_chunk_min: 2,
    osd_scrub_chunk_max: 4,
    osd_deep_scrub_stride: 64,
    osd_deep_scrub_update_digest_min_age: 3,
  };
}
const OBJECTS = 6;
/** Of the things below, in a run. */
const THINGS = 40;

export class BitRot {
  readonly #world: World;
  readonly #rng: SimRng;
  readonly #admin: Rados;
  readonly #victim: number;
  readonly #mean_ms: number;
  readonly #content = new Map<string, string>();
  #io: IoCtx | undefined;
  #stopped = false;
  failure: unknown;
  readonly counts = new Map<string, number>();

  /** `seconds`: how long the run lasts. */
  constructor(world: World, rng: SimRng, admin: Rados, seconds: number) {
    this.#world = world;
    this.#rng = rng;
    this.#admin = admin;
    this.#victim = rng.int(world.options.osds);
    this.#mean_ms = (seconds * 1000) / THINGS;
  }

  /** The objects, while everything is well; erasure-coded ones have no omap. */
  async start(pool: string, omap: boolean): Promise<void> {
    const world = this.#world;
    const io = await world.done(this.#admin.open_ioctx(pool), "open_ioctx");
    this.#io = io;
    for (let i = 0; i < OBJECTS; i++) {
      const oid = `still.${i}`;
      const content = `[${oid}]`.repeat(1 + this.#rng.int(60));
      await world.done(io.write_full(oid, content), oid);
      if (omap && i % 3 === 0) await world.done(io.omap_set(oid, [["k", content]]), oid);
      this.#content.set(oid, content);
    }
    this.#next();
  }
  stop(): void {
    this.#stopped = true;
  }
  #next(): void {
    this.#world.scheduler.schedule(this.#rng.between(0, 2 * this.#mean_ms), () => {
      if (this.#stopped) return;
      const dice = this.#rng.int(10);
      if (dice < 4) this.#flip();
      else if (dice < 8) this.#read();
      else this.#order(this.#rng.pick(["scrub", "deep-scrub", "repair"]));
      this.#next();
    });
  }
  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }
  #any_object(): string {
    return `still.${this.#rng.int(OBJECTS)}`;
  }

  #flip(): void {
    const oid = this.#any_object();
    const bit = this.#rng.int(1 << 16);
    const store = this.#world.store(this.#victim);
    const dead = this.#world.osd(this.#victim) === undefined;
    if (dead) store.mount_now();
    const at = find(store, oid);
    if (at && store.flip_bit(at.coll, at.soid, bit)) {
      this.#world.log.add("sim", `flip bit ${bit} of ${oid} on osd.${this.#victim}`);
      this.#count("flip_bit");
    }
    if (dead) store.crash();
  }
  #read(): void {
    const oid = this.#any_object();
    this.#expect(oid).catch((e: unknown) => {
      this.failure ??= e;
    });
  }
  async #expect(oid: string): Promise<void> {
    if (!this.#io) return;
    try {
      const seen = new TextDecoder().decode(await this.#io.read(oid));
      if (seen !== this.#content.get(oid)) {
        throw new InvariantError(`${oid} is not what was written`, { seen });
      }
    } catch (e) {
      // No other copy within reach just then: an error, and not wrong data.
      if (!(e instanceof RadosError && e.code === "EIO")) throw e;
    }
  }
  #order(what: string): void {
    this.#count(what);
    this.#admin.mon_command({ prefix: `osd ${what}`, who: "*" }).catch(() => undefined);
  }

  /** Everything runs and recovers: repairs until no PG has anything to complain of. */
  async heal(): Promise<void> {
    const world = this.#world;
    const all_up = () => world.mon_running && world.osd_ids.every((o) => world.osdmap.is_up(o));
    await world.until(all_up, "all OSDs are up");
    const clean = () => this.#states().every((s) => s.startsWith("active+clean"));
    await world.until(clean, "clean but for damage", 360_000);
    // Of each PG a deep scrub has to end that began after the last bit turned over. By its stamp it cannot be
    // told, clocks have jumped: so by stamps that change, in a round after that in which older ones end.
    let before: readonly number[] | undefined;
    for (let i = 0; i < 24; i++) {
      // A monitor that has just started does not know the OSDs yet: again, then.
      const order = this.#admin.mon_command({ prefix: "osd repair", who: "*" });
      await world.done(
        order.catch(() => undefined),
        "osd repair",
      );
      await world.run_for(10_000);
      const stamps = this.#deep_scrub_stamps();
      // With other PGs, after a split, it begins again.
      if (before?.length !== stamps.length) before = stamps;
      const all_done = stamps.every((s, pg) => s !== before?.[pg]);
      if (all_done && this.#states().every((s) => s === "active+clean")) break;
    }
    for (const oid of this.#content.keys()) await world.done(this.#expect(oid), `read ${oid}`);
    if (this.failure !== undefined) throw this.failure;
  }
  #primaries() {
    return all_pgs(this.#world.osdmap).map((pgid) => {
      const { acting_primary } = this.#world.osdmap.pg_to_up_acting_osds(pgid);
      return acting_primary < 0
        ? undefined
        : this.#world.osd(acting_primary)?.pgs.find_primary(pgid);
    });
  }
  #states(): string[] {
    return this.#primaries().map((pg) => pg?.get_stats().state ?? "none");
  }
  #deep_scrub_stamps(): number[] {
    return this.#primaries().map((pg) => pg?.peering.info.history.last_deep_scrub_stamp ?? 0);
  }
}

/** The copy of an object of the first pool, in whatever PG of its it is. */
function find(store: MemStore, oid: string): { coll: string; soid: hobject_t } | undefined {
  for (const coll of store.list_collections()) {
    if (!/^1\.\w+_head$/.test(coll)) continue;
    const { objects } = store.collection_list(coll, "MIN", "MAX", Number.MAX_SAFE_INTEGER);
    const soid = objects.find((o) => parse_hobject(o)?.oid === oid);
    if (soid) return { coll, soid };
  }
  return undefined;
}
