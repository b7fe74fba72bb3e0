/**
 * What a PG of an erasure-coded pool needs besides its peering: the code, the reads under way, the
 * recoveries under way. The work is in the files beside this one.
 * Ceph counterpart: ECBackend (src/osd/ECBackend.h). peering.md §10.
 */
import {
  create_erasure_code,
  type ErasureCode,
  type hobject_t,
  InvariantError,
  is_erasure,
  stripe_info_t,
  type TimerHandle,
} from "@tako/common";
import type { PGPool } from "../../peering/PeeringStateInit.ts";
import { ECReads } from "./ECReads.ts";
import type { ECRecovery } from "./ec_recovery.ts";

export class ECBackend {
  readonly code: ErasureCode;
  readonly sinfo: stripe_info_t;
  readonly reads = new ECReads();
  readonly recoveries = new Map<hobject_t, ECRecovery>();
  /** Runs out when no write has carried on what is known to be on all shards. */
  kick: TimerHandle | undefined;

  constructor(code: ErasureCode, stripe_width: number) {
    this.code = code;
    this.sinfo = new stripe_info_t(code.get_data_chunk_count(), stripe_width);
  }
  /** null for replicated pools. */
  static of_pool({ info, profile }: PGPool): ECBackend | null {
    if (!is_erasure(info)) return null;
    if (!profile) {
      throw new InvariantError("the pool's erasure code profile is gone", {
        profile: info.erasure_code_profile,
      });
    }
    return new ECBackend(create_erasure_code(profile), info.stripe_width);
  }
  get k(): number {
    return this.code.get_data_chunk_count();
  }
  /** Chunk ids of the data. */
  data_ids(): number[] {
    return Array.from({ length: this.k }, (_, i) => i);
  }
  clear(): void {
    this.recoveries.clear();
    this.kick?.cancel();
    this.kick = undefined;
  }
}
