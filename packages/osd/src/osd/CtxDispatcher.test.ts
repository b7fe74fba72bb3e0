import { pg_info_t } from "@tako/common";
import { beforeEach, expect, test } from "vitest";
import { type OutMessage, RecoveryCtx } from "../peering/RecoveryCtx.ts";
import type { PG } from "../pg/PG.ts";
import { MemStore } from "../store/MemStore.ts";
import { VirtualClock } from "../testing/VirtualClock.ts";
import { CtxDispatcher } from "./CtxDispatcher.ts";

let clock: VirtualClock;
let sent: string[];
let ctx: CtxDispatcher;
/** What CtxDispatcher looks at in a PG. */
let state: { osdmap_epoch: number; last_peering_reset: number };
let pg: PG;
let colls: number;

beforeEach(() => {
  clock = new VirtualClock();
  const store = new MemStore({ clock });
  store.mkfs_now("00000000-0000-4000-8000-000000000000");
  store.mount_now();
  sent = [];
  colls = 0;
  state = { osdmap_epoch: 5, last_peering_reset: 4 };
  pg = state as unknown as PG;
  ctx = new CtxDispatcher({
    store,
    send: (out: OutMessage, epoch) => sent.push(`to ${out.to} e${epoch}`),
  });
});

function rctx(o: { to?: number; stores?: boolean; note?: string }): RecoveryCtx {
  const r = new RecoveryCtx();
  if (o.stores) r.transaction.create_collection(`c${colls++}`);
  if (o.to !== undefined) {
    const info = pg_info_t("1.0");
    const epochs = { query_epoch: 5, epoch_sent: 5 };
    r.send_notify(o.to, { ...epochs, info, to: -1, from: -1, past_intervals: null });
  }
  if (o.note) r.on_commit.push(() => sent.push(o.note ?? ""));
  return r;
}
function settle(): void {
  while (clock.run_deferred());
}

test("messages leave when their transaction is durable, callbacks before them", () => {
  ctx.dispatch(pg, rctx({ to: 1, stores: true, note: "durable" }));
  expect(sent).toEqual([]);
  settle();
  expect(sent).toEqual(["durable", "to 1 e5"]);
});

test("a ctx without writes waits for the earlier ones of its PG, and for nothing else", () => {
  ctx.dispatch(pg, rctx({ to: 1, stores: true }));
  ctx.dispatch(pg, rctx({ to: 2 }));
  const other = { osdmap_epoch: 5, last_peering_reset: 4 } as unknown as PG;
  ctx.dispatch(other, rctx({ to: 3 }));
  expect(sent).toEqual(["to 3 e5"]);
  settle();
  expect(sent).toEqual(["to 3 e5", "to 1 e5", "to 2 e5"]);
});

test("messages of an interval that is over are dropped, callbacks are not", () => {
  ctx.dispatch(pg, rctx({ to: 1, stores: true, note: "durable" }));
  state.last_peering_reset = 5;
  ctx.dispatch(pg, rctx({ to: 2, stores: true }));
  settle();
  expect(sent).toEqual(["durable", "to 2 e5"]);
});

test("a reservation waits for nothing", () => {
  ctx.dispatch(pg, rctx({ to: 1, stores: true }));
  const r = rctx({ to: 2, stores: true });
  const place = { pgid: "1.0", query_epoch: 5, priority: 0, from: -1 } as const;
  r.send(3, { type: "recovery_reserve", op: "RELEASE", ...place });
  ctx.dispatch(pg, r);
  expect(sent).toEqual(["to 3 e5"]);
  settle();
  expect(sent).toEqual(["to 3 e5", "to 1 e5", "to 2 e5"]);
});
