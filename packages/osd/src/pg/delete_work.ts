/**
 * Removing a PG's data in bounded steps, and what an interval leaves behind in the temp collection.
 * Ceph counterpart: PG::do_delete_work, PGBackend::on_change (temp objects). peering.md §9.3.
 */

import type { RecoveryCtx } from "../peering/RecoveryCtx.ts";
import type { coll_t } from "../store/ObjectStore.ts";
import type { Transaction } from "../store/Transaction.ts";
import type { PG } from "./PG.ts";
import { pg_colls } from "./pg_colls.ts";

/** Objects half received: what was complete has its place already. */
export function remove_temp_objects(pg: PG, t: Transaction): void {
  empty_collection(pg, pg.temp_coll, t);
}
function empty_collection(pg: PG, coll: coll_t, t: Transaction): void {
  const { store } = pg.host;
  if (!store.collection_exists(coll)) return;
  const { objects } = store.collection_list(coll, "MIN", "MAX", Number.MAX_SAFE_INTEGER);
  for (const o of objects) t.try_remove(coll, o);
}

/**
 * The next batch; when it is durable DeleteSome asks for another. The last step removes metadata and
 * collections: before, a restart finds an incomplete copy (last_backfill is MIN on disk).
 */
export function do_delete_work(pg: PG, rctx: RecoveryCtx): void {
  const { store, config } = pg.host;
  const t = rctx.transaction;
  const max = config.get("osd_target_transaction_size");
  const { objects } = store.collection_list(pg.coll, "MIN", "MAX", max + 1);
  const batch = objects.filter((o) => o !== pg.pgmeta_oid).slice(0, max);
  if (batch.length > 0) {
    for (const o of batch) t.remove(pg.coll, o);
    const { generation } = pg;
    rctx.on_commit.push(() => {
      pg.run_if_current(generation, () => pg.queue_peering_event({ type: "DeleteSome" }));
    });
    return;
  }
  for (const c of pg_colls(pg.spgid, pg.peering.pool.info)) {
    if (c !== pg.coll) empty_collection(pg, c, t);
    else t.remove(c, pg.pgmeta_oid);
    if (store.collection_exists(c)) t.remove_collection(c);
  }
  pg.peering.deleted = true;
  pg.log.info({ epoch: pg.osdmap_epoch }, "pg_deleted");
  rctx.on_commit.push(() => pg.host.pg_deleted(pg));
}
