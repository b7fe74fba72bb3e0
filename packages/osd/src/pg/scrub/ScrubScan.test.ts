import { crc32c, hobject_cmp, make_hobject } from "@tako/common";
import { describe, expect, it } from "vitest";
import { MemStore } from "../../store/MemStore.ts";
import { Transaction } from "../../store/Transaction.ts";
import { VirtualClock } from "../../testing/VirtualClock.ts";
import { ScrubScan } from "./ScrubScan.ts";

const C = "1.0_head";
const obj = (oid: string, hash: number) => make_hobject({ pool: 1, hash, oid });
const [A, B, M] = [obj("a", 1), obj("b", 2), obj("m", 3)];
const bytes = (s: string) => new TextEncoder().encode(s);

function filled(): MemStore {
  const store = new MemStore({ clock: new VirtualClock(), stripe_size: 16 });
  store.mkfs_now("f");
  store.mount_now();
  const t = new Transaction();
  t.create_collection(C);
  t.write(C, A, 0, bytes("0123456789".repeat(10)));
  t.setattr(C, A, "_x", bytes("1"));
  t.touch(C, B);
  t.touch(C, M);
  t.omap_setheader(C, M, bytes("head"));
  t.omap_setkeys(C, M, new Map([5, 1, 3].map((n) => [`key${n}`, bytes(`value${n}`)])));
  store.queue_transaction(t);
  return store;
}
function scan(store: MemStore, o: { deep: boolean; digests?: boolean; stride?: number }) {
  const objects = [A, B, M].sort(hobject_cmp);
  const s = new ScrubScan({ store, coll: C, objects, digests: true, stride: 7, keys: 2, ...o });
  let steps = 1;
  while (!s.step()) steps++;
  return { map: s.map, steps };
}

describe("ScrubScan", () => {
  it("takes one step without reading, and many small ones with it", () => {
    const store = filled();
    const shallow = scan(store, { deep: false });
    expect(shallow.steps).toBe(1);
    expect(shallow.map.get(A)).toEqual({
      size: 100,
      attrs: new Map([["_x", bytes("1")]]),
      read_error: false,
      stat_error: false,
    });
    expect(scan(store, { deep: true }).steps).toBeGreaterThan(100 / 7);
  });

  it("digests are Ceph's, whatever the stride", () => {
    const store = filled();
    const raw = (...parts: Uint8Array[]) => ~parts.reduce((c, p) => crc32c(p, c), 0) >>> 0;
    const sized = (s: string) => [Uint8Array.of(s.length, 0, 0, 0), bytes(s)];
    for (const stride of [1, 7, 100, 1000]) {
      const { map } = scan(store, { deep: true, stride });
      expect(map.get(A)?.digest).toBe(raw(bytes("0123456789".repeat(10))));
      expect(map.get(B)).toMatchObject({ digest: 0xffffffff, omap_digest: 0xffffffff });
      expect(map.get(M)).toMatchObject({
        omap_digest: raw(
          ...sized("head"),
          ...[1, 3, 5].flatMap((n) => [...sized(`key${n}`), ...sized(`value${n}`)]),
        ),
        omap_keys: 3,
        omap_bytes: 30,
      });
    }
  });

  it("notes what cannot be read and goes on; shards of a code have no digest to compare", () => {
    const store = filled();
    store.umount_now();
    store.mount_now();
    expect(store.flip_bit(C, A, 500)).toBe(true);
    expect(store.flip_bit(C, M, 5)).toBe(true);
    const { map } = scan(store, { deep: true });
    expect([...map].filter(([, o]) => o.read_error).map(([o]) => o)).toEqual(
      [A, M].sort(hobject_cmp),
    );
    expect(map.get(A)?.digest).toBeUndefined();
    expect(scan(store, { deep: true, digests: false }).map.get(B)).not.toHaveProperty("digest");
  });
});
