import { type Message, pg_info_t, type pg_notify_t, type pg_t } from "@tako/common";
import { expect, test } from "vitest";
import type { OutMessage } from "../peering/RecoveryCtx.ts";
import { Outbox } from "./Outbox.ts";

function notify(pgid: pg_t): pg_notify_t {
  const info = pg_info_t(pgid);
  return { query_epoch: 5, epoch_sent: 5, info, to: -1, from: -1, past_intervals: null };
}
const trim: Message = {
  type: "pg_trim",
  epoch: 5,
  pgid: "1.0",
  trim_to: { epoch: 1, version: 1 },
};

function sent_for(out: [OutMessage, number][]): string[] {
  const sent: string[] = [];
  const box = new Outbox((osd, m, epoch) => {
    const n = "pg_list" in m ? m.pg_list.length : 1;
    sent.push(`${osd} ${m.type} ${n} e${epoch}`);
  });
  for (const [o, epoch] of out) box.add(o, epoch);
  expect(box.empty).toBe(false);
  box.flush();
  expect(box.empty).toBe(true);
  return sent;
}

test("one notify and one info a destination, in order of destination", () => {
  const out: [OutMessage, number][] = [];
  for (const pg of ["1.0", "1.1", "1.2"] as const) {
    out.push([{ to: 2, kind: "notify", notify: notify(pg) }, 5]);
    out.push([{ to: 1, kind: "info", notify: notify(pg) }, 5]);
  }
  expect(sent_for(out)).toEqual(["1 pg_info 3 e5", "2 pg_notify 3 e5"]);
});

test("nothing is merged over another message or another epoch", () => {
  expect(
    sent_for([
      [{ to: 1, kind: "info", notify: notify("1.0") }, 5],
      [{ to: 1, kind: "message", msg: trim }, 5],
      [{ to: 1, kind: "info", notify: notify("1.0") }, 5],
      [{ to: 1, kind: "info", notify: notify("1.1") }, 6],
    ]),
  ).toEqual(["1 pg_info 1 e5", "1 pg_trim 1 e5", "1 pg_info 1 e5", "1 pg_info 1 e6"]);
});
