/** PGLog against the vectors in testdata/vectors/peering. */
import {
  EVERSION_ZERO,
  ev_gt,
  ev_str,
  type eversion_t,
  hobject_hash,
  make_hobject,
  type pg_log_wire_t,
  pg_ps,
  type pg_t,
} from "@tako/common";
import { describe, expect, test } from "vitest";
import {
  type EntryVector,
  entry,
  fill_missing,
  type InfoVector,
  info,
  type LogVector,
  log,
  type MissingVector,
  missing,
  obj,
  RecordingHandler,
  read_vectors,
  replay,
  ver,
} from "../testing/log_vectors.ts";
import { IndexedLog } from "./IndexedLog.ts";
import { dup_key, log_key } from "./log_codec.ts";
import { merge_dups, merge_object_divergent_entries } from "./log_merge.ts";
import { PGLog } from "./PGLog.ts";
import type { pg_missing_t } from "./pg_missing.ts";

interface CopyVector {
  log: LogVector;
  info: InfoVector & { stats_version?: string };
  missing?: MissingVector;
}

function make_log(wire: pg_log_wire_t, may_include_deletes = true, m: MissingVector = {}): PGLog {
  const l = new PGLog();
  l.log.assign(wire);
  l.missing.may_include_deletes = may_include_deletes;
  fill_missing(l.missing, m);
  l.missing.flush();
  return l;
}
/** In the notation of the vectors. `names`: every object of the case. */
function shown(m: pg_missing_t, names: Iterable<string>): MissingVector {
  const out: Record<string, { need: string; have: string; delete: boolean }> = {};
  for (const n of names) {
    const i = m.get(obj(n));
    if (i) out[n] = { need: ev_str(i.need), have: ev_str(i.have), delete: i.is_delete };
  }
  expect(Object.keys(out)).toHaveLength(m.num_missing());
  return out;
}
function names_in(...lists: (readonly EntryVector[] | MissingVector | undefined)[]): Set<string> {
  const names = new Set<string>();
  for (const l of lists) {
    if (Array.isArray(l)) for (const e of l) names.add(e.object ?? "thing");
    else for (const n of Object.keys(l ?? {})) names.add(n);
  }
  return names;
}

interface MergeCase {
  input: { may_include_deletes: boolean; local: CopyVector; authoritative: CopyVector };
  expected: {
    merge: {
      last_update: string;
      missing: MissingVector;
      removed: string[];
      rolled_back: string[];
    };
    process_replica: { last_update?: string; missing_after_replay: MissingVector };
  };
}

const merges = read_vectors<MergeCase>("log_merge");
describe.skipIf(merges.cases.length === 0)("log_merge vectors", () => {
  const { cases } = merges;

  test.each(cases)("$name: on the stale copy", ({ input, expected: { merge } }) => {
    const { local, authoritative: auth } = input;
    const l = make_log(log(local.log), input.may_include_deletes, local.missing);
    const i = info(local.info);
    const h = new RecordingHandler();
    l.merge_log(info(auth.info), log(auth.log), "1", i, h);
    const names = names_in(local.log.entries, auth.log.entries, local.missing);
    expect(shown(l.missing, names)).toEqual(merge.missing);
    expect(h.removed).toEqual(merge.removed.map(obj));
    expect(h.rolled_back.map(ev_str)).toEqual(merge.rolled_back);
    expect(ev_str(i.last_update)).toBe(merge.last_update);
    expect(ev_str(l.head)).toBe(merge.last_update);
    // What was adopted cannot be undone here; a mere rewind adopts nothing.
    if (ev_gt(l.head, ver(local.log.head ?? "0'0")))
      expect(l.get_can_rollback_to()).toEqual(l.head);
  });

  test.each(cases)("$name: as the primary sees it", ({ input, expected }) => {
    const { local, authoritative: auth } = input;
    const mine = make_log(log(auth.log), input.may_include_deletes);
    const m = missing(local.missing ?? {}, input.may_include_deletes);
    const oinfo = info(local.info);
    mine.proc_replica_log(oinfo, log(local.log), m);
    const want = expected.process_replica;
    if (want.last_update) expect(ev_str(oinfo.last_update)).toBe(want.last_update);
    replay(m, mine.to_wire(), oinfo);
    const names = names_in(local.log.entries, auth.log.entries, local.missing);
    expect(shown(m, names)).toEqual(want.missing_after_replay);
  });
});

