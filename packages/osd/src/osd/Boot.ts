/**
 * Boot: the way from a started process to "up" in the map: INITIALIZING, PREBOOT, BOOTING, ACTIVE,
 * with WAITING_FOR_HEALTHY and STOPPING beside. Ceph counterpart: OSD::start_boot, _preboot,
 * _send_boot. Rules: peering.md §3.7, cluster.md §3.2, §5 ("wrongly").
 */
import type {
  Clock,
  Config,
  entity_addr_t,
  epoch_t,
  Log,
  Message,
  MonClient,
  OSDMap,
} from "@tako/common";
import type { OSDSuperblock } from "./superblock.ts";

/** Names as in `tell osd.N status`. */
export type OSDStateName =
  | "initializing"
  | "preboot"
  | "booting"
  | "active"
  | "waiting_for_healthy"
  | "stopping";

/** What the operator or the machine says about this OSD. */
export interface OSDIdentity {
  /** `osd metadata`: hostname, objectstore, ... as text. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly crush_weight: number;
  readonly crush_location: Readonly<Record<string, string>>;
  readonly device_class: string;
}

export interface BootPorts {
  readonly whoami: number;
  readonly clock: Clock;
  readonly config: Config;
  readonly log: Log;
  readonly monc: MonClient;
  readonly superblock: OSDSuperblock;
  readonly identity: OSDIdentity;
  readonly my_addr: () => entity_addr_t;
  /** Newest committed map; undefined before the first. */
  readonly osdmap: () => OSDMap | undefined;
  /** All PGs stand at the newest map. */
  readonly pgs_caught_up: () => boolean;
  readonly healthy_ratio: () => number;
}

export class Boot {
  readonly #p: BootPorts;
  #state: OSDStateName = "initializing";
  /** Epoch at which this process is up in the map now; 0 = not. */
  up_epoch: epoch_t = 0;
  /** Epoch at which this process was up first; 0 = never. */
  boot_epoch: epoch_t = 0;
  /** Map epoch when the current address was taken: an older "up" is not about us. */
  bind_epoch: epoch_t = 0;
  /** What the mon has: known since PREBOOT. */
  #oldest: epoch_t = 0;
  #newest: epoch_t = 0;
  /** Stamps (monotonic ms) of wrong mark-downs. */
  #markdowns: number[] = [];
  #told_noup = false;
  /** osd_boot was logged since BOOTING began: repetitions are for debug. */
  #told_boot = false;

  constructor(ports: BootPorts) {
    this.#p = ports;
  }

  get state(): OSDStateName {
    return this.#state;
  }
  #set_state(to: OSDStateName): void {
    if (to === this.#state) return;
    const epoch = this.#p.osdmap()?.epoch ?? 0;
    this.#p.log.info({ from: this.#state, to, epoch }, "osd_state");
    this.#state = to;
  }

  start_boot(): void {
    if (this.#state === "stopping") return;
    if (!this.#is_healthy()) {
      this.#set_state("waiting_for_healthy");
      return;
    }
    this.#set_state("preboot");
    this.#p.monc.get_version((newest, oldest) => {
      if (this.#state === "preboot") this.preboot(oldest, newest);
    });
  }
  /** Enough heartbeat peers answer, or the last wrong mark-down is long ago. */
  #is_healthy(): boolean {
    if (this.#state !== "waiting_for_healthy") return true;
    this.#forget_old_markdowns();
    if (this.#markdowns.length === 0) return true;
    return this.#p.healthy_ratio() >= this.#p.config.get("osd_heartbeat_min_healthy_ratio");
  }

  /** With the range of maps that the mon has. Called again whenever something it waits for moved. */
  preboot(oldest = this.#oldest, newest = this.#newest): void {
    if (this.#state !== "preboot") return;
    this.#oldest = Math.max(this.#oldest, oldest);
    this.#newest = Math.max(this.#newest, newest);
    const map = this.#p.osdmap();
    const { monc, log } = this.#p;
    if (!map) {
      monc.sub_want("osdmap", Math.max(this.#oldest, 1));
      return;
    }
    if (map.exists(this.#p.whoami) && map.is_noup(this.#p.whoami)) {
      if (!this.#told_noup) log.warn({ epoch: map.epoch }, "boot_waits_noup");
      this.#told_noup = true;
      monc.sub_want_increment("osdmap", map.epoch + 1);
      return;
    }
    this.#told_noup = false;
    const max = this.#p.config.get("osd_map_message_max");
    if (map.epoch >= this.#oldest - 1 && this.#newest - map.epoch < max) {
      if (this.#p.pgs_caught_up()) this.#send_boot(map);
      return;
    }
    const want = map.epoch + 1 >= this.#oldest ? map.epoch + 1 : Math.max(this.#oldest - 1, 1);
    monc.sub_want("osdmap", want);
  }

  #send_boot(map: OSDMap): void {
    this.#told_boot = false;
    this.#set_state("booting");
    this.resend(map);
  }
  /** MOSDBoot, again on each new mon session while BOOTING. */
  resend(map: OSDMap | undefined = this.#p.osdmap()): void {
    if (this.#state !== "booting" || !map) return;
    const { superblock: sb, identity } = this.#p;
    const addr = this.#p.my_addr();
    const { boot_epoch } = this;
    if (!this.#told_boot) this.#p.log.info({ epoch: map.epoch, boot_epoch, addr }, "osd_boot");
    else this.#p.log.debug({ epoch: map.epoch, boot_epoch, addr }, "osd_boot");
    this.#told_boot = true;
    const msg: Message = {
      type: "osd_boot",
      osd: this.#p.whoami,
      cluster_fsid: sb.cluster_fsid,
      osd_fsid: sb.osd_fsid,
      current_epoch: sb.current_epoch,
      oldest_map: sb.oldest_map,
      newest_map: sb.newest_map,
      mounted: sb.mounted,
      clean_thru: sb.clean_thru,
      boot_epoch,
      version: map.epoch,
      addr,
      metadata: { ...identity.metadata },
      crush_weight: identity.crush_weight,
      crush_location: { ...identity.crush_location },
      device_class: identity.device_class,
    };
    this.#p.monc.send_mon_message(msg);
    // The answer is a map that shows us up.
    this.#p.monc.sub_want_increment("osdmap", map.epoch + 1);
  }

  /** The map shows us up at our address. */
  set_active(): void {
    this.#set_state("active");
  }
  set_stopping(): void {
    this.#set_state("stopping");
  }

  /**
   * The map says down, or up at another address. False: too often lately, the daemon must stop
   * (osd_max_markdown_count within osd_max_markdown_period).
   */
  note_markdown(epoch: epoch_t): boolean {
    this.up_epoch = 0;
    this.bind_epoch = epoch;
    this.#markdowns.push(this.#p.clock.mono_ms());
    this.#forget_old_markdowns();
    this.#set_state("waiting_for_healthy");
    return this.#markdowns.length <= this.#p.config.get("osd_max_markdown_count");
  }
  #forget_old_markdowns(): void {
    const period_ms = this.#p.config.get("osd_max_markdown_period") * 1000;
    const since = this.#p.clock.mono_ms() - period_ms;
    this.#markdowns = this.#markdowns.filter((t) => t > since);
  }
}
