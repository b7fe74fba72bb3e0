/**
 * Addresses of the binary map as text and as entity_addr_t.
 * Ceph counterpart: entity_addr_t, entity_addrvec_t (src/msg/msg_types.h).
 */
import { addr_eq, addr_is_blank, BLANK_ADDR, type entity_addr_t } from "../../types/entity.ts";
import { MapError } from "../MapError.ts";
import type { raw_addr, raw_addrvec } from "./raw.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCKADDR_IN = 16;
const SOCKADDR_IN6 = 28;

const TYPE_NAMES = ["none", "v1", "v2", "any"];
const V2 = 2;
const NONE = 0;
const ANY = 3;

/** `v1`, `v2` ... */
export function addr_type_name(a: raw_addr): string {
  return TYPE_NAMES[a.type] ?? "???";
}

interface endpoint {
  readonly host: string;
  readonly port: number;
}
/** undefined for families that are neither IPv4 nor IPv6. */
function endpoint_of(a: raw_addr): endpoint | undefined {
  const { sa } = a;
  const at = (i: number) => sa[i] ?? 0;
  // Old writers put the family in network order.
  const family = a.old ? at(0) * 256 + at(1) : at(0) + at(1) * 256;
  const port = at(2) * 256 + at(3);
  if (family === AF_INET && sa.length >= 8) return { host: [...sa.subarray(4, 8)].join("."), port };
  if (family === AF_INET6 && sa.length >= 24) return { host: ipv6_text(sa.subarray(8, 24)), port };
  return undefined;
}

/** As inet_ntop: the longest run of zero words, of two at least, becomes `::`. */
function ipv6_text(b: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => (b[2 * i] ?? 0) * 256 + (b[2 * i + 1] ?? 0));
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && words[i + n] === 0) n++;
    if (n > length) [start, length] = [i, n];
  }
  const hex = (l: number[]) => l.map((w) => w.toString(16)).join(":");
  if (start < 0) return hex(words);
  return `${hex(words.slice(0, start))}::${hex(words.slice(start + length))}`;
}

/** `127.0.0.1:6800`, `[::1]:6800`; what Ceph says of a family that it does not know. */
export function raw_addr_text(a: raw_addr): string {
  const e = endpoint_of(a);
  if (!e) return "(unrecognized address family 0)";
  return `${e.host.includes(":") ? `[${e.host}]` : e.host}:${e.port}`;
}

/** As in lists of addresses: with the protocol, unless it is any. */
export function typed_addr_text(a: raw_addr): string {
  if (a.type === NONE) return "-";
  const text = `${raw_addr_text(a)}/${a.nonce}`;
  return a.type === ANY ? text : `${addr_type_name(a)}:${text}`;
}

/** The address that we would use: msgr2's where there is one. */
export function to_entity_addr(v: raw_addrvec): entity_addr_t {
  const a = v.addrs.find((x) => x.type === V2) ?? v.addrs[0];
  return a ? raw_to_entity_addr(a) : BLANK_ADDR;
}
export function raw_to_entity_addr(a: raw_addr): entity_addr_t {
  const e = endpoint_of(a);
  return e ? { ...e, nonce: a.nonce } : BLANK_ADDR;
}

/** The old encoding where it still stands for this address, else a new one. */
export function from_entity_addr(a: entity_addr_t, base: raw_addrvec | undefined): raw_addrvec {
  if (base && addr_eq(to_entity_addr(base), a)) return base;
  if (addr_is_blank(a)) return { addrs: [], alone: false };
  return { addrs: [make_raw_addr(a)], alone: false };
}
export function make_raw_addr(a: entity_addr_t, type: 2 | 3 = V2): raw_addr {
  const v4 = ipv4_bytes(a.host);
  const v6 = v4 ? undefined : ipv6_bytes(a.host);
  if (!v4 && !v6) throw new MapError("bad_encoding", `${a.host} is not an IP address`);
  const sa = new Uint8Array(v4 ? SOCKADDR_IN : SOCKADDR_IN6);
  sa[0] = v4 ? AF_INET : AF_INET6;
  sa[2] = a.port >> 8;
  sa[3] = a.port & 0xff;
  if (v4) sa.set(v4, 4);
  else if (v6) sa.set(v6, 8);
  return { type, nonce: a.nonce, sa, old: false };
}

function ipv4_bytes(host: string): number[] | undefined {
  const parts = /^\d{1,3}(\.\d{1,3}){3}$/.test(host) ? host.split(".").map(Number) : [];
  return parts.length === 4 && parts.every((n) => n < 256) ? parts : undefined;
}
function ipv6_bytes(host: string): number[] | undefined {
  const [head = "", tail, more] = host.split("::");
  const words = (s: string) => (s === "" ? [] : s.split(":"));
  const left = words(head);
  const right = words(tail ?? "");
  const gap = 8 - left.length - right.length;
  if (more !== undefined || (tail === undefined ? gap !== 0 : gap < 1)) return undefined;
  const all = [...left, ...new Array<string>(gap).fill("0"), ...right];
  if (!all.every((w) => /^[0-9a-fA-F]{1,4}$/.test(w))) return undefined;
  return all.map((w) => Number.parseInt(w, 16)).flatMap((w) => [w >> 8, w & 0xff]);
}
