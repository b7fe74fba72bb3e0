/** `osd erasure-code-profile ...`: named sets of parameters, kept for the pools that use them. */
import type { View } from "../osdmon/pending.ts";
import { pending_pool } from "../osdmon/pending.ts";
import type { Args } from "./args.ts";
import type { ReadCommands, WriteCommands } from "./dispatch.ts";
import { type CommandOutcome, commit_then, fail, json, reply_now } from "./reply.ts";

type Profile = ReadonlyMap<string, string>;

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

/** A profile as rules and pools use it. */
export function need_profile(v: View, name: string): Profile {
  const known = profile_of(v, name);
  if (known) return known;
  return fail(
    "EINVAL",
    "cannot determine the erasure code plugin because there is no 'plugin' entry in the " +
      `erasure_code_profile {} (there is no profile '${name}')`,
  );
}

function profile_of(v: View, name: string): Profile | undefined {
  const { inc } = v.pending;
  if (inc.old_erasure_code_profiles.has(name)) return undefined;
  return inc.new_erasure_code_profiles.get(name) ?? v.osdmap.erasure_code_profiles.get(name);
}

function set(v: View, args: Args): CommandOutcome {
  const name = args.str("name");
  const profile = new Map<string, string>([
    ["plugin", "jerasure"],
    ["technique", "reed_sol_van"],
  ]);
  for (const word of args.list("profile")) {
    const i = word.indexOf("=");
    if (i <= 0) return fail("EINVAL", `'${word}' is not of the form key=value`);
    profile.set(word.slice(0, i), word.slice(i + 1));
  }
  for (const key of ["k", "m"]) {
    const n = Number(profile.get(key) ?? "2");
    if (!Number.isInteger(n) || n < 1 || n > 128) {
      return fail("EINVAL", `${key} must be an integer from 1 to 128, got '${profile.get(key)}'`);
    }
    profile.set(key, String(n));
  }
  const sorted = new Map([...profile].sort(([a], [b]) => (a < b ? -1 : 1)));
  const old = profile_of(v, name);
  const text = (p: Profile) => [...p].map(([k, x]) => `${k}=${x}`).join(",");
  if (old && text(new Map([...old].sort(([a], [b]) => (a < b ? -1 : 1)))) === text(sorted)) {
    return reply_now("");
  }
  if (old && !args.flag("force")) {
    return fail(
      "EPERM",
      `will not override erasure code profile ${name} because the existing profile ` +
        `{${text(old)}} is different from the proposed profile {${text(sorted)}}`,
    );
  }
  v.pending.inc.new_erasure_code_profiles.set(name, sorted);
  return commit_then("");
}

function remove(v: View, args: Args): CommandOutcome {
  const name = args.str("name");
  for (const id of v.osdmap.pool_ids()) {
    if (pending_pool(v, id)?.erasure_code_profile === name) {
      return fail(
        "EBUSY",
        `${v.osdmap.get_pool_name(id)} pool(s) are using the erasure code profile '${name}'`,
      );
    }
  }
  if (!profile_of(v, name)) return reply_now(`erasure-code-profile ${name} does not exist`);
  v.pending.inc.new_erasure_code_profiles.delete(name);
  if (v.osdmap.erasure_code_profiles.has(name)) v.pending.inc.old_erasure_code_profiles.add(name);
  return commit_then("");
}
