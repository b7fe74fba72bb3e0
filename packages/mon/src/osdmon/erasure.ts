/**
 * Erasure code profiles as the monitor keeps them, and what one means for a pool: its size, its stripe,
 * its CRUSH rule. Refusals are CommandErrors. Pure.
 * Ceph counterpart: OSDMonitor::parse_erasure_code_profile, normalize_profile, get_erasure_code,
 * crush_rule_create_erasure, prepare_pool_size. cluster.md §3.12.
 */
import {
  CommandError,
  type Config,
  type CrushWrapper,
  create_erasure_code,
  type ErasureCode,
  type ErasureCodeProfile,
  TYPE_ERASURE,
} from "@tako/common";
import { pending_crush, pending_pool, type View } from "./pending.ts";
import { strict_iecstrtoll } from "./strict_parse.ts";

const DEFAULT_NAME = "default";
/** Where the default profile's pools are placed; other profiles' rules have the pool's name. */
const DEFAULT_RULE = "erasure-code";
const MAX_U32 = 0xffffffff;
/** Multiples of it waste no disk block and no read-modify-write. */
const STRIPE_UNIT_STEP = 4096;

function refuse(text: string): never {
  throw new CommandError("EINVAL", text);
}

/** `{k=2,m=1}`, in the order of keys. */
export function profile_text(p: ErasureCodeProfile): string {
  return `{${[...p].map(([k, x]) => `${k}=${x}`).join(",")}}`;
}

