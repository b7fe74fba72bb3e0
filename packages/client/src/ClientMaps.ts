/**
 * ClientMaps: the newest OSDMap of a program, from MOSDMap messages. Keeps one map, no history.
 * Ceph counterpart: Objecter::handle_osd_map. Rules: cluster.md §1.5, §3.16.
 */
import {
  type Log,
  MapError,
  type MonClient,
  type Msg,
  type OSDMap,
  received_full_map,
  received_next_map,
} from "@tako/common";

export interface ClientMapsPorts {
  readonly monc: MonClient;
  readonly log: Log;
  /** Newer maps, all of them in order; `skipped` when epochs in between never came. */
  readonly on_map: (maps: readonly OSDMap[], skipped: boolean) => void;
}

export class ClientMaps {
  readonly #p: ClientMapsPorts;
  #map: OSDMap | undefined;

  constructor(ports: ClientMapsPorts) {
    this.#p = ports;
  }

  handle_osd_map(m: Msg<"osd_map">): void {
    const last = Math.max(...m.full, ...m.incremental);
    if (this.#map && m.fsid !== this.#map.fsid) {
      this.#p.log.warn({ fsid: m.fsid, reason: "other fsid" }, "osd_map_dropped");
      return;
    }
    if (!Number.isFinite(last) || m.data.length !== m.full.length + m.incremental.length) return;
    this.#p.monc.sub_got("osdmap", last);
    let skipped = false;
    const maps: OSDMap[] = [];
    try {
      skipped = this.#advance(m, maps);
    } catch (err) {
      if (!(err instanceof MapError)) throw err;
      this.#p.log.warn({ epoch: last, reason: err.message }, "osdmap_bad");
      this.#ask_full();
    }
    const map = this.#map;
    if (maps.length > 0) this.#p.on_map(maps, skipped);
    if (map && m.newest_map > map.epoch) this.#p.monc.sub_want_again("osdmap", map.epoch + 1);
    else if (!map) this.#p.monc.sub_want_again("osdmap", 0);
    else this.#p.monc.sub_want_increment("osdmap", map.epoch + 1);
  }

  /** Applies what fits and adds each map to `maps`; true when epochs were skipped. */
  #advance(m: Msg<"osd_map">, maps: OSDMap[]): boolean {
    let skipped = false;
    const full = m.full.map((e, i) => ({ e, bl: m.data[i] as Uint8Array }));
    const newest_full = full.sort((a, b) => a.e - b.e).at(-1);
    const incs = new Map(m.incremental.map((e, i) => [e, m.data[m.full.length + i] as Uint8Array]));
    const have = this.#map?.epoch ?? 0;
    if (newest_full && newest_full.e > have && !incs.has(have + 1)) {
      this.#map = received_full_map(newest_full.bl);
      maps.push(this.#map);
      skipped = have > 0 && newest_full.e !== have + 1;
    }
    for (;;) {
      const map: OSDMap | undefined = this.#map;
      const bl: Uint8Array | undefined = incs.get((map?.epoch ?? 0) + 1);
      if (!map || !bl) return skipped;
      const { map: next, full_crc } = received_next_map(map, bl);
      if (next.crc !== full_crc) {
        this.#p.log.warn({ epoch: next.epoch }, "osdmap_crc_mismatch");
        this.#ask_full();
        return skipped;
      }
      this.#map = next;
      maps.push(next);
    }
  }
  #ask_full(): void {
    this.#p.monc.sub_want_again("osdmap", 0);
  }
}
