/**
 * Runs a transcript: commands, each followed by what the OSDs did. One PG (1.0), a mon that only
 * makes maps, and one queue in which messages, commits and timers happen in order.
 */
import {
  type Clock,
  Config,
  EVERSION_ZERO,
  type epoch_t,
  ev_str,
  type Incremental,
  new_incremental,
  type OSDMap,
  pg_history_t,
  type pg_log_entry_t,
  pg_pool_t,
  type pg_shard_t,
  shard_osd,
} from "@tako/common";
import { Transaction } from "../../store/Transaction.ts";
import type { PeeringEvent, PeeringEvt } from "../events.ts";
import type { OutMessage } from "../RecoveryCtx.ts";
import { PGID, type TestHost, TestOSD } from "./TestOSD.ts";
import { test_addr, test_map } from "./test_map.ts";
import { answer_absent, show, to_event } from "./wire.ts";

interface Held {
  readonly from: TestOSD;
  readonly m: OutMessage;
}
const LIMIT = 20_000;

export class Transcript implements TestHost {
  /** Time stands still but for `elapse`: no leases, unless a test asks for them. */
  readonly config = new Config({ osd_pool_default_read_lease_ratio: 0 });
  readonly clock: Clock;
  #now_ms = 0;
  readonly #maps: OSDMap[] = [];
  readonly #osds: TestOSD[] = [];
  readonly #queue: (() => void)[] = [];
  readonly #timers: { osd: TestOSD; life: number; evt: PeeringEvt; delay_s: number }[] = [];
  readonly #held: Held[] = [];
  #hold: ((from: number, m: OutMessage) => boolean) | null = null;
  #auto_up_thru = true;
  #auto_pg_temp = true;
  #tid = 0;
  #out: string[] = [];

  constructor() {
    this.clock = {
      now_ms: () => 0,
      mono_ms: () => this.#now_ms,
      set_timer: () => {
        throw new Error("no timers here");
      },
      defer: (fn) => this.defer(fn),
    };
  }

  // ---------------------------------------------------------------- TestHost

