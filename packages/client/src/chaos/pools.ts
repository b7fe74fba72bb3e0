/** The pools of a run: which it has, with which erasure codes; and making them. */
import { invariant } from "@tako/common";
import type { Rados } from "../Rados.ts";
import { SimRng } from "./SimRng.ts";

interface Code {
  readonly k: number;
  readonly m: number;
  /** So small that most writes change several stripes, or a part of one. */
  readonly stripe_unit: number;
}
/** By the name of their profile. */
const CODES = {
  small: { k: 2, m: 1, stripe_unit: 64 },
  even: { k: 2, m: 2, stripe_unit: 64 },
  wide: { k: 3, m: 2, stripe_unit: 32 },
  wider: { k: 4, m: 2, stripe_unit: 32 },
} as const satisfies Record<string, Code>;
export type CodeName = keyof typeof CODES;
export const ALL_CODES: readonly CodeName[] = ["small", "even", "wide", "wider"];

export interface ReplicatedSpec {
  readonly name: string;
  readonly size: number;
  readonly min_size: number;
  /** Of runs, that have it; default: all. */
  readonly of_runs?: number;
}
export interface ErasureSpec {
  readonly name: string;
  /** A run has one of these, of those that its OSDs have room for. */
  readonly codes: readonly CodeName[];
  /** Shards beside k without which clients are not served: one of these; default: Ceph's. */
  readonly beside_k?: readonly number[];
}
export type PoolSpec = ReplicatedSpec | ErasureSpec;

/** A pool as a run has it. */
export type Pool =
  | { readonly name: string; readonly size: number; readonly min_size: number }
  | { readonly name: string; readonly code: CodeName; readonly min_size: number | undefined };

export function is_erasure_pool(p: Pool): boolean {
  return "code" in p;
}

/** A pool's code depends on the seed and its place in the profile, not on the other pools. */
export function draw_pools(specs: readonly PoolSpec[], seed: number, osds: number): Pool[] {
  return specs.flatMap((p, i): Pool[] => {
    const rng = new SimRng(seed, 50 + i);
    if (!("codes" in p)) return rng.chance(p.of_runs ?? 1) ? [p] : [];
    const fit = p.codes.filter((c) => CODES[c].k + CODES[c].m <= osds);
    invariant(fit.length > 0, "too few OSDs for any code of a pool", { pool: p.name, osds });
    const code = rng.pick(fit);
    const { k, m } = CODES[code];
    const min_size = p.beside_k && Math.min(k + m, k + rng.pick(p.beside_k));
    return [{ name: p.name, code, min_size }];
  });
}

/** `done`: waits for an answer, and says what was asked when there is none. */
export async function make_pools(
  admin: Rados,
  pools: readonly Pool[],
  pg_num: number,
  done: (answer: Promise<unknown>, what: string) => Promise<unknown>,
): Promise<void> {
  const tell = (cmd: { readonly prefix: string } & Record<string, unknown>) =>
    done(admin.mon_command(cmd), cmd.prefix);
  const codes = pools.flatMap((p) => ("code" in p ? [p.code] : []));
  // Faults make pools of the small one.
  if (codes.length > 0) codes.unshift("small");
  for (const name of new Set<CodeName>(codes)) {
    const { k, m, stripe_unit } = CODES[name];
    const profile = [`k=${k}`, `m=${m}`, `stripe_unit=${stripe_unit}`, "crush-failure-domain=osd"];
    await tell({ prefix: "osd erasure-code-profile set", name, profile, force: true });
  }
  for (const p of pools) {
    const { name: pool, min_size } = p;
    if (!("code" in p)) {
      const { size } = p;
      await done(admin.pool_create(pool, { pg_num, size, min_size: p.min_size }), pool);
      continue;
    }
    const kind = { pool_type: "erasure", erasure_code_profile: p.code };
    await tell({ prefix: "osd pool create", pool, pg_num, ...kind });
    await tell({ prefix: "osd pool set", pool, var: "allow_ec_overwrites", val: "true" });
    if (min_size === undefined) continue;
    await tell({ prefix: "osd pool set", pool, var: "min_size", val: `${min_size}` });
  }
}
