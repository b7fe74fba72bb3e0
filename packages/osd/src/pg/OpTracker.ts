/**
 * OpTracker: which requests are under way in this OSD, since when, and what happened to them.
 * Ceph counterpart: OpTracker and OpHistory (src/common/TrackedOp.h), OpRequest. The dumps have Ceph's
 * shape.
 */
import {
  addr_str,
  type Clock,
  type Config,
  type Connection,
  ev_str,
  type Message,
  reqid_str,
  utime_str,
} from "@tako/common";
import { OpCounters, payload } from "./OpCounters.ts";

/** Where a request stands: the words of Ceph's flag_point. */
export type FlagPoint =
  | "queued for pg"
  | "reached pg"
  | "delayed"
  | "started"
  | "waiting for sub ops"
  | "commit sent; apply or cleanup";

/** A message on its way through a PG. Lives until it was answered or dropped. */
export interface OpRequest {
  /** Order of arrival in this OSD: what a requeue must keep. */
  readonly seq: number;
  readonly con: Connection;
  readonly msg: Message;
  readonly initiated_ms: number;
  readonly mono_ms: number;
  /** Name and monotonic stamp of each step, flat to keep the hot path free of small objects. */
  readonly events: (string | number)[];
  flag_point: FlagPoint;
  /** Bytes it holds while it waits. */
  readonly cost: number;
}

interface Finished {
  readonly op: OpRequest;
  readonly duration_ms: number;
  readonly ended_mono_ms: number;
}

export interface OpDump {
  description: string;
  initiated_at: string;
  age: number;
  duration: number;
  type_data: {
    flag_point: string;
    client_info?: { client: string; client_addr: string; tid: number };
    /** Duration, in s: until the next; of the last: of the whole. */
    events: { event: string; time: string; duration: number }[];
  };
}

export class OpTracker {
  readonly #clock: Clock;
  readonly #config: Config;
  #seq = 0;
  readonly #in_flight = new Set<OpRequest>();
  #history: Finished[] = [];
  #slow: Finished[] = [];
  readonly counters = new OpCounters();

  constructor(clock: Clock, config: Config) {
    this.#clock = clock;
    this.#config = config;
  }

  create(con: Connection, msg: Message): OpRequest {
    const op: OpRequest = {
      seq: ++this.#seq,
      con,
      msg,
      initiated_ms: this.#clock.now_ms(),
      mono_ms: this.#clock.mono_ms(),
      events: [],
      flag_point: "queued for pg",
      cost: 256 + payload(msg),
    };
    this.#in_flight.add(op);
    return op;
  }

