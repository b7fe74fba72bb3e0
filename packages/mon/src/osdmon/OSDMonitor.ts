/**
 * The keeper of the OSDMap: gathers changes in one pending incremental, commits it, publishes it.
 * One epoch is in flight at a time; what arrives meanwhile waits and shares the next one. Nothing
 * is answered or published before its epoch is durable.
 * Ceph counterpart: src/mon/OSDMonitor.{h,cc}. cluster.md §3.
 */
import {
  assertNever,
  type Clock,
  CommandError,
  type Config,
  type epoch_t,
  InvariantError,
  type Log,
  type Msg,
  type OSDMap,
  OSDMapMapping,
  pg_parse,
  type pg_t,
  type StoreError,
} from "@tako/common";
import { type CommandOutcome, type CommandReply, reply_of_error } from "../commands/reply.ts";
import type { MonSession } from "../monitor/MonSession.ts";
import { type MonitorDBStore, MonTransaction } from "../store/MonitorDBStore.ts";
import { is_up_instance, prepare_alive, preprocess_alive } from "./alive.ts";
import { type DownPendingOut, tick_auto_out, update_down_pending_out } from "./auto_out.ts";
import {
  type Beacons,
  beacons_on_map,
  handle_osd_timeouts,
  new_beacons,
  note_beacon,
} from "./beacon.ts";
import { prepare_boot, preprocess_boot } from "./boot.ts";
import type { CreatingPGs } from "./creating_pgs.ts";
import { encode_creating_pgs } from "./creating_pgs.ts";
import { type EncodedEpoch, encode_pending } from "./encode_pending.ts";
import {
  check_failures,
  type FailureReports,
  prepare_failure,
  prepare_mark_me_dead,
  prepare_mark_me_down,
  preprocess_failure,
  preprocess_mark_me_dead,
  preprocess_mark_me_down,
} from "./failure.ts";
import { prepare_full, preprocess_full } from "./full.ts";
import { load_state } from "./load_state.ts";
import { log_epoch } from "./log_epoch.ts";
import type { MapStore } from "./MapStore.ts";
import { Proposer, type Urgency } from "./Proposer.ts";
import {
  is_pending_empty,
  new_pending,
  type OsdMetadata,
  type Pending,
  type View,
} from "./pending.ts";
import { prepare_pgtemp, preprocess_pgtemp } from "./pg_temp.ts";
import { type PoolUsage, raise_pgp_num } from "./pgp_num.ts";
import { update_pool_quotas } from "./pool_rules.ts";
import { get_trim_to, trim_step } from "./trim.ts";
import { drop, PREPARE, type Prepared, type Preprocessed, type Sender } from "./verdict.ts";

/** Messages that may change the map. */
export type OsdMonMessage = Msg<
  | "osd_boot"
  | "osd_alive"
  | "osd_pg_temp"
  | "osd_failure"
  | "osd_mark_me_down"
  | "osd_mark_me_dead"
  | "osd_full"
  | "osd_pg_created"
>;

export interface OSDMonitorHost {
  readonly store: MonitorDBStore;
  readonly clock: Clock;
  readonly config: Config;
  readonly log: Log;
  /** Maps from `from` on, as far as the session has not had them. */
  send_maps(s: MonSession, from: epoch_t): void;
  /** A new epoch is durable: tell everybody. `moved`: PGs that are new or may be elsewhere now. */
  on_osdmap(prev: OSDMap, osdmap: OSDMap, moved: readonly pg_t[]): void;
  clog(prio: "DBG" | "INF" | "WRN" | "ERR", text: string): void;
  on_fatal(error: StoreError): void;
}

export class OSDMonitor {
  readonly maps: MapStore;
  readonly metadata: Map<number, OsdMetadata>;
  readonly beacons: Beacons = new_beacons();
  readonly reports: FailureReports = new Map();
  readonly down_pending_out: DownPendingOut = new Map();
  creating: CreatingPGs;
  osdmap: OSDMap;
  /** Of every PG; that of the next map while an epoch is being written. */
  readonly mapping: OSDMapMapping;

