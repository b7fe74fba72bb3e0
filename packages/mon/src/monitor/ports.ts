/** What a Monitor needs from outside. main.ts and the simulator provide it. */
import type { Clock, Config, Log, Messenger, Rng, StoreError } from "@tako/common";
import type { MonitorDBStore } from "../store/MonitorDBStore.ts";

export interface MonitorPorts {
  /** Holds epoch 1 already: see mkfs. */
  readonly store: MonitorDBStore;
  readonly messenger: Messenger;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Log;
  readonly config: Config;
  /** `log set`; "*" is every subsystem. Throws CommandError. Absent: levels cannot be changed. */
  readonly set_log_level?: (subsys: string, level: string) => void;
  /**
   * The store failed: nothing more can be acknowledged. The monitor is already silent; the shell
   * ends the process.
   */
  readonly on_fatal: (error: StoreError) => void;
}
