/** Messages between a monitor and everybody: subscriptions, maps, commands, the cluster log. */
import { Type } from "@sinclair/typebox";
import * as f from "./fields.ts";

const sub_name = f.oneOf("osdmap", "osd_pg_creates", "log-info", "pg_stats");

/** MMonSubscribe: osd, client -> mon; answered by mon_subscribe_ack and what was asked for. */
export const mon_subscribe = f.message("mon_subscribe", {
  what: f.list(f.obj({ name: sub_name, start: f.epoch, onetime: f.bool })),
});
/** MMonSubscribeAck: mon -> osd, client. `interval_s`: no renewal is needed on a live session. */
export const mon_subscribe_ack = f.message("mon_subscribe_ack", {
  interval_s: f.num,
  fsid: f.text,
});
/** MMonGetOSDMap: osd, client -> mon; answered by osd_map. Zero = none wanted of that form. */
export const mon_get_osdmap = f.message("mon_get_osdmap", {
  full_first: f.epoch,
  full_last: f.epoch,
  inc_first: f.epoch,
  inc_last: f.epoch,
});
/** MMonGetVersion: osd, client -> mon; answered by mon_get_version_reply. */
export const mon_get_version = f.message("mon_get_version", {
  handle: f.uint,
  what: f.oneOf("osdmap"),
});
/** MMonGetVersionReply: mon -> osd, client. */
export const mon_get_version_reply = f.message("mon_get_version_reply", {
  handle: f.uint,
  version: f.epoch,
  oldest_version: f.epoch,
});
/**
 * MMonCommand: client -> mon; answered by mon_command_ack. `cmd.prefix` names the command as in
 * cluster.md §7.1 ("osd pool create"), the other keys are its arguments. data[0]: the -i file.
 */
export const mon_command = f.message("mon_command", {
  tid: f.uint,
  cmd: Type.Record(Type.String({ maxLength: 128 }), Type.Any(), { maxProperties: 256 }),
  data: Type.Optional(f.data),
});
/** MMonCommandAck: mon -> client. `result` 0 or -errno; `outs` the status line; `outb` JSON value. */
export const mon_command_ack = f.message("mon_command_ack", {
  tid: f.uint,
  result: f.int,
  outs: f.text,
  outb: Type.Optional(Type.Any()),
  data: Type.Optional(f.data),
});
/**
 * MOSDMap: mon, osd -> any. Maps in canonical encoding (osdmap/), full or incremental, one form an
 * epoch; `full` and `incremental` name the epochs, data[i] is the blob of the i-th of
 * [...full, ...incremental].
 */
export const osd_map = f.message("osd_map", {
  fsid: f.text,
  full: f.list(f.epoch),
  incremental: f.list(f.epoch),
  oldest_map: f.epoch,
  newest_map: f.epoch,
  data: f.data,
});
/** MLog: osd -> mon (entries for the cluster log), mon -> client (subscription "log-info"). */
export const log = f.message("log", {
  entries: f.list(
    f.obj({
      stamp: f.num,
      name: f.text,
      channel: f.oneOf("cluster", "audit"),
      prio: f.oneOf("DBG", "INF", "WRN", "ERR"),
      text: f.text,
    }),
  ),
});
/** MCommand: client -> osd ("tell"); answered by command_reply. */
export const command = f.message("command", {
  tid: f.uint,
  cmd: Type.Record(Type.String({ maxLength: 128 }), Type.Any(), { maxProperties: 256 }),
});
/** MCommandReply: osd -> client. */
export const command_reply = f.message("command_reply", {
  tid: f.uint,
  result: f.int,
  outs: f.text,
  outb: Type.Optional(Type.Any()),
});

export const mon_family = [
  mon_subscribe,
  mon_subscribe_ack,
  mon_get_osdmap,
  mon_get_version,
  mon_get_version_reply,
  mon_command,
  mon_command_ack,
  osd_map,
  log,
  command,
  command_reply,
] as const;
