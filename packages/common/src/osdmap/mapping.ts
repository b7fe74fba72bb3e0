/** skeleton */
import type { pg_t } from "../types/osd_types.ts";
import type { osdmap_fields } from "./OSDMap.ts";
export interface up_acting_t {
  /** Erasure PGs have CRUSH_ITEM_NONE in holes. */
  readonly up: readonly number[];
  /** -1 when there is none. */
  readonly up_primary: number;
  readonly acting: readonly number[];
  readonly acting_primary: number;
}
export class PgMapper {
  readonly f: osdmap_fields;
  constructor(f: osdmap_fields, _prev?: PgMapper) {
    this.f = f;
  }
  pg_exists(_pg: pg_t): boolean {
    throw new Error("not yet");
  }
  pg_to_up_acting_osds(_pg: pg_t): up_acting_t {
    throw new Error("not yet");
  }
  pg_to_raw_up(_pg: pg_t): { up: readonly number[]; up_primary: number } {
    throw new Error("not yet");
  }
  pg_to_raw_osds(_pg: pg_t): { raw: readonly number[]; primary: number } {
    throw new Error("not yet");
  }
}
