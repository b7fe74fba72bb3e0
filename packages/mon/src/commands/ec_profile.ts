/** `osd erasure-code-profile ...`: named parameters of erasure-coded pools. cluster.md §3.12, §7.1. */
import type { ErasureCodeProfile } from "@tako/common";
import {
  normalize_profile,
  parse_profile,
  pools_of_profile,
  profile_text,
} from "../osdmon/erasure.ts";
import type { View } from "../osdmon/pending.ts";
import type { Args } from "./args.ts";
import type { ReadCommands, WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then, fail, json, RETRY_COMMAND, reply_now } from "./reply.ts";

export const PROFILE_COMMANDS: ReadCommands = {
  "osd erasure-code-profile ls": (mon) => json([...mon.osdmap.erasure_code_profiles.keys()].sort()),
  "osd erasure-code-profile get": (mon, args) => {
    const name = args.str("name");
    const p = mon.osdmap.erasure_code_profiles.get(name);
    if (!p) return fail("ENOENT", `unknown erasure code profile '${name}'`);
    return json(Object.fromEntries([...p].sort(([a], [b]) => (a < b ? -1 : 1))));
  },
};

export const PROFILE_WRITE_COMMANDS: WriteCommands = {
  "osd erasure-code-profile set": set,
  "osd erasure-code-profile rm": remove,
};

/** Is the profile in the epoch being made? Then look again when that is committed. */
function is_changing(v: View, name: string): boolean {
  const { inc } = v.pending;
  return inc.new_erasure_code_profiles.has(name) || inc.old_erasure_code_profiles.has(name);
}

function set(v: View, args: Args): CommandOutcome {
  const name = args.str("name");
  const force = args.flag("force");
  const said = parse_profile(v, args.list("profile"));
  if (is_changing(v, name)) return RETRY_COMMAND;
  const profile = normalize_profile(said, { force });
  const committed = v.osdmap.erasure_code_profiles.get(name);
  if (committed) {
    const existing = normalize_profile(committed, { force: true });
    if (profile_text(existing) === profile_text(profile)) return reply_now("");
    if (!force) {
      return fail(
        "EPERM",
        `will not override erasure code profile ${name} because the existing profile ` +
          `${profile_text(existing)} is different from the proposed profile ` +
          profile_text(profile),
      );
    }
    keep_code_of_pools(v, name, existing, profile);
  }
  v.pending.inc.new_erasure_code_profiles.set(name, profile);
  return commit_then("");
}

/**
 * Stricter than Ceph, which replaces it: the objects of a pool are shards of the code they were
 * written with, and under another code they read as garbage. Where shards go may change.
 */
function keep_code_of_pools(
  v: View,
  name: string,
  existing: ErasureCodeProfile,
  next: ErasureCodeProfile,
): void {
  const code = (p: ErasureCodeProfile) =>
    profile_text(new Map([...p].filter(([key]) => !key.startsWith("crush-"))));
  const pools = pools_of_profile(v, name);
  if (pools.length === 0 || code(existing) === code(next)) return;
  fail(
    "EBUSY",
    `${pools.join(" ")} pool(s) hold data coded with the erasure code profile '${name}': ` +
      "only its crush- entries may be changed; set a profile of another name for new pools",
  );
}

function remove(v: View, args: Args): CommandOutcome {
  const name = args.str("name");
  const pools = pools_of_profile(v, name);
  if (pools.length > 0) {
    const who = pools.join(" ");
    return fail("EBUSY", `${who} pool(s) are using the erasure code profile '${name}'`);
  }
  if (is_changing(v, name)) return RETRY_COMMAND;
  if (!v.osdmap.erasure_code_profiles.has(name)) {
    return reply_now(`erasure-code-profile ${name} does not exist`);
  }
  v.pending.inc.old_erasure_code_profiles.add(name);
  return commit_then("");
}
