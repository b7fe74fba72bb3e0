/** Tunable profiles. Ceph counterpart: CrushWrapper::set_tunables_*. cluster.md §2.3. */
import type { crush_tunables } from "./types.ts";

/** uniform, list, straw */
const LEGACY_ALGS = 22;
/** ... and straw2 */
const HAMMER_ALGS = 54;

const legacy: Omit<crush_tunables, "straw_calc_version"> = {
  choose_local_tries: 2,
  choose_local_fallback_tries: 5,
  choose_total_tries: 19,
  chooseleaf_descend_once: 0,
  chooseleaf_vary_r: 0,
  chooseleaf_stable: 0,
  allowed_bucket_algs: LEGACY_ALGS,
};
const bobtail = {
  ...legacy,
  choose_local_tries: 0,
  choose_local_fallback_tries: 0,
  choose_total_tries: 50,
  chooseleaf_descend_once: 1,
};
const firefly = { ...bobtail, chooseleaf_vary_r: 1 };
const hammer = { ...firefly, allowed_bucket_algs: HAMMER_ALGS };
const jewel = { ...hammer, chooseleaf_stable: 1 };
const optimal = { ...jewel, straw_calc_version: 1 };

/** Of maps from before there were tunables. */
export const LEGACY_TUNABLES: crush_tunables = { ...legacy, straw_calc_version: 0 };

/** What choosing a profile sets. Those without straw_calc_version leave it as it was. */
export const TUNABLE_PROFILES: Readonly<Record<string, Partial<crush_tunables>>> = {
  argonaut: LEGACY_TUNABLES,
  legacy: LEGACY_TUNABLES,
  bobtail,
  firefly,
  hammer,
  jewel,
  optimal,
  default: optimal,
};

export const DEFAULT_TUNABLES: crush_tunables = optimal;

function matches(t: crush_tunables, p: Partial<crush_tunables>): boolean {
  return (
    t.choose_local_tries === p.choose_local_tries &&
    t.choose_local_fallback_tries === p.choose_local_fallback_tries &&
    t.choose_total_tries === p.choose_total_tries &&
    t.chooseleaf_descend_once === p.chooseleaf_descend_once &&
    t.chooseleaf_vary_r === p.chooseleaf_vary_r &&
    t.chooseleaf_stable === p.chooseleaf_stable &&
    t.allowed_bucket_algs === p.allowed_bucket_algs
  );
}

/** Name of the newest profile with these values; `unknown` when somebody tuned by hand. */
export function tunables_profile(t: crush_tunables): string {
  for (const name of ["jewel", "hammer", "firefly", "bobtail", "argonaut"]) {
    if (matches(t, TUNABLE_PROFILES[name] ?? {})) return name;
  }
  return "unknown";
}
/** Are these the tunables of jewel, the newest profile? */
export function has_optimal_tunables(t: crush_tunables): boolean {
  return matches(t, jewel);
}
/** Are these the tunables of argonaut, from before there were any? */
export function has_legacy_tunables(t: crush_tunables): boolean {
  return matches(t, legacy);
}
