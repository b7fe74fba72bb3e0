/** A first map for transcripts: n OSDs, all up, and one pool (id 1) of one PG. */
import {
  build_simple_crush_map,
  INITIAL_FLAGS,
  new_incremental,
  OSDMap,
  type pg_pool_t,
} from "@tako/common";

export function test_addr(o: number, nonce: number) {
  return { host: "127.0.0.1", port: 6800 + o, nonce };
}

export function test_map(osds: number, pool: pg_pool_t): OSDMap {
  const inc = new_incremental({ fsid: "cb4317e9-5170-40ad-bef5-f507eada77f1", epoch: 0 });
  inc.new_flags = INITIAL_FLAGS;
  inc.new_max_osd = osds;
  inc.new_pool_max = 1;
  inc.new_pools.set(1, pool);
  inc.new_pool_names.set(1, "test");
  inc.crush = build_simple_crush_map("osd").edit((b) => {
    for (let o = 0; o < osds; o++) {
      b.insert_item(
        o,
        1,
        `osd.${o}`,
        new Map([
          ["root", "default"],
          ["host", `h${o}`],
        ]),
      );
    }
  });
  for (let o = 0; o < osds; o++) {
    inc.new_weight.set(o, 0x10000);
    inc.new_uuid.set(o, `00000000-0000-4000-8000-${String(o).padStart(12, "0")}`);
    inc.new_up_client.set(o, test_addr(o, 1000 + o));
  }
  return new OSDMap().apply_incremental(inc);
}
