/**
 * MapIngest: takes MOSDMap messages, stores the maps and the superblock in one transaction, and hands
 * them on once they are durable. Does not act on what the maps say: that is the OSD's.
 * Ceph counterpart: OSD::handle_osd_map, trim_maps (src/osd/OSD.cc). Rules: peering.md §3.2.
 */
import {
  type Config,
  type epoch_t,
  type Log,
  MapError,
  type MonClient,
  type Msg,
  type OSDMap,
  received_full_map,
  received_next_map,
  sometimes,
} from "@tako/common";
import type { ObjectStore } from "../store/ObjectStore.ts";
import { Transaction } from "../store/Transaction.ts";
import type { MapStore } from "./MapStore.ts";
import { plan_osd_map } from "./map_plan.ts";
import { type OSDSuperblock, write_superblock } from "./superblock.ts";

export interface MapIngestPorts {
  readonly store: ObjectStore;
  readonly maps: MapStore;
  readonly superblock: OSDSuperblock;
  readonly log: Log;
  readonly config: Config;
  readonly monc: MonClient;
  /** Lowest epoch that a PG is stored at: it begins there after a restart, and goes on from map to map. */
  readonly min_persisted_epoch: () => epoch_t | undefined;
  /** Epoch since which this process is up in the map, 0 = not yet: for mounted/clean_thru. */
  readonly boot_epoch: () => epoch_t;
  /** Maps first..last are durable. `newest`: what the sender said exists. In order. */
  readonly on_committed: (first: epoch_t, last: epoch_t, newest: epoch_t) => void;
}

type Blobs = Map<epoch_t, { form: "full" | "incremental"; bytes: Uint8Array }>;

export class MapIngest {
  readonly #p: MapIngestPorts;
  /** Epochs for which a full map was requested because the incremental did not fit. */
  #full_requested = 0;

  constructor(ports: MapIngestPorts) {
    this.#p = ports;
  }

  handle_osd_map(m: Msg<"osd_map">): void {
    const { superblock: sb, log } = this.#p;
    const blobs = blobs_of(m);
    if (!blobs || (sb.cluster_fsid !== "" && m.fsid !== sb.cluster_fsid)) {
      log.warn({ fsid: m.fsid, reason: blobs ? "other fsid" : "no maps" }, "osd_map_dropped");
      return;
    }
    const epochs = [...blobs.keys()];
    const first = Math.min(...epochs);
    const last = Math.max(...epochs);
    this.#p.monc.sub_got("osdmap", last);
    sb.cluster_osdmap_trim_lower_bound = Math.max(sb.cluster_osdmap_trim_lower_bound, m.oldest_map);
    const plan = plan_osd_map({ first, last, oldest: m.oldest_map, have: sb.newest_map });
    switch (plan.action) {
      case "drop":
        return;
      case "subscribe":
        log.info({ epoch: sb.newest_map, first, oldest: m.oldest_map }, "map_gap");
        if (plan.again) this.#p.monc.sub_want_again("osdmap", Math.max(plan.start, 1));
        else this.#p.monc.sub_want_again("osdmap", plan.start);
        return;
      case "process":
        this.#process(m, blobs, { start: plan.start, last, skip_maps: plan.skip_maps });
        return;
    }
  }

