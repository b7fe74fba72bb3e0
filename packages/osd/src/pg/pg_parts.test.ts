/** The parts of a PG that can be understood without one. */
import { Config, eversion, type hobject_t, type Message, make_hobject } from "@tako/common";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fake_connection } from "../testing/TestOSD.ts";
import { VirtualClock } from "../testing/VirtualClock.ts";
import { BackfillInterval } from "./BackfillInterval.ts";
import { BackfillState } from "./BackfillState.ts";
import { utf8_length } from "./OpContext.ts";
import { OpTracker } from "./OpTracker.ts";
import { decode_object_info, encode_object_info, NO_OBJECT } from "./object_info.ts";
import { in_order, WaitLists } from "./wait_lists.ts";

const at = (n: number): hobject_t => make_hobject({ pool: 1, hash: 0, oid: `o${1000 + n}` });

describe("BackfillInterval", () => {
  it("keeps the objects of its range in order under any changes", () => {
    const change = fc.record({ set: fc.boolean(), n: fc.nat(30), v: fc.nat(9) });
    fc.assert(
      fc.property(fc.array(fc.nat(30)), fc.array(change), fc.nat(30), (scan, changes, upto) => {
        const [begin, end] = [5, 25];
        const model = new Map<number, number>();
        for (const n of scan) if (n >= begin && n < end) model.set(n, 0);
        const bi = new BackfillInterval(at(begin));
        const show = () => [...model].sort((a, b) => a[0] - b[0]);
        bi.assign(
          at(begin),
          at(end),
          show().map(([n, v]) => ({ soid: at(n), version: eversion(1, v) })),
        );
        for (const { set, n, v } of changes) {
          if (set) bi.set(at(n), eversion(1, v));
          else bi.delete(at(n));
          if (n < begin || n >= end) continue;
          if (set) model.set(n, v);
          else model.delete(n);
        }
        bi.trim_to(at(upto));
        for (const n of [...model.keys()]) if (n <= upto) model.delete(n);
        expect(bi.objects().map((o) => [o.soid, o.version.version])).toEqual(
          show().map(([n, v]) => [at(n), v]),
        );
        expect(bi.begin).toBe(bi.front?.soid ?? bi.end);
      }),
    );
  });
});

describe("BackfillState", () => {
  it("gives pending sums in order, and only those below the bound", () => {
    const bf = new BackfillState();
    bf.add_pending(at(3), { num_objects: 1, num_bytes: 10 });
    bf.add_pending(at(1), {});
    bf.add_pending(at(3), { num_bytes: -4 });
    bf.add_pending(at(5), { num_objects: 1 });
    expect(bf.take_pending_below(at(5))).toEqual([
      [at(1), {}],
      [at(3), { num_objects: 1, num_bytes: 6 }],
    ]);
    expect([...bf.pending_backfill_updates.keys()]).toEqual([at(5)]);
  });
});

describe("WaitLists", () => {
  const clock = new VirtualClock();
  const tracker = new OpTracker(clock, new Config());
  const con = fake_connection("client.1", () => {});
  const other = fake_connection("client.2", () => {});
  const msg: Message = { type: "osd_pg_created", pgid: "1.0" };

  it("gives everything back in order of arrival, and knows how much there is", () => {
    const w = new WaitLists();
    const ops = Array.from({ length: 6 }, (_, i) => tracker.create(i % 2 ? con : other, msg));
    const [a, b, c, d, e, f] = ops as [(typeof ops)[0], ...typeof ops] & typeof ops;
    w.add_keyed(w.waiting_for_degraded_object, at(1), b as typeof a);
    w.add(w.waiting_for_active, d as typeof a);
    w.add_keyed(w.waiting_for_rw_lock, at(1), a);
    w.add_ondisk({ op: c as typeof a, version: eversion(1, 1), user_version: 1, return_code: 0 });
    w.add_keyed(w.waiting_for_map, "client.1", e as typeof a);
    expect(w.size).toBe(5);
    expect(w.take_all().map((op) => op.seq)).toEqual([a, b, c, d].map((op) => op?.seq));
    w.add(w.waiting_for_peered, f as typeof a);
    expect(w.drop_session(other)).toEqual([e]);
    expect(w.drop_session(con)).toEqual([f]);
    expect([w.size, w.bytes]).toEqual([0, 0]);
    expect(in_order([...ops].reverse())).toEqual(ops);
  });
});

describe("object_info_t", () => {
  it("survives being stored; anything else is not one", () => {
    const oi = { ...NO_OBJECT, version: eversion(3, 7), size: 5, mtime: 1.5, omap: true };
    expect(decode_object_info(encode_object_info(oi))).toEqual(oi);
    expect(decode_object_info(new Uint8Array([0xc1]))).toBeUndefined();
    expect(decode_object_info(new Uint8Array([1]))).toBeUndefined();
    expect(decode_object_info(new Uint8Array(0))).toBeUndefined();
  });
});

describe("text", () => {
  it("counts UTF-8 bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (s) => {
        expect(utf8_length(s)).toBe(Buffer.byteLength(s));
      }),
    );
  });
});
