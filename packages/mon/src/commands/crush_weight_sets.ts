/**
 * `osd crush weight-set ...`: weights of a pool's own, or (compat) of all pools that have none.
 * cluster.md §2.4, §7.1.
 */
import { CRUSH_BUCKET_STRAW2, DEFAULT_CHOOSE_ARGS, is_release_before } from "@tako/common";
import {
  pending_crush,
  pending_pool,
  pool_id_by_pending_name,
  type View,
} from "../osdmon/pending.ts";
import type { Args } from "./args.ts";
import {
  edit,
  edit_for_clients,
  MAX_CRUSH_WEIGHT,
  min_compat_client,
  need_item,
} from "./crush_edit.ts";
import type { WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then, fail } from "./reply.ts";

export const CRUSH_WEIGHT_SET_COMMANDS: WriteCommands = {
  "osd crush weight-set create": create,
  "osd crush weight-set create-compat": (v) => {
    need_straw2(v);
    if (has_set(v, DEFAULT_CHOOSE_ARGS)) return commit_then("compat weight-set already created");
    edit_for_clients(v, (b) => b.create_choose_args(DEFAULT_CHOOSE_ARGS, 1));
    return commit_then("");
  },
  "osd crush weight-set rm": (v, args) => remove(v, need_pool(v, args)),
  "osd crush weight-set rm-compat": (v) => remove(v, DEFAULT_CHOOSE_ARGS),
  "osd crush weight-set reweight": (v, args) => {
    const pool = need_pool(v, args);
    if (!has_set(v, pool)) {
      return fail("ENOENT", `no weight-set for pool '${args.str("pool")}'`);
    }
    return reweight(v, args, pool);
  },
  "osd crush weight-set reweight-compat": (v, args) => {
    if (!has_set(v, DEFAULT_CHOOSE_ARGS)) {
      return fail("ENOENT", "no backward-compatible weight-set");
    }
    return reweight(v, args, DEFAULT_CHOOSE_ARGS);
  },
};

function has_set(v: View, set: number): boolean {
  return pending_crush(v).map.choose_args.has(set);
}
function need_pool(v: View, args: Args): number {
  const name = args.str("pool");
  return pool_id_by_pending_name(v, name) ?? fail("ENOENT", `pool '${name}' not found`);
}
function need_straw2(v: View): void {
  const buckets = pending_crush(v).map.buckets.values();
  if ([...buckets].some((b) => b.alg !== CRUSH_BUCKET_STRAW2)) {
    fail("EPERM", "crush map contains one or more bucket(s) that are not straw2");
  }
}

function create(v: View, args: Args): CommandOutcome {
  const release = min_compat_client(v);
  if (release !== "unknown" && is_release_before(release, "luminous")) {
    return fail(
      "EPERM",
      `require_min_compat_client ${release} < luminous, which is required for per-pool ` +
        "weight-sets. Try 'ceph osd set-require-min-compat-client luminous' before using the " +
        "new interface",
    );
  }
  need_straw2(v);
  const pool = need_pool(v, args);
  const mode = args.str("mode");
  if (mode !== "flat" && mode !== "positional") {
    return fail("EINVAL", `unrecognized weight-set mode '${mode}'`);
  }
  if (has_set(v, pool)) {
    return commit_then(`weight-set for pool '${args.str("pool")}' already created`);
  }
  const positions = mode === "flat" ? 1 : (pending_pool(v, pool)?.size ?? 1);
  edit_for_clients(v, (b) => b.create_choose_args(pool, positions));
  return commit_then("");
}

function remove(v: View, set: number): CommandOutcome {
  edit(v, (b) => b.rm_choose_args(set));
  return commit_then("");
}

function reweight(v: View, args: Args, set: number): CommandOutcome {
  const name = args.str("item");
  const item = need_item(pending_crush(v), name, `item '${name}' does not exist`);
  const weights = args.floats("weight", 0, MAX_CRUSH_WEIGHT);
  edit(v, (b) => b.choose_args_adjust_item_weight(set, item, weights));
  return commit_then("");
}
