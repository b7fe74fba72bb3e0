/**
 * Objecter: operations on their way to the primaries of their PGs: sent, sent again after map changes
 * and broken sessions, answered or timed out. Speaks messages; knows no promises.
 * Ceph counterpart: src/osdc/Objecter.{h,cc}. Rules: cluster.md §6, peering.md §8.1.
 */
import {
  type Clock,
  type Config,
  type Connection,
  ERRNO,
  type entity_name_t,
  type epoch_t,
  type Log,
  type Message,
  type Messenger,
  type MonClient,
  type Msg,
  make_hobject,
  type OSDMap,
  type OSDOpStep,
  osd_id,
  pg_pool,
  type TimerHandle,
} from "@tako/common";
import { calc_target, needs_resend, type OpBase, type OpKind, type OpTarget } from "./op_target.ts";

export type OpReply = Msg<"osd_op_reply">;

export interface OpRequest extends OpKind {
  readonly base: OpBase;
  readonly ops: readonly OSDOpStep[];
  readonly data: readonly Uint8Array[];
  /** Gives up with ETIMEDOUT; 0 = never. */
  readonly timeout_ms: number;
  /** `result` 0 or -errno (also when no OSD ever answered); `reply` when one did. */
  readonly done: (result: number, reply: OpReply | undefined) => void;
}

interface Op extends OpRequest {
  tid: number;
  readonly reqid_tid: number;
  attempts: number;
  target: OpTarget | undefined;
  con: Connection | undefined;
  readonly mtime: number;
  readonly submitted_ms: number;
  timer: TimerHandle | undefined;
}

export interface ObjecterPorts {
  readonly messenger: Messenger;
  readonly clock: Clock;
  readonly config: Config;
  readonly log: Log;
  readonly monc: MonClient;
}

/** Pause before a broken or refused OSD session is tried again, ms. */
const RECONNECT_MS = 100;

export class Objecter {
  readonly #p: ObjecterPorts;
  #map: OSDMap | undefined;
  #tid = 0;
  /** In flight or waiting for a target, by tid: Map order is tid order. */
  readonly #ops = new Map<number, Op>();
  /** Beyond objecter_inflight_ops / _op_bytes: not sent yet. */
  readonly #throttled: Op[] = [];
  #inflight_bytes = 0;
  /** Pools seen in some map: once gone they are gone. */
  readonly #known_pools = new Set<number>();
  readonly #map_waiters: { epoch: epoch_t; fn: () => void }[] = [];
  readonly #retry = new Map<number, TimerHandle>();
  #tick_timer: TimerHandle | undefined;
  #stopped = false;

  constructor(ports: ObjecterPorts) {
    this.#p = ports;
  }

