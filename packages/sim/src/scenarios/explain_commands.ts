/**
 * `explain [pgid]`, `explain-cluster`: what `tako explain` would say at this moment, from what the
 * daemons answer: cause, sentences, `>` what would unblock it, `!` what would be lost, and by which
 * fields. `assert explained down.blocked A`: that cause was among them, by these OSDs.
 */

import { RadosError } from "@tako/client";
import {
  type cluster_sources,
  explain_cluster,
  explain_pg,
  type explain_sources,
  type explained_cause,
  InvariantError,
  type MonCommand,
  type pg_explanation,
  pg_parse,
  pgs_to_explain,
} from "@tako/common";
import type { Command, Commands } from "./Command.ts";
import { PGID, type Scene } from "./Scene.ts";

const TIMEOUT_MS = 5000;
const asked = new WeakMap<Scene, readonly explained_cause[]>();

/** The value, or why there is none. */
async function answer(
  s: Scene,
  p: Promise<{ readonly outb: unknown }>,
): Promise<{ readonly value?: unknown; readonly error?: string }> {
  try {
    return { value: (await s.world.done(p)).outb };
  } catch (e) {
    if (e instanceof RadosError) return { error: e.message };
    throw e;
  }
}
/** As it comes over the wire. */
function plain(v: unknown): unknown {
  return v === undefined ? undefined : JSON.parse(JSON.stringify(v));
}

async function mon_part(s: Scene, cmd: MonCommand): Promise<unknown> {
  return plain((await answer(s, s.admin.mon_command(cmd))).value);
}
async function cluster_parts(s: Scene): Promise<explain_sources> {
  return {
    osd_dump: await mon_part(s, { prefix: "osd dump" }),
    pg_dump: await mon_part(s, { prefix: "pg dump" }),
    crush: await mon_part(s, { prefix: "osd crush dump" }),
  };
}
async function pg_parts(s: Scene, pgid: string): Promise<explain_sources> {
  const o = { timeout_ms: TIMEOUT_MS };
  const query = await answer(s, s.admin.pg_command(pgid, { prefix: "query" }, o));
  const unfound = await answer(s, s.admin.pg_command(pgid, { prefix: "list_unfound" }, o));
  const objects = plain(unfound.value);
  return {
    pg_map: await mon_part(s, { prefix: "pg map", pgid }),
    query: plain(query.value),
    ...(query.error !== undefined && { query_error: query.error }),
    ...(objects !== undefined && { list_unfound: objects }),
  };
}
async function reservations(s: Scene): Promise<Map<number, unknown>> {
  const found = new Map<number, unknown>();
  for (const osd of s.world.osdmap.get_up_osds()) {
    const cmd = { prefix: "dump_recovery_reservations" };
    const p = s.admin.osd_command(osd, cmd, { timeout_ms: TIMEOUT_MS });
    const dump = plain((await answer(s, p)).value);
    if (dump !== undefined) found.set(osd, dump);
  }
  return found;
}

/** Without a monitor only the OSDs' own words are to be had. */
function without_mon(s: Scene, pgid: string): explain_sources {
  const osds = s.world.running_osds;
  const newest = [...osds].sort((a, b) => b.osdmap_epoch - a.osdmap_epoch)[0];
  const pg = osds
    .flatMap((o) => o.pgs.all())
    .find((p) => p.is_primary() && p.peering.info.pgid === pgid);
  return { osd_dump: plain(newest?.service.osdmap().dump()), query: plain(pg?.query()) };
}

async function explained(s: Scene, pgid: string): Promise<pg_explanation> {
  if (!s.world.mon_running) return explain_pg(without_mon(s, pgid), pgid);
  const parts = { ...(await cluster_parts(s)), ...(await pg_parts(s, pgid)) };
  return explain_pg({ ...parts, reservations: await reservations(s) }, pgid);
}

function say_cause(s: Scene, c: explained_cause): void {
  s.say(`${c.id} (${s.cast.letters(c.osds)})`);
  for (const x of c.sentences) s.say(`  ${x}`);
  for (const x of c.unblocks) s.say(`  > ${x}`);
  for (const x of c.drastic) s.say(`  ! ${x.option}: ${x.would_lose}`);
  for (const f of c.facts) s.say(`  = ${f.path}`);
}

const explain: Command = async (s, a) => {
  const pgid = pg_parse(a[0] ?? PGID);
  if (pgid === undefined) throw new InvariantError(`'${a[0]}' is no PG`);
  const x = await explained(s, pgid);
  asked.set(s, x.causes);
  s.say(`${x.pgid} ${x.state}`);
  for (const c of x.causes) say_cause(s, c);
  for (const n of x.notes) s.say(`note: ${n}`);
};
const explain_all: Command = async (s) => {
  const parts = await cluster_parts(s);
  const slots = await reservations(s);
  const pgs: cluster_sources["pgs"] & Map<string, explain_sources> = new Map();
  for (const { pgid } of pgs_to_explain(parts.pg_dump)) {
    pgs.set(pgid, { ...(await pg_parts(s, pgid)), reservations: slots });
  }
  const x = explain_cluster({ ...parts, pgs });
  asked.set(s, [...x.causes, ...x.groups.flatMap((g) => g.explanation.causes)]);
  s.say(x.summary);
  for (const g of x.groups) {
    const ids = g.explanation.causes.map((c) => `${c.id} (${s.cast.letters(c.osds)})`);
    s.say(`${g.pgids.join(",")} ${g.explanation.state}: ${ids.join(", ")}`);
  }
  for (const c of x.causes) s.say(`${c.id} (${s.cast.letters(c.osds)}): ${c.sentences.join(" ")}`);
};

export const EXPLAIN_COMMANDS: Commands = { explain, "explain-cluster": explain_all };

/** Was this among the causes, by these OSDs? No OSDs given: by whichever. */
export function check_explained(s: Scene, id: string, letters: readonly string[]): unknown {
  const found = asked.get(s) ?? [];
  const fits = (c: explained_cause) =>
    c.id === id &&
    (letters.length === 0 || c.osds.join() === [...s.cast.ids(letters)].sort().join());
  return found.some(fits) ? undefined : found.map((c) => `${c.id} (${s.cast.letters(c.osds)})`);
}