  say(line: string): void {
    this.#out.push(line);
  }
  defer(fn: () => void): void {
    this.#queue.push(fn);
  }
  map(epoch: epoch_t): OSDMap {
    const m = this.#maps.find((x) => x.epoch === epoch);
    if (!m) throw new Error(`no map ${epoch}`);
    return m;
  }
  set_timer(osd: TestOSD, evt: PeeringEvt, delay_s: number): void {
    this.#timers.push({ osd, life: osd.life, evt, delay_s });
  }
  send(from: TestOSD, m: OutMessage): void {
    if (!this.#newest().is_up(from.id) && from.map.is_up(from.id) === false) return;
    if (this.#hold?.(from.id, m)) {
      this.say(`${from.id} => ${m.to} ${show(m)} (held)`);
      this.#held.push({ from, m });
      return;
    }
    this.#deliver_later(from, m);
  }
  #deliver_later(from: TestOSD, m: OutMessage): void {
    this.say(`${from.id} => ${m.to} ${show(m)}`);
    const to = this.#osds[m.to];
    const { life } = from;
    if (!to) return;
    const to_life = to.life;
    this.defer(() => {
      // The connection of an earlier life is gone.
      if (!to.alive || to.life !== to_life || from.life !== life) return;
      this.#receive(to, to_event(from.id, m));
    });
  }
  #receive(to: TestOSD, evt: PeeringEvt): void {
    if (to.park(evt, () => this.#receive(to, evt))) return;
    to.advance();
    if (to.pg) {
      to.handle(evt);
      return;
    }
    const answer = answer_absent(to, evt);
    if (answer) this.send(to, answer);
    if (!evt.create_info) return;
    to.create({ ...evt.create_info, epoch: evt.epoch_requested });
    to.handle(evt);
  }

  // ---------------------------------------------------------------- commands

  /** Output of one command line. */
  exec(line: string): string[] {
    this.#out = [];
    const [name = "", ...args] = line.split(/\s+/);
    const command = this.#commands[name];
    if (!command) throw new Error(`unknown command: ${line}`);
    command(args);
    return this.#out;
  }

  readonly #commands: Record<string, (args: string[]) => void> = {
    cluster: (a) => this.#cluster(options(a)),
    config: (a) => {
      for (const [k, v] of Object.entries(options(a))) this.config.set(k, v);
    },
    create: () => this.#create(),
    run: () => this.#run(),
    map: (a) => this.#map(a),
    kill: (a) => each(a, (o) => this.osd(o).kill()),
    start: (a) => each(a, (o) => this.#start(o)),
    write: (a) => this.#write(a[0] ?? "x", a.slice(1)),
    recover: () => this.#recover(),
    backfill: (a) => this.#backfill(a[0] ?? "MAX"),
    trim: (a) => this.#trim(Number(a[0]), a[1] === undefined ? null : list(a[1])),
    state: () => this.#state(),
    damage: (a) => this.#damage(Number(a[0]), a[1] ?? "x"),
    event: (a) => this.#event(Number(a[0]), a[1] ?? "", a[2]),
    timers: () => this.#fire_timers(),
    elapse: (a) => {
      this.#now_ms += Number(a[0]) * 1000;
    },
    hold: (a) => this.#set_hold(a.join(" ")),
    release: () => this.#release(),
    drop: () => {
      this.#held.length = 0;
      this.#hold = null;
    },
    full: (a) => {
      this.osd(Number(a[0])).full = a[1] === "full" ? "full" : "backfillfull";
    },
    // Another PG holds the only slot of both reservers.
    busy: (a) => this.osd(Number(a[0])).occupy(),
    free: (a) => this.osd(Number(a[0])).vacate(),
    notfull: (a) => {
      this.osd(Number(a[0])).full = "none";
    },
    auto: (a) => {
      if (a[0] === "up_thru") this.#auto_up_thru = a[1] === "on";
      else this.#auto_pg_temp = a[1] === "on";
    },
    reservations: () => {
      for (const o of this.#osds) this.say(`osd.${o.id} ${o.reservations}`);
    },
    query: (a) => this.#query(Number(a[0])),
  };

  osd(o: number): TestOSD {
    const osd = this.#osds[o];
    if (!osd) throw new Error(`no osd.${o}`);
    return osd;
  }
  #newest(): OSDMap {
    const m = this.#maps.at(-1);
    if (!m) throw new Error("no map yet: begin with `cluster`");
    return m;
  }

  #cluster(o: Record<string, string>): void {
    const osds = Number(o.osds ?? 3);
    const size = Number(o.size ?? 3);
    const min_size = Number(o.min_size ?? 2);
    const pool = pg_pool_t({ size, min_size, pg_num: 1 });
    const map = test_map(osds, pool);
    this.#maps.push(map);
    for (let i = 0; i < osds; i++) this.#osds.push(new TestOSD(i, this, map));
    this.#publish((inc) => inc.new_pg_upmap.set(PGID, list(o.place ?? "0,1,2")));
  }

