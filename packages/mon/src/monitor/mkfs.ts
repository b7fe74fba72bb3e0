/**
 * Makes an empty store a cluster: epoch 1, its fsid, and nothing else.
 * Ceph counterpart: `ceph-mon --mkfs`, OSDMonitor::create_initial. cluster.md §4.4.
 */
import {
  build_simple_crush_map,
  CommandError,
  type Config,
  DEFAULT_TYPE_NAMES,
  encode_incremental,
  INITIAL_FLAGS,
  new_incremental,
  OSDMap,
} from "@tako/common";
import { default_profile } from "../osdmon/erasure.ts";
import {
  type ApplyOutcome,
  epoch_key,
  full_key,
  type MonitorDBStore,
  MonTransaction,
} from "../store/MonitorDBStore.ts";

export interface MkfsOptions {
  /** Lower-case UUID. */
  readonly fsid: string;
  /** Wall clock: `created` of the map. */
  readonly now_ms: number;
  readonly config: Config;
}

const encoder = new TextEncoder();
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const STORE_FORMAT = "1";

/** True when `store` holds a cluster. */
export function is_mkfs_done(store: MonitorDBStore): boolean {
  return read_fsid(store) !== undefined;
}

/** The fsid of the cluster in `store`, or undefined when there is none yet. */
export function read_fsid(store: MonitorDBStore): string | undefined {
  const v = store.get("mon", "fsid");
  return v && new TextDecoder().decode(v);
}

/** One transaction: after a crash there is a cluster or none. CommandError EINVAL, EEXIST. */
export function mkfs(
  store: MonitorDBStore,
  options: MkfsOptions,
  on_done: (outcome: ApplyOutcome) => void,
): void {
  if (!UUID.test(options.fsid)) {
    throw new CommandError("EINVAL", `fsid must be a lower-case UUID, got '${options.fsid}'`);
  }
  const have = read_fsid(store);
  if (have) throw new CommandError("EEXIST", `the store already holds cluster ${have}`);
  const map = initial_map(options);
  const inc = new_incremental({ fsid: map.fsid, epoch: 0 });
  inc.modified = map.modified;
  inc.fullmap = map.encode();
  inc.full_crc = map.crc;
  const one = encoder.encode("1");
  const txn = new MonTransaction()
    .put("mon", "fsid", encoder.encode(options.fsid))
    .put("mon", "format", encoder.encode(STORE_FORMAT))
    .put("osdmap", epoch_key(1), encode_incremental(inc))
    .put("osdmap", full_key(1), map.encode())
    .put("osdmap", "first_committed", one)
    .put("osdmap", "last_committed", one)
    .put("osdmap", "full_latest", one);
  store.apply(txn, on_done);
}

function initial_map({ fsid, now_ms, config }: MkfsOptions): OSDMap {
  const domain = DEFAULT_TYPE_NAMES[config.get("osd_crush_chooseleaf_type")] ?? "host";
  return new OSDMap({
    fsid,
    epoch: 1,
    created: now_ms,
    modified: now_ms,
    flags: INITIAL_FLAGS,
    crush: build_simple_crush_map(domain),
    crush_version: 1,
    erasure_code_profiles: new Map([["default", default_profile(config)]]),
    nearfull_ratio: ratio(config.get("mon_osd_nearfull_ratio")),
    backfillfull_ratio: ratio(config.get("mon_osd_backfillfull_ratio")),
    full_ratio: ratio(config.get("mon_osd_full_ratio")),
    require_min_compat_client: config.get("mon_osd_initial_require_min_compat_client"),
    require_osd_release: "pacific",
  });
}

/** 85 means 0.85. */
function ratio(r: number): number {
  return r > 1 ? r / 100 : r;
}
