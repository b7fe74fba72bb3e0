/**
 * OpDispatch: client operations and object messages between OSDs, from the connection to the PG.
 * Holds what waits for a map (per session) and what waits for a PG instance; the PG holds the rest.
 * Ceph counterpart: OSD::dispatch_session_waiting, enqueue_op, handle_op. Rules: peering.md §3.4, §8.1.
 */
import {
  type Connection,
  type epoch_t,
  hobject_hash,
  is_erasure,
  is_osd,
  type Log,
  type Message,
  type Msg,
  NO_SHARD,
  type OSDMap,
  pg_pool,
  pg_t,
  spg_cmp,
  spg_pg,
  spg_t,
} from "@tako/common";
import type { PG } from "../pg/PG.ts";
import type { PGRegistry } from "./PGRegistry.ts";
import { session_of } from "./Session.ts";

/** Messages that carry objects or client operations. */
export type OpMessage = Msg<
  | "osd_op"
  | "rep_op"
  | "rep_op_reply"
  | "ec_sub_write"
  | "ec_sub_write_reply"
  | "ec_sub_read"
  | "ec_sub_read_reply"
  | "pg_push"
  | "pg_push_reply"
  | "pg_pull"
  | "pg_recovery_delete"
  | "pg_recovery_delete_reply"
  | "pg_scan"
  | "pg_backfill"
  | "pg_backfill_remove"
  | "pg_update_log_missing"
  | "pg_update_log_missing_reply"
  | "scrub_reserve"
  | "rep_scrub"
  | "rep_scrub_map"
>;
const TYPES: ReadonlySet<string> = new Set<OpMessage["type"]>([
  "osd_op",
  "rep_op",
  "rep_op_reply",
  "ec_sub_write",
  "ec_sub_write_reply",
  "ec_sub_read",
  "ec_sub_read_reply",
  "pg_push",
  "pg_push_reply",
  "pg_pull",
  "pg_recovery_delete",
  "pg_recovery_delete_reply",
  "pg_scan",
  "pg_backfill",
  "pg_backfill_remove",
  "pg_update_log_missing",
  "pg_update_log_missing_reply",
  "scrub_reserve",
  "rep_scrub",
  "rep_scrub_map",
]);
export function is_op_message(m: Message): m is OpMessage {
  return TYPES.has(m.type);
}

export interface OpDispatchPorts {
  readonly whoami: number;
  readonly log: Log;
  /** Published map; undefined before the first. */
  readonly osdmap: () => OSDMap | undefined;
  readonly pgs: () => PGRegistry;
  /** Newer maps exist: ask for those after the one at hand. */
  readonly want_newer_map: () => void;
  readonly share_with_client: (con: Connection, their_epoch: epoch_t) => void;
}

/** Most client ops that may wait for PG instances; the oldest are dropped (clients resend). */
const MAX_WAITING_FOR_PG = 4096;
/** Most messages one session may have waiting for a map. */
const MAX_WAITING_ON_MAP = 16384;

interface Waiting {
  readonly con: Connection;
  readonly msg: OpMessage;
}

export class OpDispatch {
  readonly #p: OpDispatchPorts;
  /** Connections with messages in their session's waiting_on_map, oldest first. */
  readonly #sessions = new Set<Connection>();
  /** session_waiting_for_pg */
  readonly #for_pg = new Map<spg_t, Waiting[]>();
  #num_for_pg = 0;

  constructor(ports: OpDispatchPorts) {
    this.#p = ports;
  }

