/** `osd dump`, `osd pool ls detail` and their likes as text. Ceph counterpart: OSDMap::print. */
import { Fields } from "./Fields.ts";
import { format_float, format_osds } from "./format.ts";
import { osd_line, remapped } from "./status.ts";

const HEAD = [
  "epoch",
  "fsid",
  "created",
  "modified",
  "flags",
  "crush_version",
  "full_ratio",
  "backfillfull_ratio",
  "nearfull_ratio",
  "require_min_compat_client",
  "min_compat_client",
  "require_osd_release",
];
const OBJECT_HASH: Readonly<Record<number, string>> = { 1: "linux", 2: "rjenkins" };

export function render_osd_dump(v: unknown): string {
  const m = new Fields(v);
  const head = HEAD.map((key) => {
    const value = key.endsWith("_ratio") ? format_float(m.num(key)) : m.text(key);
    return `${key} ${value}`.trimEnd();
  });
  const stretch = m.at("stretch_mode").yes("stretch_mode_enabled");
  return [
    ...head,
    `stretch_mode_enabled ${stretch}`,
    ...m.list("pools").map(pool_line),
    `max_osd ${m.num("max_osd")}`,
    ...m.list("osds").map(osd_entry),
    ...m.list("pg_upmap").map((p) => `pg_upmap ${p.text("pgid")} ${format_osds(p.nums("osds"))}`),
    ...m.list("pg_upmap_items").map(upmap_items),
    ...m.list("pg_temp").map((p) => `pg_temp ${p.text("pgid")} ${format_osds(p.nums("osds"))}`),
    ...m.list("primary_temp").map((p) => `primary_temp ${p.text("pgid")} ${p.text("osd")}`),
    ...blocklist(m.at("blocklist")),
    ...blocklist(m.at("range_blocklist")),
  ].join("\n");
}

function upmap_items(p: Fields): string {
  const pairs = p.list("mappings").map((x) => `${x.text("from")},${x.text("to")}`);
  return `pg_upmap_items ${p.text("pgid")} [${pairs.join(",")}]`;
}
function blocklist(b: Fields): string[] {
  return b.keys().map((addr) => `blocklist ${addr} expires ${b.text(addr)}`);
}

export function pool_line(p: Fields): string {
  const id = p.has("pool") ? p.num("pool") : p.num("pool_id");
  const erasure = p.num("type") === 3;
  const words = [`pool ${id} '${p.text("pool_name")}'`, erasure ? "erasure" : "replicated"];
  if (erasure) words.push(`profile ${p.text("erasure_code_profile")}`);
  const pg_num = p.num("pg_num");
  const pgp_num = p.num("pg_placement_num");
  words.push(
    `size ${p.num("size")} min_size ${p.num("min_size")} crush_rule ${p.num("crush_rule")}`,
    `object_hash ${OBJECT_HASH[p.num("object_hash")] ?? "unknown"}`,
    `pg_num ${pg_num} pgp_num ${pgp_num}`,
  );
  const other = (word: string, key: string, usual: number) => {
    if (p.has(key) && p.num(key) !== usual) words.push(`${word} ${p.num(key)}`);
  };
  other("pg_num_target", "pg_num_target", pg_num);
  other("pgp_num_target", "pg_placement_num_target", pgp_num);
  other("pg_num_pending", "pg_num_pending", pg_num);
  words.push(`autoscale_mode ${p.text("pg_autoscale_mode", "off")}`);
  words.push(`last_change ${p.num("last_change")}`);
  const resends = ["", "_prenautilus", "_preluminous"].map((x) =>
    p.num(`last_force_op_resend${x}`),
  );
  if (resends.some((n) => n > 0)) words.push(`lfor ${resends.join("/")}`);
  if (p.text("flags_names") !== "") words.push(`flags ${p.text("flags_names")}`);
  other("max_bytes", "quota_max_bytes", 0);
  other("max_objects", "quota_max_objects", 0);
  words.push(`stripe_width ${p.num("stripe_width")}`);
  other("expected_num_objects", "expected_num_objects", 0);
  if (p.yes("fast_read")) words.push("fast_read 1");
  const options = p.at("options");
  for (const key of options.keys()) words.push(`${key} ${options.text(key)}`);
  const apps = p.at("application_metadata").keys();
  if (apps.length > 0) words.push(`application ${apps.join(",")}`);
  return words.join(" ");
}

function addrs(o: Fields, key: string): string {
  const list = o.at(key).list("addrvec");
  const texts = list.map((a) => `${a.text("type")}:${a.text("addr")}/${a.text("nonce")}`);
  return texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(",")}]`;
}
function osd_entry(o: Fields): string {
  const words = [
    `osd.${o.num("osd")}`,
    o.yes("up") ? "up  " : "down",
    o.yes("in") ? "in " : "out",
    `weight ${format_float(o.num("weight"))}`,
  ];
  const affinity = o.num("primary_affinity", 1);
  if (affinity !== 1) words.push(`primary_affinity ${format_float(affinity)}`);
  for (const key of ["up_from", "up_thru", "down_at"]) words.push(`${key} ${o.num(key)}`);
  const clean = `${o.num("last_clean_begin")},${o.num("last_clean_end")}`;
  words.push(`last_clean_interval [${clean})`);
  if (o.num("lost_at") > 0) words.push(`lost_at ${o.num("lost_at")}`);
  words.push(addrs(o, "public_addrs"), addrs(o, "cluster_addrs"));
  words.push(o.texts("state").sort().join(","));
  const uuid = o.text("uuid");
  if (/[1-9a-f]/.test(uuid)) words.push(uuid);
  return words.join(" ");
}

/** `osd stat`: also the flags that somebody set. */
export function render_osd_stat(v: unknown, now_ms: number, flags: string): string {
  const m = new Fields(v);
  const line = osd_line(m, now_ms);
  const tail = remapped(m);
  const head = line.slice(0, line.length - tail.length);
  const text = `${head}; epoch: e${m.num("epoch")}${tail}`;
  return flags === "" ? text : `${text}\nflags ${flags}`;
}
