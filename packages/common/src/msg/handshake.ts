/**
 * The handshake: who the two ends are, and whether a session goes on or begins anew. Pure decisions;
 * io/ sends the frames. Rules in words: docs/wire-protocol.md. Ceph counterpart: ProtocolV2
 * (client_ident, session_reconnect, session_retry, session_reset, wait).
 */
import { type Static, Type } from "@sinclair/typebox";
import { type TypeCheck, TypeCompiler } from "@sinclair/typebox/compiler";
import { ProtocolError } from "../errors.ts";
import * as f from "../messages/fields.ts";
import { addr_str, type entity_addr_t, type entity_name_t } from "../types/entity.ts";

export const PROTOCOL_VERSION = 1;
/** Largest handshake frame. */
export const MAX_HANDSHAKE_BYTES = 16 << 10;

const fsid = Type.String({ maxLength: 64 });
const policy = f.oneOf("lossless_peer", "lossy");

/** Connector -> acceptor, the first frame. */
const hello_schema = f.obj({
  protocol: f.u32,
  /** Empty: does not know it yet. */
  fsid,
  name: f.entity_name,
  /** Where the connector listens, blank host if nowhere; the nonce is its instance. */
  addr: f.addr,
  policy,
  /** Whom the connector wants: name, and nonce (0: any instance). "mon.any" is any monitor. */
  target: f.obj({ name: f.entity_name, nonce: f.u32 }),
  /** Lossless: the session, as numbered by the connector (cookie) and the acceptor (0: unknown). */
  cookie: f.uint,
  peer_cookie: f.uint,
  /** How many transports the session has had; the older of two attempts has the smaller. */
  connect_seq: f.uint,
  /** Last sequence number received. */
  in_seq: f.uint,
});
/** Acceptor -> connector: the connection stands. */
const welcome_schema = f.obj({
  fsid,
  name: f.entity_name,
  addr: f.addr,
  cookie: f.uint,
  connect_seq: f.uint,
  in_seq: f.uint,
});
const REFUSALS = [
  "wrong_version",
  "wrong_fsid",
  "wrong_identity",
  "own_name",
  "bad_policy",
  "session_reset",
  "retry_session",
  "race",
  "stale",
] as const;
/** Acceptor -> connector, then the acceptor closes. */
const refuse_schema = f.obj({
  code: f.oneOf(...REFUSALS),
  reason: Type.String({ maxLength: 1024 }),
  /** retry_session: the count to try again with. */
  connect_seq: f.uint,
});

export type Hello = Static<typeof hello_schema>;
export type Welcome = Static<typeof welcome_schema>;
export type Refuse = Static<typeof refuse_schema>;
export type RefuseCode = (typeof REFUSALS)[number];

const CHECKS = {
  hello: TypeCompiler.Compile(hello_schema),
  welcome: TypeCompiler.Compile(welcome_schema),
  refuse: TypeCompiler.Compile(refuse_schema),
};

export function to_hello(v: unknown): Hello {
  return checked("hello", CHECKS.hello, v);
}
export function to_welcome(v: unknown): Welcome {
  return checked("welcome", CHECKS.welcome, v);
}
export function to_refuse(v: unknown): Refuse {
  return checked("refuse", CHECKS.refuse, v);
}
function checked<S extends typeof hello_schema | typeof welcome_schema | typeof refuse_schema>(
  what: string,
  check: TypeCheck<S>,
  v: unknown,
): Static<S> {
  if (check.Check(v)) return v;
  const e = check.Errors(v).First();
  const reason = `${what}${e?.path ?? ""}: ${e?.message ?? "not an object"}`;
  throw new ProtocolError(`bad handshake: ${reason}`, { code: "bad_handshake", reason });
}

export interface Identity {
  readonly name: entity_name_t;
  readonly addr: entity_addr_t;
  readonly fsid: string;
}

/** A name that stands for whatever monitor listens there. */
export const ANY_MON: entity_name_t = "mon.any";

/** Why `me` cannot talk to the sender of `h`; undefined if it can. */
export function judge_identity(me: Identity, h: Hello): Refuse | undefined {
  if (h.protocol !== PROTOCOL_VERSION) {
    return refuse("wrong_version", `protocol ${h.protocol}, this is ${PROTOCOL_VERSION}`);
  }
  if (h.fsid !== "" && me.fsid !== "" && h.fsid !== me.fsid) {
    return refuse("wrong_fsid", `cluster ${h.fsid}, this is ${me.fsid}`);
  }
  const any = h.target.name === ANY_MON && me.name.startsWith("mon.");
  if (h.target.name !== me.name && !any) {
    return refuse("wrong_identity", `this is ${me.name}, not ${h.target.name}`);
  }
  if (h.target.nonce !== 0 && h.target.nonce !== me.addr.nonce) {
    const at = addr_str(me.addr);
    return refuse("wrong_identity", `this is ${me.name} at ${at}, not nonce ${h.target.nonce}`);
  }
  if (h.name === me.name) return refuse("own_name", `${h.name} is my own name`);
  if (h.policy === "lossless_peer" && (h.addr.host === "" || h.cookie === 0)) {
    return refuse("bad_policy", "a lossless peer must have an address and a cookie");
  }
  return undefined;
}

/** What an end remembers of a lossless session. */
export interface SessionState {
  readonly cookie: number;
  /** 0 until the first handshake is through. */
  readonly peer_cookie: number;
  readonly connect_seq: number;
  /** A socket of our own is on its way to the peer at this moment. */
  readonly attempting: boolean;
  /** Last sequence number that we sent. */
  readonly last_sent: number;
}

export type SessionVerdict =
  /** No session yet: make one. */
  | { readonly kind: "new" }
  /** The peer has forgotten our session: reset it, then judge again. */
  | { readonly kind: "reset" }
  /** Put this transport under the session we have. */
  | { readonly kind: "attach" }
  | { readonly kind: "refuse"; readonly refuse: Refuse };

/**
 * What to do with a lossless hello of the very instance that `s` belongs to (undefined: we have no
 * session with it).
 */
export function judge_session(me: Identity, s: SessionState | undefined, h: Hello): SessionVerdict {
  if (s === undefined) {
    // It wants to go on with a session that we dropped: it must hear of the loss.
    return h.peer_cookie === 0 ? { kind: "new" } : no("session_reset", "session unknown");
  }
  if (h.peer_cookie !== 0 && h.peer_cookie !== s.cookie) {
    return no("session_reset", "session was dropped");
  }
  if (s.peer_cookie !== 0 && h.cookie !== s.peer_cookie) {
    // Cookies only grow within an instance: a smaller one is a late attempt of a session long gone.
    return h.cookie < s.peer_cookie ? no("stale", "older than the session") : { kind: "reset" };
  }
  if (h.in_seq > s.last_sent) return { kind: "reset" };
  if (h.connect_seq < s.connect_seq) {
    return no("retry_session", "older than the transport in use", s.connect_seq);
  }
  if (s.attempting && wins(me, h)) return no("race", "my own attempt goes first");
  return { kind: "attach" };
}

/** Of two attempts that cross, the one that the lower name opened stands. */
function wins(me: Identity, peer: { readonly name: entity_name_t }): boolean {
  return me.name < peer.name;
}
function no(code: RefuseCode, reason: string, connect_seq = 0): SessionVerdict {
  return { kind: "refuse", refuse: refuse(code, reason, connect_seq) };
}
function refuse(code: RefuseCode, reason: string, connect_seq = 0): Refuse {
  return { code, reason, connect_seq };
}