interface LogCase {
  operation: "rewind" | "merge_old_entry" | "merge" | "process_replica" | "merge_object_entries";
  input: {
    log: LogVector & EntryVector[];
    info: InfoVector;
    missing: MissingVector;
    new_head: string;
    rolled_forward_to?: string;
    old_entry: EntryVector;
    may_include_deletes: boolean;
    local: CopyVector;
    authoritative: CopyVector;
    own_log: LogVector;
    replica: CopyVector;
    object: string;
    divergent_entries: EntryVector[];
  };
  expected: {
    error?: boolean;
    log_size?: number;
    log_tail?: string;
    indexed?: Record<string, boolean>;
    missing_objects?: string[];
    missing_contains?: string[];
    missing?: Record<string, { need: string; have?: string }>;
    removed?: string[];
    removed_contains?: string[];
    first_removed?: string;
    info?: { last_update?: string; last_complete?: string };
    dirty?: boolean;
  };
}

const log_cases = read_vectors<LogCase>("log_cases");
describe.skipIf(log_cases.cases.length === 0)("log_cases vectors", () => {
  const { cases } = log_cases;
  const of = (op: LogCase["operation"]) => cases.filter((c) => c.operation === op);

  function check(
    want: LogCase["expected"],
    seen: { log?: PGLog; m: pg_missing_t; h: RecordingHandler; i?: ReturnType<typeof info> },
  ): void {
    const { log: l, m, h, i } = seen;
    if (want.log_size !== undefined) expect(l?.log.length).toBe(want.log_size);
    if (want.log_tail) expect(l?.tail).toEqual(ver(want.log_tail));
    for (const [o, is] of Object.entries(want.indexed ?? {})) {
      expect(l?.log.logged_object(obj(o))).toBe(is);
    }
    if (want.missing_objects) {
      expect(new Set(m.get_items().keys())).toEqual(new Set(want.missing_objects.map(obj)));
    }
    for (const o of want.missing_contains ?? []) expect(m.is_missing(obj(o))).toBe(true);
    for (const [o, item] of Object.entries(want.missing ?? {})) {
      expect(m.get(obj(o))?.need).toEqual(ver(item.need));
      if (item.have) expect(m.get(obj(o))?.have).toEqual(ver(item.have));
    }
    if (want.removed) expect(h.removed).toEqual(want.removed.map(obj));
    for (const o of want.removed_contains ?? []) expect(h.removed).toContain(obj(o));
    if (want.first_removed) expect(h.removed[0]).toBe(obj(want.first_removed));
    if (want.info?.last_update)
      expect(ev_str(i?.last_update ?? EVERSION_ZERO)).toBe(want.info.last_update);
    if (want.info?.last_complete) {
      expect(ev_str(i?.last_complete ?? EVERSION_ZERO)).toBe(want.info.last_complete);
    }
  }

  test.each(of("rewind"))("$name", ({ input, expected }) => {
    const l = make_log(log(input.log), true, input.missing);
    const i = info(input.info);
    const h = new RecordingHandler();
    if (input.rolled_forward_to) l.roll_forward_to(ver(input.rolled_forward_to), h);
    l.rewind_divergent_log(ver(input.new_head), i, h);
    if (expected.dirty !== undefined) expect(l.is_dirty()).toBe(expected.dirty);
    check(expected, { log: l, m: l.missing, h, i });
    l.reset_backfill_claim_log(new IndexedLog().to_wire(), h);
    expect(l.log.empty()).toBe(true);
  });

  test.each(of("merge_old_entry"))("$name", ({ input, expected }) => {
    // The project's test treats deletions as done at once here.
    const l = make_log(log({ entries: input.log }), false, input.missing);
    const i = info(input.info);
    const h = new RecordingHandler();
    const e = entry(input.old_entry);
    merge_object_divergent_entries(
      {
        log: l.log,
        last_backfill: i.last_backfill,
        original_crt: l.log.can_rollback_to,
        missing: l.missing,
        handler: h,
      },
      e.soid,
      [e],
    );
    expect(!l.missing.is_clean()).toBe(expected.dirty);
    check(expected, { log: l, m: l.missing, h });
  });

  test.each(of("merge"))("$name", ({ input, expected }) => {
    const { local, authoritative: auth } = input;
    const l = make_log(log(local.log), input.may_include_deletes, local.missing);
    const i = info(local.info, log(local.log));
    const stats = i.stats;
    const h = new RecordingHandler();
    const changed = l.merge_log(info(auth.info, log(auth.log)), log(auth.log), "1", i, h);
    expect(changed).toBe(expected.dirty);
    if (local.info.stats_version) expect(i.stats).toBe(stats);
    check(expected, { log: l, m: l.missing, h, i });
  });

  test.each(of("process_replica"))("$name", ({ input, expected }) => {
    const { replica } = input;
    const mine = make_log(log(input.own_log));
    const oinfo = info(replica.info, log(replica.log));
    const m = missing(replica.missing ?? {}, true);
    mine.proc_replica_log(oinfo, log(replica.log), m);
    check(expected, { m, h: new RecordingHandler(), i: oinfo });
  });

  test.each(of("merge_object_entries"))("$name", ({ input }) => {
    const l = make_log(log({ entries: input.log }), true, input.missing);
    const d = {
      log: l.log,
      last_backfill: "MAX" as const,
      original_crt: EVERSION_ZERO,
      missing: l.missing,
      handler: new RecordingHandler(),
    };
    merge_object_divergent_entries(d, obj(input.object), input.divergent_entries.map(entry));
    expect(l.missing.get(obj(input.object))?.need).toEqual(
      entry(input.log[0] as EntryVector).version,
    );
  });
});

