/**
 * TestClient: sends operations to whoever the newest map it has calls primary, and again when that
 * changes or the session breaks; as the Objecter does. cluster.md §6.2.
 */
import {
  type Connection,
  type hobject_t,
  is_new_interval,
  type Msg,
  make_hobject,
  type OSDMap,
  type OSDOpStep,
} from "@tako/common";
import type { PGCluster } from "./PGCluster.ts";
import { fake_connection } from "./TestOSD.ts";

type Reply = Msg<"osd_op_reply">;
export type Step = Omit<OSDOpStep, "seg" | "vals"> & {
  readonly bytes?: Uint8Array | string;
  readonly kv?: Readonly<Record<string, string>>;
};
interface Op {
  readonly tid: number;
  readonly hobj: hobject_t;
  readonly ops: OSDOpStep[];
  readonly data: Uint8Array[];
  attempts: number;
  reply: Reply | undefined;
}

const utf8 = new TextEncoder();
/** One pool, one PG: any hash will do, but objects should be spread over the order. */
export function object(oid: string): hobject_t {
  let hash = 2166136261;
  for (const c of oid) hash = Math.imul(hash ^ c.charCodeAt(0), 16777619) >>> 0;
  return make_hobject({ pool: 1, hash, oid });
}

export class TestClient {
  readonly name: `client.${number}`;
  readonly #cluster: PGCluster;
  #map: OSDMap;
  #tid = 0;
  readonly #in_flight = new Map<number, Op>();
  readonly #cons = new Map<number, Connection & { is_open: boolean }>();
  /** Replies that say nothing new are ignored; how many came. */
  stale_replies = 0;

  constructor(cluster: PGCluster, id: number) {
    this.name = `client.${id}`;
    this.#cluster = cluster;
    this.#map = cluster.map;
  }
  get pending(): number {
    return this.#in_flight.size;
  }

  submit(oid: string, ...steps: Step[]): Op {
    const data: Uint8Array[] = [];
    const seg = (b: Uint8Array | string) =>
      data.push(typeof b === "string" ? utf8.encode(b) : b) - 1;
    const ops = steps.map(
      ({ bytes, kv, ...step }): OSDOpStep => ({
        ...step,
        ...(bytes !== undefined && { seg: seg(bytes) }),
        ...(kv && { vals: Object.entries(kv).map(([key, v]) => ({ key, value: seg(v) })) }),
      }),
    );
    const tid = ++this.#tid;
    const op: Op = { tid, hobj: object(oid), ops, data, attempts: 0, reply: undefined };
    this.#in_flight.set(tid, op);
    this.#send(op);
    return op;
  }
  /** Submits and lets the cluster run until the answer is here. */
  run(oid: string, ...steps: Step[]): Reply {
    const op = this.submit(oid, ...steps);
    this.#cluster.until(() => op.reply !== undefined, `${this.name} ${steps[0]?.op} ${oid}`);
    if (!op.reply) throw new Error("no reply");
    return op.reply;
  }
  /** The object's bytes; undefined: no such object. */
  read(oid: string): string | undefined {
    const r = this.run(oid, { op: "read" });
    if (r.result === -2) return undefined;
    if (r.result < 0) throw new Error(`read ${oid}: ${r.result}`);
    return new TextDecoder().decode(r.data?.[r.outcomes[0]?.seg ?? -1]);
  }
  /** Sends an operation that was answered once more, as if the answer had been lost. */
  resend(op: Op): Op {
    const again: Op = { ...op, reply: undefined };
    this.#in_flight.set(op.tid, again);
    this.#send(again);
    return again;
  }

  handle_osd_map(map: OSDMap): void {
    if (map.epoch <= this.#map.epoch) return;
    const was = this.#map.pg_to_up_acting_osds("1.0");
    const now = map.pg_to_up_acting_osds("1.0");
    const changed = is_new_interval(was, now, this.#map, map, "1.0");
    this.#map = map;
    if (changed) this.#resend_all();
  }
  /** The session with that OSD broke. */
  reset(osd: number): void {
    const con = this.#cons.get(osd);
    if (con) con.is_open = false;
    this.#cons.delete(osd);
  }
  #resend_all(): void {
    for (const op of [...this.#in_flight.values()].sort((a, b) => a.tid - b.tid)) this.#send(op);
  }
  #send(op: Op): void {
    const { acting_primary } = this.#map.pg_to_up_acting_osds("1.0");
    if (acting_primary < 0) return;
    const osd = this.#cluster.osd(acting_primary);
    let con = this.#cons.get(osd.id);
    if (!con?.is_open) {
      const fresh = fake_connection(this.name, (m) => {
        this.#cluster.post(`osd.${osd.id}`, this.name, () => {
          if (fresh.is_open && m.type === "osd_op_reply") this.#handle_reply(m);
        });
      });
      con = fresh;
      this.#cons.set(osd.id, con);
    }
    const { tid, hobj, ops, data } = op;
    const to = con;
    const m: Msg<"osd_op"> = {
      type: "osd_op",
      tid,
      reqid: { name: this.name, inc: 0, tid },
      map_epoch: this.#map.epoch,
      pgid: "1.0",
      hobj,
      flags: [],
      retry_attempt: op.attempts++,
      mtime: 1_700_000_000_000 + tid,
      ops,
      data,
    };
    this.#cluster.post(this.name, `osd.${osd.id}`, () => osd.client_op(to, m));
  }
  #handle_reply(m: Reply): void {
    const op = this.#in_flight.get(m.tid);
    if (!op || m.retry_attempt !== op.attempts - 1) {
      this.stale_replies++;
      return;
    }
    this.#in_flight.delete(m.tid);
    op.reply = m;
  }
}
