/**
 * What the commands that edit the CRUSH map have in common: the draft they start from, the map they
 * leave, and what has to hold of it.
 * Ceph counterpart: OSDMonitor::_get_pending_crush, validate_crush_against_features.
 */
import {
  CommandError,
  type CrushBuilder,
  type CrushWrapper,
  type crush_location,
  get_min_compat_client,
  is_release_before,
  OSDMap,
  print_ostream_float,
} from "@tako/common";
import { pending_crush, type View } from "../osdmon/pending.ts";
import type { Args } from "./args.ts";
import { fail } from "./reply.ts";

/** CRUSH weights are 16.16; builder and map refuse what is too large. */
export const MAX_CRUSH_WEIGHT = 0xffffffff;

/** The pending epoch gets the edited map, even where it says the same: that is a new version. */
export function edit(v: View, fn: (b: CrushBuilder) => void): void {
  v.pending.inc.crush = pending_crush(v).edit(fn);
}
/** As `edit`, when `fn` says that it changed something. */
export function edit_if(v: View, fn: (b: CrushBuilder) => boolean): boolean {
  let changed = false;
  const edited = pending_crush(v).edit((b) => {
    changed = fn(b);
  });
  if (changed) v.pending.inc.crush = edited;
  return changed;
}
/** Is a new map on its way, whoever asked for it? */
export function has_pending_crush(v: View): boolean {
  return v.pending.inc.crush !== null;
}

/** As `edit`, but clients and OSDs must be able to compute with the result. */
export function edit_for_clients(v: View, fn: (b: CrushBuilder) => void): void {
  const crush = pending_crush(v).edit(fn);
  const why = unusable_by_clients(v, crush);
  if (why !== undefined) fail("EINVAL", why);
  v.pending.inc.crush = crush;
}
export function unusable_by_clients(v: View, crush: CrushWrapper): string | undefined {
  const required = min_compat_client(v);
  const needed = get_min_compat_client(new OSDMap({ ...v.osdmap.f, crush }));
  if (required === "unknown" || !is_release_before(required, needed)) return undefined;
  return `new crush map requires client version ${needed} but require_min_compat_client is ${required}`;
}
export function min_compat_client(v: View): string {
  return v.pending.inc.new_require_min_compat_client || v.osdmap.f.require_min_compat_client;
}

export function need_item(crush: CrushWrapper, name: string, text: string): number {
  return crush.get_item_id(name) ?? fail("ENOENT", text);
}

/** `root=default host=h1`, as a list of words; the last of a type counts. */
export function location(args: Args): crush_location {
  const loc = new Map<string, string>();
  for (const word of args.list("args")) {
    const i = word.indexOf("=");
    if (i <= 0 || i === word.length - 1) {
      return fail("EINVAL", `'${word}' is not of the form type=name, such as host=h1`);
    }
    loc.set(word.slice(0, i), word.slice(i + 1));
  }
  return loc;
}
export function loc_text(loc: crush_location): string {
  const sorted = [...loc].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([t, n]) => `${t}=${n}`).join(",")}}`;
}
export const weight_text = print_ostream_float;

/** A class in a command: letters, digits, `-` and `_`. */
export function device_class(args: Args, name = "class"): string {
  const cls = args.str(name);
  return /^[A-Za-z0-9_-]+$/.test(cls) ? cls : fail("EINVAL", `'${cls}' is not a device class`);
}

/** Runs an edit whose refusals have a preamble of their own. */
export function refused_with<T>(preamble: (why: CommandError) => string, fn: () => T): T {
  try {
    return fn();
  } catch (e) {
    if (!(e instanceof CommandError)) throw e;
    throw new CommandError(e.code, preamble(e), { cause: e });
  }
}
