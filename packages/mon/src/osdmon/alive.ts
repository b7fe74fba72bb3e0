/**
 * MOSDAlive: an OSD asks to be recorded as alive at its epoch, so that a PG may go active. Pure.
 * This is where up_thru is granted. Ceph counterpart: OSDMonitor::preprocess_alive, prepare_alive.
 * cluster.md §3.3.
 */
import { addr_eq, type Msg } from "@tako/common";
import type { View } from "./pending.ts";
import {
  commit_then_maps,
  drop,
  PREPARE,
  type Prepared,
  type Preprocessed,
  type Sender,
  send_maps,
} from "./verdict.ts";

/** Is the sender the very instance that the map shows up? */
export function is_up_instance(v: View, from: Sender): boolean {
  return v.osdmap.is_up(from.osd) && addr_eq(v.osdmap.get_addr(from.osd), from.addr);
}

export function preprocess_alive(v: View, from: Sender, m: Msg<"osd_alive">): Preprocessed {
  if (from.osd !== m.osd) return drop("alive for somebody else");
  if (!is_up_instance(v, from)) return drop("not up at this address");
  if (v.osdmap.get_up_thru(from.osd) >= m.want) return send_maps(m.version + 1);
  return PREPARE;
}

export function prepare_alive(v: View, from: Sender, m: Msg<"osd_alive">): Prepared {
  update_up_thru(v, from.osd, m.version);
  return commit_then_maps(m.version + 1);
}

/**
 * up_thru becomes the epoch the OSD had when it asked, not what it wants: it was alive then, and
 * that is at least as much. Nothing else is checked: what the PGs make of it is their business.
 */
export function update_up_thru(v: View, o: number, version: number): void {
  const { new_up_thru } = v.pending.inc;
  // Nobody was alive in a future that has not been committed.
  const epoch = Math.min(version, v.osdmap.epoch);
  const have = Math.max(v.osdmap.get_up_thru(o), new_up_thru.get(o) ?? 0);
  if (epoch > have) new_up_thru.set(o, epoch);
}