  start(): void {
    this.#p.monc.sub_want("osdmap", 0);
    this.#schedule_tick();
  }
  /** Every operation under way ends with ESHUTDOWN. */
  stop(): void {
    this.#stopped = true;
    this.#tick_timer?.cancel();
    for (const t of this.#retry.values()) t.cancel();
    for (const op of [...this.#ops.values(), ...this.#throttled.splice(0)]) {
      this.#finish(op, -ERRNO.ESHUTDOWN, undefined);
    }
  }
  get osdmap(): OSDMap | undefined {
    return this.#map;
  }
  get num_in_flight(): number {
    return this.#ops.size;
  }

  // ------------------------------------------------------------ submitting

  /** Returns the tid, for cancel(). `done` is never called from inside. */
  submit(req: OpRequest): number {
    const tid = ++this.#tid;
    const op: Op = {
      ...req,
      tid,
      reqid_tid: tid,
      attempts: 0,
      target: undefined,
      con: undefined,
      mtime: this.#p.clock.now_ms(),
      submitted_ms: this.#p.clock.mono_ms(),
      timer: undefined,
    };
    if (req.timeout_ms > 0) {
      op.timer = this.#p.clock.set_timer(req.timeout_ms, () => this.#finish(op, -ERRNO.ETIMEDOUT));
    }
    if (this.#stopped) {
      this.#p.clock.defer(() => op.done(-ERRNO.ESHUTDOWN, undefined));
    } else if (this.#has_room(op)) {
      this.#admit(op);
    } else {
      this.#throttled.push(op);
    }
    return tid;
  }
  /** Ends an operation with -errno without waiting for anybody; it may still take effect. */
  cancel(tid: number, errno: number): void {
    const op = this.#ops.get(tid) ?? this.#throttled.find((o) => o.tid === tid);
    if (op) this.#finish(op, -errno);
  }

  #has_room(op: Op): boolean {
    if (this.#ops.size === 0) return true;
    const bytes = this.#inflight_bytes + bytes_of(op);
    return (
      this.#ops.size < this.#p.config.get("objecter_inflight_ops") &&
      bytes <= this.#p.config.get("objecter_inflight_op_bytes")
    );
  }
  #admit(op: Op): void {
    this.#ops.set(op.tid, op);
    this.#inflight_bytes += bytes_of(op);
    if (this.#map) this.#send_op(op, this.#map);
  }
  #finish(op: Op, result: number, reply?: OpReply): void {
    op.timer?.cancel();
    if (this.#ops.delete(op.tid)) this.#inflight_bytes -= bytes_of(op);
    else {
      const i = this.#throttled.indexOf(op);
      if (i < 0) return;
      this.#throttled.splice(i, 1);
    }
    while (this.#throttled[0] && this.#has_room(this.#throttled[0])) {
      this.#admit(this.#throttled.shift() as Op);
    }
    op.done(result, reply);
  }

  /** Computes the target by `map` and sends, unless there is nobody to send to. */
  #send_op(op: Op, map: OSDMap): void {
    const target = calc_target(op.base, op, map);
    op.target = target;
    op.con = undefined;
    if (!target) {
      this.#check_pool_dne(op, map);
      return;
    }
    if (target.osd < 0 || target.paused) {
      this.#p.monc.sub_want_increment("osdmap", map.epoch + 1);
      return;
    }
    if (this.#retry.has(target.osd)) return;
    const name: entity_name_t = `osd.${target.osd}`;
    const con = this.#p.messenger.connect_to(name, map.get_addr(target.osd), "lossy");
    op.con = con;
    op.attempts++;
    con.send(this.#message(op, target, map));
  }
  #message(op: Op, target: OpTarget, map: OSDMap): Msg<"osd_op"> {
    const { base } = op;
    const hobj =
      base.kind === "object"
        ? make_hobject({
            pool: base.pool,
            hash: target.hash,
            oid: base.oid,
            nspace: base.nspace,
            key: base.key === "" ? base.oid : base.key,
          })
        : make_hobject({ pool: pg_pool(base.pgid), hash: target.hash, oid: "" });
    const flags: Msg<"osd_op">["flags"] = [];
    if (op.reads) flags.push("read");
    if (op.writes) flags.push("write");
    if (base.kind === "pg") flags.push("pgop");
    if (op.ignores_full) flags.push("full_try");
    if (op.attempts > 1) flags.push("retry");
    return {
      type: "osd_op",
      tid: op.tid,
      reqid: { name: this.#p.messenger.my_name, inc: 0, tid: op.reqid_tid },
      map_epoch: map.epoch,
      pgid: target.pgid,
      hobj,
      flags,
      retry_attempt: op.attempts - 1,
      mtime: op.mtime,
      ops: [...op.ops],
      ...(op.data.length > 0 && { data: [...op.data] }),
    };
  }

  /** ENOENT only when the monitor's newest map lacks the pool, too (§6.4). */
  #check_pool_dne(op: Op, map: OSDMap): void {
    const pool = op.base.kind === "pg" ? pg_pool(op.base.pgid) : op.base.pool;
    if (this.#known_pools.has(pool)) {
      this.#p.clock.defer(() => this.#finish(op, -ERRNO.ENOENT));
      return;
    }
    this.#p.monc.get_version((newest) => {
      const check = () => {
        const now = this.#map ?? map;
        if (!this.#ops.has(op.tid) || now.have_pg_pool(pool)) return;
        this.#finish(op, -ERRNO.ENOENT);
      };
      this.wait_for_map(newest, check);
    });
  }

  // ------------------------------------------------------------ replies and sessions

  ms_dispatch(con: Connection, m: Message): boolean {
    if (m.type === "osd_op_reply") {
      this.#handle_reply(con, m);
      return true;
    }
    return false;
  }
  #handle_reply(con: Connection, m: OpReply): void {
    const op = this.#ops.get(m.tid);
    // Answers to an older send, or from a session that is not the op's any more, do not count.
    if (!op || op.con !== con || m.retry_attempt !== op.attempts - 1) return;
    if (m.result === -ERRNO.EAGAIN) {
      this.#ops.delete(op.tid);
      op.tid = ++this.#tid;
      this.#ops.set(op.tid, op);
      if (this.#map) this.#send_op(op, this.#map);
      return;
    }
    this.#finish(op, m.result, m);
  }

  /** A session broke, or nobody listens there: its operations go out again after a pause. */
  ms_handle_reset(con: Connection): void {
    const osd = osd_id(con.peer_name);
    if (osd < 0 || this.#stopped || this.#retry.has(osd)) return;
    let mine = false;
    for (const op of this.#ops.values()) {
      if (op.con !== con) continue;
      op.con = undefined;
      mine = true;
    }
    if (!mine) return;
    this.#p.log.debug({ osd, epoch: this.#map?.epoch }, "osd_session_reset");
    const timer = this.#p.clock.set_timer(RECONNECT_MS, () => {
      this.#retry.delete(osd);
      this.#resend_to(osd);
    });
    this.#retry.set(osd, timer);
  }
  #resend_to(osd: number): void {
    if (!this.#map) return;
    for (const op of [...this.#ops.values()]) {
      if (op.con === undefined && op.target?.osd === osd) this.#send_op(op, this.#map);
    }
  }

  // ------------------------------------------------------------ maps

  /** A newer map. `skipped`: epochs between it and the last one are unknown. */
  /** `maps`: one after the other up to the newest; `skipped`: there are gaps before or between. */
  handle_map(maps: readonly OSDMap[], skipped: boolean): void {
    const last = this.#map;
    const map = maps.at(-1);
    if (!map) return;
    this.#map = map;
    for (const id of map.pools.keys()) this.#known_pools.add(id);
    for (const op of [...this.#ops.values()]) this.#retarget(op, last, maps, map, skipped);
    const due = this.#map_waiters.filter((w) => w.epoch <= map.epoch);
    for (const w of due) {
      this.#map_waiters.splice(this.#map_waiters.indexOf(w), 1);
      w.fn();
    }
  }
  /**
   * Every map counts: an interval that has come and gone between two of them has made the OSD drop the
   * op, although it is sent to the same one by both.
   */
  #retarget(
    op: Op,
    last: OSDMap | undefined,
    maps: readonly OSDMap[],
    map: OSDMap,
    skipped: boolean,
  ): void {
    let was = op.target;
    let before = last;
    let resend = skipped || !was || !before;
    for (const next of resend ? [] : maps) {
      const is = calc_target(op.base, op, next);
      if (!was || !is || !before || needs_resend(was, is, before, next)) {
        resend = true;
        break;
      }
      was = is;
      before = next;
    }
    if (resend) {
      this.#send_op(op, map);
      return;
    }
    op.target = was;
    // Homeless or paused before and still: nothing was sent, nothing to do.
    if (op.con === undefined) this.#send_op(op, map);
  }
  /** Calls `fn` once a map of at least `epoch` is here; perhaps at once. */
  wait_for_map(epoch: epoch_t, fn: () => void): void {
    if (this.#map && this.#map.epoch >= epoch) {
      fn();
      return;
    }
    this.#map_waiters.push({ epoch, fn });
    this.#p.monc.sub_want_increment("osdmap", (this.#map?.epoch ?? 0) + 1);
  }
  /** Calls `fn` once the map is as new as the monitor's now. */
  wait_for_latest_osdmap(fn: () => void): void {
    this.#p.monc.get_version((newest) => this.wait_for_map(newest, fn));
  }

  #schedule_tick(): void {
    const ms = this.#p.config.get("objecter_tick_interval") * 1000;
    this.#tick_timer = this.#p.clock.set_timer(ms, () => {
      this.#tick();
      this.#schedule_tick();
    });
  }
  /** Operations that take long may have missed a map. */
  #tick(): void {
    const limit = this.#p.clock.mono_ms() - this.#p.config.get("objecter_timeout") * 1000;
    for (const op of this.#ops.values()) {
      if (op.submitted_ms > limit) continue;
      this.#p.monc.sub_want_again("osdmap", (this.#map?.epoch ?? 0) + 1);
      return;
    }
  }
}

function bytes_of(op: OpRequest): number {
  let n = 0;
  for (const d of op.data) n += d.byteLength;
  return n;
}