  mark(op: OpRequest, event: string, flag_point?: FlagPoint): void {
    op.events.push(event, this.#clock.mono_ms());
    if (flag_point) op.flag_point = flag_point;
  }

  /** Answered, with `out` bytes of data. */
  finish(op: OpRequest, out = 0): void {
    if (!this.#in_flight.delete(op)) return;
    const now = this.#clock.mono_ms();
    this.counters.count(op.msg, now - op.mono_ms, out);
    const done: Finished = { op, duration_ms: now - op.mono_ms, ended_mono_ms: now };
    push_bounded(this.#history, done, this.#config.get("osd_op_history_size"));
    if (done.duration_ms >= this.#config.get("osd_op_history_slow_op_threshold") * 1000) {
      push_bounded(this.#slow, done, this.#config.get("osd_op_history_slow_op_size"));
    }
  }

  /** Discarded without an answer: it leaves no trace in the history. */
  drop(op: OpRequest): void {
    this.#in_flight.delete(op);
  }

  get num_in_flight(): number {
    return this.#in_flight.size;
  }

  /** Those that have been under way longer than osd_op_complaint_time, oldest first. */
  slow_ops(): { count: number; oldest_s: number; oldest: OpRequest | undefined } {
    const now = this.#clock.mono_ms();
    const limit = this.#config.get("osd_op_complaint_time") * 1000;
    let count = 0;
    let oldest: OpRequest | undefined;
    for (const op of this.#in_flight) {
      if (now - op.mono_ms < limit) continue;
      count++;
      if (!oldest || op.seq < oldest.seq) oldest = op;
    }
    return { count, oldest_s: oldest ? (now - oldest.mono_ms) / 1000 : 0, oldest };
  }

  dump_ops_in_flight(): { ops: OpDump[]; num_ops: number } {
    const ops = [...this.#in_flight].sort((a, b) => a.seq - b.seq).map((op) => this.#dump(op));
    return { ops, num_ops: ops.length };
  }

  /** In flight and held up by a wait rule. */
  dump_blocked_ops(): { ops: OpDump[]; complaint_time: number; num_blocked_ops: number } {
    const limit = this.#config.get("osd_op_complaint_time");
    const ops = this.dump_ops_in_flight().ops.filter((o) => o.age >= limit);
    return { ops, complaint_time: limit, num_blocked_ops: ops.length };
  }

  dump_historic_ops(): { size: number; duration: number; ops: OpDump[] } {
    const duration = this.#config.get("osd_op_history_duration");
    const oldest = this.#clock.mono_ms() - duration * 1000;
    this.#history = this.#history.filter((f) => f.ended_mono_ms >= oldest);
    return {
      size: this.#config.get("osd_op_history_size"),
      duration,
      ops: this.#history.map((f) => this.#dump(f.op, f)),
    };
  }

  /** The same, the longest first. */
  dump_historic_ops_by_duration(): { size: number; duration: number; ops: OpDump[] } {
    const recent = this.dump_historic_ops();
    return { ...recent, ops: recent.ops.sort((a, b) => b.duration - a.duration) };
  }

  dump_historic_slow_ops(): Record<string, unknown> {
    return {
      "num to keep": this.#config.get("osd_op_history_slow_op_size"),
      "threshold to keep": this.#config.get("osd_op_history_slow_op_threshold"),
      Ops: this.#slow.map((f) => this.#dump(f.op, f)),
    };
  }

  #dump(op: OpRequest, done?: Finished): OpDump {
    const now = this.#clock.mono_ms();
    const steps = [{ event: "initiated", ms: 0 }];
    for (let i = 0; i + 1 < op.events.length; i += 2) {
      steps.push({ event: String(op.events[i]), ms: Number(op.events[i + 1]) - op.mono_ms });
    }
    if (done) steps.push({ event: "done", ms: done.duration_ms });
    const events = steps.map(({ event, ms }, i) => ({
      event,
      time: utime_str(op.initiated_ms + ms),
      duration: ((steps[i + 1]?.ms ?? 2 * ms) - ms) / 1000,
    }));
    const m = op.msg;
    return {
      description: describe(m),
      initiated_at: utime_str(op.initiated_ms),
      age: (now - op.mono_ms) / 1000,
      duration: (done ? done.duration_ms : now - op.mono_ms) / 1000,
      type_data: {
        flag_point: op.flag_point,
        ...(m.type === "osd_op" && {
          client_info: {
            client: op.con.peer_name,
            client_addr: addr_str(op.con.peer_addr),
            tid: m.tid,
          },
        }),
        events,
      },
    };
  }
}

function push_bounded(list: Finished[], f: Finished, max: number): void {
  list.push(f);
  // More than one only when the option was made smaller.
  while (list.length > max) list.shift();
}

/** One line that names the request, after Ceph's print of it. */
export function describe(m: Message): string {
  switch (m.type) {
    case "osd_op": {
      const ops = m.ops.map((o) =>
        o.off !== undefined || o.len !== undefined ? `${o.op} ${o.off ?? 0}~${o.len ?? 0}` : o.op,
      );
      const what = `${m.pgid} ${m.hobj} [${ops.join(",")}] ${m.flags.join("+")}`;
      return `osd_op(${reqid_str(m.reqid)} ${what} e${m.map_epoch})`;
    }
    case "rep_op":
      return `osd_repop(${reqid_str(m.reqid)} ${m.pgid} ${epochs(m)} ${m.hobj} v ${ev_str(m.version)})`;
    case "pg_push":
      return `MOSDPGPush(${m.pgid} ${epochs(m)} [${m.pushes.map((p) => p.soid).join(",")}])`;
    case "pg_pull":
      return `MOSDPGPull(${m.pgid} ${epochs(m)} [${m.pulls.map((p) => p.soid).join(",")}])`;
    default:
      return "pgid" in m ? `${m.type}(${m.pgid})` : m.type;
  }
}

function epochs(m: { readonly map_epoch: number; readonly min_epoch: number }): string {
  return `e${m.map_epoch}/${m.min_epoch}`;
}
