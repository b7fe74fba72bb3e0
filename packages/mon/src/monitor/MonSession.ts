/**
 * One connection as the monitor sees it: who it is, what it subscribed to, which maps it has had.
 * Ceph counterpart: src/mon/Session.h. cluster.md §3.16.
 */
import { type Connection, type entity_addr_t, type epoch_t, type Msg, osd_id } from "@tako/common";
import type { Sender } from "../osdmon/verdict.ts";

export type SubName = Msg<"mon_subscribe">["what"][number]["name"];
export interface Subscription {
  /** First version wanted; 0 = the latest, whole. */
  start: number;
  readonly onetime: boolean;
}

export class MonSession {
  readonly con: Connection;
  /** Grows with each session: the order in which maps are pushed. */
  readonly id: number;
  readonly subs = new Map<SubName, Subscription>();
  /** Last epoch sent on this session; 0 = none. */
  osd_epoch: epoch_t = 0;
  /** Where an OSD said in its last boot that it is: it takes a new nonce without a new session. */
  #booted_addr: entity_addr_t | undefined;

  constructor(con: Connection, id: number) {
    this.con = con;
    this.id = id;
  }
  get name(): string {
    return this.con.peer_name;
  }
  get sender(): Sender {
    return { osd: osd_id(this.con.peer_name), addr: this.#booted_addr ?? this.con.peer_addr };
  }
  note_boot(m: Msg<"osd_boot">): void {
    this.#booted_addr = m.addr;
  }
}
