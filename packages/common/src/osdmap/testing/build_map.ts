/** Small maps for tests: n OSDs, two a host unless said otherwise, all up and in. */
import { build_simple_crush_map } from "../../crush/CrushWrapper.ts";
import { INITIAL_FLAGS } from "../flags.ts";
import { new_incremental } from "../Incremental.ts";
import { OSDMap } from "../OSDMap.ts";
import { pg_pool_t as make_pool, type pg_pool_t } from "../pg_pool_t.ts";

export interface build_map_options {
  readonly osds: number;
  readonly hosts?: number;
  readonly failure_domain?: string;
  /** Pool ids count from 1. */
  readonly pools?: readonly Partial<pg_pool_t>[];
}

export const TEST_FSID = "cb4317e9-5170-40ad-bef5-f507eada77f1";

export function test_uuid(o: number): string {
  return `00000000-0000-4000-8000-${String(o).padStart(12, "0")}`;
}
export function test_addr(o: number, nonce = 1000 + o) {
  return { host: "127.0.0.1", port: 6800 + o, nonce };
}

/** Epoch 1 has CRUSH and pools, epoch 2 the OSDs. */
export function build_map(o: build_map_options): OSDMap {
  const hosts = o.hosts ?? Math.ceil(o.osds / 2);
  const first = new_incremental({ fsid: TEST_FSID, epoch: 0 });
  first.new_flags = INITIAL_FLAGS;
  first.new_max_osd = o.osds;
  first.crush = build_simple_crush_map(o.failure_domain).edit((b) => {
    for (let i = 0; i < o.osds; i++) {
      const loc = new Map([
        ["root", "default"],
        ["host", `h${i % hosts}`],
      ]);
      b.insert_item(i, 1, `osd.${i}`, loc);
    }
    b.add_simple_rule("erasure", "default", "osd", { mode: "indep" });
  });
  (o.pools ?? []).forEach((pool, i) => {
    first.new_pools.set(i + 1, make_pool(pool));
    first.new_pool_names.set(i + 1, `pool${i + 1}`);
  });
  first.new_pool_max = o.pools?.length ?? 0;
  const map = new OSDMap({ created: 1_700_000_000_000 }).apply_incremental(first);
  const second = new_incremental(map);
  for (let i = 0; i < o.osds; i++) {
    second.new_weight.set(i, 0x10000);
    second.new_uuid.set(i, test_uuid(i));
    second.new_up_client.set(i, test_addr(i));
  }
  return map.apply_incremental(second);
}
