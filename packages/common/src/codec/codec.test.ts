import { existsSync, readFileSync } from "node:fs";
import { Kind, OptionalKind, type TSchema } from "@sinclair/typebox";
import fc from "fast-check";
import { Packr } from "msgpackr";
import { describe, expect, it } from "vitest";
import { ProtocolError } from "../errors.ts";
import type { Message } from "../messages/index.ts";
import { entry_of, MESSAGE_TYPES, message_fault, to_message } from "./catalogue.ts";
import {
  decode_frame,
  decode_messages,
  encode_messages,
  join_parts,
  through_wire,
} from "./codec.ts";
import { HEADER_BYTES, MAX_FRAME_BYTES, pack_frame } from "./frame.ts";

const UNSAFE = new Set(["constructor", "prototype", "__proto__"]);

// ---- values that fit a schema

function arbitrary(s: TSchema): fc.Arbitrary<unknown> {
  switch (s[Kind]) {
    case "Object": {
      const fields: Record<string, fc.Arbitrary<unknown>> = {};
      const requiredKeys: string[] = [];
      for (const [k, p] of Object.entries<TSchema>(s.properties)) {
        fields[k] = arbitrary(p);
        if (p[OptionalKind] === undefined) requiredKeys.push(k);
      }
      return fc.record(fields, { requiredKeys, noNullPrototype: true });
    }
    case "Array":
      return fc.array(arbitrary(s.items), { maxLength: 3 });
    case "Union":
      return fc.oneof(...s.anyOf.map(arbitrary));
    case "Record": {
      const [p] = Object.values<TSchema>(s.patternProperties);
      const value = p === undefined ? fc.constant(0) : arbitrary(p);
      return fc.dictionary(
        fc.stringMatching(/^[a-z_]{1,12}$/).filter((k) => !UNSAFE.has(k)),
        value,
        {
          maxKeys: 4,
          noNullPrototype: true,
        },
      );
    }
    case "Literal":
      return fc.constant(s.const);
    case "Null":
      return fc.constant(null);
    case "Boolean":
      return fc.boolean();
    case "Integer":
      return fc.oneof(
        fc.bigInt({ min: BigInt(s.minimum), max: BigInt(s.maximum) }).map(Number),
        fc.integer({ min: Math.max(s.minimum, -5), max: Math.min(s.maximum, 300) }),
        fc.constantFrom(s.minimum, s.maximum),
      );
    case "Number":
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (n === 0 ? 0 : n));
    case "String":
      return text(s);
    case "Uint8Array":
      return fc.uint8Array({ maxLength: 40 }).map((a) => Uint8Array.from(a));
    case "TakoPlainData":
      return fc.constantFrom<unknown>(null, 0, -1.5, "x", true, [1, ["y"]], { a: { b: [null] } });
    default:
      throw new Error(`no values for ${String(s[Kind])}`);
  }
}
function text(s: TSchema): fc.Arbitrary<string> {
  if (typeof s.pattern === "string") return fc.stringMatching(new RegExp(s.pattern));
  return fc.string({ unit: "binary", maxLength: Math.min(12, s.maxLength ?? 12) });
}
function message(type: string): fc.Arbitrary<Message> {
  const e = entry_of(type);
  if (e === undefined) throw new Error(type);
  return arbitrary(e.schema).map(to_message);
}
/** A few of each kind, drawn once: drawing is what costs time. */
const SAMPLES = MESSAGE_TYPES.flatMap((t) => fc.sample(message(t), { numRuns: 4, seed: 11 }));
const any_message = fc.constantFrom(...SAMPLES);

/** One value that a person can follow: every field, one element a list. */
function readable(s: TSchema | undefined): unknown {
  switch (s?.[Kind]) {
    case "Object": {
      const pairs = Object.entries<TSchema>(s.properties);
      return Object.fromEntries(pairs.map(([k, p]) => [k, readable(p)]));
    }
    case "Array":
      return [readable(s.items)];
    case "Union":
      return readable(s.anyOf.at(-1));
    case "Record":
      return { name: readable(Object.values<TSchema>(s.patternProperties)[0]) };
    case "Literal":
      return s.const;
    case "Boolean":
      return true;
    case "Integer":
      return Math.min(7, s.maximum);
    case "Number":
      return 1.5;
    case "String": {
      const texts = ["text", "1.2a", "2(1)", "1:b21da5b1:::foo:head", "osd.3"];
      return texts.find((t) => typeof s.pattern !== "string" || new RegExp(s.pattern).test(t));
    }
    case "Uint8Array":
      return Uint8Array.of(1, 2, 255);
    default:
      return { any: [1, "x", null] };
  }
}

