/** What a PG does differently for replicated and erasure-coded pools. */
import { InvariantError, is_erasure, type spg_t } from "@tako/common";
import type { LogEntryHandler } from "../pg/PGLog.ts";
import type { Transaction } from "../store/Transaction.ts";
import type { PGPool } from "./PeeringStateInit.ts";

/** Chunks that are enough to decode; null for replicated pools. */
export function data_chunks({ info, profile }: PGPool): number | null {
  if (!is_erasure(info)) return null;
  const k = Number(profile?.get("k") ?? Number.NaN);
  if (Number.isSafeInteger(k) && k > 0) return k;
  throw new InvariantError("the pool's erasure code profile has no k", {
    profile: info.erasure_code_profile,
  });
}

/** For replicated pools: divergent objects are removed; there is no rollback data. */
export function remove_handler(spgid: spg_t, t: Transaction): LogEntryHandler {
  const coll = `${spgid}_head`;
  return {
    rollback(entry) {
      throw new InvariantError("no entry of a replicated pool can be rolled back", {
        pg: spgid,
        version: entry.version,
      });
    },
    rollforward() {},
    trim() {},
    remove(hoid) {
      t.try_remove(coll, hoid);
    },
    try_stash() {
      throw new InvariantError("nothing is stashed on a replicated pool", { pg: spgid });
    },
  };
}
