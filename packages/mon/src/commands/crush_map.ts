/**
 * `osd getcrushmap`, `osd setcrushmap`: the CRUSH map as a whole, in Ceph's binary form.
 * A map that does not serve the pools, or cannot be computed with, is refused. cluster.md §7.1.
 */
import {
  type Clock,
  CrushTester,
  type CrushWrapper,
  decode_crush_binary,
  encode_crush_binary,
  MapError,
} from "@tako/common";
import type { Monitor } from "../monitor/Monitor.ts";
import { pending_pool, type View } from "../osdmon/pending.ts";
import type { Args } from "./args.ts";
import { has_pending_crush, unusable_by_clients } from "./crush_edit.ts";
import type { ReadCommands, WriteCommands } from "./dispatch.ts";
import { map_at } from "./osd_read.ts";
import { type CommandOutcome, commit_then, fail, ok, RETRY_COMMAND, reply_now } from "./reply.ts";

export const CRUSH_MAP_COMMANDS: ReadCommands = {
  "osd getcrushmap": (mon, args) => {
    const { crush, crush_version } = map_at(mon, args);
    return { ...ok(String(crush_version)), data: [encode_crush_binary(crush)] };
  },
};
export const CRUSH_MAP_WRITE_COMMANDS: WriteCommands = {
  "osd setcrushmap": set_crush_map,
};

/** Also `osd crush set` without an OSD. The status line is the version of the new map. */
export function set_crush_map(
  v: View,
  args: Args,
  mon: Monitor,
  data: readonly Uint8Array[],
): CommandOutcome {
  if (has_pending_crush(v)) return RETRY_COMMAND;
  const bytes = concat(data);
  const crush = decode(bytes);
  const version = v.osdmap.crush_version;
  const prior = args.opt_int("prior_version", 0, Number.MAX_SAFE_INTEGER);
  if (prior !== undefined) {
    // The answer to the first attempt was lost: this one has been done.
    const current = encode_crush_binary(v.osdmap.crush);
    if (prior === version - 1 && same_bytes(current, encode_crush_binary(crush))) {
      return reply_now(String(version));
    }
    if (prior !== version) {
      return fail("EPERM", `prior_version ${prior} != crush version ${version}`);
    }
  }
  if ([...crush.map.rules.values()].some((r) => (r.ruleset ?? r.id) !== r.id)) {
    return fail("EINVAL", "crush maps with ruleset != ruleid are no longer allowed");
  }
  const why = unusable_by_clients(v, crush) ?? unusable_by_pools(v, crush);
  if (why !== undefined) return fail("EINVAL", why);
  if (v.config.get("mon_osd_crush_smoke_test")) {
    smoke_test(crush, mon.ports.clock, v.config.get("mon_lease"));
  }
  v.pending.inc.crush = crush;
  return commit_then(String(version + 1));
}

function decode(bytes: Uint8Array): CrushWrapper {
  try {
    return decode_crush_binary(bytes);
  } catch (e) {
    if (!(e instanceof MapError)) throw e;
    return fail("EINVAL", `Failed to parse crushmap: ${e.message}`);
  }
}

function concat(data: readonly Uint8Array[]): Uint8Array {
  if (data.length === 1 && data[0]) return data[0];
  const all = new Uint8Array(data.reduce((n, d) => n + d.length, 0));
  let at = 0;
  for (const d of data) {
    all.set(d, at);
    at += d.length;
  }
  return all;
}
function same_bytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

/** Every pool needs its rule, of its type and for its size. */
function unusable_by_pools(v: View, crush: CrushWrapper): string | undefined {
  for (const id of v.osdmap.pool_ids()) {
    const pool = pending_pool(v, id);
    if (!pool) continue;
    const { crush_rule, size, type } = pool;
    const rule = crush.get_rule(crush_rule);
    if (!rule) return `pool ${id} references crush_rule ${crush_rule} but it is not present`;
    if (rule.type !== type) return `pool ${id} type does not match rule ${crush_rule}`;
    if (size < rule.min_size) {
      return `pool ${id} size ${size} does not fall within rule ${crush_rule} min_size ${rule.min_size} and max_size ${rule.max_size}`;
    }
    if (size > rule.max_size) {
      return `pool ${id} size ${size} does not fall within rule ${crush_rule} min_size ${rule.min_size} and max_size ${rule.max_size}`;
    }
  }
  return undefined;
}

const SMOKE_MAX_X = 50;
const SMOKE_NUM_REP = 3;

/** Some inputs through every rule: the monitor and all clients will do this for each PG. */
function smoke_test(crush: CrushWrapper, clock: Clock, timeout_s: number): void {
  const tester = new CrushTester(crush);
  const end = clock.mono_ms() + timeout_s * 1000;
  for (const rule of crush.rule_ids()) {
    for (let x = 0; x <= SMOKE_MAX_X; x++) {
      tester.map(rule, x, SMOKE_NUM_REP);
      if (clock.mono_ms() < end) continue;
      fail(
        "ETIMEDOUT",
        "crush smoke test failed with -110: " +
          `timed out during smoke test (${timeout_s} seconds)`,
      );
    }
  }
}