function sorted(p: ReadonlyMap<string, string>): ErasureCodeProfile {
  return new Map([...p].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Words such as `k=4`. One without `=` is a key without a value. */
function from_words(words: readonly string[]): Map<string, string> {
  const out = new Map<string, string>();
  for (const word of words) {
    const i = word.indexOf("=");
    const key = i < 0 ? word : word.slice(0, i);
    if (key.startsWith("ruleset-")) {
      const now = key.replace("ruleset-", "crush-");
      refuse(`property '${key}' is no longer supported; try '${now}' instead`);
    }
    out.set(key, i < 0 ? "" : word.slice(i + 1));
  }
  return out;
}

/** What osd_pool_default_erasure_code_profile says: `default` of a new cluster. */
export function default_profile(config: Config): ErasureCodeProfile {
  const text = config.get("osd_pool_default_erasure_code_profile");
  return sorted(from_words(text.split(/\s+/).filter((w) => w !== "")));
}

/** What the operator said, on top of the default, unless that is of another plugin. */
export function parse_profile(v: View, words: readonly string[]): ErasureCodeProfile {
  const said = from_words(words);
  const base = default_profile(v.config);
  const plugin = said.get("plugin");
  const other = plugin !== undefined && plugin !== base.get("plugin");
  const profile = sorted(other ? said : new Map([...base, ...said]));
  const domain = profile.get("crush-failure-domain");
  if (domain !== undefined && pending_crush(v).get_type_id(domain) === undefined) {
    const text = profile_text(profile);
    refuse(`erasure-code-profile ${text} contains an invalid failure-domain "${domain}"`);
  }
  if (!profile.has("plugin")) {
    refuse(`erasure-code-profile ${profile_text(profile)} must contain a plugin entry`);
  }
  return profile;
}

/** The profile with all defaults written out, checked. `force`: odd stripe units are accepted. */
export function normalize_profile(
  profile: ErasureCodeProfile,
  { force }: { readonly force: boolean },
): ErasureCodeProfile {
  const ec = create_erasure_code(profile);
  const unit = stripe_unit_of(ec);
  if (unit !== undefined) {
    const chunk = ec.get_chunk_size(unit * ec.get_data_chunk_count());
    if (chunk !== unit) {
      refuse(
        `stripe_unit ${unit} does not match ec profile alignment. Would be padded to ${chunk}`,
      );
    }
    if (unit % STRIPE_UNIT_STEP !== 0 && !force) {
      refuse(
        `stripe_unit should be a multiple of ${STRIPE_UNIT_STEP} bytes for best performance.` +
          "use --force to override this check",
      );
    }
  }
  return ec.profile;
}

function stripe_unit_of(ec: ErasureCode): number | undefined {
  const text = ec.profile.get("stripe_unit");
  if (text === undefined) return undefined;
  const unit = strict_iecstrtoll(text, 0);
  if (typeof unit === "string") refuse(`could not parse stripe_unit '${text}': ${unit}`);
  const most = Math.floor(MAX_U32 / ec.get_data_chunk_count());
  if (unit < 1 || unit > most) refuse(`stripe_unit ${text} must be from 1 to ${most} bytes`);
  return unit;
}

/** The profile as the next map will have it. */
export function pending_profile(v: View, name: string): ErasureCodeProfile | undefined {
  const { inc } = v.pending;
  const changed = inc.new_erasure_code_profiles.get(name);
  if (changed || inc.old_erasure_code_profiles.has(name)) return changed;
  return v.osdmap.erasure_code_profiles.get(name);
}

/** The profile that a pool or rule names. `default` is there also when it was removed. */
export function need_profile(v: View, name: string): ErasureCodeProfile {
  const known = pending_profile(v, name);
  if (known) return known;
  if (name !== DEFAULT_NAME) {
    refuse(
      "cannot determine the erasure code plugin because there is no 'plugin' entry in the " +
        `erasure_code_profile {}: there is no profile '${name}'`,
    );
  }
  return normalize_profile(default_profile(v.config), { force: false });
}
/** Has the next map hold a profile that is used: `default` comes back. */
export function keep_profile(v: View, name: string, profile: ErasureCodeProfile): void {
  if (pending_profile(v, name)) return;
  v.pending.inc.old_erasure_code_profiles.delete(name);
  v.pending.inc.new_erasure_code_profiles.set(name, profile);
}

/** Names of the pools that use a profile, in the order of their ids. */
export function pools_of_profile(v: View, name: string): string[] {
  const ids = new Set([...v.osdmap.pool_ids(), ...v.pending.inc.new_pools.keys()]);
  return [...ids]
    .sort((a, b) => a - b)
    .filter((id) => pending_pool(v, id)?.erasure_code_profile === name)
    .map((id) => v.pending.inc.new_pool_names.get(id) ?? v.osdmap.get_pool_name(id) ?? String(id));
}

export interface ErasureShape {
  readonly size: number;
  readonly min_size: number;
  readonly stripe_width: number;
}

export function erasure_shape(v: View, profile: ErasureCodeProfile): ErasureShape {
  const ec = create_erasure_code(profile);
  const [k, m] = [ec.get_data_chunk_count(), ec.get_coding_chunk_count()];
  const unit = stripe_unit_of(ec) ?? v.config.get("osd_pool_erasure_code_stripe_unit");
  const stripe_width = k * ec.get_chunk_size(unit * k);
  if (stripe_width > MAX_U32) refuse(`a stripe of ${stripe_width} bytes is too wide`);
  return { size: k + m, min_size: k + Math.min(1, m - 1), stripe_width };
}

/** The smallest min_size that `osd pool set` takes: below k nothing can be read. */
export function least_min_size(v: View, profile_name: string): number {
  const profile = pending_profile(v, profile_name);
  return profile ? create_erasure_code(profile).get_data_chunk_count() : 1;
}

/** Where pools are placed that name no rule. */
export function erasure_rule_name(profile_name: string, pool: string): string {
  return profile_name === DEFAULT_NAME ? DEFAULT_RULE : pool;
}

/** A rule, and the CRUSH map that has it: that of the next epoch, or that with the rule added. */
export interface RulePlace {
  readonly crush: CrushWrapper;
  readonly rule: number;
}

/** `crush` with the rule that the profile asks for: one position for each chunk. */
export function add_erasure_rule(
  crush: CrushWrapper,
  name: string,
  profile: ErasureCodeProfile,
): RulePlace {
  const ec = create_erasure_code(profile);
  const root = ec.profile.get("crush-root") ?? "default";
  const domain = ec.profile.get("crush-failure-domain") ?? "host";
  const options = {
    mode: "indep",
    type: TYPE_ERASURE,
    device_class: ec.profile.get("crush-device-class") ?? "",
    max_size: ec.get_chunk_count(),
  } as const;
  let rule = -1;
  const edited = crush.edit((b) => {
    rule = b.add_simple_rule(name, root, domain, options);
  });
  return { crush: edited, rule };
}