function encode(ms: readonly Message[]): Uint8Array {
  return join_parts(encode_messages(ms));
}
function decode(bytes: Uint8Array): Message[] {
  return decode_messages(decode_frame(bytes));
}
function refusal(fn: () => unknown): string {
  try {
    fn();
  } catch (e) {
    if (e instanceof ProtocolError) return e.message;
    throw e;
  }
  return "accepted";
}

describe("round trip", () => {
  it.each(MESSAGE_TYPES)("%s", (type) => {
    fc.assert(
      fc.property(message(type), (m) => {
        expect(message_fault(m)).toBeUndefined();
        expect(through_wire(m)).toEqual(m);
      }),
      { numRuns: 60 },
    );
  });

  it("keeps order, sequence numbers and acks of many messages in one frame", () => {
    fc.assert(
      fc.property(fc.array(any_message, { maxLength: 20 }), fc.maxSafeInteger(), (ms, n) => {
        const seq = { seq: Math.abs(n), ack: Math.floor(Math.abs(n) / 3) };
        const frame = decode_frame(join_parts(encode_messages(ms, seq)));
        expect([frame.seq, frame.ack]).toEqual([seq.seq, seq.ack]);
        expect(decode_messages(frame)).toEqual(ms);
      }),
      { numRuns: 60 },
    );
  });

  it("does not copy payloads: decoded data are views into the frame", () => {
    const bytes = encode([reply(new Uint8Array(100_000).fill(7))]);
    const [m] = decode(bytes);
    expect(m?.type === "osd_op_reply" && m.data?.[0]?.buffer === bytes.buffer).toBe(true);
  });
});

describe("golden vectors", () => {
  it.each(MESSAGE_TYPES)("%s", async (type) => {
    // The first line is the message as JSON, bytes as "hex:..."; the rest is its frame in hex.
    const path = new URL(`testdata/${type}.hex`, import.meta.url).pathname;
    const m = existsSync(path)
      ? to_message(JSON.parse(readFileSync(path, "utf8").split("\n")[0] ?? "", from_json))
      : to_message(readable(entry_of(type)?.schema));
    const bytes = encode([m]);
    const lines =
      Buffer.from(bytes)
        .toString("hex")
        .match(/.{1,96}/g) ?? [];
    const file = `${JSON.stringify(m, to_json)}\n${lines.join("\n")}\n`;
    await expect(file).toMatchFileSnapshot(path);
    expect(decode(bytes)).toEqual([m]);
  });

  function to_json(_k: string, v: unknown): unknown {
    return v instanceof Uint8Array ? `hex:${Buffer.from(v).toString("hex")}` : v;
  }
  function from_json(_k: string, v: unknown): unknown {
    return typeof v === "string" && v.startsWith("hex:")
      ? Uint8Array.from(Buffer.from(v.slice(4), "hex"))
      : v;
  }
});

function reply(data: Uint8Array): Message {
  return {
    type: "osd_op_reply",
    tid: 1,
    result: 0,
    map_epoch: 4,
    pgid: "1.0",
    retry_attempt: 0,
    version: { epoch: 4, version: 9 },
    user_version: 9,
    outcomes: [{ rval: 0, seg: 0 }],
    data: [data],
  };
}

