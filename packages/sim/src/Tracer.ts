/**
 * Tracer: a run as a table, one line for each thing that happens: virtual seconds, the monitor's epoch,
 * a column per OSD, and the event. Reads only: the run is the same with it and without.
 *
 * An OSD's column: state (U up, B booting, S stopping, - dead), its map epoch, and of the
 * PGs it leads how many are active+clean, of how many; `!` when one does not serve clients.
 */
import { type LogFields, type Message, message_fields } from "@tako/common";
import type { OSD } from "@tako/osd";
import type { World } from "./World.ts";

const COLUMN = 11;
/** Said too often to be worth a line. */
const SMALL_TALK: ReadonlySet<string> = new Set([
  "osd_ping",
  "pg_lease",
  "pg_lease_ack",
  "pg_stats",
]);

export class Tracer {
  readonly #world: World;
  readonly #out: (line: string) => void;
  /** Those that the run begins with. */
  readonly #osds: readonly number[];

  /** Of the line that comes next. */
  #words: string | null = null;

  constructor(world: World, out: (line: string) => void) {
    this.#world = world;
    this.#out = out;
    this.#osds = Array.from({ length: world.options.osds }, (_, id) => id);
  }

  /** From now on, until the run ends. */
  start(): void {
    const { log, net } = this.#world;
    this.#out(this.#header());
    log.on_event = (who, event, fields) => {
      this.#words = `${who} ${event} ${words_of_fields(fields)}`;
    };
    // Of what processes log there are the fields, too; of what the run does there is the text.
    log.on_line = (line) => {
      this.#say(this.#words ?? line.slice(13).replace(/ +/, " "));
      this.#words = null;
    };
    net.on_deliver = (from, to, m) => {
      if (!SMALL_TALK.has(m.type)) this.#say(`${from} -> ${to} ${words_of(m)}`);
    };
  }
  #header(): string {
    const names = this.#osds.map((id) => `osd.${id}`.padEnd(COLUMN)).join(" ");
    return `${"seconds".padStart(10)} ${"mon".padEnd(5)} ${names} event`;
  }
  #say(event: string): void {
    const w = this.#world;
    const at = (w.scheduler.now_ms / 1000).toFixed(4).padStart(10);
    const mon = (w.mon_running ? `e${w.mon.epoch}` : "-").padEnd(5);
    const osds = this.#osds.map((id) => column_of(w, id).padEnd(COLUMN)).join(" ");
    this.#out(`${at} ${mon} ${osds} ${event}`);
  }
}

function column_of(w: World, id: number): string {
  const osd = w.osd_ids.includes(id) ? w.osd(id) : undefined;
  if (!osd) return "-";
  const led = osd.pgs.all().filter((pg) => pg.is_primary());
  const states = led.map((pg) => pg.peering.get_pg_state_string());
  const clean = states.filter((s) => s.startsWith("active+clean")).length;
  const all_serve = states.every((s) => s.startsWith("active"));
  const epoch = String(osd.osdmap_epoch).padEnd(4);
  return `${letter_of(osd)}${epoch} ${clean}/${led.length}${all_serve ? "" : "!"}`;
}
function letter_of(osd: OSD): string {
  const { state } = osd.boot;
  if (state === "active") return "U";
  return state === "stopping" ? "S" : "B";
}

/** `1.0 from=Reset to=Start`: the PG, then what there is beside what the columns show. */
function words_of_fields({ pg, subsys: _, epoch: __, ...rest }: LogFields): string {
  const words = Object.entries(rest).map(([k, v]) => {
    return `${k}=${typeof v === "string" ? v : JSON.stringify(v)}`;
  });
  return (typeof pg === "string" ? [pg, ...words] : words).join(" ");
}

/** A message with the few fields that tell it from others. */
function words_of(m: Message): string {
  const fields: Record<string, unknown> = { ...message_fields(m) };
  const said = ["pgid", "oid", "epoch", "map_epoch", "tid", "newest_map", "rep_tid", "prefix"];
  const words = said
    .filter((k) => typeof fields[k] === "string" || typeof fields[k] === "number")
    .map((k) => `${k}=${fields[k]}`);
  return [m.type, ...words].join(" ");
}
