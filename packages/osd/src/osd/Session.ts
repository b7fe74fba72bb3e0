/**
 * Session: what an OSD remembers about one connection: messages that wait for a newer map, and which
 * maps the far end has. Ceph counterpart: OSD Session (src/osd/Session.h). peering.md §3.4, §3.6.
 */
import type { Connection, epoch_t, Message } from "@tako/common";

export class Session {
  /** session_waiting_for_map: FIFO; later messages queue behind earlier ones. */
  readonly waiting_on_map: Message[] = [];
  /** Newest map epoch that was sent to, or heard from, the far end. */
  peer_epoch: epoch_t = 0;
}

export function session_of(con: Connection): Session {
  if (con.priv instanceof Session) return con.priv;
  const s = new Session();
  con.priv = s;
  return s;
}
