import {
  Config,
  type ConfigValues,
  ERRNO,
  type Msg,
  make_hobject,
  type OSDOpStep,
} from "@tako/common";
import { beforeEach, describe, expect, it } from "vitest";
import { MemStore } from "../store/MemStore.ts";
import { Transaction } from "../store/Transaction.ts";
import { VirtualClock } from "../testing/VirtualClock.ts";
import { new_op_context, type OpContext } from "./OpContext.ts";
import { NO_OBJECT, type object_info_t } from "./object_info.ts";
import { do_osd_ops, op_may_write } from "./op_exec.ts";

const coll = "1.0_head";
const soid = make_hobject({ pool: 1, hash: 7, oid: "o" });
const utf8 = new TextEncoder();
const text = (b: Uint8Array | undefined) => new TextDecoder().decode(b);

type Step = Omit<OSDOpStep, "seg" | "vals"> & {
  bytes?: string;
  kv?: Readonly<Record<string, string>>;
};

let store: MemStore;
let obc: { exists: boolean; oi: object_info_t };
let version = 0;

beforeEach(() => {
  store = new MemStore({ clock: new VirtualClock() });
  store.mkfs_now("f");
  store.mount_now();
  const t = new Transaction();
  t.create_collection(coll);
  store.queue_transaction(t);
  obc = { exists: false, oi: NO_OBJECT };
  version = 0;
});

function message(steps: readonly Step[]): Msg<"osd_op"> {
  const data: Uint8Array[] = [];
  const seg = (s: string) => data.push(utf8.encode(s)) - 1;
  const ops = steps.map(
    ({ bytes, kv, ...step }): OSDOpStep => ({
      ...step,
      ...(bytes !== undefined && { seg: seg(bytes) }),
      ...(kv && { vals: Object.entries(kv).map(([key, v]) => ({ key, value: seg(v) })) }),
    }),
  );
  return {
    type: "osd_op",
    tid: 1,
    reqid: { name: "client.1", inc: 0, tid: 1 },
    map_epoch: 1,
    pgid: "1.0",
    hobj: soid,
    flags: [],
    retry_attempt: 0,
    mtime: 5,
    ops,
    data,
  };
}

/** Runs the steps; a write that succeeds takes effect. */
function run(...steps: Step[]): OpContext & { result: number } {
  return run_with({}, ...steps);
}
function run_with(config: ConfigValues, ...steps: Step[]): OpContext & { result: number } {
  const ctx = new_op_context(
    { store, coll, config: new Config(config), append_alignment: 0 },
    message(steps),
    obc,
  );
  const result = do_osd_ops(ctx);
  if (result === 0 && ctx.modified) {
    store.queue_transaction(ctx.t);
    version++;
    const { size, omap } = ctx;
    obc = {
      exists: ctx.exists,
      oi: ctx.exists ? { ...NO_OBJECT, size, omap, user_version: version, mtime: 5 } : NO_OBJECT,
    };
  }
  return { ...ctx, result };
}
function content(): string | undefined {
  const bytes = store.read(coll, soid, 0, 0);
  return bytes && text(bytes);
}
function out(ctx: OpContext, i = 0): string {
  return text(ctx.data[ctx.outcomes[i]?.seg ?? -1]);
}