  private readonly host: OSDMonitorHost;
  private readonly proposer: Proposer;
  private readonly leader_since_ms: number;
  private pending: Pending;
  /** Run when the pending epoch is committed: replies first, then what must be looked at again. */
  private replies: (() => void)[] = [];
  private retries: (() => void)[] = [];
  /** Arrived while an epoch was in flight. */
  private waiting: (() => void)[] = [];
  private committing = false;
  private trimming = false;
  private stopped = false;

  /** Throws StoreError when what should be in the store is not, or is damaged. */
  constructor(host: OSDMonitorHost) {
    this.host = host;
    const state = load_state(host.store, host.config);
    this.maps = state.maps;
    this.osdmap = state.osdmap;
    this.mapping = new OSDMapMapping(this.osdmap);
    this.creating = state.creating;
    this.metadata = state.metadata;
    this.pending = new_pending(this.osdmap);
    this.leader_since_ms = host.clock.mono_ms();
    this.proposer = new Proposer(host.clock, host.config, () => this.propose_pending());
    update_down_pending_out(this.down_pending_out, this.osdmap, this.leader_since_ms);
  }

  stop(): void {
    this.stopped = true;
    this.proposer.cancel();
  }

  /** An epoch is being written. */
  get is_committing(): boolean {
    return this.committing;
  }

  view(): View {
    const { clock, config } = this.host;
    return {
      osdmap: this.osdmap,
      pending: this.pending,
      now_ms: clock.now_ms(),
      mono_ms: clock.mono_ms(),
      config,
    };
  }

  // ---------------------------------------------------------------- requests

  dispatch(s: MonSession, m: OsdMonMessage): void {
    if (this.stopped) return;
    const from = s.sender;
    const seen = preprocess(this.view(), from, m);
    if (seen.do !== "prepare") {
      this.settle(s, m, seen);
      return;
    }
    if (this.committing) {
      this.waiting.push(() => this.dispatch(s, m));
      return;
    }
    const done = this.prepare(from, m);
    switch (done.do) {
      case "drop":
        this.settle(s, m, done);
        break;
      case "retry":
        this.retries.push(() => {
          if (s.con.is_open) this.dispatch(s, m);
        });
        break;
      case "commit": {
        const { reply } = done;
        if (reply) this.replies.push(() => this.settle(s, m, reply));
        break;
      }
      default:
        assertNever(done);
    }
    this.maybe_propose(m.type === "osd_pg_created" ? "soon" : "now");
  }

  handle_beacon(s: MonSession, m: Msg<"osd_beacon">): void {
    const from = s.sender;
    if (is_up_instance(this.view(), from)) {
      note_beacon(this.beacons, this.osdmap, from.osd, m, this.host.clock.mono_ms());
    } else if (this.osdmap.exists(from.osd)) {
      // It does not know yet that it is down.
      this.host.send_maps(s, m.version + 1);
    }
  }

  /** A command that may change the map: `run` sees the committed map and edits what is pending. */
  command(run: (v: View) => CommandOutcome, done: (r: CommandReply) => void): void {
    if (this.stopped) return;
    if (this.committing) {
      this.waiting.push(() => this.command(run, done));
      return;
    }
    let outcome: CommandOutcome;
    try {
      outcome = run(this.view());
    } catch (e) {
      if (!(e instanceof CommandError)) throw e;
      done(reply_of_error(e));
      return;
    }
    if (outcome.do === "reply") {
      done(outcome.reply);
      return;
    }
    if (is_pending_empty(this.pending)) {
      // Nothing to wait for: the wish is what the map says already.
      if (outcome.do === "retry") throw new InvariantError("a command waits for nothing");
      this.release();
      done(outcome.reply);
      return;
    }
    if (outcome.do === "retry") {
      this.retries.push(() => this.command(run, done));
    } else {
      const { reply } = outcome;
      this.replies.push(() => done(reply));
    }
    this.maybe_propose("now");
  }