describe("what a peer may send", () => {
  const alive = { type: "osd_alive", osd: 1, version: 5, want: 4 };
  /** A frame around any value, as a hostile peer would build it. */
  function frame(body: unknown, messages = 1, segments: Uint8Array[] = []): Uint8Array {
    return join_parts(pack_frame({ kind: "messages", seq: 0, ack: 0, messages, body, segments }));
  }
  /** A frame around raw msgpack bytes. */
  function raw(...body: number[]): Uint8Array {
    const f = frame(null);
    const out = new Uint8Array(HEADER_BYTES + body.length);
    out.set(f.subarray(0, HEADER_BYTES));
    out.set(body, HEADER_BYTES);
    new DataView(out.buffer).setUint32(8, body.length, true);
    return out;
  }

  it("drops fields that it does not know, on every level", () => {
    const more = { ...alive, since_v9: 1, extra: { x: 1 } };
    expect(decode(frame([more, null]))).toEqual([alive]);
    expect(decode(frame([more, 1], 1, [new Uint8Array(3)]))).toEqual([alive]);
    const nested = {
      type: "osd_pg_temp",
      map_epoch: 3,
      forced: false,
      pg_temp: [{ pgid: "1.0", osds: [1], why: "?" }],
    };
    expect(decode(frame([nested, null]))).toEqual([
      { ...nested, pg_temp: [{ pgid: "1.0", osds: [1] }] },
    ]);
  });

  it("refuses what does not fit the catalogue, with type, place and reason", () => {
    const said = (m: unknown) => refusal(() => decode(frame([m, null])));
    expect(said({ ...alive, version: Number.NaN })).toMatch(
      /^bad message osd_alive at \/version: /,
    );
    expect(said({ ...alive, version: -1 })).toMatch(/^bad message osd_alive at \/version: /);
    expect(said({ ...alive, version: 1.5 })).toMatch(/^bad message osd_alive at \/version: /);
    expect(said({ ...alive, version: Number.POSITIVE_INFINITY })).toMatch(/at \/version: /);
    expect(said({ ...alive, osd: "1" })).toMatch(/^bad message osd_alive at \/osd: /);
    expect(said({ type: "osd_alive" })).toMatch(/^bad message osd_alive at \//);
    expect(said({ type: "rm_rf" })).toBe("bad message rm_rf: no such message");
    expect(said({ type: ["osd_alive"] })).toMatch(/no such message$/);
    expect(said("osd_alive")).toBe("bad frame: not a message");
    expect(said(null)).toBe("bad frame: not a message");
    const cmd = { type: "mon_command", tid: 1, cmd: { prefix: "x", v: Number.NaN } };
    expect(said(cmd)).toMatch(/^bad message mon_command at \/cmd/);
  });

  it("refuses wrong counts and segments", () => {
    expect(refusal(() => decode(frame([alive, null], 2)))).toMatch("number of messages");
    expect(refusal(() => decode(frame({ length: 2 }, 1)))).toMatch("number of messages");
    expect(refusal(() => decode(frame([alive, 1])))).toMatch("wrong number of segments");
    expect(refusal(() => decode(frame([alive, -1])))).toMatch("wrong number of segments");
    expect(refusal(() => decode(frame([{ ...alive, data: [] }, null])))).toMatch("not a message");
    const orphan = frame([alive, null], 1, [new Uint8Array(1)]);
    expect(refusal(() => decode(orphan))).toMatch("belong to no message");
  });

  it("refuses keys that name a prototype, and pollutes nothing", () => {
    const key = (k: string) => [0x81, 0xa0 | k.length, ...Buffer.from(k), 0x81, 0xa1, 0x78, 0x01];
    for (const k of ["__proto__", "constructor", "prototype"]) {
      expect(refusal(() => decode(raw(...key(k))))).toMatch("names a prototype");
    }
    expect(Object.hasOwn(Object.prototype, "x")).toBe(false);
  });

  it("refuses extension types, binary, 64-bit integers and keys that are no text", () => {
    const types = [
      0xc1, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xcf, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8,
    ];
    for (const t of types) {
      expect(refusal(() => decode(raw(t, ...new Uint8Array(20))))).toMatch("is not permitted");
    }
    expect(refusal(() => decode(raw(0x81, 0x01, 0x01)))).toMatch("a map key is not text");
    const rich = new Packr({ moreTypes: true, structuredClone: true });
    for (const v of [new Date(), new Set([1]), /x/, new Error("x"), new Map([[1, 2]]), 1n << 60n]) {
      expect(refusal(() => decode(raw(...rich.pack([v, null]))))).toMatch(/not permitted|not text/);
    }
    const shared = { a: 1 };
    const records = new Packr({ structures: [] }).pack([shared, shared, { a: 2 }]);
    expect(refusal(() => decode(raw(...records)))).toMatch("bad frame");
  });

  it("bounds depth and lengths before it allocates", () => {
    expect(refusal(() => decode(raw(...new Uint8Array(40).fill(0x91), 0xc0)))).toMatch("nested");
    expect(refusal(() => decode(raw(0xdd, 0xff, 0xff, 0xff, 0xff)))).toMatch("truncated");
    expect(refusal(() => decode(raw(0xdf, 0x7f, 0xff, 0xff, 0xff)))).toMatch("truncated");
    expect(refusal(() => decode(raw(0xdb, 0xff, 0xff, 0xff, 0xff)))).toMatch("truncated");
    expect(refusal(() => decode_frame(new Uint8Array(101), 100))).toMatch("at most 100");
    const head = encode([]);
    const set = (at: number, v: number) => {
      const b = head.slice();
      new DataView(b.buffer).setUint32(at, v, true);
      return refusal(() => decode(b));
    };
    expect(set(8, 0x7fffffff)).toMatch("message part of");
    expect(set(12, 0x7fffffff)).toMatch("2147483647 messages");
    expect(set(16, 0x7fffffff)).toMatch("2147483647 segments");
    expect(set(16, 60_000)).toMatch("truncated");
    expect(set(0, 1)).toMatch("does not begin with TAKO");
    expect(set(4, 2)).toMatch("version 2, expected 1");
    expect(set(24, 0xffffffff)).toMatch("sequence number");
    expect(MAX_FRAME_BYTES).toBeLessThan(2 ** 31);
  });

  it("answers every truncation with a ProtocolError", () => {
    const bytes = encode([
      reply(new Uint8Array(9)),
      { type: "osd_alive", osd: 1, version: 5, want: 4 },
    ]);
    for (let n = 0; n < bytes.length; n++) {
      expect(
        refusal(() => decode(bytes.subarray(0, n))),
        `${n} bytes`,
      ).not.toBe("accepted");
    }
    expect(refusal(() => decode(Buffer.concat([bytes, Buffer.of(0)])))).toMatch("after the last");
  });

  it("throws nothing but ProtocolError, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => {
        refusal(() => decode(junk));
        refusal(() => decode(raw(...junk)));
      }),
      { numRuns: 1000 },
    );
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(any_message, flips, (m, changes) => {
        const bytes = encode([m]);
        for (const [at, x] of changes) bytes[at % bytes.length] = x;
        refusal(() => decode(bytes));
      }),
      { numRuns: 3000 },
    );
  });
});