  #process(
    m: Msg<"osd_map">,
    blobs: Blobs,
    range: { start: epoch_t; last: epoch_t; skip_maps: boolean },
  ): void {
    const { superblock: sb, log } = this.#p;
    const { start, skip_maps } = range;
    const t = new Transaction();
    const last = this.#add_maps(t, blobs, start, range.last);
    if (last < start) return;
    if (skip_maps) {
      sometimes("map gap");
      log.warn({ epoch: sb.newest_map, first: start, oldest: m.oldest_map }, "map_gap");
      if (sb.oldest_map > 0) this.#p.maps.remove(t, sb.oldest_map, sb.newest_map);
    } else {
      this.#trim(t);
    }
    if (sb.oldest_map === 0 || skip_maps) sb.oldest_map = start;
    sb.newest_map = last;
    sb.current_epoch = last;
    if (sb.cluster_fsid === "") sb.cluster_fsid = m.fsid;
    const boot_epoch = this.#p.boot_epoch();
    if (boot_epoch > 0 && boot_epoch >= sb.mounted) {
      sb.mounted = boot_epoch;
      sb.clean_thru = last;
    }
    write_superblock(t, sb);
    const newest = m.newest_map;
    this.#p.store.queue_transaction(t, () => this.#p.on_committed(start, last, newest));
  }

  /** Adds start..last to `t`; the last epoch that could be added (start-1: none). */
  #add_maps(t: Transaction, blobs: Blobs, start: epoch_t, last: epoch_t): epoch_t {
    // After a gap not the map of the epoch before.
    let prev = this.#p.maps.try_get_map(this.#p.superblock.newest_map);
    for (let e = start; e <= last; e++) {
      const blob = blobs.get(e);
      if (!blob) {
        this.#p.log.warn({ epoch: e, last }, "osd_map_incomplete");
        this.#p.monc.sub_want_again("osdmap", e);
        return e - 1;
      }
      const map = this.#decode(e, blob, prev);
      if (!map) {
        this.#request_full(e, last);
        return e - 1;
      }
      const full = blob.form === "full" ? blob.bytes : map.encode();
      this.#p.maps.add(t, map, full, blob.form === "incremental" ? blob.bytes : undefined);
      if (prev) this.#p.maps.keep_final_pools(t, prev, map);
      prev = map;
    }
    return last;
  }

  /** The map of epoch `e`; undefined when the blob is damaged or does not fit onto `prev`. */
  #decode(
    e: epoch_t,
    blob: { form: "full" | "incremental"; bytes: Uint8Array },
    prev: OSDMap | undefined,
  ): OSDMap | undefined {
    try {
      if (blob.form === "full") {
        const map = received_full_map(blob.bytes);
        return map.epoch === e ? map : undefined;
      }
      if (prev?.epoch !== e - 1) return undefined;
      const { map, full_crc } = received_next_map(prev, blob.bytes);
      if (map.epoch !== e) return undefined;
      if (map.crc === full_crc) return map;
      this.#p.log.warn({ epoch: e, crc: map.crc, full_crc }, "osdmap_crc_mismatch");
      return undefined;
    } catch (err) {
      if (!(err instanceof MapError)) throw err;
      this.#p.log.warn({ epoch: e, form: blob.form, reason: err.message }, "osdmap_bad");
      return undefined;
    }
  }
  #request_full(first: epoch_t, last: epoch_t): void {
    if (this.#full_requested === first) return;
    this.#full_requested = first;
    this.#p.log.info({ first, last }, "osdmap_request_full");
    this.#p.monc.send_mon_message({
      type: "mon_get_osdmap",
      full_first: first,
      full_last: last,
      inc_first: 0,
      inc_last: 0,
    });
  }
  /** A new mon session: what was asked for on the old one may never come. */
  on_mon_session(): void {
    this.#full_requested = 0;
  }

  /** Removes old maps that neither the mon's bound nor a PG holds; a bounded number at a time. */
  #trim(t: Transaction): void {
    const { superblock: sb } = this.#p;
    if (sb.oldest_map === 0) return;
    const needed = this.#p.min_persisted_epoch() ?? sb.newest_map;
    const bound = Math.min(sb.cluster_osdmap_trim_lower_bound, needed, sb.newest_map);
    const end = Math.min(bound, sb.oldest_map + this.#p.config.get("osd_target_transaction_size"));
    if (end <= sb.oldest_map) return;
    this.#p.maps.remove(t, sb.oldest_map, end - 1);
    sb.oldest_map = end;
  }
}

/** Blob of each epoch; undefined when the message names none or data does not match the names. */
function blobs_of(m: Msg<"osd_map">): Blobs | undefined {
  const names = m.full.length + m.incremental.length;
  if (names === 0 || m.data.length !== names) return undefined;
  const out: Blobs = new Map();
  m.data.forEach((bytes, i) => {
    if (i < m.full.length) out.set(m.full[i] as epoch_t, { form: "full", bytes });
    else {
      const e = m.incremental[i - m.full.length] as epoch_t;
      // With both forms of one epoch the incremental is cheaper and checked by its checksum.
      out.set(e, { form: "incremental", bytes });
    }
  });
  return out;
}
