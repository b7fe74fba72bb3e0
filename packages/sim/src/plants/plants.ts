/**
 * Planted bugs: deliberate defects, each a change to one place of the built code, made while that
 * file is loaded (load_hook.ts). Product code knows nothing of them. A checker that no plant ever
 * trips proves nothing; `npm run sim:plants` shows that each of these is found.
 */
import type { ProfileName } from "@tako/client/chaos";

export interface Plant {
  readonly name: string;
  /** What the cluster does wrong, and the rule of peering.md that it breaks. */
  readonly what: string;
  /** Built file, from `packages/`. */
  readonly file: string;
  /** Occurs exactly once in the file, and is replaced. Blanks match any white space. */
  readonly from: string;
  readonly to: string;
  /** Needs whole runs of this profile; else short ones of quick are enough. */
  readonly profile?: ProfileName;
  /** Or short ones where this is the only fault. */
  readonly alone?: string;
}

export const PLANTS: readonly Plant[] = [
  {
    name: "skip_wait_up_thru",
    what: "goes active without up_thru for the interval in the map (§5.4, I9)",
    file: "osd/dist/peering/peer_infos.js",
    from: "ps.need_up_thru = ps.osdmap.get_up_thru(ps.whoami) < history.same_interval_since;",
    to: "ps.need_up_thru = false;",
  },
  {
    name: "ignore_last_epoch_started",
    what: "find_best_info takes the longest log, also of a copy that missed a whole interval (§6.5)",
    file: "common/dist/peering/find_best_info.js",
    from: "const { max_les, history_les_bound } = max_last_epoch_started(infos, opts.ignore_history_les);",
    to: "const { max_les, history_les_bound } = { max_les: 0, history_les_bound: false };",
  },
  {
    name: "ack_before_commit",
    what: "a write is acknowledged when the primary has it, whatever the others have (§8.4)",
    file: "osd/dist/pg/repop.js",
    from: "waiting_for_commit: new Set(pg.peers).add(pg.whoami),",
    to: "waiting_for_commit: new Set([pg.whoami]),",
  },
  {
    name: "drop_missing_entry",
    what: "merge_log forgets the first of several new entries when it fills the missing set (§6.11)",
    file: "osd/dist/pg/log_merge.js",
    from: "missing.add_next_event(e);",
    to: "if (entries.length === 1 || e !== entries[0]) missing.add_next_event(e);",
  },
  {
    name: "keep_last_backfill",
    what: "a copy whose log was trimmed past goes on from where its old backfill stood (§6.15)",
    file: "osd/dist/peering/activate.js",
    from: 'pi.last_backfill = "MIN";',
    to: "",
    // Shows only where logs are trimmed.
    profile: "default",
  },
  {
    name: "read_while_laggy",
    what: "serves reads after its lease has run out (§15)",
    file: "osd/dist/peering/leases.js",
    from: 'export function is_readable(ps) { if (ps.state_test("wait") || ps.state_test("laggy")) return false;',
    to: "export function is_readable(ps) { return true;",
    // Others must have done without the primary for a while, and not much else be broken.
    profile: "default",
  },
  {
    name: "accept_old_interval",
    what: "takes peering messages of an interval that is over (§4.2)",
    file: "osd/dist/peering/PeeringState.js",
    from: "return this.last_peering_reset > reply_epoch || this.last_peering_reset > query_epoch;",
    to: "return false;",
  },
  {
    name: "keep_pg_temp",
    what: "the monitor never takes a pg_temp back (cluster.md §3)",
    file: "mon/dist/osdmon/pg_temp.js",
    from: "const { new_pg_temp } = v.pending.inc;",
    to: "const { new_pg_temp } = v.pending.inc; if (osds.length === 0) return;",
  },
  {
    name: "lose_requests_on_split",
    what: "a child PG does not know the requests that its parent has carried out (§9.2)",
    file: "osd/dist/pg/IndexedLog.js",
    from: "child.assign(this.#wire(this.tail, theirs, dups));",
    to: `const nobody = { name: "", inc: 0, tid: 0 };
      child.assign(this.#wire(this.tail, theirs.map((e) => ({ ...e, reqid: nobody })), []));`,
  },
  {
    name: "one_reservation_too_many",
    what: "grants osd_max_backfills + 1 (§7.4, I21)",
    file: "osd/dist/osd/AsyncReserver.js",
    from: "this.#granted.size >= this.#max_allowed",
    to: "this.#granted.size > this.#max_allowed",
  },
  {
    name: "incremental_order",
    what: "max_osd is applied after the OSDs that need it (cluster.md §1.4)",
    file: "common/dist/osdmap/apply.js",
    from: "const a = new OsdArrays(f, inc.new_max_osd);",
    to: "const a = new OsdArrays(f, -1);",
  },
  {
    name: "torn_write",
    what: "a crash leaves the first half of a transaction: log without data, or data without log (§8.1)",
    file: "osd/dist/store/MemStore.js",
    from: "drop_in_flight() { this.#in_flight?.timer?.cancel();",
    to: `drop_in_flight() { this.#in_flight?.timer?.cancel();
      const torn = [...(this.#in_flight?.changes ?? [])];
      for (const [k, v] of torn.slice(0, torn.length >> 1)) {
        if (v) this.values.set(k, v); else this.values.delete(k);
      }`,
  },
  {
    name: "roll_forward_at_once",
    what: "shards give up what would undo a write before all shards have it (§10, I24)",
    file: "osd/dist/pg/repop.js",
    from: "return pg.ec ? pg.peering.last_update_ondisk : version;",
    to: "return version;",
  },
  {
    name: "withhold_from_backfill_target",
    what: "a backfill target does not get writes to objects that it has already (§8.4.4)",
    file: "osd/dist/pg/repop.js",
    from: "hobject_cmp(soid, pg.backfill.last_backfill_started) <= 0 ||",
    to: "false &&",
    // Shows only where logs are trimmed.
    profile: "default",
  },
  {
    name: "forget_requests",
    what: "a resent operation is done again, though the log has it (§8.3)",
    file: "osd/dist/pg/do_op.js",
    from: "const done = pg.peering.pg_log.log.get_request(m.reqid);",
    to: "const done = undefined;",
  },
  {
    name: "started_before_committed",
    what: "tells the PG's start before every member has it on disk (§6.16, I7)",
    file: "osd/dist/peering/activate.js",
    from: "info.last_epoch_started = activation_epoch;",
    to: "info.last_epoch_started = info.history.last_epoch_started = activation_epoch;",
  },
  {
    name: "serve_in_wait",
    what: "a new primary serves while leases of an earlier one still run (§8.5, §15)",
    file: "osd/dist/peering/leases.js",
    from: "if (ps.clock.mono_ms() >= l.prior_readable_until_ub) {",
    to: "if (ps !== null) {",
    alone: "cut_off_primary",
  },
  {
    name: "wrong_version_of_a_dup",
    what: "a resent operation is told the newest version instead of its own (§8.3)",
    file: "osd/dist/pg/op_reply.js",
    from: "done.return_code, done.version, done.user_version)",
    to: "done.return_code, done.version, pg.peering.info.last_user_version)",
  },
  {
    name: "up_thru_asked_once",
    what: "a request for up_thru that was lost is not sent again (§4.4)",
    file: "osd/dist/osd/MonRequests.js",
    from: "this.#up_thru_asked = 0; this.#send_alive(map);",
    to: "",
  },
  {
    name: "forget_missing",
    what: "an OSD that starts takes its copies for whole, whatever they lacked when it ended (§2.8)",
    file: "osd/dist/pg/log_store.js",
    from: "items: r.missing_items() });",
    to: "items: [] });",
  },
  {
    name: "newest_interval_only",
    what: "of the intervals since a PG was clean only the last one counts (§6.3, I13)",
    file: "common/dist/osdmap/intervals.js",
    from: "this.#intervals = [...kept, {",
    to: "this.#intervals = [{",
  },
  {
    name: "keep_divergent",
    what: "what divergent entries wrote stays when they are cut off the log (§6.12)",
    file: "osd/dist/pg/log_merge.js",
    from: "for (const hoid of [...by_object.keys()].sort(hobject_cmp)) {",
    to: "for (const hoid of []) {",
  },
  {
    name: "repair_from_the_bad",
    what: "repair has the good copies written anew from the one that is damaged (§11)",
    file: "osd/dist/pg/scrub/finish.js",
    from: "for (const shard of [...x.missing, ...x.inconsistent]) {",
    to: "for (const shard of x.authoritative) {",
  },
  {
    name: "complete_too_far",
    what: "last_complete goes on over an object that is still missing (§6.13, I3)",
    file: "osd/dist/pg/PGLog.js",
    from: "if (ev_le(oldest_need, version)) break;",
    to: "",
  },
  {
    name: "divergence_not_foretold",
    what: "the primary does not count what a member loses with its divergent entries (§6.11, I12)",
    file: "osd/dist/pg/log_merge.js",
    from: "handler: null, }, divergent);",
    to: "handler: null, }, []);",
    alone: "two_branches",
  },
  {
    name: "shard_acks_at_once",
    what: "a shard says that it has a write before its disk has it (§10, I10, I17)",
    file: "osd/dist/pg/repop.js",
    from: "queue_counted(pg, [m.hobj], t, () => {",
    to: `const queue = m.type === "rep_op" ? queue_counted : (_pg, oids, _t, then) => {
        queue_counted(pg, oids, t, () => {});
        then();
      };
      queue(pg, [m.hobj], t, () => {`,
    alone: "kill_in_commit",
  },
  {
    name: "clean_undersized",
    what: "a PG that lacks members counts as clean, and forgets its past (§6.17, I26)",
    file: "osd/dist/peering/completion.js",
    from: "if (ps.actingset.size === ps.pool.info.size) {",
    to: "if (ps !== null) {",
  },
  {
    name: "publish_before_commit",
    what: "the monitor publishes an epoch that is only on its way to the disk (cluster.md §3.1)",
    file: "mon/dist/osdmon/OSDMonitor.js",
    from: "this.die(outcome.error); else this.committed(pending, epoch); });",
    to: "this.die(outcome.error); }); this.committed(pending, epoch);",
  },
];

/** How the hunt for one plant ended. */
export interface Hunt {
  readonly name: string;
  /** The last seed that was run: the one that failed. */
  readonly seed: number;
  /** What the failing run said; undefined: the plant was not found. */
  readonly found?: string;
}

/** Undefined: no plant has that name. */
export function find_plant(name: string): Plant | undefined {
  return PLANTS.find((p) => p.name === name);
}

/** `source` with the defect; throws when the place is not there exactly once. */
export function apply_plant(plant: Plant, source: string): string {
  const words = plant.from.split(/\s+/).map((w) => w.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const places = [...source.matchAll(new RegExp(words.join("\\s+"), "g"))];
  const [place] = places;
  if (!place || places.length > 1) {
    throw new Error(
      `plant ${plant.name}: its place occurs ${places.length} times in ${plant.file}`,
    );
  }
  const { index } = place;
  return source.slice(0, index) + plant.to + source.slice(index + place[0].length);
}
