/** One PG instance in one line: state, log, les, missing, past intervals. */
import { ev_eq } from "@tako/common";
import type { Scene } from "./Scene.ts";
import { oid_of } from "./show_message.ts";

export function described(s: Scene, osd: number): string {
  const { cast } = s;
  if (!s.world.osd(osd)) return "dead";
  const pg = s.pg(osd)?.peering;
  if (!pg) return "-";
  const { info } = pg;
  const words = [pg.is_primary() ? s.pg_state() : "", pg.state_name];
  words.push(`log=(${cast.version(info.log_tail)},${cast.version(info.last_update)}]`);
  if (!ev_eq(info.last_complete, info.last_update)) {
    words.push(`lc=${cast.version(info.last_complete)}`);
  }
  if (info.last_backfill !== "MAX") words.push(`last_backfill=${oid_of(info.last_backfill)}`);
  const h = info.history;
  words.push(`les=${cast.epoch(info.last_epoch_started)}/${cast.epoch(h.last_epoch_started)}`);
  words.push(`lec=${cast.epoch(h.last_epoch_clean)} sis=${cast.epoch(h.same_interval_since)}`);
  const missing = [...pg.missing.get_items()].map(
    ([oid, i]) => `${oid_of(oid)}:${cast.version(i.have)}->${cast.version(i.need)}`,
  );
  if (missing.length > 0) words.push(`missing=${missing.sort().join(",")}`);
  const past = pg.past_intervals.to_wire();
  if (past.last > 0) {
    const rw = past.intervals.map((i) => {
      const who = cast.letters(i.acting.map((a) => Number.parseInt(a, 10)));
      return `(${cast.epoch(i.first)}-${cast.epoch(i.last)} ${who})`;
    });
    words.push(`past=[${cast.epoch(past.first)}-${cast.epoch(past.last)}]${rw.join("")}`);
  }
  if (pg.blocked_by.size > 0) words.push(`blocked_by=${cast.letters(pg.blocked_by)}`);
  return words.filter((w) => w !== "").join(" ");
}
