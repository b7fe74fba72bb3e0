/** Compliance cases: refusal, order, durability, space. */
import { Transaction } from "../Transaction.ts";
import { bytes, dump, eq, refused } from "./check.ts";
import {
  A,
  B,
  C,
  C2,
  COMPLIANCE_FSID,
  type ComplianceCase,
  committed,
  obj,
  omap_text,
  queue,
  read_text,
  type Subject,
  txn,
  vals,
  with_coll,
} from "./subject.ts";

/** Each must be refused after a good operation, of which nothing may remain. */
export const impossible: Record<string, (t: Transaction) => void> = {
  "touch in no collection": (t) => t.touch("nowhere", A),
  "write in no collection": (t) => t.write("nowhere", A, 0, bytes("x")),
  "remove of no object": (t) => t.remove(C, B),
  "remove twice": (t) => {
    t.remove(C, A);
    t.remove(C, A);
  },
  "try_remove in no collection": (t) => t.try_remove("nowhere", A),
  "setattr on no object": (t) => t.setattr(C, B, "_", bytes("x")),
  "setattrs on no object": (t) => t.setattrs(C, B, vals({ a: "b" })),
  "rmattr on no object": (t) => t.rmattr(C, B, "_"),
  "rmattrs on no object": (t) => t.rmattrs(C, B),
  "omap_setkeys on no object": (t) => t.omap_setkeys(C, B, vals({ a: "b" })),
  "omap_rmkeys on no object": (t) => t.omap_rmkeys(C, B, ["a"]),
  "omap_rmkeyrange on no object": (t) => t.omap_rmkeyrange(C, B, "a", "b"),
  "omap_clear on no object": (t) => t.omap_clear(C, B),
  "omap_setheader on no object": (t) => t.omap_setheader(C, B, bytes("h")),
  "clone of no object": (t) => t.clone(C, B, A),
  "move of no object": (t) => t.collection_move_rename(C, B, C, B),
  "move onto an object": (t) => {
    t.touch(C, B);
    t.collection_move_rename(C, A, C, B);
  },
  "move into no collection": (t) => t.collection_move_rename(C, A, "nowhere", A),
  "create_collection twice": (t) => t.create_collection(C),
  "create_collection with a bad name": (t) => t.create_collection("a/b"),
  "remove_collection of none": (t) => t.remove_collection("nowhere"),
  "remove_collection that is not empty": (t) => t.remove_collection(C),
  "split of no collection": (t) => t.split_collection("nowhere", 1, 0, C),
  "split into no collection": (t) => t.split_collection(C, 0, 0, "nowhere"),
  "touch MAX": (t) => t.touch(C, "MAX"),
  "half a character as omap key": (t) => t.omap_setkeys(C, A, vals({ "\ud800": "x" })),
};

/** statfs without the file system's free space, which others change. */
function own_space(s: Subject) {
  const { used, data, omap, meta } = s.store.statfs();
  return { used, data, omap, meta };
}

export const refusal_case: ComplianceCase = {
  name: "an impossible operation leaves no trace of its transaction",
  async run(s) {
    with_coll(s, (t) => {
      t.write(C, A, 0, bytes("x".repeat(100_000)));
      t.setattr(C, A, "_", bytes("v"));
      t.omap_setkeys(C, A, vals({ a: "1", b: "2", c: "3" }));
      t.omap_setheader(C, A, bytes("h"));
      t.touch(C2, B);
    });
    for (const settled of [false, true]) {
      if (settled) await s.settle();
      const before = dump(s.store);
      const used = own_space(s);
      for (const [name, fn] of Object.entries(impossible)) {
        refused(
          s.store,
          txn((t) => {
            t.create_collection("1.2_head");
            t.write(C, A, 3, bytes("yyy"));
            t.truncate(C, A, 70_000);
            t.zero(C, A, 1, 66_000);
            t.setattrs(C, A, vals({ _: "w", new: "n" }));
            t.omap_setkeys(C, A, vals({ a: "changed", d: "4" }));
            t.omap_rmkeyrange(C, A, "b", "c");
            t.clone(C, A, obj("clone"));
            t.collection_move_rename(C2, B, C, obj("moved"));
            t.omap_clear(C, obj("moved"));
            t.omap_setkeys(C, obj("moved"), vals({ d: "4" }));
            t.remove(C, obj("clone"));
            fn(t);
          }),
        );
        eq(dump(s.store), before, name);
        eq(own_space(s), used, `${name}: statfs`);
      }
    }
    await s.settle();
    const before = dump(s.store);
    await s.restart();
    eq(dump(s.store), before);
  },
};

