/**
 * Heartbeats: who is pinged, who answers, who is reported to the monitor.
 * Decides and sends; the OSD delivers osd_ping messages and connection events to it.
 * Ceph counterpart: OSD::heartbeat, heartbeat_check, maybe_update_heartbeat_peers, send_failures
 * (src/osd/OSD.cc). Rules: cluster.md §5.
 */
import {
  addr_eq,
  type Clock,
  type Config,
  type Connection,
  type entity_addr_t,
  type epoch_t,
  type Log,
  type Message,
  type Msg,
  type OSDMap,
  type Rng,
  sort_few,
  type TimerHandle,
} from "@tako/common";
import { PingTimes, type ping_row } from "./PingTimes.ts";

export interface HeartbeatPorts {
  readonly whoami: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly config: Config;
  readonly get_osdmap: () => OSDMap;
  /** Epoch at which this OSD is up; 0 when it is not. */
  readonly get_up_epoch: () => epoch_t;
  /** A lossy connection for pings to that OSD's address in the current map. */
  readonly connect: (osd: number, addr: entity_addr_t) => Connection;
  readonly send_mon: (m: Message) => void;
  /** OSDs that the PGs here have to do with (acting, up, infos, probe targets). */
  readonly pg_peers: () => Iterable<number>;
  /** The peer lacks maps that we have. */
  readonly share_map: (osd: number, peer_epoch: epoch_t) => void;
  /** Somebody says that we are down in its map. */
  readonly on_you_died: (epoch: epoch_t) => void;
}

interface Peer {
  readonly osd: number;
  readonly addr: entity_addr_t;
  con: Connection;
  /** Opened once more since the last round. */
  reopened: boolean;
  /** Nobody listened there when it was opened last, which the monitor was told. */
  refused: boolean;
  /** Monotonic ms. 0 = never. */
  first_tx: number;
  last_rx: number;
  /** Stamp of an unanswered ping -> its deadline (monotonic ms), oldest first. */
  readonly ping_history: Map<number, number>;
  readonly times: PingTimes;
}

export class Heartbeat {
  readonly #p: HeartbeatPorts;
  readonly #peers = new Map<number, Peer>();
  /** Peer -> monotonic ms since which it is silent; not reported yet. */
  readonly #failure_queue = new Map<number, number>();
  /** Reported and not withdrawn. */
  readonly #failure_pending = new Map<number, { since: number; addr: entity_addr_t }>();
  /** The PGs may have to do with other OSDs than they did. */
  #need_update = true;
  #last_update = 0;
  /** OSDs that the PGs had to do with when they were asked last. */
  #of_pgs: readonly number[] = [];
  #new_map = false;
  #ping_timer: TimerHandle | null = null;
  #running = false;

