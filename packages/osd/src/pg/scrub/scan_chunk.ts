/** A shard's scan of [start, end): the same on the primary and on the members. peering.md §11. */
import { hobject_cmp, type hobject_t } from "@tako/common";
import type { PG } from "../PG.ts";
import { ScrubScan } from "./ScrubScan.ts";

export function in_chunk(start: hobject_t, end: hobject_t): (o: hobject_t) => boolean {
  return (o) => hobject_cmp(o, start) >= 0 && hobject_cmp(o, end) < 0;
}

export function new_scan(pg: PG, start: hobject_t, end: hobject_t, deep: boolean): ScrubScan {
  const { config, store } = pg.host;
  const { objects } = store.collection_list(pg.coll, start, end, Number.MAX_SAFE_INTEGER);
  return new ScrubScan({
    store,
    coll: pg.coll,
    objects: objects.filter((o) => o !== pg.pgmeta_oid),
    deep,
    digests: pg.ec === null,
    stride: config.get("osd_deep_scrub_stride"),
    keys: config.get("osd_deep_scrub_keys"),
  });
}