  /** A new map, for all who are alive and up. */
  #publish(edit: (inc: Incremental, map: OSDMap) => void): void {
    const last = this.#newest();
    const inc = new_incremental(last);
    edit(inc, last);
    const map = last.apply_incremental(inc);
    this.#maps.push(map);
    const { up, acting } = map.pg_to_up_acting_osds(PGID);
    this.say(`map ${map.epoch} up [${up}] acting [${acting}]`);
    for (const o of this.#osds) {
      const { life } = o;
      this.defer(() => {
        if (o.alive && o.life === life) o.handle_map(map);
      });
    }
  }

  /** `map down 1 dead 1 up 2 lost 3 rm 4 up_thru 0 place 0,1,2 pg_temp 1 min_size 1 delete pool` */
  #map(args: string[]): void {
    this.#publish((inc, map) => {
      for (let i = 0; i < args.length; i += 2) {
        this.#edit(inc, map, args[i] ?? "", args[i + 1] ?? "");
      }
    });
  }
  #edit(inc: Incremental, map: OSDMap, what: string, arg: string): void {
    const osds = list(arg);
    const pool = map.get_pg_pool(1);
    switch (what) {
      case "nothing":
        return;
      case "down":
        for (const o of osds) inc.new_state.set(o, 2);
        return;
      case "dead":
        for (const o of osds) {
          inc.new_xinfo.set(o, { ...map.get_xinfo(o), dead_epoch: map.epoch + 1 });
        }
        return;
      case "up":
        for (const o of osds) inc.new_up_client.set(o, test_addr(o, 2000 + map.epoch));
        return;
      case "lost":
        for (const o of osds) inc.new_lost.set(o, map.epoch + 1);
        return;
      case "rm":
        for (const o of osds) inc.new_state.set(o, 1);
        return;
      case "up_thru":
        for (const o of osds) inc.new_up_thru.set(o, map.epoch);
        return;
      case "place":
        inc.new_pg_upmap.set(PGID, osds);
        return;
      case "pg_temp":
        inc.new_pg_temp.set(PGID, osds);
        return;
      case "min_size":
        if (pool) inc.new_pools.set(1, { ...pool, min_size: Number(arg) });
        return;
      case "read_lease_interval":
        if (pool) inc.new_pools.set(1, { ...pool, opts: new Map([[what, Number(arg)]]) });
        return;
      case "delete":
        inc.old_pools.add(1);
        return;
      default:
        throw new Error(`unknown map edit: ${what}`);
    }
  }

  #create(): void {
    const map = this.#newest();
    const e = map.epoch;
    const { acting_primary } = map.pg_to_up_acting_osds(PGID);
    const history = pg_history_t({
      epoch_created: e,
      epoch_pool_created: e,
      last_epoch_clean: e,
      same_up_since: e,
      same_interval_since: e,
      same_primary_since: e,
    });
    const past_intervals = { first: 0, last: 0, all_participants: [], intervals: [] };
    for (const o of this.#osds) o.map = map;
    this.osd(acting_primary).create({ epoch: e, history, past_intervals, by_mon: true });
  }

  #start(o: number): void {
    const osd = this.osd(o);
    osd.start();
    osd.handle_map(this.#newest());
  }

  // ---------------------------------------------------------------- running

  #run(): void {
    let n = 0;
    do {
      if (++n > LIMIT) throw new Error("does not come to rest");
      this.#drain();
    } while (this.#mon_turn());
  }
  #drain(): void {
    for (let n = 0; this.#queue.length > 0; n++) {
      if (n > LIMIT) throw new Error("does not come to rest");
      this.#queue.shift()?.();
    }
  }

  /** Grants what the OSDs ask of the mon. */
  #mon_turn(): boolean {
    const map = this.#newest();
    const up = this.#osds.filter((o) => o.alive && map.is_up(o.id));
    const temp = up.find((o) => o.pg_temp_wanted !== null);
    if (this.#auto_pg_temp && temp?.pg_temp_wanted) {
      const wanted = temp.pg_temp_wanted;
      temp.pg_temp_wanted = null;
      this.#publish((inc) => inc.new_pg_temp.set(PGID, wanted));
      return true;
    }
    const alive = up.filter((o) => {
      const pg = o.pg;
      return pg?.need_up_thru && map.get_up_thru(o.id) < pg.info.history.same_interval_since;
    });
    if (!this.#auto_up_thru || alive.length === 0) return false;
    this.#publish((inc) => {
      for (const o of alive) inc.new_up_thru.set(o.id, map.epoch);
    });
    return true;
  }

  #fire_timers(): void {
    const due = this.#timers.splice(0);
    for (const t of due) {
      this.say(`osd.${t.osd.id} timer ${t.evt.evt.type} after ${t.delay_s} s`);
      this.defer(() => {
        if (t.osd.life === t.life) t.osd.handle(t.evt);
      });
    }
  }

  #set_hold(what: string): void {
    this.#hold = (from, m) => `${from} => ${m.to} ${show(m)}`.includes(what);
  }
  #release(): void {
    this.#hold = null;
    for (const h of this.#held.splice(0)) this.#deliver_later(h.from, h.m);
  }

  // ---------------------------------------------------------------- as a PG would

  #primary(): TestOSD {
    const { acting_primary } = this.#newest().pg_to_up_acting_osds(PGID);
    return this.osd(acting_primary);
  }

  /** `write x [only 0,1]`: on all members, or, as a write in flight, logged on these only. */
  #write(name: string, args: string[]): void {
    const primary = this.#primary();
    const pg = primary.pg;
    if (!pg?.is_active()) {
      this.say("not active: the write waits");
      return;
    }
    const soid = primary.object(name);
    const version = pg.next_version();
    const op = args.includes("delete") ? "delete" : "modify";
    const prior_version = pg.pg_log.log.get_object(soid)?.version ?? EVERSION_ZERO;
    const entry: pg_log_entry_t = {
      op,
      soid,
      version,
      prior_version,
      reqid: { name: "client.1", inc: 0, tid: ++this.#tid },
      user_version: version.version,
      mtime: 0,
      return_code: 0,
    };
    const only = args[0] === "only" ? list(args[1] ?? "") : null;
    pg.pre_submit_op(soid, [entry], version);
    const trim_to = pg.calc_trim_to();
    for (const s of [pg.pg_whoami, ...pg.peers()]) {
      const osd = this.osd(shard_osd(s));
      if (only && !only.includes(osd.id)) continue;
      this.#append(osd, entry, trim_to, primary);
    }
    if (!only) pg.complete_write(version, pg.info.last_complete);
    this.say(`${only ? "in flight" : "acked"} ${name} ${op} ${ev_str(version)}`);
    this.#drain();
  }
  #append(osd: TestOSD, e: pg_log_entry_t, trim_to: typeof EVERSION_ZERO, primary: TestOSD): void {
    const pg = osd.pg;
    if (!pg) return;
    const t = new Transaction();
    const opts = { transaction_applied: true, async: false };
    pg.append_log([e], trim_to, e.version, EVERSION_ZERO, t, opts);
    pg.update_last_complete_ondisk(pg.info.last_complete);
    pg.check_invariants();
    osd.store.queue_transaction(t);
    if (osd !== primary) {
      primary.pg?.update_peer_last_complete_ondisk(pg.pg_whoami, pg.info.last_complete);
    }
  }

  /** Everything that can be found is recovered at once; then the event that says so. */
  #recover(): void {
    const osd = this.#primary();
    const pg = osd.pg;
    if (!pg?.is_recovering()) {
      this.say("not recovering");
      return;
    }
    const t = new Transaction();
    let left = 0;
    for (const [soid, item] of [...pg.missing_loc.get_needs_recovery()]) {
      if (pg.missing_loc.is_unfound(soid)) {
        left++;
        continue;
      }
      if (pg.missing.is_missing(soid)) {
        this.say(`osd.${osd.id} recovers ${soid} ${ev_str(item.need)}`);
        pg.recover_got(soid, item.need, item.is_delete, t);
      }
      for (const peer of pg.peers()) this.#push(peer, soid, pg);
      pg.object_recovered(soid, {});
    }
    osd.store.queue_transaction(t);
    pg.check_invariants();
    if (left > 0) osd.feed({ type: "UnfoundRecovery" });
    else osd.feed({ type: pg.needs_backfill() ? "RequestBackfill" : "AllReplicasRecovered" });
    this.#drain();
  }
  #push(
    peer: pg_shard_t,
    soid: ReturnType<TestOSD["object"]>,
    pg: NonNullable<TestOSD["pg"]>,
  ): void {
    const item = pg.peer_missing.get(peer)?.get(soid);
    const osd = this.osd(shard_osd(peer));
    if (!item || !osd.pg) return;
    pg.begin_peer_recover(peer, soid);
    const t = new Transaction();
    this.say(`osd.${osd.id} recovers ${soid} ${ev_str(item.need)}`);
    osd.pg.recover_got(soid, item.need, item.is_delete, t);
    osd.pg.check_invariants();
    osd.store.queue_transaction(t);
    pg.on_peer_recover(peer, soid, item.need);
  }

  #backfill(to: string): void {
    const osd = this.#primary();
    const pg = osd.pg;
    if (!pg?.is_backfilling()) {
      this.say("not backfilling");
      return;
    }
    const upto = to === "MAX" ? "MAX" : osd.object(to);
    for (const t of pg.backfill_targets) {
      const target = this.osd(shard_osd(t));
      const txn = new Transaction();
      target.pg?.update_backfill_progress(upto, pg.info.stats, txn);
      target.pg?.check_invariants();
      target.store.queue_transaction(txn);
      pg.update_peer_last_backfill(t, upto);
      if (upto === "MAX") target.feed({ type: "RecoveryDone" });
    }
    if (upto === "MAX") osd.feed({ type: "Backfilled" });
    this.#drain();
  }

  /** Every member, or these only, cut their logs down to the newest `keep` entries. */
  #trim(keep: number, only: readonly number[] | null): void {
    for (const osd of this.#osds) {
      const pg = osd.pg;
      if (!pg || pg.role < 0 || (only && !only.includes(osd.id))) continue;
      const { log } = pg.pg_log.log;
      const n = log.length - keep;
      if (n <= 0) continue;
      const t = new Transaction();
      pg.pg_log.trim(log.at(log.begin + n - 1).version, pg.info, 0);
      pg.dirty_info = true;
      pg.write_if_dirty(t);
      pg.check_invariants();
      osd.store.queue_transaction(t);
    }
    this.#drain();
  }

  /** Scrub finds this member's copy bad. */
  #damage(o: number, name: string): void {
    const osd = this.#primary();
    const pg = osd.pg;
    const soid = osd.object(name);
    const need = pg?.pg_log.log.get_object(soid)?.version ?? { epoch: 3, version: 1 };
    const t = new Transaction();
    pg?.force_object_missing(`${o}`, soid, need, t);
    osd.store.queue_transaction(t);
    pg?.check_invariants();
    if (o !== osd.id) {
      const own = new Transaction();
      this.osd(o).pg?.force_object_missing(`${o}`, soid, need, own);
      this.osd(o).store.queue_transaction(own);
    }
    this.#drain();
  }

  #event(o: number, type: string, arg: string | undefined): void {
    const delay = arg === undefined ? {} : { delay_s: Number(arg) };
    this.osd(o).feed({ type, ...delay } as PeeringEvent);
  }

  // ---------------------------------------------------------------- looking

  #state(): void {
    for (const o of this.#osds) {
      if (!o.alive) this.say(`osd.${o.id} dead`);
      else if (!o.pg) this.say(`osd.${o.id} -`);
      else this.say(`osd.${o.id} ${describe(o.pg)}`);
    }
  }
  #query(o: number): void {
    const q = this.osd(o).pg?.dump_query({});
    this.say(JSON.stringify(q?.recovery_state ?? null, null, 1));
  }
}