describe("what we may send", () => {
  it("finds a message that the peer would refuse before it leaves", () => {
    const pools = new Map([["1.0", [1]]]);
    const bad: unknown[] = [
      { type: "osd_alive", osd: 1, version: Number.NaN, want: 4 },
      { type: "osd_alive", osd: 1, version: 1, want: 4, extra: 1 },
      { type: "command_reply", tid: 1, result: 0, outs: "", outb: { pools } },
      { type: "command_reply", tid: 1, result: 0, outs: "", outb: { at: new Date() } },
      { type: "command_reply", tid: 1, result: 0, outs: "", outb: new Uint8Array(1) },
      { type: "command_reply", tid: 1, result: 0, outs: "", outb: { n: 1n } },
      { type: "command", tid: 1, cmd: { prefix: "x", constructor: "y" } },
      { type: "command", tid: 1, cmd: { prefix: "x", a: { constructor: "y" } } },
    ];
    for (const m of bad) expect(message_fault(m)).toBeInstanceOf(ProtocolError);
  });

  it("leaves out fields that are undefined", () => {
    const ok = {
      type: "command_reply",
      tid: 1,
      result: 0,
      outs: "",
      outb: { a: undefined, b: [1] },
    };
    expect(message_fault(ok)).toBeUndefined();
    expect(through_wire(to_message(ok))).toEqual({ ...ok, outb: { b: [1] } });
  });
});
