/**
 * OpCounters: what clients and other OSDs have asked for, in Ceph's counters of the logger `osd`. A
 * sub-operation counts when it has been handled; its commit is in no counter here.
 * Ceph counterpart: l_osd_op and those after it, PrimaryLogPG::log_op_stats, log_subop_stats.
 */
import type { Message, Msg } from "@tako/common";
import { type counter_def, PerfCounters } from "./PerfCounters.ts";

const n = (about: string): counter_def => ({ kind: "counter", about });
const bytes = (about: string): counter_def => ({ kind: "counter", about, units: "bytes" });
const time = (about: string): counter_def => ({ kind: "time_avg", about });
const gauge = (about: string, units?: "bytes"): counter_def =>
  units ? { kind: "gauge", about, units } : { kind: "gauge", about };

const DEFS = {
  op_wip: gauge("Requests under way"),
  op: n("Client operations"),
  op_in_bytes: bytes("Data that clients have sent"),
  op_out_bytes: bytes("Data that clients were sent"),
  op_latency: time("Client operations, from arrival to answer"),
  op_r: n("Client operations that read"),
  op_r_out_bytes: bytes("Data sent for these"),
  op_r_latency: time("How long these took"),
  op_w: n("Client operations that write"),
  op_w_in_bytes: bytes("Data got with these"),
  op_w_latency: time("How long these took"),
  op_rw: n("Client operations that read and write"),
  op_rw_in_bytes: bytes("Data got with these"),
  op_rw_out_bytes: bytes("Data sent for these"),
  op_rw_latency: time("How long these took"),
  subop: n("Requests of other OSDs for an object"),
  subop_in_bytes: bytes("Data got with these"),
  subop_w: n("Writes that a primary passed on"),
  subop_w_in_bytes: bytes("Data got with these"),
  subop_pull: n("Requests for an object to be recovered"),
  subop_push: n("Messages with objects to be recovered"),
  subop_push_in_bytes: bytes("Data got with these"),
  numpg: gauge("PGs here"),
  numpg_primary: gauge("PGs that this OSD leads"),
  numpg_replica: gauge("PGs that this OSD is a member of"),
  numpg_stray: gauge("PGs here that belong elsewhere"),
  numpg_removing: gauge("PGs being deleted here"),
  heartbeat_to_peers: gauge("OSDs that are pinged"),
  stat_bytes: gauge("Size of the store", "bytes"),
  stat_bytes_used: gauge("Used part of it", "bytes"),
  stat_bytes_avail: gauge("Free part of it", "bytes"),
} as const;

export class OpCounters {
  readonly perf = new PerfCounters(DEFS);

  /** `out`: bytes of data in the answer. */
  count(m: Message, duration_ms: number, out: number): void {
    if (m.type === "osd_op") this.#client_op(m, duration_ms / 1000, out);
    else this.#sub_op(m);
  }
  #client_op(m: Msg<"osd_op">, seconds: number, out: number): void {
    const { perf } = this;
    const into = payload(m);
    perf.inc("op");
    perf.inc("op_in_bytes", into);
    perf.inc("op_out_bytes", out);
    perf.tinc("op_latency", seconds);
    const [reads, writes] = [m.flags.includes("read"), m.flags.includes("write")];
    if (reads && writes) {
      perf.inc("op_rw");
      perf.inc("op_rw_in_bytes", into);
      perf.inc("op_rw_out_bytes", out);
      perf.tinc("op_rw_latency", seconds);
    } else if (writes) {
      perf.inc("op_w");
      perf.inc("op_w_in_bytes", into);
      perf.tinc("op_w_latency", seconds);
    } else if (reads) {
      perf.inc("op_r");
      perf.inc("op_r_out_bytes", out);
      perf.tinc("op_r_latency", seconds);
    }
  }
  #sub_op(m: Message): void {
    const { perf } = this;
    const into = payload(m);
    switch (m.type) {
      case "rep_op":
      case "ec_sub_write":
        perf.inc("subop_w");
        perf.inc("subop_w_in_bytes", into);
        break;
      case "pg_pull":
        perf.inc("subop_pull");
        break;
      case "pg_push":
        perf.inc("subop_push");
        perf.inc("subop_push_in_bytes", into);
        break;
      default:
        return;
    }
    perf.inc("subop");
    perf.inc("subop_in_bytes", into);
  }
}

/** Bytes of object data that travel with `m`. */
export function payload(m: Message): number {
  let bytes = 0;
  if ("data" in m && Array.isArray(m.data)) for (const d of m.data) bytes += d.byteLength;
  return bytes;
}
