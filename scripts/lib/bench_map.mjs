// @ts-check
/** The map that the benchmarks of placement and of maps use. */
import * as tako from "../../packages/common/dist/index.js";

/**
 * Racks of ten hosts of ten OSDs each, all up and in; one pool of 32,768 PGs, three copies. OSD 0 is
 * also alone under the root `mine`, for a pool that rule 1 places.
 * @param {number} osds
 */
export function makeMap(osds) {
  const each = (/** @type {(osd: number) => any} */ fn) =>
    Array.from({ length: osds }, (_, o) => fn(o));
  const device = (/** @type {number} */ o) => `device ${o} osd.${o}`;
  const lines = [
    "tunable choose_local_tries 0",
    "tunable choose_local_fallback_tries 0",
    "tunable choose_total_tries 50",
    "tunable chooseleaf_descend_once 1",
    "tunable chooseleaf_vary_r 1",
    "tunable chooseleaf_stable 1",
    "tunable straw_calc_version 1",
    "tunable allowed_bucket_algs 54",
    ...each(device),
    "type 0 osd\ntype 1 host\ntype 3 rack\ntype 11 root",
  ];
  const bucket = (
    /** @type {string} */ type,
    /** @type {string} */ name,
    /** @type {string[]} */ items,
  ) => lines.push(`${type} ${name} { alg straw2 ${items.map((i) => `item ${i}`).join(" ")} }`);
  const ten = (/** @type {number} */ i, /** @type {string} */ name) =>
    Array.from({ length: 10 }, (_, n) => `${name}${i * 10 + n}`);
  for (let h = 0; h < osds / 10; h++) bucket("host", `h${h}`, ten(h, "osd."));
  for (let r = 0; r < osds / 100; r++) bucket("rack", `r${r}`, ten(r, "h"));
  bucket(
    "root",
    "default",
    Array.from({ length: osds / 100 }, (_, r) => `r${r}`),
  );
  bucket("root", "mine", ["osd.0"]);
  lines.push(
    "rule replicated_rule { id 0 type replicated min_size 1 max_size 10",
    "step take default step chooseleaf firstn 0 type host step emit }",
    "rule mine { id 1 type replicated min_size 1 max_size 10",
    "step take mine step choose firstn 0 type osd step emit }",
  );
  const addr = (/** @type {number} */ o) => ({
    host: "10.0.0.1",
    port: 6800 + (o % 1000),
    nonce: o,
  });
  return new tako.OSDMap({
    epoch: 1,
    crush: tako.compile_crush(lines.join("\n")),
    flags: tako.INITIAL_FLAGS,
    max_osd: osds,
    osd_state: each(() => 3),
    osd_weight: each(() => 0x10000),
    osd_info: each(() => tako.osd_info_t()),
    osd_xinfo: each(() => tako.osd_xinfo_t()),
    osd_uuid: each((o) => `00000000-0000-4000-8000-${String(o).padStart(12, "0")}`),
    osd_addrs: each((o) => ({
      client: addr(o),
      cluster: addr(o),
      hb_back: addr(o),
      hb_front: addr(o),
    })),
    pool_max: 1,
    pools: new Map([[1, tako.pg_pool_t({ pg_num: 32_768 })]]),
    pool_name: new Map([[1, "bench"]]),
  });
}