describe("writes", () => {
  // Steps one after the other, each an operation of its own; then the content and the object count.
  const cases: [name: string, steps: Step[], content: string | undefined][] = [
    ["write makes the object", [{ op: "write", bytes: "abc" }], "abc"],
    ["write beyond the end leaves zeros", [{ op: "write", off: 2, bytes: "x" }], "\0\0x"],
    [
      "write inside keeps the rest",
      [
        { op: "writefull", bytes: "abcdef" },
        { op: "write", off: 1, bytes: "XY" },
      ],
      "aXYdef",
    ],
    [
      "writefull shortens",
      [
        { op: "writefull", bytes: "abcdef" },
        { op: "writefull", bytes: "z" },
      ],
      "z",
    ],
    ["empty writefull makes an empty object", [{ op: "writefull", bytes: "" }], ""],
    ["empty write beyond the end grows", [{ op: "write", off: 3, bytes: "" }], "\0\0\0"],
    [
      "append",
      [
        { op: "append", bytes: "ab" },
        { op: "append", bytes: "cd" },
      ],
      "abcd",
    ],
    [
      "truncate down and up",
      [
        { op: "writefull", bytes: "abcdef" },
        { op: "truncate", off: 2 },
        { op: "truncate", off: 4 },
      ],
      "ab\0\0",
    ],
    ["truncate of an absent object does nothing", [{ op: "truncate", off: 4 }], undefined],
    ["zero of an absent object does nothing", [{ op: "zero", off: 0, len: 4 }], undefined],
    [
      "zero does not grow",
      [
        { op: "writefull", bytes: "abcd" },
        { op: "zero", off: 2, len: 100 },
      ],
      "ab\0\0",
    ],
    ["delete", [{ op: "writefull", bytes: "abcd" }, { op: "delete" }], undefined],
    ["create", [{ op: "create" }, { op: "create" }], ""],
    ["setxattr makes the object", [{ op: "setxattr", name: "n", bytes: "v" }], ""],
    ["omap-set-vals makes the object", [{ op: "omap-set-vals", kv: { k: "v" } }], ""],
    ["omap-set-header makes the object", [{ op: "omap-set-header", bytes: "h" }], ""],
  ];
  it.each(cases)("%s", (_, steps, want) => {
    let objects = 0;
    let bytes = 0;
    for (const step of steps) {
      const ctx = run(step);
      expect(ctx.result).toBe(0);
      objects += ctx.delta.num_objects;
      bytes += ctx.delta.num_bytes;
    }
    expect(content()).toBe(want);
    expect({ objects, bytes }).toEqual({
      objects: want === undefined ? 0 : 1,
      bytes: want?.length ?? 0,
    });
  });

  it("carries out several steps as one, the later on what the earlier made", () => {
    const ctx = run(
      { op: "writefull", bytes: "abc" },
      { op: "append", bytes: "de" },
      { op: "delete" },
      { op: "append", bytes: "x" },
      { op: "setxattr", name: "n", bytes: "v" },
      { op: "omap-set-vals", kv: { k: "v" } },
      { op: "omap-clear" },
    );
    expect(ctx.result).toBe(0);
    expect(content()).toBe("x");
    expect(ctx.delta).toMatchObject({ num_objects: 1, num_bytes: 1, num_objects_omap: 0 });
  });

  it("counts objects with omap", () => {
    expect(run({ op: "omap-set-header", bytes: "h" }).delta.num_objects_omap).toBe(1);
    expect(run({ op: "omap-set-vals", kv: { k: "v" } }).delta.num_objects_omap).toBe(0);
    expect(run({ op: "omap-rm-keys", keys: ["k", "absent"] }).result).toBe(0);
    expect(run({ op: "delete" }).delta.num_objects_omap).toBe(-1);
  });

  it("tells writes from reads", () => {
    expect(op_may_write(message([{ op: "stat" }, { op: "cmpxattr" }]))).toBe(false);
    expect(op_may_write(message([{ op: "stat" }, { op: "create" }]))).toBe(true);
  });
});

