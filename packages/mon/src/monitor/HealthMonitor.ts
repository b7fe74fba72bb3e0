/**
 * Remembers which health checks were raised, tells the cluster log of changes, and keeps mutes.
 * Ceph counterpart: src/mon/HealthMonitor.{h,cc}. cluster.md §8.
 */
import { type Clock, type Config, type OSDMap, type StoreError, utime_str } from "@tako/common";
import type { PGMap } from "../pgmap/PGMap.ts";
import { type MonitorDBStore, MonTransaction } from "../store/MonitorDBStore.ts";
import { get_health_checks, worst_severity } from "./health_checks.ts";
import type { HealthCheck, HealthChecks, Severity } from "./health_types.ts";

export interface HealthMute {
  readonly code: string;
  /** ms since 1970; 0 = for ever. */
  readonly ttl_ms: number;
  readonly sticky: boolean;
  readonly summary: string;
  readonly count: number;
}

export interface HealthHost {
  readonly store: MonitorDBStore;
  readonly clock: Clock;
  readonly config: Config;
  clog(prio: "INF" | "WRN" | "ERR", text: string): void;
  on_fatal(error: StoreError): void;
}

/** An "update" line for the same check appears at most this often. */
const UPDATE_LINE_MS = 5000;

export class HealthMonitor {
  checks: HealthChecks = new Map();
  readonly mutes = new Map<string, HealthMute>();
  private readonly host: HealthHost;
  private readonly last_line_ms = new Map<string, number>();
  private stopped = false;

  constructor(host: HealthHost) {
    this.host = host;
    for (const m of load_mutes(host.store)) this.mutes.set(m.code, m);
  }
  stop(): void {
    this.stopped = true;
  }

  get status(): Severity {
    return worst_severity([...this.checks].filter(([c]) => !this.mutes.has(c)).map(([, c]) => c));
  }

  /** Looks again, and writes to the cluster log what appeared, changed or went away. */
  update(osdmap: OSDMap, pgmap: PGMap): void {
    const now_ms = this.host.clock.now_ms();
    const before = this.checks;
    this.checks = get_health_checks({ osdmap, pgmap, config: this.host.config, now_ms });
    for (const [code, c] of this.checks) this.log_change(code, before.get(code), c);
    for (const [code, c] of before) {
      if (this.checks.has(code)) continue;
      this.last_line_ms.delete(code);
      this.host.clog("INF", `Health check cleared: ${code} (was: ${c.summary})`);
    }
    if (before.size > 0 && this.checks.size === 0) this.host.clog("INF", "Cluster is now healthy");
    this.expire_mutes(now_ms);
  }

  private log_change(code: string, old: HealthCheck | undefined, c: HealthCheck): void {
    if (old && old.summary === c.summary && old.severity === c.severity) return;
    const now = this.host.clock.mono_ms();
    const quiet = now - (this.last_line_ms.get(code) ?? Number.NEGATIVE_INFINITY) < UPDATE_LINE_MS;
    if (old && quiet) return;
    this.last_line_ms.set(code, now);
    const prio = c.severity === "HEALTH_ERR" ? "ERR" : "WRN";
    this.host.clog(prio, `Health check ${old ? "update" : "failed"}: ${c.summary} (${code})`);
  }

  // ---------------------------------------------------------------- mutes

  mute(m: HealthMute): void {
    this.mutes.set(m.code, m);
    this.save_mutes();
  }
  /** All with undefined. False when there was nothing to unmute. */
  unmute(code: string | undefined): boolean {
    const had = code === undefined ? this.mutes.size > 0 : this.mutes.delete(code);
    if (code === undefined) this.mutes.clear();
    if (had) this.save_mutes();
    return had;
  }

  private expire_mutes(now_ms: number): void {
    let changed = false;
    for (const m of [...this.mutes.values()]) {
      const check = this.checks.get(m.code);
      const over = m.ttl_ms > 0 && now_ms >= m.ttl_ms;
      const other = !m.sticky && (!check || check.count > m.count);
      if (!over && !other) continue;
      this.mutes.delete(m.code);
      changed = true;
      const why = over ? "ttl expired" : check ? "count increased" : "health check cleared";
      this.host.clog("INF", `Health alert mute ${m.code} cleared (${why})`);
    }
    if (changed) this.save_mutes();
  }

  private save_mutes(): void {
    const doc = JSON.stringify([...this.mutes.values()]);
    const txn = new MonTransaction().put("health", "mutes", new TextEncoder().encode(doc));
    this.host.store.apply(txn, (outcome) => {
      if (outcome.status === "failed" && !this.stopped) this.host.on_fatal(outcome.error);
    });
  }

  // ---------------------------------------------------------------- JSON

  /** As `health` or `health detail`. */
  dump(with_detail: boolean): Record<string, unknown> {
    const max = this.host.config.get("mon_health_max_detail");
    const checks: Record<string, unknown> = {};
    for (const [code, c] of this.checks) {
      const detail = c.detail.slice(0, max).map((message) => ({ message }));
      if (c.detail.length > max) {
        detail.push({ message: `${c.detail.length - max} more` });
      }
      checks[code] = {
        severity: c.severity,
        summary: { message: c.summary, count: c.count },
        ...(with_detail ? { detail } : {}),
        muted: this.mutes.has(code),
      };
    }
    const mutes = [...this.mutes.values()].map((m) => ({
      code: m.code,
      ...(m.ttl_ms > 0 ? { ttl: utime_str(m.ttl_ms) } : {}),
      sticky: m.sticky,
      summary: m.summary,
      count: m.count,
    }));
    return { status: this.status, checks, mutes };
  }
}

function load_mutes(store: MonitorDBStore): HealthMute[] {
  const b = store.get("health", "mutes");
  if (!b) return [];
  try {
    const list: HealthMute[] = JSON.parse(new TextDecoder().decode(b));
    return list;
  } catch {
    // Unreadable mutes: alarms ring again, which is the safe side.
    return [];
  }
}
