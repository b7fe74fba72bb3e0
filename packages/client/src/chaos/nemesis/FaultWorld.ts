/** What faults need of a cluster: the simulator's World has it, and one of real processes. */
import type { OSDMap } from "@tako/common";

export interface FaultWorld {
  readonly osd_ids: readonly number[];
  /** undefined: it is dead. */
  osd(id: number): unknown;
  /** Stands still, as after SIGSTOP. */
  is_frozen(id: number): boolean;
  /** CRUSH has it under this host. */
  host_of(id: number): string;

  /** `synced`: what was on its way to the disk has got there, and nobody was told. */
  kill_osd(id: number, synced?: boolean): void;
  /** Nothing when it runs. */
  start_osd(id: number): void;
  /** It tells the monitor, and ends by itself. */
  begin_stop_osd(id: number): void;
  freeze_osd(id: number): void;
  thaw_osd(id: number): void;

  readonly mon_running: boolean;
  readonly mon_frozen: boolean;
  kill_mon(): void;
  start_mon(): void;
  freeze_mon(): void;
  thaw_mon(): void;

  /** The newest map. While the monitor runs. */
  readonly osdmap: OSDMap;
  /** Every PG has all its copies, and nothing is out of order. */
  readonly is_clean: boolean;
  /** No OSD has an operation under way, its own or one of a primary. */
  readonly is_idle: boolean;

  /** Calls it once, after so many ms. */
  after(ms: number, fn: () => void): void;
  /** Resolves when `cond` holds. */
  until(cond: () => boolean, what: string): Promise<void>;
  /** What happened, for people. */
  note(text: string): void;
}
