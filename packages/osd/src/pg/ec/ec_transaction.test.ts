/** Shards as a model of the object says they must be, and as they were after a rollback. */
import {
  CommandError,
  create_erasure_code,
  ecutil_decode_concat,
  type hobject_t,
  make_hobject,
  type pg_log_entry_t,
  type spg_t,
  stripe_info_t,
} from "@tako/common";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemStore } from "../../store/MemStore.ts";
import { Transaction } from "../../store/Transaction.ts";
import { VirtualClock } from "../../testing/VirtualClock.ts";
import { ECObjectView } from "./ECObjectView.ts";
import { ECStripes } from "./ECStripes.ts";
import { ec_log_handler, plan_ec_write } from "./ec_transaction.ts";

const SOID: hobject_t = make_hobject({ pool: 1, hash: 0x1234, oid: "x" });
const WIDTH = 64;

type Step =
  | { readonly do: "write"; readonly off: number; readonly data: Uint8Array }
  | { readonly do: "truncate"; readonly size: number }
  | { readonly do: "zero"; readonly off: number; readonly len: number }
  | { readonly do: "remove" }
  | { readonly do: "setattr"; readonly name: string; readonly value: Uint8Array };

/** undefined: no such object. */
type Model = { data: Uint8Array; attrs: Map<string, Uint8Array> } | undefined;

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("write" as const),
    off: fc.nat(200),
    data: fc.uint8Array({ minLength: 1, maxLength: 150 }),
  }),
  fc.record({ do: fc.constant("truncate" as const), size: fc.nat(250) }),
  fc.record({
    do: fc.constant("zero" as const),
    off: fc.nat(150),
    len: fc.integer({ min: 1, max: 90 }),
  }),
  fc.record({
    do: fc.constant("setattr" as const),
    name: fc.constantFrom("_a", "_b"),
    value: fc.uint8Array({ maxLength: 8 }),
  }),
  fc.record({ do: fc.constant("remove" as const) }),
);
const writes = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), {
  minLength: 1,
  maxLength: 8,
});

function resized(data: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  out.set(data.subarray(0, size));
  return out;
}
function apply_to_model(m: Model, s: Step): Model {
  const now = m ?? { data: new Uint8Array(0), attrs: new Map() };
  switch (s.do) {
    case "write": {
      const data = resized(now.data, Math.max(now.data.length, s.off + s.data.length));
      data.set(s.data, s.off);
      return { ...now, data };
    }
    case "zero": {
      const data = resized(now.data, Math.max(now.data.length, s.off + s.len));
      data.fill(0, s.off, s.off + s.len);
      return { ...now, data };
    }
    case "truncate":
      return { ...now, data: resized(now.data, s.size) };
    case "setattr":
      return { ...now, attrs: new Map(now.attrs).set(s.name, s.value) };
    case "remove":
      return undefined;
  }
}
function to_transaction(steps: readonly Step[], existed: boolean): Transaction {
  const t = new Transaction();
  let exists = existed;
  for (const s of steps) {
    if (s.do === "remove") {
      if (exists) t.remove("1.0_head", SOID);
      exists = false;
      continue;
    }
    exists = true;
    if (s.do === "write") t.write("1.0_head", SOID, s.off, s.data);
    else if (s.do === "zero") t.zero("1.0_head", SOID, s.off, s.len);
    else if (s.do === "truncate") t.truncate("1.0_head", SOID, s.size);
    else {
      t.touch("1.0_head", SOID);
      t.setattr("1.0_head", SOID, s.name, s.value);
    }
  }
  return t;
}

class Shards {
  readonly code = create_erasure_code(
    new Map([
      ["plugin", "jerasure"],
      ["technique", "reed_sol_van"],
      ["k", "2"],
      ["m", "1"],
    ]),
  );
  readonly sinfo = new stripe_info_t(2, WIDTH);
  readonly stores: MemStore[] = [];
  #version = 0;
  constructor() {
    for (const spgid of this.spgids) {
      const store = new MemStore({ clock: new VirtualClock(), capacity_bytes: 1 << 24 });
      store.mkfs_now("00000000-0000-4000-8000-000000000000");
      store.mount_now();
      const t = new Transaction();
      for (const c of [`${spgid}_head`, `${spgid}_STASH`]) t.create_collection(c);
      store.queue_transaction(t);
      this.stores.push(store);
    }
  }
  get spgids(): spg_t[] {
    return ["1.0s0", "1.0s1", "1.0s2"];
  }
  store(i: number): MemStore {
    const s = this.stores[i];
    if (!s) throw new CommandError("EINVAL", "no such shard");
    return s;
  }

