/** Compliance cases: objects as a whole, collections, listing. */
import { hobject_cmp, type hobject_t, make_hobject } from "@tako/common";
import { COLL_META } from "../ObjectStore.ts";
import { bytes, dump, eq } from "./check.ts";
import {
  A,
  B,
  C,
  C2,
  type ComplianceCase,
  committed,
  obj,
  omap_text,
  queue,
  read_text,
  vals,
  with_coll,
} from "./subject.ts";

export const object_cases: ComplianceCase[] = [
  {
    name: "remove takes data, attributes and omap; a new object of that name is empty",
    async run(s) {
      with_coll(s, (t) => {
        t.write(C, A, 0, bytes("x".repeat(100_000)));
        t.setattr(C, A, "_", bytes("v"));
        t.omap_setkeys(C, A, vals({ k: "v" }));
        t.omap_setheader(C, A, bytes("h"));
      });
      queue(s, (t) => {
        t.remove(C, A);
        t.try_remove(C, A);
        t.try_remove(C, B);
      });
      eq(s.store.exists(C, A), false);
      await committed(s, (t) => t.truncate(C, A, 100_000));
      for (const again of [false, true]) {
        if (again) await s.restart();
        eq(s.store.getattrs(C, A), new Map());
        eq(omap_text(s, A), {});
        eq(s.store.omap_get_header(C, A), undefined);
        eq(s.store.stat(C, A), { size: 100_000 });
        eq(
          s.store.read(C, A, 0, 0)?.every((x) => x === 0),
          true,
        );
      }
    },
  },
  {
    name: "clone copies everything, replaces its target and shares nothing",
    async run(s) {
      with_coll(s, (t) => {
        t.write(C, A, 0, bytes("data of a"));
        t.write(C, A, 200_000, bytes("far"));
        t.setattr(C, A, "_", bytes("attr"));
        t.omap_setkeys(C, A, vals({ k: "v" }));
        t.omap_setheader(C, A, bytes("h"));
        t.write(C, B, 0, bytes("x".repeat(300_000)));
        t.omap_setkeys(C, B, vals({ old: "v" }));
      });
      queue(s, (t) => t.clone(C, A, B));
      const a = dump(s.store)[C]?.[A];
      eq(dump(s.store)[C]?.[B], a);
      await committed(s, (t) => {
        t.write(C, A, 0, bytes("changed"));
        t.omap_setkeys(C, A, vals({ k: "changed" }));
        t.clone(C, B, B);
      });
      eq(dump(s.store)[C]?.[B], a);
      await committed(s, (t) => t.remove(C, A));
      await s.restart();
      eq(dump(s.store)[C], { [B]: a });
    },
  },
  {
    name: "collection_move_rename keeps the content; both names work within one transaction",
    async run(s) {
      with_coll(s, (t) => {
        t.write(C, A, 0, bytes("data"));
        t.setattr(C, A, "_", bytes("attr"));
        t.omap_setkeys(C, A, vals({ k: "v" }));
      });
      await s.settle();
      const before = dump(s.store)[C]?.[A];
      await committed(s, (t) => {
        t.collection_move_rename(C, A, C2, B);
        t.write(C, A, 0, bytes("another"));
      });
      for (const again of [false, true]) {
        if (again) await s.restart();
        eq(dump(s.store)[C2], { [B]: before });
        eq(read_text(s, A), "another");
      }
      await committed(s, (t) => {
        t.remove(C, A);
        t.collection_move_rename(C2, B, C, A);
        t.omap_setkeys(C, A, vals({ k2: "v2" }));
      });
      await s.restart();
      eq(dump(s.store)[C2], {});
      eq(omap_text(s, A), { k: "v", k2: "v2" });
      eq(read_text(s, A), "data");
    },
  },
  {
    name: "split_collection moves by the low bits of the hash",
    async run(s) {
      const all = Array.from({ length: 64 }, (_, i) => obj(`o${i}`, (i * 0x9e3779b1) >>> 0));
      const low = (o: hobject_t) => all.indexOf(o) * 0x9e3779b1;
      with_coll(s, (t) => {
        for (const o of all) {
          t.write(C, o, 0, bytes(o));
          t.omap_setkeys(C, o, vals({ k: o }));
        }
      });
      await committed(s, (t) => {
        t.split_collection(C, 2, 1, C2);
        t.split_collection(C, 0, 0, C2);
        for (const o of all) if ((low(o) & 3) === 1) t.collection_move_rename(C2, o, C, o);
      });
      for (const again of [false, true]) {
        if (again) await s.restart();
        const stays = Object.keys(dump(s.store)[C] ?? {});
        eq([...stays].sort(), all.filter((o) => (low(o) & 3) === 1).sort());
        for (const o of all) eq(read_text(s, o, 0, 0, stays.includes(o) ? C : C2), o);
        for (const o of all) eq(omap_text(s, o, stays.includes(o) ? C : C2), { k: o });
      }
    },
  },
  {
    name: "listing: hobject order, bounds, pages",
    async run(s) {
      const names = ["b", "a", "", "x y", "p/q", "%", "ü", "日本", ":"];
      const objects = names.flatMap((n, i) => [
        obj(n, i),
        make_hobject({ pool: 1, hash: 0x80000000 + i, oid: n, nspace: "ns", snap: "4" }),
        make_hobject({ pool: -3, hash: 7, oid: n, key: "k" }),
      ]);
      with_coll(s, (t) => {
        for (const o of objects) t.touch(C, o);
      });
      const sorted = [...objects].sort(hobject_cmp);
      const [first, second, third, fourth] = sorted;
      if (!first || !second || !third || !fourth) throw new Error("too few objects");
      for (const again of [false, true]) {
        if (again) await s.settle().then(() => s.restart());
        eq(s.store.collection_list(C, "MIN", "MAX", 1000), { objects: sorted, next: "MAX" });
        eq(s.store.collection_list(C, "MIN", "MAX", 2), { objects: [first, second], next: third });
        eq(s.store.collection_list(C, second, "MAX", 1), { objects: [second], next: third });
        eq(s.store.collection_list(C, first, third, 9), { objects: [first, second], next: "MAX" });
        eq(s.store.collection_list(C, "MIN", first, 9), { objects: [], next: "MAX" });
        eq(s.store.collection_list(C, "MAX", "MAX", 9), { objects: [], next: "MAX" });
        eq(s.store.collection_list(C, "MIN", "MAX", 0), { objects: [], next: first });
      }
      queue(s, (t) => t.remove(C, second));
      eq(s.store.collection_list(C, second, "MAX", 1), { objects: [third], next: fourth });
    },
  },
  {
    name: "collections: create, list, remove, create again",
    async run(s) {
      eq(s.store.list_collections(), []);
      with_coll(s, (t) => t.create_collection(COLL_META));
      eq(s.store.list_collections(), [C, C2, COLL_META]);
      await committed(s, (t) => {
        t.remove_collection(C);
        t.touch(C2, A);
        t.remove(C2, A);
        t.remove_collection(C2);
        t.create_collection(C);
      });
      await s.restart();
      eq(s.store.list_collections(), [C, COLL_META]);
      eq([s.store.collection_exists(C), s.store.collection_exists(C2)], [true, false]);
    },
  },
];