  constructor(ports: HeartbeatPorts) {
    this.#p = ports;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#schedule_ping();
  }
  /** Drops all peers and reports: after a wrong mark-down and at shutdown. */
  reset(): void {
    for (const p of this.#peers.values()) p.con.mark_down();
    this.#peers.clear();
    this.#failure_queue.clear();
    this.#failure_pending.clear();
    this.#need_update = true;
  }
  stop(): void {
    this.#running = false;
    this.#ping_timer?.cancel();
    this.reset();
  }

  /** How long peers take to answer, by id; those that have not been watched for a minute are not told. */
  ping_times(): { readonly osd: number; readonly row: ping_row }[] {
    return this.peers.flatMap((osd) => {
      const row = this.#peers.get(osd)?.times.row();
      return row ? { osd, row } : [];
    });
  }
  get peers(): number[] {
    return sort_few([...this.#peers.keys()], (a, b) => a - b);
  }

  // ------------------------------------------------------------ peers

  set_need_update(): void {
    this.#need_update = true;
  }
  /** New map: peers that are down or moved leave at once. */
  on_osdmap(map: OSDMap): void {
    for (const p of [...this.#peers.values()]) {
      if (map.is_up(p.osd) && addr_eq(map.get_addr(p.osd), p.addr)) continue;
      this.#failure_queue.delete(p.osd);
      this.#failure_pending.delete(p.osd);
      this.#remove(p);
    }
    this.#new_map = true;
    this.maybe_update_peers();
  }
  #remove(p: Peer): void {
    p.con.mark_down();
    this.#peers.delete(p.osd);
    if (this.#failure_pending.has(p.osd)) this.#cancel_report(p.osd);
    this.#failure_queue.delete(p.osd);
  }

  maybe_update_peers(): void {
    const now = this.#p.clock.mono_ms();
    const grace_ms = this.#p.config.get("osd_heartbeat_grace") * 1000;
    const ask_pgs = this.#need_update || now - this.#last_update >= grace_ms;
    if (!ask_pgs && !this.#new_map) return;
    if (this.#p.get_up_epoch() === 0) return;
    if (ask_pgs) {
      this.#of_pgs = [...this.#p.pg_peers()];
      this.#last_update = now;
    }
    this.#need_update = false;
    this.#new_map = false;
    const wanted = this.#wanted_peers();
    for (const p of [...this.#peers.values()]) if (!wanted.has(p.osd)) this.#remove(p);
    const map = this.#p.get_osdmap();
    for (const osd of sort_few([...wanted], (a, b) => a - b)) {
      if (this.#peers.has(osd)) continue;
      const addr = map.get_addr(osd);
      this.#peers.set(osd, {
        osd,
        addr,
        con: this.#p.connect(osd, addr),
        reopened: false,
        refused: false,
        first_tx: 0,
        last_rx: 0,
        ping_history: new Map(),
        times: new PingTimes(),
      });
    }
  }
  #wanted_peers(): Set<number> {
    const { whoami } = this.#p;
    const map = this.#p.get_osdmap();
    const ups = map.get_up_osds().filter((o) => o !== whoami);
    const wanted = new Set<number>();
    for (const o of this.#of_pgs) if (o !== whoami && map.is_up(o)) wanted.add(o);
    // Neighbours by id, so that every OSD is watched even without PGs.
    const next = ups.find((o) => o > whoami) ?? ups[0];
    const prev = ups.findLast((o) => o < whoami) ?? ups.at(-1);
    if (next !== undefined) wanted.add(next);
    if (prev !== undefined) wanted.add(prev);
    const min_peers = Math.max(
      this.#p.config.get("osd_heartbeat_min_peers"),
      this.#p.config.get("mon_osd_min_down_reporters"),
    );
    const from = ups.findIndex((o) => o > whoami);
    for (let i = 0; i < ups.length && wanted.size < min_peers; i++) {
      wanted.add(ups[(Math.max(from, 0) + i) % ups.length] as number);
    }
    return wanted;
  }

  // ------------------------------------------------------------ pings

  #schedule_ping(): void {
    if (!this.#running) return;
    const spread = 0.5 + this.#p.rng.int(10) / 10;
    const delay_ms = spread * this.#p.config.get("osd_heartbeat_interval") * 1000;
    this.#ping_timer = this.#p.clock.set_timer(delay_ms, () => {
      this.#heartbeat();
      this.#schedule_ping();
    });
  }
  #heartbeat(): void {
    this.maybe_update_peers();
    if (this.#p.get_up_epoch() === 0) return;
    const now = this.#p.clock.mono_ms();
    const deadline = now + this.#p.config.get("osd_heartbeat_grace") * 1000;
    for (const p of this.#peers.values()) {
      p.reopened = false;
      if (!p.con.is_open) p.con = this.#p.connect(p.osd, p.addr);
      if (p.first_tx === 0) p.first_tx = now;
      p.ping_history.set(now, deadline);
      p.con.send(this.#ping("PING", now));
    }
  }
  #ping(op: Msg<"osd_ping">["op"], ping_stamp: number): Msg<"osd_ping"> {
    const map = this.#p.get_osdmap();
    const up_from = this.#p.get_up_epoch();
    return { type: "osd_ping", fsid: map.fsid, map_epoch: map.epoch, op, ping_stamp, up_from };
  }

  /** An osd_ping from `from` (its id from the handshake). */
  handle_ping(con: Connection, from: number, m: Msg<"osd_ping">): void {
    const map = this.#p.get_osdmap();
    if (m.fsid !== map.fsid) return;
    switch (m.op) {
      case "PING": {
        con.send(this.#ping("PING_REPLY", m.ping_stamp));
        const up_here = map.is_up(from) && addr_eq(map.get_addr(from), con.peer_addr);
        if (up_here) {
          if (m.map_epoch < map.epoch) this.#p.share_map(from, m.map_epoch);
        } else if (!map.exists(from) || map.get_down_at(from) > m.map_epoch) {
          con.send(this.#ping("YOU_DIED", m.ping_stamp));
        }
        return;
      }
      case "PING_REPLY":
        this.#handle_reply(from, m);
        return;
      case "YOU_DIED":
        this.#p.on_you_died(m.map_epoch);
        return;
    }
  }
  #handle_reply(from: number, m: Msg<"osd_ping">): void {
    const p = this.#peers.get(from);
    if (!p) return;
    const now = this.#p.clock.mono_ms();
    p.last_rx = now;
    p.refused = false;
    if (p.ping_history.has(m.ping_stamp)) p.times.add(now, now - m.ping_stamp);
    // A reply answers its ping and every older one.
    for (const stamp of p.ping_history.keys()) {
      if (stamp > m.ping_stamp) break;
      p.ping_history.delete(stamp);
    }
    const map = this.#p.get_osdmap();
    if (m.map_epoch < map.epoch && map.is_up(from)) this.#p.share_map(from, m.map_epoch);
    if (is_unhealthy(p, now)) return;
    this.#failure_queue.delete(from);
    if (this.#failure_pending.has(from)) this.#cancel_report(from);
  }
  ms_handle_reset(con: Connection): void {
    // A broken connection is opened again, which tells at once whether the peer is gone; one that does
    // not get through waits for the next round, or dials and reports would follow each other without
    // end. Silence goes on counting from last_rx, so that a dead peer is still reported in time.
    for (const p of this.#peers.values()) {
      if (p.con !== con || p.reopened) continue;
      p.reopened = true;
      p.con = this.#p.connect(p.osd, p.addr);
    }
  }
  has_connection(con: Connection): boolean {
    for (const p of this.#peers.values()) if (p.con === con) return true;
    return false;
  }

  // ------------------------------------------------------------ health and reports

  /** Share of peers that have answered and are not overdue; 1 without peers. */
  healthy_ratio(): number {
    if (this.#peers.size === 0) return 1;
    const now = this.#p.clock.mono_ms();
    let good = 0;
    for (const p of this.#peers.values()) if (p.last_rx > 0 && !is_unhealthy(p, now)) good++;
    return good / this.#peers.size;
  }

  /** This process stood still itself: answers may be waiting, so nobody is overdue yet. */
  forget_unanswered(): void {
    const now = this.#p.clock.mono_ms();
    for (const p of this.#peers.values()) {
      p.ping_history.clear();
      if (p.last_rx > 0) p.last_rx = now;
    }
    this.#failure_queue.clear();
  }

  /** Each tick: silent peers go into the failure queue. */
  check(): void {
    const now = this.#p.clock.mono_ms();
    for (const p of this.#peers.values()) {
      if (!is_unhealthy(p, now)) continue;
      const since = p.last_rx || p.first_tx;
      if (!this.#failure_queue.has(p.osd) && !this.#failure_pending.has(p.osd)) {
        const silent_s = (now - since) / 1000;
        this.#p.log.warn({ peer: p.osd, silent_s }, "heartbeat_no_reply");
      }
      this.#failure_queue.set(p.osd, since);
    }
  }

  /** Each report interval, and at once when something is new. */
  send_failures(): void {
    const map = this.#p.get_osdmap();
    const now = this.#p.clock.mono_ms();
    for (const [osd, since] of [...this.#failure_queue].sort((a, b) => a[0] - b[0])) {
      this.#failure_queue.delete(osd);
      if (!map.is_up(osd) || this.#failure_pending.has(osd)) continue;
      const addr = map.get_addr(osd);
      this.#failure_pending.set(osd, { since, addr });
      this.#report(osd, addr, { failed_for: (now - since) / 1000, immediate: false });
    }
  }
  #report(
    target_osd: number,
    target_addr: entity_addr_t,
    how: { failed_for: number; immediate: boolean },
  ): void {
    const epoch = this.#p.get_osdmap().epoch;
    this.#p.log.info({ peer: target_osd, epoch, ...how }, "failure_report");
    this.#p.send_mon({
      type: "osd_failure",
      target_osd,
      target_addr,
      epoch,
      is_failed: true,
      ...how,
    });
  }
  #cancel_report(osd: number): void {
    const pending = this.#failure_pending.get(osd);
    this.#failure_pending.delete(osd);
    if (!pending) return;
    const epoch = this.#p.get_osdmap().epoch;
    this.#p.log.info({ peer: osd, epoch }, "failure_cancel");
    this.#p.send_mon({
      type: "osd_failure",
      target_osd: osd,
      target_addr: pending.addr,
      failed_for: 0,
      epoch,
      is_failed: false,
      immediate: false,
    });
  }
  /** A connection to `addr` was refused: nobody is there, one report is enough (fast fail). */
  on_refused(osd: number, addr: entity_addr_t): void {
    const map = this.#p.get_osdmap();
    if (!this.#p.config.get("osd_fast_fail_on_connection_refused")) return;
    if (!map.is_up(osd) || !addr_eq(map.get_addr(osd), addr)) return;
    const peer = this.#peers.get(osd);
    if (peer) peer.refused = true;
    const failed_for = this.#p.config.get("osd_heartbeat_grace") + 1;
    this.#report(osd, addr, { failed_for, immediate: true });
  }
  /** A new mon session knows nothing of what was reported. */
  on_mon_session(): void {
    for (const [osd, f] of this.#failure_pending) this.#failure_queue.set(osd, f.since);
    this.#failure_pending.clear();
    this.send_failures();
    for (const osd of this.peers) {
      const p = this.#peers.get(osd);
      if (p?.refused) this.on_refused(osd, p.addr);
    }
  }
}

function is_unhealthy(p: Peer, now: number): boolean {
  const oldest = p.ping_history.values().next();
  return !oldest.done && now > oldest.value;
}
