/** Waiting until the daemons of a local cluster serve, and saying why when they do not. */
import { setTimeout as sleep } from "node:timers/promises";
import { RadosError } from "@tako/client";
import { CommandError } from "@tako/common";
import { type GlobalOptions, type Session, with_rados } from "../cli_context.ts";
import { Fields } from "../render/Fields.ts";
import type { ClusterDir, DaemonEntry } from "./ClusterDir.ts";
import type { StartOptions } from "./local_cluster.ts";
import { is_running, last_words } from "./processes.ts";

const POLL_MS = 50;
const START_S = 20;

/** OSDs up, the wanted pool there, all PGs active+clean. */
export async function wait_ready(
  dir: ClusterDir,
  started: readonly DaemonEntry[],
  o: StartOptions,
  g: GlobalOptions,
): Promise<void> {
  const deadline = Date.now() + o.timeout_s * 1000;
  const check = () => check_alive(dir, started);
  await with_started(dir, started, { ...g, connectTimeout: o.timeout_s }, async (rados) => {
    const want = dir.read().daemons.filter((d) => d.name.startsWith("osd.")).length;
    await poll(rados, deadline, check, "OSDs are up", (s) => s.up >= want);
    // The map may still say so of processes that were killed: ask the new ones themselves.
    for (const d of started) await wait_boot(dir, d, rados, deadline);
    if (o.pool !== undefined && rados.pool_lookup(o.pool) === undefined) {
      await rados.pool_create(o.pool, { pg_num: o.pg_num });
      const app = { prefix: "osd pool application enable", pool: o.pool, app: "rados" };
      await rados.mon_command(app);
    }
    await poll(rados, deadline, check, "PGs are active+clean", (s) => s.clean);
  });
}

/** A daemon that ends soon after its start says why in its log. */
function check_alive(dir: ClusterDir, started: readonly DaemonEntry[]): void {
  const dead = started.find((d) => !is_running(d));
  if (!dead) return;
  const why = last_words(dir, dead.name);
  const log = dir.log(dead.name);
  throw new CommandError("EIO", `${dead.name} ended by itself: ${why} (its log is ${log})`);
}

interface Progress {
  readonly up: number;
  readonly clean: boolean;
  readonly text: string;
}
async function poll(
  rados: Session,
  deadline: number,
  check: () => void,
  what: string,
  holds: (p: Progress) => boolean,
): Promise<void> {
  for (;;) {
    check();
    const p = await progress_of(rados);
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${p.text}`);
    if (holds(p)) {
      if (process.stderr.isTTY) process.stderr.write("\r\x1b[2K");
      return;
    }
    if (Date.now() > deadline)
      throw new CommandError("ETIMEDOUT", `not in time: ${what} (${p.text})`);
    await sleep(POLL_MS);
  }
}
async function progress_of(rados: Session): Promise<Progress> {
  const { outb } = await rados.mon_command({ prefix: "status" });
  const osdmap = new Fields(outb).at("osdmap");
  const pgmap = new Fields(outb).at("pgmap");
  const states = pgmap.list("pgs_by_state").map((x) => [x.text("state_name"), x.num("count")]);
  const clean = states.find(([name]) => name === "active+clean")?.[1] ?? 0;
  const up = osdmap.num("num_up_osds");
  const text = [
    `${up} of ${osdmap.num("num_osds")} OSDs up`,
    ...states.map(([name, n]) => `${n} ${name}`),
  ].join(", ");
  return { up, clean: clean === pgmap.num("num_pgs"), text };
}

/** Those just started live and, where a monitor runs, their OSDs are up. */
export async function wait_serving(
  dir: ClusterDir,
  started: readonly DaemonEntry[],
  g: GlobalOptions,
): Promise<void> {
  // Without a monitor an OSD waits for one; it is started all the same.
  const mons = dir.read().daemons.filter((d) => d.name.startsWith("mon."));
  if (!mons.some(is_running)) return;
  await with_started(dir, started, { ...g, connectTimeout: START_S }, async (session) => {
    const deadline = Date.now() + START_S * 1000;
    for (const d of started) await wait_boot(dir, d, session, deadline);
  });
}

/** A session with the local cluster; a daemon that ends meanwhile ends the waiting for one. */
async function with_started(
  dir: ClusterDir,
  started: readonly DaemonEntry[],
  g: GlobalOptions,
  fn: (session: Session) => Promise<void>,
): Promise<void> {
  const ended = new AbortController();
  const watch = setInterval(() => {
    try {
      check_alive(dir, started);
    } catch (e) {
      ended.abort(e);
    }
  }, POLL_MS);
  try {
    await with_rados({ ...g, conf: dir.conf }, fn, ended.signal);
  } finally {
    clearInterval(watch);
  }
}

/** Until the map says that the OSD is up, where this very process listens. */
async function wait_boot(
  dir: ClusterDir,
  d: DaemonEntry,
  session: Session,
  deadline: number,
): Promise<void> {
  if (!d.name.startsWith("osd.")) return;
  const id = Number(d.name.slice(4));
  for (let s = await state_of(session, id); s !== "active"; s = await state_of(session, id)) {
    check_alive(dir, [d]);
    if (Date.now() > deadline) {
      throw new CommandError("ETIMEDOUT", `${d.name} runs but is not up yet (${s})`);
    }
    await sleep(POLL_MS);
  }
}
async function state_of(session: Session, id: number): Promise<string> {
  try {
    const answer = await session.osd_command(id, { prefix: "status" }, { timeout_ms: 1000 });
    return new Fields(answer.outb).text("state");
  } catch (e) {
    if (e instanceof RadosError) return "not up";
    throw e;
  }
}