function describe(pg: NonNullable<TestOSD["pg"]>): string {
  const { info } = pg;
  const words = [pg.is_primary() ? pg.get_pg_state_string() : "", pg.state_name];
  words.push(`log=(${ev_str(info.log_tail)},${ev_str(info.last_update)}]`);
  const { last_complete: lc, last_update: lu } = info;
  if (ev_str(lc) !== ev_str(lu)) words.push(`lc=${ev_str(lc)}`);
  if (info.last_backfill !== "MAX") words.push(`last_backfill=${info.last_backfill}`);
  words.push(`les=${info.last_epoch_started}/${info.history.last_epoch_started}`);
  words.push(`lec=${info.history.last_epoch_clean} sis=${info.history.same_interval_since}`);
  if (pg.missing.have_missing()) words.push(`missing=${[...pg.missing.get_items().keys()]}`);
  if (!pg.past_intervals.empty()) words.push(`past=${pg.past_intervals.toString()}`);
  if (pg.blocked_by.size > 0) words.push(`blocked_by=${[...pg.blocked_by]}`);
  return words.filter((w) => w !== "").join(" ");
}

function options(args: readonly string[]): Record<string, string> {
  return Object.fromEntries(args.map((a) => a.split("=") as [string, string]));
}
function list(text: string): number[] {
  return text === "" || text === "none" ? [] : text.split(",").map(Number);
}
function each(args: readonly string[], fn: (o: number) => void): void {
  for (const a of args) for (const o of list(a)) fn(o);
}

/** Runs the commands of `text` (its lines before each `----`), and writes the outputs anew. */
export function run_transcript(text: string): string {
  const t = new Transcript();
  const out: string[] = [];
  let in_output = false;
  for (const line of text.split("\n")) {
    if (line === "----") in_output = true;
    else if (line === "") in_output = false;
    if (line === "") continue;
    if (in_output) continue;
    if (line.startsWith("#")) {
      out.push(line);
      continue;
    }
    out.push(line, "----", ...t.exec(line), "");
  }
  return `${out.join("\n").trimEnd()}\n`;
}
