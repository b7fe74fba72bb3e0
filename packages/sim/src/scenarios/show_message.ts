/** One line for a message between daemons, as transcripts show it. */
import { type Message, parse_hobject, type pg_info_wire_t } from "@tako/common";
import type { Cast } from "./Cast.ts";

function info_text(c: Cast, i: pg_info_wire_t): string {
  const part = i.last_backfill === "MAX" ? "" : ` last_backfill=${oid_of(i.last_backfill)}`;
  const les = `${c.epoch(i.last_epoch_started)}/${c.epoch(i.history.last_epoch_started)}`;
  return `lu=${c.version(i.last_update)} les=${les}${part}`;
}

/** Name of an object; MIN and MAX as they are. */
export function oid_of(h: string): string {
  return parse_hobject(h)?.oid ?? h;
}

export function show_message(c: Cast, m: Message): string {
  switch (m.type) {
    case "pg_query":
      return m.pg_list
        .map(({ query: q }) => {
          const since = q.type === "LOG" ? ` since ${c.version(q.since)}` : "";
          return `query ${q.type}${since}`;
        })
        .join("; ");
    case "pg_notify":
    case "pg_info": {
      const what = m.type === "pg_notify" ? "notify" : "info";
      return m.pg_list.map((n) => `${what} ${info_text(c, n.info)}`).join("; ");
    }
    case "pg_log": {
      const { head, tail, entries } = m.log;
      const past = m.past_intervals ? " +past_intervals" : "";
      const part = m.info.last_backfill === "MAX" ? "" : " last_backfill=MIN";
      const range = `(${c.version(tail)},${c.version(head)}]`;
      return `log ${range} ${entries.length} entries${part}${past}`;
    }
    case "rep_op":
      return `rep_op ${c.version(m.version)} ${oid_of(m.hobj)}${m.txn.length ? "" : " (log only)"}`;
    case "pg_push":
      return `push ${m.pushes.map((p) => `${oid_of(p.soid)} ${c.version(p.version)}`).join(" ")}`;
    case "pg_pull":
      return `pull ${m.pulls.map((p) => `${oid_of(p.soid)} ${c.version(p.version)}`).join(" ")}`;
    case "pg_recovery_delete":
    case "pg_backfill_remove":
      return `${m.type} ${m.objects.map((o) => oid_of(o.soid)).join(" ")}`;
    case "pg_backfill":
      return `backfill ${m.op} ${oid_of(m.last_backfill)}`;
    case "pg_scan":
      return `scan ${m.op} [${oid_of(m.begin)},${oid_of(m.end)})`;
    case "recovery_reserve":
    case "backfill_reserve":
      return `${m.type} ${m.op}`;
    case "osd_alive":
      return `alive want ${c.epoch(m.want)}`;
    case "osd_pg_temp":
      return `pg_temp ${m.pg_temp.map((t) => `[${c.letters(t.osds)}]`).join(" ")}`;
    case "scrub_reserve":
      return `scrub_reserve ${m.op}`;
    case "rep_scrub":
      return `rep_scrub ${m.deep ? "deep " : ""}[${oid_of(m.start)},${oid_of(m.end)})`;
    case "rep_scrub_map":
      return `rep_scrub_map ${m.objects.map((o) => oid_of(o.soid)).join(" ")}`;
    case "log":
      return m.entries.map((e) => `log ${e.prio} ${e.text}`).join("; ");
    case "osd_op":
      return `op ${m.ops.map((o) => o.op).join(",")} ${oid_of(m.hobj)} tid ${m.reqid.tid}`;
    case "osd_op_reply":
      return `reply tid ${m.tid} ${m.result} ${c.version(m.version)}`;
    default:
      return m.type;
  }
}
