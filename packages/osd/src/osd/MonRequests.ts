/**
 * What this OSD wants from the monitor until the map shows it: up_thru and pg_temp. Collected over a
 * batch, sent once, repeated on a new session. Ceph counterpart: OSD::queue_want_up_thru, send_alive,
 * OSDService::queue_want_pg_temp, send_pg_temp. Rules: peering.md §3.7 (end), §4.4.
 */
import type { epoch_t, Log, Message, OSDMap, pg_t } from "@tako/common";
import { sometimes, spg_cmp } from "@tako/common";

interface Wanted {
  readonly acting: readonly number[];
  sent: boolean;
}

export class MonRequests {
  readonly #whoami: number;
  readonly #send: (m: Message) => void;
  readonly #log: Log;
  #up_thru_wanted: epoch_t = 0;
  #up_thru_asked: epoch_t = 0;
  readonly #pg_temp = new Map<pg_t, Wanted>();

  constructor(whoami: number, send: (m: Message) => void, log: Log) {
    this.#whoami = whoami;
    this.#send = send;
    this.#log = log;
  }

  /** A PG needs up_thru >= want before it may activate. */
  queue_want_up_thru(want: epoch_t, map: OSDMap): void {
    if (want <= this.#up_thru_wanted) return;
    this.#up_thru_wanted = want;
    this.#send_alive(map);
  }
  #send_alive(map: OSDMap): void {
    const want = this.#up_thru_wanted;
    if (map.get_up_thru(this.#whoami) >= want || this.#up_thru_asked >= want) return;
    this.#up_thru_asked = want;
    this.#log.debug({ epoch: map.epoch, want }, "up_thru_wanted");
    this.#send({ type: "osd_alive", osd: this.#whoami, version: map.epoch, want });
  }

  queue_want_pg_temp(pgid: pg_t, acting: readonly number[]): void {
    const have = this.#pg_temp.get(pgid);
    if (have && have.acting.join() === acting.join()) return;
    sometimes(acting.length > 0 ? "pg_temp asked for" : "pg_temp withdrawn");
    this.#pg_temp.set(pgid, { acting: [...acting], sent: false });
  }
  clear_want_pg_temp(pgid: pg_t): void {
    this.#pg_temp.delete(pgid);
  }
  /** Sends the wishes that were not sent yet, as one message. */
  send_pg_temp(map: OSDMap): void {
    const fresh = [...this.#pg_temp].filter(([, w]) => !w.sent).sort((a, b) => spg_cmp(a[0], b[0]));
    if (fresh.length === 0) return;
    for (const [, w] of fresh) w.sent = true;
    this.#send({
      type: "osd_pg_temp",
      map_epoch: map.epoch,
      pg_temp: fresh.map(([pgid, w]) => ({ pgid, osds: [...w.acting] })),
      forced: false,
    });
  }

  /** On a new mon session, and each report interval: whatever the map does not show yet, again. */
  resend(map: OSDMap): void {
    this.#up_thru_asked = 0;
    this.#send_alive(map);
    for (const w of this.#pg_temp.values()) w.sent = false;
    this.send_pg_temp(map);
  }
  /** After this OSD went down in the map: nothing it wanted still counts. */
  clear(): void {
    this.#up_thru_wanted = 0;
    this.#up_thru_asked = 0;
    this.#pg_temp.clear();
  }
}
