/** PG states, for telling a state from a pool's name. Ceph counterpart: pg_string_state. */
import { PG_STATES as KNOWN } from "@tako/common";

/** With those that only the monitor gives. */
export const PG_STATES: readonly string[] = ["stale", ...KNOWN, "unknown"];
