#!/usr/bin/env node
/** tako-mon: the monitor as a process. Makes a new cluster when its data directory is empty. */
import { randomUUID } from "node:crypto";
import { type Config, StoreError } from "@tako/common";
import { type DaemonContext, type RunningDaemon, run_daemon } from "@tako/common/io";
import { LevelMonStore } from "./io/LevelMonStore.ts";
import { Monitor } from "./monitor/Monitor.ts";
import { mkfs, read_fsid } from "./monitor/mkfs.ts";
import type { MonitorDBStore } from "./store/MonitorDBStore.ts";

await run_daemon({ service: "mon", version: "0.1.0", start });

async function start(ctx: DaemonContext): Promise<RunningDaemon> {
  const { clock, rng, log, config } = ctx;
  const store = await LevelMonStore.open(ctx.data);
  const fsid = await cluster_of(store, config, clock.now_ms());
  log.info({ fsid, data: ctx.data }, "mon_store_open");
  let mon: Monitor | undefined;
  const health = () => ({ ok: mon?.is_ready === true });
  const messenger = await ctx.open_messenger({ fsid, health });
  const on_fatal = (e: StoreError) => ctx.fatal(e);
  const set_log_level = (subsys: string, level: string) =>
    log.set_level(level, subsys === "*" ? undefined : subsys);
  const ports = { store, messenger, clock, rng, log, config, set_log_level, on_fatal };
  mon = new Monitor(ctx.id, ports);
  mon.init();
  return {
    stop: async () => {
      mon.shutdown();
      await messenger.shutdown();
      await store.close();
    },
  };
}

/** The fsid of the cluster in the store, which is made now if there is none. */
async function cluster_of(store: MonitorDBStore, config: Config, now_ms: number): Promise<string> {
  const wanted = config.get("fsid");
  const have = read_fsid(store);
  if (have !== undefined) {
    if (wanted === "" || wanted === have) return have;
    const what = `the store belongs to cluster ${have}, not to fsid ${wanted}`;
    const path = config.get("mon_data");
    throw new StoreError(`${path}: ${what}`, { code: "wrong_identity", path, what });
  }
  const fsid = wanted === "" ? randomUUID() : wanted.toLowerCase();
  await new Promise<void>((resolve, reject) => {
    mkfs(store, { fsid, now_ms, config }, (outcome) => {
      if (outcome.status === "committed") resolve();
      else reject(outcome.error);
    });
  });
  return fsid;
}
