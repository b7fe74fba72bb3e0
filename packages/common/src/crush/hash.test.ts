import { describe, expect, it } from "vitest";
import {
  ceph_str_hash_linux,
  ceph_str_hash_rjenkins,
  crush_hash32_1,
  crush_hash32_2,
  crush_hash32_3,
  crush_hash32_4,
  crush_hash32_5,
  utf8,
} from "./hash.ts";

describe("rjenkins1", () => {
  it("gives the known values of cluster.md §2.1", () => {
    expect([
      crush_hash32_1(0),
      crush_hash32_1(1),
      crush_hash32_2(0, 0),
      crush_hash32_2(1, 2),
      crush_hash32_3(1, 2, 3),
      crush_hash32_3(0, -2, 0),
      crush_hash32_4(1, 2, 3, 4),
      crush_hash32_5(1, 2, 3, 4, 5),
    ]).toEqual([
      398764043, 3574081617, 430787817, 3079532188, 1935332395, 550700106, 1768759062, 1262657953,
    ]);
  });
});

describe("object names", () => {
  it("hash as osdmaptool shows them, in every length around the 12-byte block", () => {
    const rj = (s: string) => ceph_str_hash_rjenkins(utf8(s));
    expect(rj("")).toBe(0xbd49d10d);
    expect(rj("foo")).toBe(0x7fc1f406);
    expect(rj("bar")).toBe(0xefe6384b);
    expect(rj("rbd_data.1")).toBe(0x8bc8228e);
    expect(rj("a")).toBe(0x29eec818);
    expect(rj("obj7")).toBe(0x5c889059);
    expect(rj("ns\x1ffoo")).toBe(0xac17f0b6);
  });

  it("hash with the linux function where a pool asks for it", () => {
    expect(ceph_str_hash_linux(utf8("a"))).toBe(0x42f2);
    expect(ceph_str_hash_linux(utf8("A"))).toBe(0x2cdc);
  });
});