  write(before: Model, steps: readonly Step[], read_old: (first: number) => Uint8Array) {
    const old_size = before?.data.length ?? 0;
    const view = new ECObjectView(this.store(0), old_size, this.sinfo);
    const t = to_transaction(steps, before !== undefined);
    const run = () => {
      const stripes = new ECStripes(view.cache, before !== undefined, old_size);
      for (const op of t.ops) stripes.apply(op, () => before?.attrs.keys() ?? []);
      return stripes;
    };
    let stripes = run();
    if (view.cache.wanted.size > 0) {
      for (const n of [...view.cache.wanted]) view.cache.put(n * WIDTH, read_old(n));
      stripes = run();
    }
    expect(view.cache.wanted.size).toBe(0);
    const version = { epoch: 1, version: ++this.#version };
    const old_attrs = before?.attrs ?? new Map<string, Uint8Array>();
    const w = { soid: SOID, version, existed: before !== undefined, old_size, old_attrs, stripes };
    const plan = plan_ec_write(w, this.sinfo, this.code);
    for (const [i, spgid] of this.spgids.entries()) {
      this.store(i).queue_transaction(plan.transaction(i, spgid));
    }
    return { soid: SOID, version, mod_desc: plan.mod_desc };
  }

  /** What each pair of shards gives; all must agree. */
  read(): Model {
    const present = this.spgids.map((s, i) => this.store(i).exists(`${s}_head`, SOID));
    expect(new Set(present).size).toBe(1);
    if (!present[0]) return undefined;
    const chunks = this.spgids.map((s, i) => this.store(i).read(`${s}_head`, SOID, 0, 0));
    const all = chunks.map((c) => c ?? new Uint8Array(0));
    const pairs = [
      [0, 1],
      [0, 2],
      [1, 2],
    ].map((ids) => {
      const have = new Map(ids.map((i) => [i, all[i] ?? new Uint8Array(0)]));
      const r = ecutil_decode_concat(this.sinfo, this.code, have);
      return "error" in r ? r.why : Buffer.from(r.bytes).toString("hex");
    });
    expect(new Set(pairs).size).toBe(1);
    const attrs = this.spgids.map((s, i) => this.store(i).getattrs(`${s}_head`, SOID) ?? new Map());
    for (const a of attrs) expect(a).toEqual(attrs[0]);
    return {
      data: new Uint8Array(Buffer.from(pairs[0] ?? "", "hex")),
      attrs: attrs[0] ?? new Map(),
    };
  }
}

/** The shards hold whole stripes. */
function padded(m: Model): Model {
  if (!m) return undefined;
  return { ...m, data: resized(m.data, Math.ceil(m.data.length / WIDTH) * WIDTH) };
}
function entry(e: {
  soid: hobject_t;
  version: pg_log_entry_t["version"];
  mod_desc: pg_log_entry_t["mod_desc"];
}) {
  return e as pg_log_entry_t;
}

describe("erasure-coded writes", () => {
  it("leave shards that decode to the object, and are undone newest first", () => {
    fc.assert(
      fc.property(writes, (list) => {
        const s = new Shards();
        const states: Model[] = [undefined];
        const entries: pg_log_entry_t[] = [];
        for (const steps of list) {
          const before = states.at(-1);
          const after = steps.reduce(apply_to_model, before);
          if (before === undefined && after === undefined) continue;
          const old = padded(before)?.data ?? new Uint8Array(0);
          const e = s.write(before, steps, (n) => resized(old.subarray(n * WIDTH), WIDTH));
          entries.push(entry(e));
          states.push(after);
          expect(s.read()).toEqual(padded(after));
        }
        for (const e of entries.toReversed()) {
          states.pop();
          for (const [i, spgid] of s.spgids.entries()) {
            const t = new Transaction();
            ec_log_handler(spgid, s.store(i), t).rollback(e);
            s.store(i).queue_transaction(t);
          }
          expect(s.read()).toEqual(padded(states.at(-1)));
        }
        for (const [i, spgid] of s.spgids.entries()) {
          expect(s.store(i).collection_list(`${spgid}_STASH`, "MIN", "MAX", 9).objects).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("leave nothing behind once they are final", () => {
    fc.assert(
      fc.property(writes, (list) => {
        const s = new Shards();
        let model: Model;
        for (const steps of list) {
          const after = steps.reduce(apply_to_model, model);
          if (model === undefined && after === undefined) continue;
          const old = padded(model)?.data ?? new Uint8Array(0);
          const e = entry(s.write(model, steps, (n) => resized(old.subarray(n * WIDTH), WIDTH)));
          model = after;
          for (const [i, spgid] of s.spgids.entries()) {
            const t = new Transaction();
            ec_log_handler(spgid, s.store(i), t).rollforward(e);
            s.store(i).queue_transaction(t);
            expect(s.store(i).collection_list(`${spgid}_STASH`, "MIN", "MAX", 9).objects).toEqual(
              [],
            );
          }
        }
        expect(s.read()).toEqual(padded(model));
      }),
      { numRuns: 100 },
    );
  });
});
