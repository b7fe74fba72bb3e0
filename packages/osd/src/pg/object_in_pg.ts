/** Does an object belong to this PG? Ceph counterpart: the checks of PrimaryLogPG::do_op. */
import { type hobject_t, parse_hobject, pg_pool, pg_t, raw_pg_to_pg } from "@tako/common";
import type { PG } from "./PG.ts";

export function object_in_pg(pg: PG, soid: hobject_t): boolean {
  const o = parse_hobject(soid);
  if (!o || o.pool !== pg_pool(pg.pgid)) return false;
  return raw_pg_to_pg(pg.peering.pool.info, pg_t(o.pool, o.hash)) === pg.pgid;
}
