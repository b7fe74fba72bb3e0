/**
 * ReplicaScrub: what a member does for the scrub of its primary: keeps a slot, and tells what it has
 * of a chunk once it has applied the writes that the primary has.
 * Ceph counterpart: PgScrubber::replica_scrub_op, ActiveReplica; MOSDRepScrub. peering.md §11.
 */
import { ev_lt, type Msg } from "@tako/common";
import type { PG } from "../PG.ts";
import { recovering_in } from "./chunk.ts";
import { scrub_map_to_wire } from "./ScrubMap.ts";
import type { ScrubScan } from "./ScrubScan.ts";
import { in_chunk, new_scan } from "./scan_chunk.ts";

export class ReplicaScrub {
  readonly #pg: PG;
  #reserved = false;
  #asked: { readonly m: Msg<"rep_scrub">; scan: ScrubScan | null } | null = null;
  /** The next step is up to a turn of the PG. */
  #waiting = false;

  constructor(pg: PG) {
    this.#pg = pg;
  }
  get waiting(): boolean {
    return this.#waiting;
  }

  /** False: no slot, or there is recovery to do here first. */
  reserve(): boolean {
    const { host } = this.#pg;
    // Of a scrub that the primary has given up.
    this.release();
    const recovery = host.local_reserver.granted_count + host.remote_reserver.granted_count > 0;
    if (recovery && !host.config.get("osd_scrub_during_recovery")) return false;
    this.#reserved = host.scrubs.inc_scrubs_remote();
    return this.#reserved;
  }
  release(): void {
    if (this.#reserved) this.#pg.host.scrubs.dec_scrubs_remote();
    this.#reserved = false;
    this.#asked = null;
    this.#waiting = false;
  }
  on_change(): void {
    this.release();
  }

  begin(m: Msg<"rep_scrub">): void {
    // One at a time: an earlier request is of a scrub that was given up.
    this.#asked = { m, scan: null };
    this.#waiting = true;
  }
  advance(): void {
    const asked = this.#asked;
    if (!this.#waiting || !asked) return;
    const pg = this.#pg;
    const { m } = asked;
    if (!asked.scan) {
      if (ev_lt(pg.peering.last_update_applied, m.scrub_to)) return;
      if (recovering_in(pg, in_chunk(m.start, m.end))) return;
      asked.scan = new_scan(pg, m.start, m.end, m.deep);
    }
    this.#waiting = false;
    if (asked.scan.step()) {
      this.#asked = null;
      this.#reply(m, asked.scan);
      return;
    }
    const { generation } = pg;
    pg.host.clock.defer(() => {
      // Another request, or none, has taken its place.
      if (this.#asked !== asked) return;
      this.#waiting = true;
      pg.run_if_current(generation, () => undefined);
    });
  }
  #reply(m: Msg<"rep_scrub">, scan: ScrubScan): void {
    const pg = this.#pg;
    pg.send(m.from, {
      type: "rep_scrub_map",
      map_epoch: pg.osdmap_epoch,
      min_epoch: pg.last_peering_reset,
      from: pg.whoami,
      pgid: pg.peering.peer_spg(m.from),
      tid: m.tid,
      ...scrub_map_to_wire(scan.map),
    });
  }
}
