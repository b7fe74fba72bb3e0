/**
 * What becomes of a message to the OSDMonitor. `preprocess` looks at the committed map only;
 * `prepare` edits what is pending. cluster.md §3.1.
 */

/** What the sender gets: maps beginning with epoch `from`, as far as it has not had them. */
export interface SendMaps {
  readonly do: "send_maps";
  readonly from: number;
}
export type Preprocessed =
  | { readonly do: "drop"; readonly why: string }
  | SendMaps
  /** mark-me-down that is done already or refused: the OSD must not wait for it. */
  | { readonly do: "ack" }
  | { readonly do: "prepare" };

export type Prepared =
  | { readonly do: "drop"; readonly why: string }
  /** Reply when the pending epoch is committed. */
  | { readonly do: "commit"; readonly reply: SendMaps | { readonly do: "ack" } | null }
  /** Dispatch the same message again when the pending epoch is committed. */
  | { readonly do: "retry" };

export const PREPARE: Preprocessed = Object.freeze({ do: "prepare" });
export const ACK: { readonly do: "ack" } = Object.freeze({ do: "ack" });
export const RETRY: Prepared = Object.freeze({ do: "retry" });
export const COMMIT: Prepared = Object.freeze({ do: "commit", reply: null });
export function drop(why: string): { readonly do: "drop"; readonly why: string } {
  return { do: "drop", why };
}
export function send_maps(from: number): SendMaps {
  return { do: "send_maps", from };
}
export function commit_then_maps(from: number): Prepared {
  return { do: "commit", reply: { do: "send_maps", from } };
}

/** The daemon a message comes from, as the handshake proved it. */
export interface Sender {
  /** OSD id; -1 for anybody else. */
  readonly osd: number;
  readonly addr: import("@tako/common").entity_addr_t;
}