interface TrimCase {
  operation: string;
  steps: {
    trim_to: string;
    duplicates_tracked: number;
    then: {
      log_size: number;
      trimmed: number;
      duplicates: string[];
      dropped_duplicates: number;
      first_new_dup: string | null;
    };
  }[];
  log: EntryVector[];
  input: {
    log_tail: string;
    own: string[];
    other: string[];
    on_disk: Record<string, string>;
    missing: MissingVector;
    log: EntryVector[];
    last_complete: string;
    may_include_deletes: boolean;
    split_bits: number;
    version: string;
  };
  expected: {
    changed: boolean;
    duplicates: string[];
    after_each_append: (string | null)[];
    missing: MissingVector;
    child_may_include_deletes: boolean;
    key: string;
  };
}

const trims = read_vectors<TrimCase>("log_trim_dups");
describe.skipIf(trims.cases.length === 0)("log_trim_dups vectors", () => {
  const { cases } = trims;
  const of = (op: string) => cases.filter((c) => c.operation === op);
  const text = (v: eversion_t | undefined) => (v ? ev_str(v) : null);

  test.each(of("trim"))("$name", ({ log: entries, steps }) => {
    const l = IndexedLog.from_wire(log({ entries }));
    for (const { trim_to, duplicates_tracked, then } of steps) {
      const r = l.trim(ver(trim_to), duplicates_tracked);
      expect({
        log_size: l.length,
        trimmed: r.trimmed,
        duplicates: l.dups.to_array().map((d) => ev_str(d.version)),
        dropped_duplicates: r.trimmed_dups,
        first_new_dup: text(r.first_new_dup),
      }).toEqual(then);
    }
  });

  test.each(of("merge_duplicates"))("$name", ({ input, expected }) => {
    const dup = (v: string) => ({
      reqid: { name: "client.1", inc: 0, tid: ver(v).version * 100 + ver(v).epoch },
      version: ver(v),
      user_version: 0,
      return_code: 0,
    });
    const own = input.own.map(dup);
    const merged = merge_dups(own, input.other.map(dup), ver(input.log_tail));
    expect(merged !== undefined).toBe(expected.changed);
    const l = new IndexedLog();
    l.set_dups(merged ?? own);
    expect(l.dups.to_array().map((d) => ev_str(d.version))).toEqual(expected.duplicates);
    for (const v of expected.duplicates) {
      expect(l.get_request(dup(v).reqid)?.version).toEqual(ver(v));
    }
  });

  test.each(of("newest_entry_of_object"))("$name", ({ log: entries, expected }) => {
    const l = new IndexedLog();
    const seen = entries.map((e) => {
      l.add(entry(e));
      return text(l.get_object(obj("thing"))?.version);
    });
    expect(seen).toEqual(expected.after_each_append);
    const i = IndexedLog.from_wire(l.to_wire());
    expect(text(i.get_object(obj("thing"))?.version)).toBe(seen.at(-1));
  });

  test.each(of("rebuild_missing_with_deletes"))("$name", ({ input, expected }) => {
    const l = make_log(log({ entries: input.log }), false, input.missing);
    const on_disk = new Map(Object.entries(input.on_disk).map(([o, v]) => [obj(o), ver(v)]));
    const i = info({ last_complete: input.last_complete }, l.to_wire());
    l.rebuild_missing_set_with_deletes(i, (o) => on_disk.get(o));
    const want = Object.entries(expected.missing).map(([n, v]) => [
      n,
      { have: "0'0", delete: false, ...v },
    ]);
    const names = names_in(input.log, expected.missing);
    expect(shown(l.missing, names)).toEqual(Object.fromEntries(want));
  });

  test.each(of("split"))("$name", ({ input, expected }) => {
    const l = make_log(log({ entries: [] }), input.may_include_deletes);
    const child = new PGLog();
    child.missing.may_include_deletes = !expected.child_may_include_deletes;
    l.split_into(16, input.split_bits, child);
    expect(child.missing.may_include_deletes).toBe(expected.child_may_include_deletes);
  });

  test.each(of("key_name"))("$name", ({ input, expected }) => {
    expect(log_key(ver(input.version))).toBe(expected.key);
    expect(dup_key(ver(input.version))).toBe(`dup_${expected.key}`);
  });

  // The vector is about a tool that filters a log; the same holds for splitting one. The internal
  // namespace that it exempts does not exist here.
  test.each(of("property"))("$name", ({ input }) => {
    const { pg, later_pg_num, entries } = input as unknown as {
      pg: pg_t;
      later_pg_num: number;
      entries: number;
    };
    const l = new PGLog();
    for (let n = 1; n <= entries; n++) {
      const hash = ((Math.imul(n, 0x9e3779b1) >>> 0) & ~15) | pg_ps(pg);
      const soid = make_hobject({ pool: 1, hash: hash >>> 0, oid: `o${n}` });
      l.add({ ...entry({ op: "modify", version: `1'${n}`, prior_version: "0'0" }), soid });
    }
    const bits = Math.log2(later_pg_num);
    let left = entries;
    for (let ps = pg_ps(pg) + 16; ps < later_pg_num; ps += 16) {
      const child = new PGLog();
      l.split_into(ps, bits, child);
      left -= child.log.length;
      expect(l.log.length).toBe(left);
      for (const e of child.log.log) expect(hobject_hash(e.soid) & (later_pg_num - 1)).toBe(ps);
      expect([child.head, child.tail]).toEqual([l.head, l.tail]);
      const again = new PGLog();
      l.split_into(ps, bits, again);
      expect(again.log.empty()).toBe(true);
    }
    for (const e of l.log.log) {
      expect(hobject_hash(e.soid) & (later_pg_num - 1)).toBe(pg_ps(pg));
    }
    expect(l.log.empty()).toBe(false);
  });
});
