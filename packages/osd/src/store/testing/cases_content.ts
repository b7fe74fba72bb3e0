/** Compliance cases: data, attributes and omap of one object. */
import { bytes, eq, text } from "./check.ts";
import {
  A,
  attr_text,
  B,
  C,
  type ComplianceCase,
  omap_text,
  queue,
  read_text,
  vals,
  with_coll,
} from "./subject.ts";

export const data_cases: ComplianceCase[] = [
  {
    name: "touch creates an empty object; absent objects read as undefined",
    async run(s) {
      with_coll(s, (t) => t.touch(C, A));
      eq(s.store.exists(C, A), true);
      eq(s.store.stat(C, A), { size: 0 });
      eq(read_text(s, A), "");
      eq(s.store.getattrs(C, A), new Map());
      eq(s.store.omap_list(C, A, "", "", 10), { keys: [], more: false });
      eq(s.store.omap_get_header(C, A), undefined);
      for (const c of [C, "nowhere"]) {
        eq(s.store.exists(c, B), false);
        eq(s.store.stat(c, B), undefined);
        eq(s.store.read(c, B, 0, 0), undefined);
        eq(s.store.getattr(c, B, "_"), undefined);
        eq(s.store.getattrs(c, B), undefined);
        eq(s.store.omap_get_values(c, B, ["k"]), undefined);
        eq(s.store.omap_list(c, B, "", "", 10), undefined);
      }
    },
  },
  {
    name: "write, overwrite, append and ranges of reads",
    async run(s) {
      with_coll(s, (t) => t.write(C, A, 0, bytes("hello world")));
      eq(read_text(s, A), "hello world");
      eq(read_text(s, A, 6), "world");
      eq(read_text(s, A, 6, 3), "wor");
      eq(read_text(s, A, 6, 300), "world");
      eq(read_text(s, A, 11, 5), "");
      eq(read_text(s, A, 400, 5), "");
      queue(s, (t) => {
        t.write(C, A, 6, bytes("there, you"));
        t.write(C, A, 3, bytes("p!"));
        t.write(C, A, 40, bytes(""));
      });
      eq(read_text(s, A), "help! there, you");
      eq(s.store.stat(C, A), { size: 16 });
    },
  },
  {
    name: "gaps, zeroed and cut ranges read as zeros",
    async run(s) {
      with_coll(s, (t) => {
        t.write(C, A, 5, bytes("x"));
        t.zero(C, A, 4, 4);
        t.write(C, B, 0, bytes("abcdef"));
        t.zero(C, B, 1, 2);
        t.truncate(C, B, 5);
        t.truncate(C, B, 8);
      });
      eq(read_text(s, A), "\0".repeat(8));
      eq(read_text(s, B), "a\0\0de\0\0\0");
      // Over many pieces, whatever their size inside the store.
      const big = 300_000;
      queue(s, (t) => {
        t.write(C, A, big, bytes("end"));
        t.truncate(C, B, 2 * big);
        t.write(C, B, big, bytes("mid"));
        t.zero(C, B, 10, big - 10);
      });
      eq(s.store.stat(C, A), { size: big + 3 });
      eq(read_text(s, A, big - 2), "\0\0end");
      eq(
        s.store.read(C, A, 0, big)?.every((x) => x === 0),
        true,
      );
      eq(read_text(s, B, 3, 4), "de\0\0");
      eq(read_text(s, B, big - 2, 7), "\0\0mid\0\0");
      eq(
        s.store.read(C, B, 5, big - 5)?.every((x) => x === 0),
        true,
      );
      eq(
        s.store.read(C, B, big + 3, 0)?.every((x) => x === 0),
        true,
      );
      queue(s, (t) => t.zero(C, B, 0, 3 * big));
      eq(s.store.stat(C, B), { size: 3 * big });
      eq(
        s.store.read(C, B, 0, 0)?.every((x) => x === 0),
        true,
      );
    },
  },
  {
    name: "what a read returned stays as it was",
    async run(s) {
      with_coll(s, (t) => {
        t.write(C, A, 0, bytes("before"));
        t.setattr(C, A, "_", bytes("before"));
        t.omap_setkeys(C, A, vals({ k: "before" }));
      });
      for (const wait of [false, true]) {
        if (wait) await s.settle();
        const got = s.store.read(C, A, 0, 0);
        const attr = s.store.getattr(C, A, "_");
        const attrs = s.store.getattrs(C, A);
        const value = s.store.omap_get_values(C, A, ["k"])?.get("k");
        const was = [got, attr, attrs?.get("_"), value].map((b) => b && text(b));
        queue(s, (t) => {
          t.write(C, A, 2, bytes("FTER!!"));
          t.setattr(C, A, "_", bytes("AFTER!"));
          t.omap_setkeys(C, A, vals({ k: "AFTER!" }));
        });
        await s.settle();
        eq(
          [got, attr, attrs?.get("_"), value].map((b) => b && text(b)),
          was,
        );
      }
    },
  },
  {
    name: "a payload in the middle of a larger buffer is taken as it is",
    async run(s) {
      const frame = bytes("....payload....");
      with_coll(s, (t) => {
        t.write(C, A, 0, frame.subarray(4, 11));
        t.setattr(C, A, "x", frame.subarray(4, 7));
        t.omap_setkeys(C, A, new Map([["k", frame.subarray(7, 11)]]));
      });
      await s.settle();
      eq(
        [read_text(s, A), attr_text(s, A, "x"), omap_text(s, A)],
        ["payload", "pay", { k: "load" }],
      );
    },
  },
];

