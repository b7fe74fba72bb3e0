/**
 * Maps on their way to a session: in order, none twice, in messages of bounded size.
 * Ceph counterpart: OSDMonitor::send_incremental, build_incremental, check_osdmap_sub.
 * cluster.md §1.5, §3.16.
 */
import type { Config, epoch_t, Msg } from "@tako/common";
import type { MonSession, Subscription } from "../monitor/MonSession.ts";
import type { MapStore } from "./MapStore.ts";

type MapMessage = Msg<"osd_map">;

export class Publisher {
  private readonly maps: MapStore;
  private readonly fsid: string;
  private readonly config: Config;
  /** The last message that was built: at each commit all subscribers get the same one. */
  private memo: { first: epoch_t; last: epoch_t; oldest: epoch_t; m: MapMessage } | undefined;

  constructor(maps: MapStore, fsid: string, config: Config) {
    this.maps = maps;
    this.fsid = fsid;
    this.config = config;
  }

  /**
   * Sends epochs from `first` (or the first not yet sent) to the newest; with `onetime` one message
   * only. Who is behind the trimmed history gets the oldest full map and goes on from there.
   */
  send_incremental(s: MonSession, first: epoch_t, onetime: boolean): void {
    let e = Math.max(first, s.osd_epoch + 1);
    // Nobody holds a map before the first: that one goes whole, too.
    if (e < this.maps.first_committed || e === 1) {
      e = this.maps.first_committed;
      s.con.send(this.build([e], []));
      s.osd_epoch = e++;
      if (onetime) return;
    }
    while (e <= this.maps.last_committed) {
      const last = Math.min(e + this.max_epochs() - 1, this.maps.last_committed);
      const m = this.incrementals(e, last);
      s.con.send(m);
      s.osd_epoch = m.incremental.at(-1) ?? last;
      e = s.osd_epoch + 1;
      if (onetime) return;
    }
  }

  /** The newest map, whole. */
  send_latest(s: MonSession): void {
    s.con.send(this.build([this.maps.last_committed], []));
    s.osd_epoch = this.maps.last_committed;
  }

  /** Serves an "osdmap" subscription as far as there is something. True when it is used up. */
  check_osdmap_sub(s: MonSession, sub: Subscription): boolean {
    if (sub.start > this.maps.last_committed) return false;
    if (sub.start >= 1) this.send_incremental(s, sub.start, sub.onetime);
    else this.send_latest(s);
    sub.start = this.maps.last_committed + 1;
    return sub.onetime;
  }

  /** MMonGetOSDMap: what exists of the two ranges, as much as one message may hold. */
  get_osdmap(m: Msg<"mon_get_osdmap">): MapMessage {
    const in_range = (first: epoch_t, last: epoch_t): epoch_t[] => {
      if (first === 0 && last === 0) return [];
      const from = Math.max(first, this.maps.first_committed);
      const to = Math.min(last, this.maps.last_committed, from + this.max_epochs() - 1);
      return to < from ? [] : Array.from({ length: to - from + 1 }, (_, i) => from + i);
    };
    const fulls = in_range(m.full_first, m.full_last);
    const room = this.max_epochs() - fulls.length;
    return this.build(fulls, in_range(m.inc_first, m.inc_last).slice(0, Math.max(0, room)));
  }

  private max_epochs(): number {
    return Math.max(1, this.config.get("osd_map_message_max"));
  }

  private incrementals(first: epoch_t, last: epoch_t): MapMessage {
    const oldest = this.maps.first_committed;
    const memo = this.memo;
    if (memo && memo.first === first && memo.last === last && memo.oldest === oldest) return memo.m;
    const epochs = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const m = this.build([], epochs);
    this.memo = { first, last, oldest, m };
    return m;
  }

  /** Epochs beyond the size limit are left out; at least one stays. */
  private build(full: epoch_t[], incremental: epoch_t[]): MapMessage {
    const max = this.config.get("osd_map_message_max_bytes");
    const m = { full: [] as epoch_t[], incremental: [] as epoch_t[], data: [] as Uint8Array[] };
    let bytes = 0;
    const add = (list: epoch_t[], e: epoch_t, blob: Uint8Array | undefined): void => {
      if (!blob || (bytes + blob.length > max && m.data.length > 0)) {
        bytes = max;
        return;
      }
      bytes += blob.length;
      list.push(e);
      m.data.push(blob);
    };
    for (const e of full) add(m.full, e, this.maps.get_full(e));
    for (const e of incremental) add(m.incremental, e, this.maps.get_inc(e));
    return {
      type: "osd_map",
      fsid: this.fsid,
      ...m,
      oldest_map: this.maps.first_committed,
      newest_map: this.maps.last_committed,
    };
  }
}
