/** From messages between PGs to events: what the OSD's dispatch does, for transcripts. */
import {
  assertNever,
  EVERSION_ZERO,
  ev_str,
  type Message,
  NO_SHARD,
  pg_info_t,
  pg_shard,
} from "@tako/common";
import { info_event } from "../../osd/peering_messages.ts";
import type { PeeringEvent, PeeringEvt } from "../events.ts";
import type { OutMessage } from "../RecoveryCtx.ts";
import { PGID, type TestOSD } from "./TestOSD.ts";

type Env = Omit<PeeringEvt, "evt">;
function env(epoch_sent: number, epoch_requested: number): Env {
  return { epoch_sent, epoch_requested, requires_pg: true };
}

/** `query LOG since 3'4`: one line of a transcript. */
export function show(m: OutMessage): string {
  switch (m.kind) {
    case "query": {
      const since = m.query.type === "LOG" ? ` since ${ev_str(m.query.since)}` : "";
      return `query ${m.query.type}${since}`;
    }
    case "notify":
    case "info": {
      const { info } = m.notify;
      const part = info.last_backfill === "MAX" ? "" : ` last_backfill=${info.last_backfill}`;
      const les = `les=${info.last_epoch_started}/${info.history.last_epoch_started}`;
      return `${m.kind} lu=${ev_str(info.last_update)} ${les}${part}`;
    }
    case "message":
      return show_message(m.msg);
    default:
      return assertNever(m);
  }
}
function show_message(m: Message): string {
  switch (m.type) {
    case "pg_log": {
      const { head, tail, entries } = m.log;
      const part = m.info.last_backfill === "MAX" ? "" : ` last_backfill=${m.info.last_backfill}`;
      const past = m.past_intervals ? " +past_intervals" : "";
      return `log (${ev_str(tail)},${ev_str(head)}] ${entries.length} entries${part}${past}`;
    }
    case "recovery_reserve":
    case "backfill_reserve":
      return `${m.type} ${m.op}`;
    default:
      return m.type;
  }
}

const RECOVERY = {
  GRANT: (from: number): PeeringEvent => ({ type: "RemoteRecoveryReserved", from: pg_shard(from) }),
  RELEASE: (): PeeringEvent => ({ type: "RecoveryDone" }),
  REVOKE: (): PeeringEvent => ({ type: "DeferRecovery", delay_s: 0 }),
} as const;
const BACKFILL = {
  GRANT: (from: number): PeeringEvent => ({ type: "RemoteBackfillReserved", from: pg_shard(from) }),
  REJECT_TOOFULL: (): PeeringEvent => ({ type: "RemoteReservationRejectedTooFull" }),
  RELEASE: (): PeeringEvent => ({ type: "RemoteReservationCanceled" }),
  REVOKE: (): PeeringEvent => ({ type: "RemoteReservationRevoked" }),
  REVOKE_TOOFULL: (): PeeringEvent => ({ type: "RemoteReservationRevokedTooFull" }),
} as const;

export function to_event(from: number, m: OutMessage): PeeringEvt {
  const shard = pg_shard(from);
  switch (m.kind) {
    case "query": {
      const { query } = m;
      const evt = { type: "MQuery", from: shard, query, query_epoch: query.epoch_sent } as const;
      return { ...env(query.epoch_sent, query.epoch_sent), evt };
    }
    case "notify": {
      const { notify } = m;
      const past = notify.past_intervals;
      const create_info = past && {
        epoch: notify.query_epoch,
        history: notify.info.history,
        past_intervals: past,
        by_mon: false,
      };
      const e = env(notify.epoch_sent, notify.query_epoch);
      return {
        ...e,
        evt: { type: "MNotifyRec", from: shard, notify },
        ...(create_info ? { create_info } : {}),
      };
    }
    case "info": {
      const { epoch_sent, query_epoch } = m.notify;
      return { ...env(epoch_sent, query_epoch), evt: info_event(m.notify, from) };
    }
    case "message":
      return message_event(from, m.msg);
    default:
      return assertNever(m);
  }
}

function message_event(from: number, msg: Message): PeeringEvt {
  switch (msg.type) {
    case "pg_log": {
      const past = msg.past_intervals;
      const history = msg.info.history;
      const create = past && {
        epoch: msg.query_epoch,
        history,
        past_intervals: past,
        by_mon: false,
      };
      const evt = { type: "MLogRec", from: pg_shard(from), msg } as const;
      return {
        ...env(msg.epoch, msg.query_epoch),
        evt,
        ...(create ? { create_info: create } : {}),
      };
    }
    case "recovery_reserve": {
      const { op, query_epoch: e } = msg;
      if (op !== "REQUEST") return { ...env(e, e), evt: RECOVERY[op](from) };
      return { ...env(e, e), evt: { type: "RequestRecoveryPrio", priority: msg.priority } };
    }
    case "backfill_reserve": {
      const { op, query_epoch: e, priority, primary_num_bytes } = msg;
      if (op !== "REQUEST") return { ...env(e, e), evt: BACKFILL[op](from) };
      const local_num_bytes = msg.shard_num_bytes;
      const evt = {
        type: "RequestBackfillPrio",
        priority,
        primary_num_bytes,
        local_num_bytes,
      } as const;
      return { ...env(e, e), evt };
    }
    case "pg_remove":
      return { ...env(msg.epoch, msg.epoch), evt: { type: "DeleteStart" } };
    case "pg_lease": {
      const evt = { type: "MLease", from: pg_shard(from), lease: msg.lease } as const;
      return { ...env(msg.epoch, msg.epoch), evt };
    }
    case "pg_lease_ack": {
      const { lease_ack } = msg;
      const evt = { type: "MLeaseAck", from: pg_shard(from), lease_ack } as const;
      return { ...env(msg.epoch, msg.epoch), evt };
    }
    default:
      throw new Error(`no event for ${msg.type}`);
  }
}

/** What an OSD without the PG answers to a question about it. */
export function answer_absent(osd: TestOSD, evt: PeeringEvt): OutMessage | null {
  if (evt.evt.type !== "MQuery") return null;
  const { query, query_epoch, from } = evt.evt;
  const to = Number(from);
  const blank = pg_info_t(PGID);
  const epoch_sent = osd.map.epoch;
  if (query.type === "INFO") {
    const shards = { to: NO_SHARD, from: NO_SHARD, past_intervals: null };
    return { to, kind: "notify", notify: { query_epoch, epoch_sent, info: blank, ...shards } };
  }
  const z = EVERSION_ZERO;
  const log = { head: z, tail: z, can_rollback_to: z, rollback_info_trimmed_to: z };
  return {
    to,
    kind: "message",
    msg: {
      type: "pg_log",
      epoch: epoch_sent,
      query_epoch,
      pgid: PGID,
      to: NO_SHARD,
      from: NO_SHARD,
      info: blank,
      log: { ...log, entries: [], dups: [] },
      missing: { may_include_deletes: true, items: [] },
      past_intervals: null,
    },
  };
}