  /** PG stats say that these are active: their creation is over, whoever forgot to tell. */
  note_created(pgs: readonly string[]): void {
    if (this.stopped || pgs.length === 0) return;
    if (this.committing) {
      this.waiting.push(() => this.note_created(pgs));
      return;
    }
    for (const text of pgs) {
      const pg = pg_parse(text);
      if (pg && this.creating.pgs.has(pg)) this.pending.created_pgs.add(pg);
    }
    this.maybe_propose("soon");
  }

  // ---------------------------------------------------------------- time

  /** `usage`: what a pool holds, as far as it has been reported. */
  tick(usage: (pool: number) => PoolUsage): void {
    if (this.stopped || this.committing) return;
    const v = this.view();
    update_pool_quotas(v, (pool) => usage(pool).sum);
    raise_pgp_num(v, usage);
    check_failures(v, this.reports);
    handle_osd_timeouts(v, this.beacons, this.leader_since_ms);
    tick_auto_out(v, this.down_pending_out);
    expire_blocklist(v);
    this.maybe_propose("now");
    this.maybe_trim();
  }

  private maybe_trim(): void {
    if (this.trimming) return;
    const to = get_trim_to(this.osdmap, this.beacons, this.creating, this.host.config);
    const first = trim_step(this.maps.first_committed, to, this.host.config);
    if (first === undefined) return;
    const txn = new MonTransaction();
    this.maps.put_trim(txn, first);
    this.trimming = true;
    this.host.store.apply(txn, (outcome) => {
      if (this.stopped) return;
      this.trimming = false;
      if (outcome.status === "failed") {
        this.die(outcome.error);
        return;
      }
      this.host.log.info({ first: this.maps.first_committed, new_first: first }, "osdmap_trim");
      this.maps.committed_trim(first);
    });
  }

  // ---------------------------------------------------------------- proposals

  private maybe_propose(urgency: Urgency): void {
    if (this.committing) return;
    if (is_pending_empty(this.pending)) this.release();
    else this.proposer.request(urgency);
  }
  /** All that was pending has been taken back: no epoch comes that anybody could wait for. */
  private release(): void {
    const { replies, retries } = this;
    if (replies.length + retries.length === 0) return;
    this.replies = [];
    this.retries = [];
    for (const list of [replies, retries]) for (const fn of list) fn();
  }

  private propose_pending(): void {
    if (this.stopped || this.committing || is_pending_empty(this.pending)) return;
    const { pending } = this;
    const epoch = encode_pending(this.view(), this.creating, this.mapping);
    const txn = new MonTransaction();
    this.maps.put_epoch(txn, epoch.next.epoch, epoch.inc_bytes, epoch.full_bytes);
    if (epoch.creating.pgs.size + epoch.creating.queue.size + this.creating.pgs.size > 0) {
      txn.put("osd_pg_creating", "creating", encode_creating_pgs(epoch.creating));
    } else if (epoch.creating.created_pools.size !== this.creating.created_pools.size) {
      txn.put("osd_pg_creating", "creating", encode_creating_pgs(epoch.creating));
    }
    for (const [o, md] of pending.new_metadata) {
      txn.put("osd_metadata", String(o), new TextEncoder().encode(JSON.stringify(md)));
    }
    for (const o of pending.old_metadata) txn.erase("osd_metadata", String(o));
    this.committing = true;
    this.proposer.proposed();
    this.host.store.apply(txn, (outcome) => {
      if (this.stopped) return;
      if (outcome.status === "failed") this.die(outcome.error);
      else this.committed(pending, epoch);
    });
  }

  private committed(pending: Pending, epoch: EncodedEpoch): void {
    const prev = this.osdmap;
    this.committing = false;
    this.osdmap = epoch.next;
    this.creating = epoch.creating;
    this.maps.committed_epoch(epoch.next.epoch, epoch.inc_bytes, epoch.full_bytes);
    for (const [o, md] of pending.new_metadata) this.metadata.set(o, md);
    for (const o of pending.old_metadata) this.metadata.delete(o);
    this.pending = new_pending(this.osdmap);
    this.update_leader_memory(prev);
    log_epoch(this.host.log, prev, this.osdmap, pending);
    for (const line of pending.log) this.host.clog(line.prio, line.text);
    this.host.on_osdmap(prev, this.osdmap, epoch.moved);

    const { replies, retries, waiting } = this;
    this.replies = [];
    this.retries = [];
    this.waiting = [];
    for (const list of [replies, retries, waiting]) for (const fn of list) fn();
    this.maybe_propose("now");
  }

