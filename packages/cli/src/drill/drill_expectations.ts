/** What of a scenario's expectations can be seen from outside. */
import { RadosError } from "@tako/client";
import { Fields } from "../render/Fields.ts";
import { DrillError, type DrillStage, PGID } from "./DrillStage.ts";

/** What there is to see, and whether that is as it should be. */
interface Seen {
  readonly ok: boolean;
  readonly seen: string;
}
export type Expectation = (s: DrillStage, args: readonly string[]) => Promise<Seen> | Seen;

const is = (seen: string, want: string): Seen => ({ ok: seen === want, seen });
const sum = (stats: readonly Fields[]) =>
  stats.reduce((n, pg) => n + pg.at("stat_sum").num("num_objects"), 0);

/** Names as after `assert`; `osds-up`, `osds-down` as after `wait`. */
export const EXPECTATIONS: Readonly<Record<string, Expectation>> = {
  state: async (s, a) => is(await s.pg_state(), a[0] ?? ""),
  "pg-state": async (s, a) => is(await s.pg_state(a[0]), a[1] ?? ""),
  up: async (s, a) => is(s.names((await s.pg_map()).up), a.join()),
  acting: async (s, a) => is(s.names((await s.pg_map()).acting), a.join()),
  pg_temp: async (s, a) => {
    const temps = (await s.osd_dump()).list("pg_temp");
    const mine = temps.find((t) => t.text("pgid") === PGID)?.nums("osds") ?? [];
    return is(s.names(mine), a[0] === "none" ? "" : a.join());
  },
  "osds-up": async (s, a) => {
    const up = await s.up_osds();
    return { ok: s.ids(a).every((o) => up.includes(o)), seen: `up: ${s.names(up)}` };
  },
  "osds-down": async (s, a) => {
    const up = await s.up_osds();
    return { ok: !s.ids(a).some((o) => up.includes(o)), seen: `up: ${s.names(up)}` };
  },
  osd: async (s, a) => {
    const id = s.id(a[0] ?? "");
    const osd = (await s.osd_dump()).list("osds").find((o) => o.num("osd") === id);
    const seen = [osd?.yes("up") ? "up" : "down", osd?.yes("in") ? "in" : "out"];
    return { ok: a.slice(1).every((x) => seen.includes(x)), seen: seen.join() };
  },
  result: (s, a) => is(s.ops.get(a[0] ?? "")?.result ?? "not answered", a[1] ?? ""),
  pending: (s, a) => {
    const done = a.filter((label) => s.ops.get(label)?.result !== undefined);
    return { ok: done.length === 0, seen: `answered: ${done.join()}` };
  },
  unfound: async (s, a) => {
    const r = await s.admin.pg_command(PGID, { prefix: "list_unfound" });
    const objects = new Fields(r.outb).list("objects").map((o) => o.at("oid").text("oid"));
    return is(objects.join(), a.join());
  },
  objects: async (s, a) => {
    const stats = (await s.pg_stats()).filter((pg) => pg.text("pgid") === PGID);
    return is(`${sum(stats)}`, a[0] ?? "");
  },
  "pool-objects": async (s, a) => is(`${sum(await s.pg_stats())}`, a[0] ?? ""),
  "pool-var": async (s, a) => {
    const pools = (await s.osd_dump()).list("pools");
    const pool = pools.find((p) => p.num("pool") === s.io().pool_id);
    return is(pool?.text(a[0] === "pg_num" ? "pg_num" : (a[0] ?? "")) ?? "", a[1] ?? "");
  },
};

/** Real daemons take their time: an expectation may come true within this, ms. */
const SOON_MS = 30_000;

/** DrillError with what was seen last, when it does not come true soon. */
export async function check_expectation(
  s: DrillStage,
  expectation: Expectation,
  args: readonly string[],
  what: string,
): Promise<void> {
  let seen = "nothing";
  const look = async () => {
    const r = await expectation(s, args);
    seen = r.seen;
    return r.ok;
  };
  try {
    await s.until(what, look, SOON_MS);
  } catch (e) {
    if (!(e instanceof DrillError || e instanceof RadosError)) throw e;
    throw new DrillError(`${what}; seen: ${seen}`, { cause: e });
  }
}