describe("refusals", () => {
  const max = 2 ** 27;
  const cases: [name: string, before: Step[], op: Step[], code: keyof typeof ERRNO][] = [
    ["delete of an absent object", [], [{ op: "delete" }], "ENOENT"],
    ["rmxattr of an absent object", [], [{ op: "rmxattr", name: "a" }], "ENOENT"],
    ["omap-clear of an absent object", [], [{ op: "omap-clear" }], "ENOENT"],
    ["omap-rm-keys of an absent object", [], [{ op: "omap-rm-keys", keys: [] }], "ENOENT"],
    ["exclusive create", [{ op: "create" }], [{ op: "create", exclusive: true }], "EEXIST"],
    ["assert-exists", [], [{ op: "assert-exists" }, { op: "create" }], "ENOENT"],
    ["assert-version 0", [{ op: "create" }], [{ op: "assert-version", ver: 0 }], "EINVAL"],
    [
      "assert-version below",
      [{ op: "create" }, { op: "append", bytes: "x" }],
      [{ op: "assert-version", ver: 1 }],
      "ERANGE",
    ],
    ["assert-version above", [{ op: "create" }], [{ op: "assert-version", ver: 2 }], "EOVERFLOW"],
    ["absent xattr", [{ op: "create" }], [{ op: "getxattr", name: "n" }], "ENODATA"],
    ["write beyond the largest size", [], [{ op: "write", off: max, bytes: "x" }], "EFBIG"],
    ["write across the largest size", [], [{ op: "write", off: max - 1, bytes: "xx" }], "EFBIG"],
    ["truncate beyond the largest size", [], [{ op: "truncate", off: max }], "EFBIG"],
    ["long xattr name", [], [{ op: "setxattr", name: "ä".repeat(51), bytes: "" }], "ENAMETOOLONG"],
    ["xattr without name", [], [{ op: "setxattr", bytes: "" }], "EINVAL"],
    ["empty omap key", [], [{ op: "omap-set-vals", kv: { "": "v" } }], "EINVAL"],
    ["length that is not that of the data", [], [{ op: "write", len: 3, bytes: "x" }], "EINVAL"],
    ["listing with an object", [], [{ op: "pgnls" }], "EINVAL"],
    ["cmpxattr of an absent object", [], [{ op: "cmpxattr", name: "n", bytes: "" }], "ENOENT"],
  ];
  it.each(cases)("%s", (_, before, steps, code) => {
    for (const s of before) run(s);
    const was = content();
    const ctx = run(...steps);
    expect(ctx.result).toBe(-ERRNO[code]);
    expect(content()).toBe(was);
  });

  it("fails as a whole with the first failing step", () => {
    run({ op: "writefull", bytes: "abc" });
    const ctx = run(
      { op: "append", bytes: "d" },
      { op: "create", exclusive: true },
      { op: "delete" },
    );
    expect(ctx.result).toBe(-ERRNO.EEXIST);
    expect(ctx.outcomes.map((o) => o.rval)).toEqual([0, -ERRNO.EEXIST]);
    expect(content()).toBe("abc");
  });

  it("goes on after a step that may fail", () => {
    const ctx = run({ op: "delete", failok: true }, { op: "append", bytes: "d" });
    expect(ctx.result).toBe(0);
    expect(ctx.outcomes.map((o) => o.rval)).toEqual([-ERRNO.ENOENT, 0]);
    expect(content()).toBe("d");
  });
});