  private update_leader_memory(prev: OSDMap): void {
    update_down_pending_out(this.down_pending_out, this.osdmap, this.host.clock.mono_ms());
    beacons_on_map(this.beacons, prev, this.osdmap);
    for (const t of [...this.reports.keys()]) if (this.osdmap.is_down(t)) this.reports.delete(t);
  }

  private die(error: StoreError): void {
    this.stop();
    this.host.log.fatal({ err: error.message, ...error.detail }, "store_failed");
    this.host.on_fatal(error);
  }

  // ---------------------------------------------------------------- answers

  private settle(
    s: MonSession,
    m: OsdMonMessage,
    what: Exclude<Preprocessed, { do: "prepare" }>,
  ): void {
    switch (what.do) {
      case "drop":
        this.log_drop(s, m, what.why);
        return;
      case "send_maps":
        this.host.send_maps(s, what.from);
        return;
      case "ack":
        if (m.type === "osd_mark_me_down" && m.request_ack) s.con.send(m);
        return;
      default:
        assertNever(what);
    }
  }

  private log_drop(s: MonSession, m: OsdMonMessage, why: string): void {
    const fields = { from: s.name, type: m.type, why, epoch: this.osdmap.epoch };
    // A boot that comes to nothing leaves an OSD outside: somebody should know.
    if (m.type === "osd_boot") this.host.log.warn(fields, "osd_boot_refused");
    else this.host.log.debug(fields, "mon_msg_dropped");
  }

  private prepare(from: Sender, m: OsdMonMessage): Prepared {
    const v = this.view();
    switch (m.type) {
      case "osd_boot":
        return prepare_boot(v, m);
      case "osd_alive":
        return prepare_alive(v, from, m);
      case "osd_pg_temp":
        return prepare_pgtemp(v, from, m);
      case "osd_failure":
        return this.prepare_failure(v, from, m);
      case "osd_mark_me_down":
        return prepare_mark_me_down(v, m);
      case "osd_mark_me_dead":
        return prepare_mark_me_dead(v, m);
      case "osd_full":
        return prepare_full(v, from, m);
      case "osd_pg_created": {
        const pg = pg_parse(m.pgid);
        if (!pg || !this.creating.pgs.has(pg)) return drop("not being created");
        this.pending.created_pgs.add(pg);
        return { do: "commit", reply: null };
      }
      default:
        return assertNever(m);
    }
  }

  private prepare_failure(v: View, from: Sender, m: Msg<"osd_failure">): Prepared {
    const how = m.is_failed
      ? m.immediate
        ? "reported immediately failed"
        : "reported failed"
      : "";
    if (how) this.host.clog("DBG", `osd.${m.target_osd} ${how} by osd.${from.osd}`);
    else this.host.clog("DBG", `osd.${m.target_osd} failure report canceled by osd.${from.osd}`);
    return prepare_failure(v, from, m, this.reports);
  }
}

function preprocess(v: View, from: Sender, m: OsdMonMessage): Preprocessed {
  switch (m.type) {
    case "osd_boot":
      return preprocess_boot(v, from, m);
    case "osd_alive":
      return preprocess_alive(v, from, m);
    case "osd_pg_temp":
      return preprocess_pgtemp(v, from, m);
    case "osd_failure":
      return preprocess_failure(v, from, m);
    case "osd_mark_me_down":
      return preprocess_mark_me_down(v, from, m);
    case "osd_mark_me_dead":
      return preprocess_mark_me_dead(v, from, m);
    case "osd_full":
      return preprocess_full(v, from, m);
    case "osd_pg_created":
      return from.osd < 0 ? drop("not an osd") : PREPARE;
    default:
      return assertNever(m);
  }
}

function expire_blocklist(v: View): void {
  for (const [addr, until] of [...v.osdmap.blocklist].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (until < v.now_ms) v.pending.inc.old_blocklist.add(addr);
  }
}
