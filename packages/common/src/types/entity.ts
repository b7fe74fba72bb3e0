/**
 * Who is on a connection and where it listens.
 * Ceph counterpart: entity_name_t, entity_addr_t (src/msg/msg_types.h).
 */

/** `mon.a`, `osd.3`, `client.4123` */
export type entity_name_t = `${"mon" | "osd" | "client"}.${string}`;

/** `osd.3`? */
export function is_osd(n: entity_name_t): boolean {
  return n.startsWith("osd.");
}
/** The OSD id of `osd.3`; -1 for anything else. */
export function osd_id(n: entity_name_t): number {
  return n.startsWith("osd.") ? Number(n.slice(4)) : -1;
}

/**
 * Host, port and nonce. The nonce is drawn anew at each process start and rebind and takes part in
 * every comparison, so a daemon that restarts at the same endpoint is somebody else.
 */
export interface entity_addr_t {
  readonly host: string;
  readonly port: number;
  /** u32 */
  readonly nonce: number;
}
export const BLANK_ADDR: entity_addr_t = Object.freeze({ host: "", port: 0, nonce: 0 });

/** The same instance at the same place? */
export function addr_eq(a: entity_addr_t, b: entity_addr_t): boolean {
  return a.nonce === b.nonce && a.port === b.port && a.host === b.host;
}
/** Nowhere to connect to? */
export function addr_is_blank(a: entity_addr_t): boolean {
  return a.host === "" || a.port === 0;
}
/** `127.0.0.1:6800/12345` */
export function addr_str(a: entity_addr_t): string {
  return `${a.host.includes(":") ? `[${a.host}]` : a.host}:${a.port}/${a.nonce}`;
}