  dispatch(con: Connection, m: OpMessage): void {
    const session = session_of(con);
    if (session.waiting_on_map.length > 0 || this.#needs_newer_map(m)) {
      if (session.waiting_on_map.length >= MAX_WAITING_ON_MAP) {
        // Such a peer runs ahead of every map we get: let it start over.
        this.#p.log.warn({ peer: con.peer_name }, "session_overflow");
        con.mark_down();
        this.forget(con);
        return;
      }
      session.waiting_on_map.push(m);
      this.#sessions.add(con);
      this.#p.want_newer_map();
      return;
    }
    this.#to_pg(con, m);
  }
  #needs_newer_map(m: OpMessage): boolean {
    const map = this.#p.osdmap();
    const needs = "min_epoch" in m ? m.min_epoch : m.map_epoch;
    return map === undefined || needs > map.epoch;
  }

  /** consume_map step 3: what waited for the published map, in arrival order. */
  dispatch_sessions_waiting_on_map(): void {
    for (const con of [...this.#sessions]) {
      const { waiting_on_map } = session_of(con);
      while (waiting_on_map[0] && !this.#needs_newer_map(waiting_on_map[0] as OpMessage)) {
        this.#to_pg(con, waiting_on_map.shift() as OpMessage);
      }
      if (waiting_on_map.length === 0) this.#sessions.delete(con);
    }
    if (this.#sessions.size > 0) this.#p.want_newer_map();
  }

  #to_pg(con: Connection, m: OpMessage): void {
    if (m.type === "osd_op") {
      this.#client_op(con, m);
      return;
    }
    const pg = this.#p.pgs().get(m.pgid);
    if (pg) pg.do_request(con, m);
    else this.#p.log.debug({ pg: m.pgid, msg: m.type, peer: con.peer_name }, "op_no_pg");
  }

  #client_op(con: Connection, m: Msg<"osd_op">): void {
    const map = this.#p.osdmap() as OSDMap;
    if (!is_osd(con.peer_name)) this.#p.share_with_client(con, m.map_epoch);
    const pgid = target_of(m, map);
    const spgid = pgid && this.#led_here(pgid, map);
    if (!spgid) {
      // The client's map was older than ours or it would not have come here; it resends by itself.
      const epoch = map.epoch;
      this.#p.log.debug({ pg: m.pgid, epoch, client: con.peer_name }, "op_misdirected");
      return;
    }
    const pg = this.#p.pgs().get(spgid);
    // One whose removal is on its way to the disk is gone; the next of its name is not there yet.
    if (pg && !pg.deleted) pg.do_request(con, m);
    else this.#wait_for_pg(spgid, { con, msg: m });
  }
  /**
   * The instance of `pgid` that leads it here by `map` (get_primary_shard). Another shard of it that is
   * here too is a stray, and what waits in that goes away with it.
   */
  #led_here(pgid: pg_t, map: OSDMap): spg_t | undefined {
    const { acting, acting_primary } = map.pg_to_up_acting_osds(pgid);
    if (acting_primary !== this.#p.whoami) return undefined;
    const pool = map.get_pg_pool(pg_pool(pgid));
    if (!pool) return undefined;
    return spg_t(pgid, is_erasure(pool) ? acting.indexOf(acting_primary) : NO_SHARD);
  }

  #wait_for_pg(spgid: spg_t, w: Waiting): void {
    const list = this.#for_pg.get(spgid);
    if (list) list.push(w);
    else this.#for_pg.set(spgid, [w]);
    if (++this.#num_for_pg <= MAX_WAITING_FOR_PG) return;
    const [first, ops] = this.#for_pg.entries().next().value as [spg_t, Waiting[]];
    ops.shift();
    this.#num_for_pg--;
    if (ops.length === 0) this.#for_pg.delete(first);
  }

  /** A PG exists now, which may have just split off at an older map: its waiting ops go in, in order. */
  on_pg_added(pg: PG): void {
    const list = this.#for_pg.get(pg.spgid);
    if (!list) return;
    this.#for_pg.delete(pg.spgid);
    this.#num_for_pg -= list.length;
    for (const w of list) if (w.con.is_open) pg.do_request(w.con, w.msg);
  }
  /** consume_map step 4: PGs that the new map does not place here any more. */
  clear_waiting_for_pg(map: OSDMap): void {
    for (const [spgid, list] of [...this.#for_pg].sort((a, b) => spg_cmp(a[0], b[0]))) {
      if (this.#led_here(spg_pg(spgid), map) === spgid) continue;
      this.#for_pg.delete(spgid);
      this.#num_for_pg -= list.length;
    }
  }
  /** The connection is gone: so are its waiting messages. */
  forget(con: Connection): void {
    this.#sessions.delete(con);
    session_of(con).waiting_on_map.length = 0;
    for (const [spgid, list] of [...this.#for_pg]) {
      const left = list.filter((w) => w.con !== con);
      this.#num_for_pg -= list.length - left.length;
      if (left.length === 0) this.#for_pg.delete(spgid);
      else this.#for_pg.set(spgid, left);
    }
  }
}

/** The PG that holds the op's object by `map`; undefined when the pool is gone. */
function target_of(m: Msg<"osd_op">, map: OSDMap): pg_t | undefined {
  const pool = pg_pool(m.pgid);
  if (!map.have_pg_pool(pool)) return undefined;
  if (m.flags.includes("pgop") || m.hobj === "MIN" || m.hobj === "MAX") return spg_pg(m.pgid);
  return map.raw_pg_to_pg(pg_t(pool, hobject_hash(m.hobj)));
}
