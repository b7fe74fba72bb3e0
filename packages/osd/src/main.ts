#!/usr/bin/env node
/** tako-osd: the OSD as a process. Makes its store when the data directory is empty. */
import { randomUUID } from "node:crypto";
import { hostname, release, totalmem, type } from "node:os";
import { CommandError, type Config, type MonTarget, StoreError } from "@tako/common";
import { type DaemonContext, type RunningDaemon, run_daemon, UsageError } from "@tako/common/io";
import { LevelStore } from "./io/LevelStore.ts";
import { PQueueBackground } from "./io/PQueueBackground.ts";
import type { OSDIdentity } from "./osd/Boot.ts";
import { OSD } from "./osd/OSD.ts";
import { type OSDSuperblock, read_superblock } from "./osd/superblock.ts";
import { MemStore } from "./store/MemStore.ts";
import type { ObjectStore } from "./store/ObjectStore.ts";

const VERSION = "0.1.0";
/** Unit of CRUSH weights. */
const TIB = 2 ** 40;

await run_daemon({ service: "osd", version: VERSION, start });

async function start(ctx: DaemonContext): Promise<RunningDaemon> {
  const { clock, rng, log, config } = ctx;
  const whoami = osd_id_of(ctx.id);
  const host = config.get("host") || hostname();
  const crush_location = location_of(config.get("crush_location"), host);
  const store = await open_store(ctx);
  store.set_on_fatal((e) => ctx.fatal(e));
  let osd: OSD | undefined;
  const health = () => ({ ok: osd?.boot.state === "active" });
  const fsid = check_identity(ctx, store, whoami);
  const messenger = await ctx.open_messenger({
    fsid,
    health,
    on_wrong_cluster: ({ host, port }, reason) => {
      ctx.fatal(wrong_identity(ctx.data, `the monitor at ${host}:${port} refuses us: ${reason}`));
    },
  });
  osd = new OSD({
    whoami,
    store,
    messenger,
    clock,
    rng,
    log,
    config,
    mons: ctx.mon_hosts.map((a): MonTarget => ({ name: "mon.any", addr: { ...a, nonce: 0 } })),
    identity: identity_of(config, store, host, crush_location),
    background: new PQueueBackground(1),
    set_log_level: (subsys, level) => log.set_level(level, subsys === "*" ? undefined : subsys),
    version: VERSION,
    on_must_stop: (reason) => ctx.request_stop(reason),
  });
  messenger.set_dispatcher(osd);
  osd.init();
  return {
    stop: async () => {
      await new Promise<void>((ok) => osd.stop(ok));
      await messenger.shutdown();
      await store.umount();
    },
  };
}

function osd_id_of(id: string): number {
  if (/^\d{1,9}$/.test(id)) return Number(id);
  throw new CommandError("EINVAL", `--id of an OSD is a number, got "${id}"`);
}

/** The cluster that the store belongs to; "" when it has joined none. StoreError when not ours. */
function check_identity(ctx: DaemonContext, store: ObjectStore, whoami: number): string {
  const wanted = ctx.config.get("fsid").toLowerCase();
  const sb = superblock_of(ctx.data, store);
  if (sb === undefined) return wanted;
  if (sb.whoami !== whoami) {
    throw wrong_identity(ctx.data, `the store belongs to osd.${sb.whoami}, not to osd.${whoami}`);
  }
  if (sb.cluster_fsid === "") return wanted;
  if (wanted !== "" && wanted !== sb.cluster_fsid) {
    const what = `the store belongs to cluster ${sb.cluster_fsid}, not to fsid ${wanted}`;
    throw wrong_identity(ctx.data, what);
  }
  return sb.cluster_fsid;
}
function superblock_of(data: string, store: ObjectStore): OSDSuperblock | undefined {
  try {
    return read_superblock(store);
  } catch (e) {
    if (!(e instanceof StoreError)) throw e;
    throw new StoreError(`${data}: ${e.message}`, e.detail, { cause: e });
  }
}
function wrong_identity(path: string, what: string): StoreError {
  return new StoreError(`${path}: ${what}`, { code: "wrong_identity", path, what });
}

async function open_store(ctx: DaemonContext): Promise<ObjectStore> {
  const size_bytes = ctx.config.get("osd_store_size");
  if (ctx.config.get("osd_objectstore") === "mem") {
    const store = new MemStore({ clock: ctx.clock, capacity_bytes: size_bytes });
    await store.mkfs(randomUUID());
    await store.mount();
    return store;
  }
  const store = new LevelStore({ path: ctx.data, size_bytes });
  try {
    await store.mount();
  } catch (e) {
    if (!(e instanceof StoreError) || e.detail.code !== "not_found") throw e;
    ctx.log.info({ data: ctx.data }, "osd_mkfs");
    await store.mkfs(randomUUID());
    await store.mount();
  }
  return store;
}

function identity_of(
  config: Config,
  store: ObjectStore,
  host: string,
  crush_location: Record<string, string>,
): OSDIdentity {
  const weight = config.get("osd_crush_initial_weight");
  const { total } = store.statfs();
  return {
    metadata: {
      hostname: host,
      os: type(),
      kernel_version: release(),
      mem_total_kb: String(Math.floor(totalmem() / 1024)),
      osd_objectstore: store.kind,
      osd_data: config.get("osd_data"),
      ceph_version_short: VERSION,
      node_version: process.version,
    },
    crush_weight: weight >= 0 ? weight : Math.max(total / TIB, 0.0001),
    crush_location,
    device_class: "ssd",
  };
}

/** `root=default rack=r1 host=h1`; what is not named: root default, this host. */
function location_of(text: string, host: string): Record<string, string> {
  const out: Record<string, string> = { root: "default", host };
  for (const part of text.split(/[\s,]+/).filter((s) => s !== "")) {
    const [kind, name, ...rest] = part.split("=");
    if (!kind || !name || rest.length > 0) {
      throw new UsageError(`crush_location: want type=name, got "${part}"`);
    }
    out[kind] = name;
  }
  return out;
}