export const attr_cases: ComplianceCase[] = [
  {
    name: "attributes: set, replace, remove, remove all",
    async run(s) {
      with_coll(s, (t) => {
        t.touch(C, A);
        t.setattr(C, A, "_", bytes("one"));
        t.setattrs(C, A, vals({ _: "two", _user: "u", __proto__x: "p" }));
        t.rmattr(C, A, "absent");
      });
      eq(attr_text(s, A, "_"), "two");
      eq([...(s.store.getattrs(C, A)?.keys() ?? [])].sort(), ["_", "__proto__x", "_user"]);
      queue(s, (t) => t.rmattr(C, A, "_user"));
      eq(s.store.getattr(C, A, "_user"), undefined);
      queue(s, (t) => t.rmattrs(C, A));
      eq(s.store.getattrs(C, A), new Map());
    },
  },
  {
    name: "omap: order, start_after, prefix, max, header",
    async run(s) {
      const keys = ["a", "b1", "b2", "b3", "c", "é", "日本"];
      with_coll(s, (t) => {
        t.touch(C, A);
        t.omap_setkeys(C, A, vals(Object.fromEntries([...keys].reverse().map((k) => [k, k]))));
        t.omap_setheader(C, A, bytes("head"));
      });
      const list = (after: string, prefix: string, max: number) =>
        s.store.omap_list(C, A, after, prefix, max);
      eq(list("", "", 100), { keys, more: false });
      eq(list("", "", 2), { keys: ["a", "b1"], more: true });
      eq(list("b1", "", 2), { keys: ["b2", "b3"], more: true });
      eq(list("", "b", 2), { keys: ["b1", "b2"], more: true });
      eq(list("b2", "b", 2), { keys: ["b3"], more: false });
      eq(list("b3", "b", 9), { keys: [], more: false });
      eq(list("zz", "b", 9), { keys: [], more: false });
      eq(list("", "", 0), { keys: [], more: true });
      eq(
        s.store.omap_get_values(C, A, ["c", "nope", "日本"]),
        new Map([...vals({ c: "c", 日本: "日本" })]),
      );
      eq(text(s.store.omap_get_header(C, A) ?? bytes("")), "head");
    },
  },
  {
    name: "omap: replace, remove keys, remove a range, clear",
    async run(s) {
      with_coll(s, (t) => {
        t.touch(C, A);
        t.omap_setkeys(C, A, vals({ a: "1", b: "2", c: "3", d: "4", e: "5" }));
        t.omap_setkeys(C, A, vals({ b: "two", f: "" }));
        t.omap_rmkeys(C, A, ["a", "absent"]);
        t.omap_rmkeyrange(C, A, "c", "e");
        t.omap_rmkeyrange(C, A, "e", "b");
        t.omap_setheader(C, A, bytes("h"));
      });
      eq(omap_text(s, A), { b: "two", e: "5", f: "" });
      queue(s, (t) => t.omap_clear(C, A));
      eq(omap_text(s, A), {});
      eq(s.store.omap_get_header(C, A), undefined);
      queue(s, (t) => t.omap_setkeys(C, A, vals({ z: "1" })));
      eq(omap_text(s, A), { z: "1" });
    },
  },
];
