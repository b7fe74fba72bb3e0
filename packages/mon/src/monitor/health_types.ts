/** What a health check is. cluster.md §8. */
import type { Config, OSDMap } from "@tako/common";
import type { PGMap } from "../pgmap/PGMap.ts";

export type Severity = "HEALTH_OK" | "HEALTH_WARN" | "HEALTH_ERR";
export interface HealthCheck {
  readonly severity: "HEALTH_WARN" | "HEALTH_ERR";
  readonly summary: string;
  readonly count: number;
  readonly detail: readonly string[];
}
export type HealthChecks = Map<string, HealthCheck>;

export interface HealthInput {
  readonly osdmap: OSDMap;
  readonly pgmap: PGMap;
  readonly config: Config;
  readonly now_ms: number;
}

export function warn(summary: string, detail: readonly string[] = [], count?: number): HealthCheck {
  return { severity: "HEALTH_WARN", summary, detail, count: count ?? Math.max(1, detail.length) };
}
export function error(
  summary: string,
  detail: readonly string[] = [],
  count?: number,
): HealthCheck {
  return { ...warn(summary, detail, count), severity: "HEALTH_ERR" };
}