export const durability_cases: ComplianceCase[] = [
  {
    name: "on_commit: in order, never inside the call, barriers too",
    async run(s) {
      const seen: string[] = [];
      const put = (name: string, fn: (t: Transaction) => void) => {
        let inside = true;
        s.store.queue_transaction(txn(fn), () => {
          if (inside) throw new Error(`on_commit of ${name} inside the call`);
          seen.push(name);
          if (name === "2") {
            put("from 2", (t) => t.touch(C, obj("from2")));
            put("from 2, empty", () => {});
          }
        });
        inside = false;
      };
      put("0, empty", () => {});
      put("1", (t) => t.create_collection(C));
      put("2", (t) => t.touch(C, A));
      put("3, empty", () => {});
      put("4", (t) => t.write(C, A, 0, bytes("x".repeat(9 << 20))));
      put("5, empty", () => {});
      put("6", (t) => t.touch(C, B));
      eq(seen, []);
      await s.settle();
      const first = seen.filter((name) => !name.startsWith("from"));
      eq(first, ["0, empty", "1", "2", "3, empty", "4", "5, empty", "6"]);
      eq(
        seen.filter((name) => name.startsWith("from")),
        ["from 2", "from 2, empty"],
      );
    },
  },
  {
    name: "reads see what is queued, what is being written, and what was written",
    async run(s) {
      with_coll(s, (t) => {
        t.write(C, A, 0, bytes("1"));
        t.omap_setkeys(C, A, vals({ k: "1", gone: "1" }));
      });
      const both = () => [read_text(s, A), omap_text(s, A)];
      eq(both(), ["1", { gone: "1", k: "1" }]);
      await s.begin();
      eq(both(), ["1", { gone: "1", k: "1" }]);
      queue(s, (t) => {
        t.write(C, A, 1, bytes("2"));
        t.omap_setkeys(C, A, vals({ k: "2" }));
        t.omap_rmkeys(C, A, ["gone"]);
      });
      eq(both(), ["12", { k: "2" }]);
      await s.settle();
      eq(both(), ["12", { k: "2" }]);
    },
  },
  {
    name: "what was committed is there after a restart; the rest is a prefix of what was queued",
    async run(s) {
      await committed(s, (t) => {
        t.create_collection(C);
        t.write(C, A, 0, bytes("0"));
      });
      let acked = 0;
      for (let i = 1; i <= 50; i++) {
        const t = new Transaction();
        t.write(C, A, 0, bytes(String(i)));
        t.omap_setkeys(C, A, vals({ n: String(i) }));
        s.store.queue_transaction(t, () => {
          acked = i;
        });
        if (i === 20) await s.settle();
      }
      eq(acked >= 20, true, "acknowledged");
      await s.restart();
      const n = Number(read_text(s, A));
      eq(n >= acked && n <= 50, true, `have ${n}, acknowledged ${acked}:`);
      eq(omap_text(s, A), { n: String(n) });
      // Nothing of the old life comes back.
      await committed(s, (t) => t.write(C, A, 0, bytes("51")));
      await s.restart();
      eq(read_text(s, A), "51");
    },
  },
  {
    name: "statfs follows what is stored and survives a restart",
    async run(s) {
      const empty = s.store.statfs();
      with_coll(s, (t) => {
        t.write(C, A, 0, bytes("x".repeat(100_000)));
        t.omap_setkeys(C, A, vals({ key: "x".repeat(5000), gone: "x" }));
      });
      await committed(s, (t) => t.omap_rmkeys(C, A, ["gone"]));
      const full = s.store.statfs();
      eq([full.data - empty.data, full.omap - empty.omap], [100_000, 5003]);
      eq(full.used, full.data + full.omap + full.meta);
      eq(full.total >= full.used + full.available, true, "total");
      await s.restart();
      const { data, omap, meta } = s.store.statfs();
      eq({ data, omap, meta }, { data: full.data, omap: full.omap, meta: full.meta });
      await committed(s, (t) => {
        t.omap_setkeys(C, A, vals({ key: "1" }));
        t.truncate(C, A, 10);
      });
      eq([s.store.statfs().data, s.store.statfs().omap], [10, 4]);
      await committed(s, (t) => t.remove(C, A));
      eq([s.store.statfs().data, s.store.statfs().omap], [0, 0]);
    },
  },
  {
    name: "fsid is the one of mkfs; a second mkfs is refused",
    async run(s) {
      eq(s.store.fsid, COMPLIANCE_FSID);
      await s.store.umount();
      const again = await s.store.mkfs("another").then(
        () => "accepted",
        (err: Error) => err.name,
      );
      eq(again, "StoreError");
      await s.store.mount();
      eq(s.store.fsid, COMPLIANCE_FSID);
    },
  },
];
