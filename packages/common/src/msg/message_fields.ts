/** What a log line says of a message: type, and PG and epoch where it has them. Pure. */
import type { Message } from "../messages/index.ts";

export type MessageFields = {
  readonly type: string;
  readonly pg?: string;
  readonly epoch?: number;
  readonly tid?: number;
  /** Number of PGs, when the message is about several. */
  readonly pgs?: number;
};

/** What a log line says of a message: type, pg, epochs, not its payload. */
export function message_fields(m: Message): MessageFields {
  const epoch = epoch_of(m);
  const pg = pg_of(m);
  return {
    type: m.type,
    ...(pg === undefined ? {} : { pg }),
    ...("pg_list" in m && m.pg_list.length > 1 ? { pgs: m.pg_list.length } : {}),
    ...(epoch === undefined ? {} : { epoch }),
    ...("tid" in m ? { tid: m.tid } : {}),
  };
}

function epoch_of(m: Message): number | undefined {
  if ("map_epoch" in m) return m.map_epoch;
  if ("epoch" in m) return m.epoch;
  if ("query_epoch" in m) return m.query_epoch;
  if (m.type === "osd_map") return m.newest_map;
  return "version" in m && typeof m.version === "number" ? m.version : undefined;
}

/** The only PG, or the first of several. */
function pg_of(m: Message): string | undefined {
  if ("pgid" in m) return m.pgid;
  if (!("pg_list" in m)) return undefined;
  const [first] = m.pg_list;
  if (first === undefined || typeof first === "string") return first;
  return "pgid" in first ? first.pgid : first.info.pgid;
}
