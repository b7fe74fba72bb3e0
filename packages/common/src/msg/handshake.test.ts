import { describe, expect, it } from "vitest";
import { ProtocolError } from "../errors.ts";
import {
  type Hello,
  type Identity,
  judge_identity,
  judge_session,
  type SessionState,
  to_hello,
} from "./handshake.ts";

const me: Identity = {
  name: "osd.2",
  addr: { host: "b", port: 2, nonce: 22 },
  fsid: "f",
};
function hello(change: Partial<Hello> = {}): Hello {
  return {
    protocol: 1,
    fsid: "f",
    name: "osd.1",
    addr: { host: "a", port: 1, nonce: 11 },
    policy: "lossless_peer",
    target: { name: "osd.2", nonce: 22 },
    cookie: 5,
    peer_cookie: 0,
    connect_seq: 0,
    in_seq: 0,
    ...change,
  };
}

describe("judge_identity", () => {
  const code = (change: Partial<Hello>, who = me) => judge_identity(who, hello(change))?.code;
  it("names what is wrong", () => {
    expect(code({})).toBeUndefined();
    expect(code({ protocol: 2 })).toBe("wrong_version");
    expect(code({ fsid: "g" })).toBe("wrong_fsid");
    expect(code({ fsid: "" })).toBeUndefined();
    expect(code({}, { ...me, fsid: "" })).toBeUndefined();
    expect(code({ target: { name: "osd.3", nonce: 22 } })).toBe("wrong_identity");
    expect(code({ target: { name: "osd.2", nonce: 21 } })).toBe("wrong_identity");
    expect(code({ target: { name: "osd.2", nonce: 0 } })).toBeUndefined();
    expect(code({ target: { name: "mon.any", nonce: 0 } })).toBe("wrong_identity");
    const mon = { ...me, name: "mon.a" } as const;
    expect(code({ target: { name: "mon.any", nonce: 0 } }, mon)).toBeUndefined();
    expect(code({ name: "osd.2" })).toBe("own_name");
    expect(code({ addr: { host: "", port: 0, nonce: 1 } })).toBe("bad_policy");
    expect(code({ cookie: 0 })).toBe("bad_policy");
  });

  it("takes no hello with fields that do not fit", () => {
    expect(to_hello(hello())).toEqual(hello());
    for (const bad of [{ name: "root" }, { in_seq: -1 }, { cookie: Number.NaN }, { policy: "x" }]) {
      expect(() => to_hello({ ...hello(), ...bad })).toThrow(ProtocolError);
    }
    expect(() => to_hello(null)).toThrow(ProtocolError);
  });
});

describe("judge_session", () => {
  /** A session that has stood once: ours 7, theirs 5, second transport, up to message 40 sent. */
  const known: SessionState = {
    cookie: 7,
    peer_cookie: 5,
    connect_seq: 2,
    attempting: false,
    last_sent: 40,
  };
  const verdict = (s: SessionState | undefined, change: Partial<Hello>, who = me) => {
    const v = judge_session(who, s, hello(change));
    return v.kind === "refuse" ? v.refuse.code : v.kind;
  };
  const again = { peer_cookie: 7, connect_seq: 2, in_seq: 40 };

  it("begins, goes on, or tells of a loss", () => {
    expect(verdict(undefined, {})).toBe("new");
    expect(verdict(undefined, { peer_cookie: 7 })).toBe("session_reset");
    expect(verdict(known, again)).toBe("attach");
    expect(verdict(known, { ...again, peer_cookie: 6 })).toBe("session_reset");
    expect(verdict(known, { ...again, peer_cookie: 0 })).toBe("attach");
  });

  it("tells a new session of the same instance from a late attempt of an old one", () => {
    expect(verdict(known, { cookie: 6 })).toBe("reset");
    expect(verdict(known, { cookie: 4 })).toBe("stale");
  });

  it("never lets an older attempt replace a newer transport", () => {
    expect(verdict(known, { ...again, connect_seq: 1 })).toBe("retry_session");
    const v = judge_session(me, known, hello({ ...again, connect_seq: 1 }));
    expect(v).toMatchObject({ refuse: { connect_seq: 2 } });
    expect(verdict(known, { ...again, connect_seq: 3 })).toBe("attach");
  });

  it("lets the attempt of the lower name stand when two cross", () => {
    const fresh: SessionState = {
      cookie: 7,
      peer_cookie: 0,
      connect_seq: 0,
      attempting: true,
      last_sent: 0,
    };
    // We are osd.2: the attempt of osd.1 goes before ours, that of osd.3 does not.
    expect(verdict(fresh, { name: "osd.1" })).toBe("attach");
    expect(verdict(fresh, { name: "osd.3" })).toBe("race");
    expect(verdict({ ...fresh, attempting: false }, { name: "osd.3" })).toBe("attach");
    expect(verdict({ ...known, attempting: true }, { ...again, name: "osd.3" })).toBe("race");
  });

  it("does not go on with a peer that has more than we sent", () => {
    expect(verdict(known, { ...again, in_seq: 41 })).toBe("reset");
  });
});
