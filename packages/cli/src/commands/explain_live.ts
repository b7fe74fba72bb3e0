/** Fetches what explanations are made from out of a running cluster. It changes nothing there. */

import { RadosError } from "@tako/client";
import {
  type cluster_sources,
  type explain_sources,
  type MonCommand,
  pgs_to_explain,
} from "@tako/common";
import type { Session } from "../cli_context.ts";
import { Fields } from "../render/Fields.ts";

/** A primary that hangs is a finding, not a reason to wait. */
const TIMEOUT_MS = 5000;
/** Requests under way at once. */
const AT_ONCE = 8;
/** PGs whose primaries are asked; of more, the statistics have to do. */
const MAX_ASKED = 256;

async function mon(s: Session, cmd: MonCommand): Promise<unknown> {
  return (await s.mon_command(cmd)).outb;
}
/** undefined where the cluster refuses or does not answer. */
async function optional(p: Promise<{ readonly outb: unknown }>): Promise<unknown> {
  try {
    return (await p).outb;
  } catch (e) {
    if (e instanceof RadosError) return undefined;
    throw e;
  }
}

async function cluster_parts(s: Session): Promise<explain_sources> {
  const osd_dump = await mon(s, { prefix: "osd dump" });
  const pg_dump = await mon(s, { prefix: "pg dump" });
  const crush = await optional(s.mon_command({ prefix: "osd crush dump" }));
  return { osd_dump, pg_dump, crush };
}

/** What only the PG's primary and the members know; why not, when it cannot be asked. */
async function pg_parts(s: Session, pgid: string): Promise<explain_sources> {
  const pg_map = await mon(s, { prefix: "pg map", pgid });
  try {
    const o = { timeout_ms: TIMEOUT_MS };
    const { outb: query } = await s.pg_command(pgid, { prefix: "query" }, o);
    const state = new Fields(query).text("state");
    const unfound = /recovery_unfound|backfill_unfound/.test(state);
    const list_unfound = unfound
      ? await optional(s.pg_command(pgid, { prefix: "list_unfound" }, o))
      : undefined;
    return { pg_map, query, ...(list_unfound !== undefined && { list_unfound }) };
  } catch (e) {
    if (!(e instanceof RadosError)) throw e;
    return { pg_map, query_error: e.message };
  }
}

/** Of those members of waiting PGs that answer. */
async function reservations(s: Session, osds: ReadonlySet<number>): Promise<Map<number, unknown>> {
  const found = new Map<number, unknown>();
  await each(
    [...osds].sort((a, b) => a - b),
    async (osd) => {
      const cmd = { prefix: "dump_recovery_reservations" };
      const dump = await optional(s.osd_command(osd, cmd, { timeout_ms: TIMEOUT_MS }));
      if (dump !== undefined) found.set(osd, dump);
    },
  );
  return found;
}
const waits = (state: string) => /recovery_wait|backfill_wait/.test(state);
function members(v: unknown): number[] {
  const f = new Fields(v);
  return [...f.nums("up"), ...f.nums("acting")].filter((o) => o >= 0 && o !== 0x7fffffff);
}

export async function fetch_pg(s: Session, pgid: string): Promise<explain_sources> {
  const cluster = await cluster_parts(s);
  const own = await pg_parts(s, pgid);
  const state = own.query === undefined ? "" : new Fields(own.query).text("state");
  const osds = new Set(waits(state) ? members(own.query) : []);
  return { ...cluster, ...own, reservations: await reservations(s, osds) };
}

export async function fetch_cluster(s: Session): Promise<cluster_sources> {
  const cluster = await cluster_parts(s);
  const found = pgs_to_explain(cluster.pg_dump);
  const waiting = found.filter((p) => waits(p.state));
  const slots = await reservations(s, new Set(waiting.flatMap((p) => members(p.row))));
  const pgs = new Map<string, explain_sources>();
  await each(found.slice(0, MAX_ASKED), async ({ pgid }) => {
    pgs.set(pgid, { ...(await pg_parts(s, pgid)), reservations: slots });
  });
  return { ...cluster, pgs };
}

async function each<T>(items: readonly T[], fn: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await fn(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
