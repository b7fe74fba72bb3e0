/**
 * The message catalogue as compiled checks, one a tag. A check passes only if the value has exactly
 * the fields of the schema; a message with more fields (from a newer peer) is cut down to the known
 * ones first, so that nothing unknown ever gets behind the socket.
 */
import { Kind, type TSchema, TypeRegistry } from "@sinclair/typebox";
import { type TypeCheck, TypeCompiler } from "@sinclair/typebox/compiler";
import { InvariantError, ProtocolError } from "../errors.ts";
import { CATALOGUE, type Message, type MessageType } from "../messages/index.ts";
import { MAX_DEPTH } from "./scan.ts";

/** Stands where a schema says Any: JSON-like data, finite, plain, not too deep. */
const PLAIN_DATA = "TakoPlainData";
TypeRegistry.Set(PLAIN_DATA, (_schema, value) => is_plain_data(value, 0));

/** The scanner refuses frames with other keys, so a message of ours must not have them either. */
const SAFE_KEY = "^(?!(?:__proto__|constructor|prototype)$)[\\s\\S]*$";

export interface Entry {
  readonly type: MessageType;
  /** The schema, objects closed against unknown fields. */
  readonly schema: TSchema;
  readonly check: TypeCheck<TSchema>;
  /** Whether the schema has `data`. */
  readonly has_data: boolean;
}

const ENTRIES = new Map<string, Entry>();
for (const s of CATALOGUE) {
  const schema = close_object(s);
  const type: MessageType = s.properties.type.const;
  if (ENTRIES.has(type)) throw new InvariantError("message tag used twice", { type });
  ENTRIES.set(type, {
    type,
    schema,
    check: TypeCompiler.Compile(schema),
    has_data: Object.hasOwn(schema.properties, "data"),
  });
}

export const MESSAGE_TYPES: readonly MessageType[] = [...ENTRIES.values()].map((e) => e.type);

export function entry_of(type: unknown): Entry | undefined {
  return typeof type === "string" ? ENTRIES.get(type) : undefined;
}

/** Is this one of our messages, fit to be sent? What is wrong with it, or undefined. */
export function message_fault(m: unknown): ProtocolError | undefined {
  const e = entry_of(tag_of(m));
  if (e === undefined) return bad_message(String(tag_of(m)), "", "no such message");
  return e.check.Check(m) ? undefined : fault(e, m);
}

/** The message that `v` is; unknown fields are dropped, anything else wrong is a ProtocolError. */
export function to_message(v: unknown): Message {
  const e = entry_of(tag_of(v));
  if (e === undefined) throw bad_message(shorten(String(tag_of(v))), "", "no such message");
  if (passes(e, v)) return v;
  const known = drop_unknown(e.schema, v);
  if (passes(e, known)) return known;
  throw fault(e, known);
}

function passes(e: Entry, v: unknown): v is Message {
  return e.check.Check(v);
}
function tag_of(v: unknown): unknown {
  return typeof v === "object" && v !== null && "type" in v ? v.type : undefined;
}

function fault(e: Entry, v: unknown): ProtocolError {
  const first = e.check.Errors(v).First();
  return bad_message(e.type, first?.path ?? "", first?.message ?? "does not match its schema");
}
function bad_message(type: string, path: string, reason: string): ProtocolError {
  const at = path === "" ? "" : ` at ${shorten(path)}`;
  return new ProtocolError(`bad message ${type}${at}: ${reason}`, {
    code: "bad_message",
    type,
    path: shorten(path),
    reason,
  });
}
function shorten(s: string): string {
  return s.length > 100 ? `${s.slice(0, 97)}...` : s;
}

/** Schema `s` with additionalProperties false on each object with named fields, and Any closed. */
function close(s: TSchema): TSchema {
  switch (s[Kind]) {
    case "Object":
      return close_object(s);
    case "Array":
      return { ...s, items: close(s.items) };
    case "Union":
      return { ...s, anyOf: s.anyOf.map(close) };
    case "Record": {
      const [value] = Object.values<TSchema>(s.patternProperties);
      const patternProperties = value === undefined ? {} : { [SAFE_KEY]: close(value) };
      return { ...s, additionalProperties: false, patternProperties };
    }
    case "Any":
      return { ...s, [Kind]: PLAIN_DATA };
    default:
      return s;
  }
}
function close_object(s: TSchema): TSchema {
  const pairs = Object.entries<TSchema>(s.properties).map(([k, p]) => [k, close(p)]);
  return { ...s, additionalProperties: false, properties: Object.fromEntries(pairs) };
}

/** A copy of `v` without the fields that `s` does not name. Leaves what does not fit as it is. */
function drop_unknown(s: TSchema, v: unknown): unknown {
  if (typeof v !== "object" || v === null || v instanceof Uint8Array) return v;
  switch (s[Kind]) {
    case "Object": {
      const out: Record<string, unknown> = {};
      for (const [k, p] of Object.entries<TSchema>(s.properties)) {
        if (Object.hasOwn(v, k)) out[k] = drop_unknown(p, Reflect.get(v, k));
      }
      return out;
    }
    case "Array":
      return Array.isArray(v) ? v.map((x) => drop_unknown(s.items, x)) : v;
    case "Union": {
      const forms: TSchema[] = s.anyOf;
      const form = forms.find((f) => f[Kind] === "Object" || f[Kind] === "Array");
      return form === undefined ? v : drop_unknown(form, v);
    }
    case "Record": {
      const p = Object.values<TSchema>(s.patternProperties)[0];
      if (p === undefined || Array.isArray(v)) return v;
      return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, drop_unknown(p, x)]));
    }
    default:
      return v;
  }
}

function is_plain_data(v: unknown, depth: number): boolean {
  switch (typeof v) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(v);
    case "undefined":
      return depth > 0;
    case "object":
      break;
    default:
      return false;
  }
  if (v === null) return true;
  if (depth >= MAX_DEPTH - 8) return false;
  if (Array.isArray(v)) return v.every((x) => is_plain_data(x, depth + 1));
  const proto: unknown = Object.getPrototypeOf(v);
  if (proto !== Object.prototype && proto !== null) return false;
  // Nothing is inherited that a loop would find.
  for (const k in v) {
    if (k === "__proto__" || k === "constructor" || k === "prototype") return false;
    if (!is_plain_data(Reflect.get(v, k), depth + 1)) return false;
  }
  return true;
}
