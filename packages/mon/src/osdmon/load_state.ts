/** What a starting OSDMonitor reads from the store. Damage is a StoreError, never a guess. */
import { type Config, type OSDMap, StoreError } from "@tako/common";
import type { MonitorDBStore } from "../store/MonitorDBStore.ts";
import { type CreatingPGs, decode_creating_pgs, NO_CREATING_PGS } from "./creating_pgs.ts";
import { MapStore } from "./MapStore.ts";
import type { OsdMetadata } from "./pending.ts";

export interface LoadedState {
  readonly maps: MapStore;
  readonly osdmap: OSDMap;
  readonly creating: CreatingPGs;
  readonly metadata: Map<number, OsdMetadata>;
}

export function load_state(store: MonitorDBStore, config: Config): LoadedState {
  const maps = new MapStore(store, () => config.get("mon_osd_cache_size"));
  const osdmap = load_map(maps);
  const creating = parse(store, "osd_pg_creating", "creating", decode_creating_pgs);
  const metadata = new Map<number, OsdMetadata>();
  for (const o of osdmap.get_all_osds()) {
    const md = parse(store, "osd_metadata", String(o), decode_metadata);
    if (md) metadata.set(o, md);
  }
  return { maps, osdmap, creating: creating ?? NO_CREATING_PGS, metadata };
}

function load_map(maps: MapStore): OSDMap {
  const e = maps.last_committed;
  try {
    const map = maps.get_map(e);
    if (map && map.epoch === e) return map;
  } catch (err) {
    throw damaged("osdmap", `full map of epoch ${e}`, err);
  }
  throw damaged("osdmap", `full map of epoch ${e}`, undefined);
}

function parse<T>(
  store: MonitorDBStore,
  prefix: string,
  key: string,
  decode: (b: Uint8Array) => T,
): T | undefined {
  const b = store.get(prefix, key);
  if (!b) return undefined;
  try {
    return decode(b);
  } catch (err) {
    throw damaged(`${prefix}/${key}`, "not readable", err);
  }
}

function decode_metadata(b: Uint8Array): OsdMetadata {
  const md: Record<string, string> = JSON.parse(new TextDecoder().decode(b));
  return md;
}

function damaged(path: string, what: string, cause: unknown): StoreError {
  return new StoreError(
    `record ${path} in the monitor's store is damaged: ${what}`,
    { code: "corrupt", path, what },
    { cause },
  );
}
