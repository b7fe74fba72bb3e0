/**
 * Bounds: no queue, list or log grows without end, whatever breaks; and what waits is gone when all is
 * over. Looks once in a virtual second. Only reads.
 */
import { InvariantError } from "@tako/common";
import type { OSD, PG } from "@tako/osd";
import type { World } from "./World.ts";

const LOOK_MS = 1000;
/** Of client operations in one OSD: more than all clients of a run can have open. */
const MAX_OPS = 2000;
/** What one daemon has queued for others: some seconds of everything it says, to all of them. */
const MAX_QUEUED = 20_000;
/** Events of the whole world that are yet to come. */
const MAX_PENDING = 50_000;
/** Above what the options say, for entries that are still being written. */
const LOG_SLACK = 200;
const QUIET_QUEUED = 200;

export class Bounds {
  readonly #world: World;
  failure: unknown;

  constructor(world: World) {
    this.#world = world;
  }
  start(): void {
    this.#world.scheduler.schedule(LOOK_MS, () => {
      try {
        this.check();
      } catch (e) {
        this.failure ??= e;
      }
      this.start();
    });
  }
  check(): void {
    const { running_osds, scheduler, net } = this.#world;
    for (const osd of running_osds) check_osd(osd);
    if (scheduler.pending > MAX_PENDING) fail("too many events wait", { n: scheduler.pending });
    for (const [who, n] of net.queued()) {
      if (n > MAX_QUEUED) fail("too many messages wait to be sent", { who, n });
    }
    const per_daemon = 4 * (running_osds.length + this.#world.client_names.length + 2);
    for (const [who, n] of net.connections()) {
      if (n > per_daemon) fail("too many connections", { who, n });
    }
  }
  /** All is over: nothing waits. */
  check_quiet(): void {
    this.check();
    for (const osd of this.#world.running_osds) {
      const ops = osd.service.op_tracker.num_in_flight;
      if (ops > 0) fail("operations are left", { osd: osd.whoami, ops });
      if (!osd.wq.idle) fail("peering events are left", { osd: osd.whoami });
    }
    for (const [who, n] of this.#world.net.queued()) {
      if (n > QUIET_QUEUED) fail("messages are left", { who, n });
    }
  }
}

function check_osd(osd: OSD): void {
  const at = { osd: osd.whoami };
  const ops = osd.service.op_tracker.num_in_flight;
  if (ops > MAX_OPS) fail("too many operations in flight", { ...at, ops });
  for (const pg of osd.pgs.all()) check_pg(osd, pg);
}
function check_pg(osd: OSD, pg: PG): void {
  const at = { osd: osd.whoami, pg: pg.spgid };
  const { log, dups } = pg.peering.pg_log.log;
  const max = osd.config.get("osd_max_pg_log_entries") + LOG_SLACK;
  if (log.length > max) fail("a PG's log is not trimmed", { ...at, entries: log.length });
  const max_dups = osd.config.get("osd_pg_log_dups_tracked") + LOG_SLACK;
  if (dups.length > max_dups) fail("dups are not trimmed", { ...at, dups: dups.length });
  if (pg.waits.size > MAX_OPS) fail("too many operations wait", { ...at, n: pg.waits.size });
  if (pg.repops.size > MAX_OPS) fail("too many writes under way", { ...at, n: pg.repops.size });
}

function fail(what: string, detail: Record<string, unknown>): never {
  throw new InvariantError(`bounds: ${what}`, detail);
}
