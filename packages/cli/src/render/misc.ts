/** Small answers as text: monitors, pools, log lines, options, performance. cluster.md §7. */
import { Fields, shown } from "./Fields.ts";
import { format_count, format_size } from "./format.ts";
import { client_io, object_lines, recovery_io } from "./status.ts";
import { left, num, table } from "./table.ts";

/** One element a line. */
export function render_lines(v: unknown): string {
  return Array.isArray(v) ? v.map(shown).join("\n") : shown(v);
}
/** `name: value` a line. */
export function render_pairs(v: unknown, sep = ": "): string {
  const f = new Fields(v);
  return f
    .keys()
    .map((k) => `${k}${sep}${shown(f.get(k))}`)
    .join("\n");
}
export function render_json(v: unknown): string {
  return v === undefined ? "" : JSON.stringify(v, null, 4);
}

/** As in the cluster log: `<stamp> mon.a (mon.0) 5 : cluster [DBG] osdmap e1: ...` */
export function render_log(v: unknown): string {
  return new Fields(v)
    .elements()
    .map((e) => {
      const who = `${e.text("name")} (${e.text("rank")}) ${e.text("seq")}`;
      const head = `${e.text("stamp")} ${who} : ${e.text("channel")}`;
      return `${head} ${e.text("priority")} ${e.text("message")}`;
    })
    .join("\n");
}

export function render_mon_stat(v: unknown, addr_of: (rank: number) => string): string {
  const f = new Fields(v);
  const quorum = f.list("quorum");
  const mons = quorum.map((q) => `${q.text("name")}=${addr_of(q.num("rank"))}`);
  const leader = quorum.find((q) => q.text("name") === f.text("leader"))?.num("rank") ?? 0;
  const ranks = quorum.map((q) => q.num("rank")).join(",");
  const names = quorum.map((q) => q.text("name")).join(",");
  return (
    `e${f.num("epoch")}: ${f.num("num_mons")} mons at {${mons.join(",")}}, ` +
    `leader ${leader} ${f.text("leader")}, quorum ${ranks} ${names}`
  );
}
export function mon_addr(m: Fields): string {
  const a = m.at("public_addrs").list("addrvec")[0];
  return a ? `${a.text("type")}:${a.text("addr")}/${a.text("nonce")}` : m.text("addr");
}
export function render_mon_dump(v: unknown): string {
  const f = new Fields(v);
  const mons = f.list("mons").map((m) => `${m.num("rank")}: ${mon_addr(m)} mon.${m.text("name")}`);
  return [
    `epoch ${f.num("epoch")}`,
    `fsid ${f.text("fsid")}`,
    `last_changed ${f.text("modified")}`,
    `created ${f.text("created")}`,
    `min_mon_release ${f.num("min_mon_release")} (${f.text("min_mon_release_name")})`,
    `election_strategy: ${f.num("election_strategy")}`,
    ...mons,
  ].join("\n");
}

export function render_osd_perf(v: unknown): string {
  const f = new Fields(v);
  const outer = f.has("osdstats") ? f.at("osdstats") : f;
  const rows = outer.list("osd_perf_infos").map((o) => {
    const s = o.at("perf_stats");
    return [o.num("id"), s.num("commit_latency_ms"), s.num("apply_latency_ms")];
  });
  return table(["osd", "commit_latency(ms)", "apply_latency(ms)"].map(num), rows);
}
export function render_blocked_by(v: unknown): string {
  const f = new Fields(v);
  const list = f.has("osd_blocked_by_infos") ? f.list("osd_blocked_by_infos") : f.elements();
  const rows = list.map((o) => [o.has("id") ? o.num("id") : o.num("osd"), o.num("num_blocked")]);
  return table(["osd", "num_blocked"].map(num), rows);
}

export function render_pool_stats(v: unknown): string {
  return new Fields(v)
    .elements()
    .map((p) => {
      const client = client_io(p.at("client_io_rate"));
      const recovery = recovery_io(p.at("recovery_rate"));
      const lines = [
        ...object_lines(p.at("recovery")),
        ...(recovery === "" ? [] : [`recovery io ${recovery}`]),
        ...(client === "" ? [] : [`client io ${client}`]),
      ];
      const body = lines.length > 0 ? lines : ["nothing is going on"];
      const head = `pool ${p.text("pool_name")} id ${p.num("pool_id")}`;
      return `${head}\n${body.map((l) => `  ${l}\n`).join("")}`;
    })
    .join("\n");
}
/** Without the two fields that say which pool it is. */
export function render_pool_get(v: unknown): string {
  const f = new Fields(v);
  const keys = f.keys().filter((k) => k !== "pool" && k !== "pool_id");
  return keys.map((k) => `${k}: ${shown(f.get(k))}`).join("\n");
}
export function render_quota(v: unknown): string {
  const f = new Fields(v);
  const part = (what: string, text: (n: number) => string, unit: string) => {
    const max = f.num(`quota_max_${what}`);
    if (max === 0) return "N/A";
    const now = `${text(f.num(`current_num_${what}`))}${unit}`;
    return `${text(max)}${unit}  (current num ${what}: ${now})`;
  };
  return [
    `quotas for pool '${f.text("pool_name")}':`,
    `  max objects: ${part("objects", format_count, " objects")}`,
    `  max bytes  : ${part("bytes", format_size, "")}`,
  ].join("\n");
}

/** `config show`: value and where it comes from. */
export function render_config(v: unknown): string {
  const list = new Fields(v).elements();
  const with_section = list.some((r) => r.has("section"));
  const heads = with_section ? ["WHO", "NAME", "VALUE", "SOURCE"] : ["NAME", "VALUE", "SOURCE"];
  const rows = list.map((r) => [
    ...(with_section ? [r.text("section")] : []),
    r.text("name"),
    r.text("value"),
    r.text("source"),
  ]);
  return table(heads.map(left), rows);
}
/** `tell ... help`: commands with what they do. */
export function render_help(v: unknown): string {
  if (Array.isArray(v)) return render_lines(v);
  const f = new Fields(v);
  const width = Math.max(0, ...f.keys().map((k) => k.length));
  return f
    .keys()
    .map((k) => `${k.padEnd(width)}  ${f.text(k)}`)
    .join("\n");
}