describe("guards", () => {
  const x = (cmp: OSDOpStep["cmp"], bytes: string, cmp_mode: OSDOpStep["cmp_mode"] = "string") =>
    ({ op: "cmpxattr", name: "n", cmp, bytes, cmp_mode }) as Step;
  const o = (cmp: OSDOpStep["cmp"], bytes: string) =>
    ({ op: "omap-cmp", name: "k", cmp, bytes }) as Step;
  // What is given stands left of what is stored for xattrs, right of it for omap.
  const cases: [name: string, step: Step, holds: boolean][] = [
    ["equal", x("eq", "10"), true],
    ["not equal", x("ne", "10"), false],
    ["9 > 10 as text", x("gt", "9"), true],
    ["9 > 10 as numbers", x("gt", "9", "u64"), false],
    ["11 >= 10 as numbers", x("gte", "11", "u64"), true],
    ["9 < 10 as numbers", x("lt", "9", "u64"), true],
    ["absent attribute is empty", { ...x("eq", ""), name: "other" }, true],
    ["omap equal", o("eq", "m"), true],
    ["omap: stored m < given z", o("lt", "z"), true],
    ["omap: stored m > given z", o("gt", "z"), false],
    ["omap: absent key is empty", { ...o("eq", ""), name: "other" }, true],
  ];
  it.each(cases)("%s", (_, step, holds) => {
    run({ op: "setxattr", name: "n", bytes: "10" }, { op: "omap-set-vals", kv: { k: "m" } });
    const ctx = run(step, { op: "append", bytes: "done" });
    expect(ctx.result).toBe(holds ? 0 : -ERRNO.ECANCELED);
    expect(content()).toBe(holds ? "done" : "");
  });

  it("cmpext says where the first difference is, and reads zeros beyond the end", () => {
    run({ op: "writefull", bytes: "abcd" });
    expect(run({ op: "cmpext", off: 1, bytes: "bc" }).result).toBe(0);
    expect(run({ op: "cmpext", off: 1, bytes: "bX" }).result).toBe(-4096);
    expect(run({ op: "cmpext", off: 3, bytes: "d\0\0" }).result).toBe(0);
    expect(run({ op: "cmpext", off: 3, bytes: "d\0x" }).result).toBe(-4095 - 2);
  });
});

describe("reads", () => {
  it("reads ranges; length 0 is to the end, beyond the end is empty", () => {
    run({ op: "writefull", bytes: "abcdef" });
    const ctx = run(
      { op: "read" },
      { op: "read", off: 4 },
      { op: "read", off: 1, len: 2 },
      { op: "read", off: 9, len: 2 },
      { op: "stat" },
    );
    expect([0, 1, 2, 3].map((i) => out(ctx, i))).toEqual(["abcdef", "ef", "bc", ""]);
    expect(ctx.outcomes[4]).toEqual({ rval: 0, size: 6, mtime: 5 });
  });

  it("sees the object as it was before the writes of the same operation", () => {
    run({ op: "writefull", bytes: "old" });
    const ctx = run({ op: "writefull", bytes: "newer" }, { op: "read" }, { op: "stat" });
    expect(out(ctx, 1)).toBe("old");
    expect(ctx.outcomes[2]?.size).toBe(3);
    expect(content()).toBe("newer");
  });

  it("lists attributes and omap in order, in pages", () => {
    run(
      { op: "setxattr", name: "b", bytes: "2" },
      { op: "setxattr", name: "a", bytes: "1" },
      { op: "omap-set-vals", kv: { k3: "3", k1: "1", j: "0", k2: "2" } },
      { op: "omap-set-header", bytes: "head" },
    );
    const ctx = run(
      { op: "getxattrs" },
      { op: "omap-get-vals", filter_prefix: "k", max: 2 },
      { op: "omap-get-keys", start_after: "k2" },
      { op: "omap-get-header" },
      { op: "omap-get-vals-by-keys", keys: ["k3", "nope", "j"] },
    );
    const vals = (i: number) =>
      ctx.outcomes[i]?.vals?.map((v) => `${v.key}=${text(ctx.data[v.value])}`);
    expect(vals(0)).toEqual(["a=1", "b=2"]);
    expect(vals(1)).toEqual(["k1=1", "k2=2"]);
    expect(ctx.outcomes[1]?.more).toBe(true);
    expect(ctx.outcomes[2]).toMatchObject({ keys: ["k3"], more: false });
    expect(out(ctx, 3)).toBe("head");
    expect(vals(4)).toEqual(["j=0", "k3=3"]);
  });

  it("bounds the bytes of one omap answer, but always gives one value", () => {
    run({ op: "omap-set-vals", kv: { a: "xxxx", b: "yyyy" } });
    const config = { osd_max_omap_bytes_per_request: 4 };
    const ctx = run_with(config, { op: "omap-get-vals" });
    expect(ctx.outcomes[0]).toMatchObject({ more: true, vals: [{ key: "a" }] });
  });
});
