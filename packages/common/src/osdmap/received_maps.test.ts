/** One object for one map, however it came, and another for another. */
import { expect, test } from "vitest";
import { encode_incremental } from "./encode.ts";
import { new_incremental } from "./Incremental.ts";
import { MapError } from "./MapError.ts";
import { OSDMap } from "./OSDMap.ts";
import { received_full_map, received_next_map } from "./received_maps.ts";
import { build_map } from "./testing/build_map.ts";

const copy = (b: Uint8Array) => Uint8Array.from(b);

test("equal maps are one, whichever way they came", () => {
  const first = build_map({ osds: 3, hosts: 3, pools: [{ size: 3 }] });
  const a = received_full_map(first.encode());
  expect(received_full_map(copy(first.encode()))).toBe(a);

  const inc = new_incremental(a);
  inc.new_weight.set(1, 0x8000);
  inc.full_crc = a.apply_incremental(inc).crc;
  const bytes = encode_incremental(inc);
  const { map, full_crc } = received_next_map(a, bytes);
  expect(map.crc).toBe(full_crc);
  expect(map.get_weight(1)).toBe(0x8000);
  expect(received_next_map(a, bytes).map).toBe(map);
  // Other bytes, and another object to start from.
  expect(received_next_map(OSDMap.decode(first.encode()), copy(bytes)).map).toBe(map);
  expect(received_full_map(copy(map.encode()))).toBe(map);
});

test("maps that differ are two, and what does not fit is refused each time", () => {
  const a = received_full_map(build_map({ osds: 3, hosts: 3, pools: [] }).encode());
  const b = received_full_map(build_map({ osds: 4, hosts: 4, pools: [] }).encode());
  expect(b).not.toBe(a);
  const inc = new_incremental(a);
  inc.epoch += 1;
  const bytes = encode_incremental(inc);
  for (let i = 0; i < 2; i++) expect(() => received_next_map(a, bytes)).toThrow(MapError);
  expect(() => received_full_map(bytes)).toThrow(MapError);
});
