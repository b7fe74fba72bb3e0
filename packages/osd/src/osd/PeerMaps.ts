/**
 * PeerMaps: which map epochs other OSDs and clients are known to have, and sending them those that
 * they lack. Ceph counterpart: OSDService::maybe_share_map, send_incremental_map, note_peer_epoch
 * (src/osd/OSD.cc). Rules: peering.md §3.6.
 */
import type { Config, Connection, epoch_t, Msg } from "@tako/common";
import type { MapStore } from "./MapStore.ts";
import { session_of } from "./Session.ts";
import type { OSDSuperblock } from "./superblock.ts";

export interface PeerMapsPorts {
  readonly maps: MapStore;
  readonly superblock: OSDSuperblock;
  readonly config: Config;
  /** Epoch of the published map: newer ones are not shown to anybody. */
  readonly epoch: () => epoch_t;
}

export class PeerMaps {
  readonly #p: PeerMapsPorts;
  readonly #peer_epoch = new Map<number, epoch_t>();

  constructor(ports: PeerMapsPorts) {
    this.#p = ports;
  }

  note_peer_epoch(osd: number, e: epoch_t): void {
    if ((this.#peer_epoch.get(osd) ?? 0) < e) this.#peer_epoch.set(osd, e);
  }
  forget(osd: number): void {
    this.#peer_epoch.delete(osd);
  }

  /** Before a message to `osd`: maps it may lack. Nothing is sent to a peer never heard of. */
  share_with_osd(osd: number, con: Connection): void {
    const now = this.#p.epoch();
    const have = this.#peer_epoch.get(osd);
    this.#peer_epoch.set(osd, now);
    if (have === undefined || have >= now) return;
    this.#send_since(con, have, now);
  }
  /** `their_epoch` came with a heartbeat or a message; send newer maps unless that was done. */
  share_with_stale_osd(osd: number, con: Connection, their_epoch: epoch_t): void {
    const now = this.#p.epoch();
    const have = Math.max(this.#peer_epoch.get(osd) ?? 0, their_epoch);
    if (have >= now) return;
    this.#peer_epoch.set(osd, now);
    this.#send_since(con, have, now);
  }
  /** A client op came with `their_epoch`: once per session position. */
  share_with_client(con: Connection, their_epoch: epoch_t): void {
    const now = this.#p.epoch();
    const session = session_of(con);
    const have = Math.max(session.peer_epoch, their_epoch);
    session.peer_epoch = Math.max(now, have);
    if (have < now) this.#send_since(con, have, now);
  }

  #send_since(con: Connection, have: epoch_t, now: epoch_t): void {
    const { superblock: sb } = this.#p;
    const most = Math.min(
      this.#p.config.get("osd_map_share_max_epochs"),
      this.#p.config.get("osd_map_message_max"),
    );
    let since = have;
    // Too far behind to be worth a long chain: the newest maps only, the receiver asks for the rest.
    if (now - since > most) since = now - most;
    const m = this.build(since, now);
    if (m) con.send({ ...m, oldest_map: sb.cluster_osdmap_trim_lower_bound, newest_map: now });
  }

  /** MOSDMap with epochs (since, to]: incrementals, or a full map where there is none. */
  build(since: epoch_t, to: epoch_t): Msg<"osd_map"> | undefined {
    const { superblock: sb, maps } = this.#p;
    const full: { e: epoch_t; bl: Uint8Array }[] = [];
    const incs: { e: epoch_t; bl: Uint8Array }[] = [];
    const start = Math.max(since + 1, sb.oldest_map);
    for (let e = start; e <= to; e++) {
      // An incremental is of use only to one who has the map before it.
      const applies = e > start || start === since + 1;
      const inc = applies ? maps.get_inc_map_bl(e) : undefined;
      if (inc) {
        incs.push({ e, bl: inc });
        continue;
      }
      const bl = maps.get_map_bl(e);
      if (!bl) return undefined;
      full.push({ e, bl });
    }
    if (full.length + incs.length === 0) return undefined;
    return {
      type: "osd_map",
      fsid: sb.cluster_fsid,
      full: full.map((x) => x.e),
      incremental: incs.map((x) => x.e),
      oldest_map: sb.oldest_map,
      newest_map: to,
      data: [...full, ...incs].map((x) => x.bl),
    };
  }
}
