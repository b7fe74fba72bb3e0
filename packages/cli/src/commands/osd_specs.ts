/** `tako osd ...`: OSDs and their map. Arguments as in Ceph's MonCommands.h. cluster.md §7.1. */
import { OPERATOR_FLAGS } from "@tako/common";
import { render_osd_df } from "../render/df.ts";
import { Fields } from "../render/Fields.ts";
import { format_stamp } from "../render/format.ts";
import { render_blocked_by, render_json, render_lines, render_osd_perf } from "../render/misc.ts";
import { render_osd_dump, render_osd_stat } from "../render/osd_dump.ts";
import { render_osd_tree } from "../render/osd_tree.ts";
import { render_reweight, render_utilization } from "../render/utilization.ts";
import { given, is_number, SURE } from "./args.ts";
import type { MonSpec, PlainContext } from "./mon_command.ts";
import { set_flags } from "./status.ts";

/** `osd destroy` and `osd purge` of what is still needed. */
const FORCE = ["--force", "do it even if data may be lost by it"] as const;
const FLAGS = ["pause", ...OPERATOR_FLAGS];
const TREE_STATES = ["up", "down", "in", "out", "destroyed"];

/** An epoch may be left out before the states. */
function tree_args(words: readonly string[]): Record<string, unknown> {
  const [first = "", ...rest] = words;
  const states = is_number(first) ? rest : words;
  return {
    ...(is_number(first) && { epoch: first }),
    ...(states.length > 0 && { states }),
  };
}

function new_id(v: unknown): string {
  return String(new Fields(v).num("osdid"));
}
/** Four commands of one shape: of PGs it may be told which pools count. */
function reweight_by(words: string, by: string): MonSpec {
  const args = "[oload] [max_change] [max_osds]";
  const test = words.includes("test-");
  return {
    use: by === "pg" ? `${words} ${args} [pools...]` : `${words} ${args}`,
    about: test
      ? "what the same without test- would do"
      : "lower the weights of OSDs with too much",
    ...(by === "utilization" && {
      options: [["--no-increasing", "raise no weights"] as const],
    }),
    plain: render_reweight,
  };
}
/** The uuid may be left out before the id. */
function create_args(words: readonly string[]): Record<string, unknown> {
  const [first = "", second] = words;
  if (is_number(first)) return given("id", first);
  return { ...given("uuid", first || undefined), ...given("id", second) };
}

/** The weight of a bucket counts also the OSDs that the states leave out. */
async function filtered_tree(v: unknown, x: PlainContext): Promise<string> {
  const { states, epoch } = x.cmd;
  if (states === undefined) return render_osd_tree(v);
  const whole = { prefix: "osd tree", ...given("epoch", epoch) };
  return render_osd_tree(v, (await x.session.mon_command(whole)).outb);
}

const LOOK: readonly MonSpec[] = [
  {
    use: "osd stat [epoch]",
    about: "how many OSDs are up and in",
    plain: (v, x) => render_osd_stat(v, x.o.io.now_ms(), set_flags(x.session)),
  },
  {
    use: "osd dump [epoch]",
    about: "the whole OSDMap",
    examples: ["osd dump", "osd dump 12", "osd dump -f json-pretty"],
    plain: render_osd_dump,
  },
  {
    use: "osd tree [epoch] [states...]",
    about: `the CRUSH hierarchy and the state of each OSD; states: ${TREE_STATES.join(" ")}`,
    examples: ["osd tree", "osd tree down", "osd tree 12 up in"],
    fit: tree_args,
    plain: filtered_tree,
  },
  {
    use: "osd tree-from <bucket> [states...]",
    about: "the part of the hierarchy below a bucket",
    plain: filtered_tree,
  },
  { use: "osd ls [epoch]", about: "ids of all OSDs", plain: render_lines },
  {
    use: "osd ls-tree <name>",
    about: "ids of the OSDs below a bucket",
    plain: render_lines,
  },
  {
    use: "osd getmap [epoch]",
    about: "the OSDMap in Ceph's binary form",
    examples: ["osd getmap -o osdmap.bin"],
  },
  {
    use: "osd getmaxosd",
    about: "how many OSD ids there are",
    plain: (v) => {
      const f = new Fields(v);
      return `max_osd = ${f.num("max_osd")} in epoch ${f.num("epoch")}`;
    },
  },
  { use: "osd find <id>", about: "address and CRUSH location of an OSD" },
  { use: "osd info [id]", about: "the OSDMap's entries of OSDs" },
  { use: "osd metadata [id]", about: "what OSDs say about themselves" },
  { use: "osd versions", about: "how many OSDs run which version" },
  {
    use: "osd map <pool> <object> [nspace]",
    about: "which PG and which OSDs an object is on",
    examples: ["osd map test greeting"],
    status_is_data: true,
  },
  {
    use: "osd df [output_method] [filter_by] [filter]",
    about: "space used on each OSD; 'tree' shows the hierarchy, too",
    choices: { output_method: ["plain", "tree"], filter_by: ["class", "name"] },
    examples: ["osd df", "osd df tree"],
    plain: (v, x) => render_osd_df(v, x.cmd.output_method === "tree"),
  },
  { use: "osd perf", about: "commit and apply latencies", plain: render_osd_perf },
  {
    use: "osd utilization",
    about: "how evenly PGs lie on the OSDs",
    plain: render_utilization,
  },
  ...["utilization", "pg"].map((by) => reweight_by(`osd test-reweight-by-${by}`, by)),
  { use: "osd blocked-by", about: "which OSDs PGs wait for", plain: render_blocked_by },
  {
    use: "osd blocklist ls",
    about: "addresses that may not write",
    plain: (v) =>
      new Fields(v)
        .elements()
        .map((e) => `${e.text("addr")} ${format_stamp(e.num("until") * 1000)}`)
        .join("\n"),
  },
  {
    use: "osd ok-to-stop <ids...>",
    about: "would all PGs stay active without these OSDs?",
    plain: render_json,
  },
  {
    use: "osd safe-to-destroy <ids...>",
    about: "can these OSDs go without less durability?",
    plain: () => "",
  },
];

const CHANGE: readonly MonSpec[] = [
  {
    use: "osd down <ids...>",
    about: "mark OSDs down; one that runs comes up again",
    options: [["--definitely-dead", "nothing of this incarnation runs any more"]],
    examples: ["osd down 1 osd.2"],
  },
  { use: "osd out <ids...>", about: "mark OSDs out: their data moves away" },
  { use: "osd in <ids...>", about: "mark OSDs in again" },
  { use: "osd rm <ids...>", about: "remove OSDs that are down from the map" },
  {
    use: "osd lost <id>",
    about: "declare what only this OSD has as lost, so that PGs can go on",
    options: [SURE],
  },
  {
    use: "osd destroy <id>",
    about: "mark an OSD's data as destroyed, keep its id",
    options: [FORCE, SURE],
  },
  {
    use: "osd purge <id>",
    about: "remove an OSD from the map and from CRUSH",
    options: [FORCE, SURE],
  },
  {
    use: "osd new <uuid> [id]",
    about: "allocate the id of a new OSD",
    plain: new_id,
  },
  {
    use: "osd create [uuid] [id]",
    about: "allocate an OSD id; without a uuid the next one",
    fit: create_args,
    plain: new_id,
  },
  { use: "osd reweight <id> <weight>", about: "override weight, 0.0 to 1.0" },
  {
    use: "osd reweightn <weights>",
    about: "override weights of several OSDs, in units of 1/65536",
    examples: [`osd reweightn '{"0":"32768","1":"65536"}'`],
  },
  ...["utilization", "pg"].map((by) => reweight_by(`osd reweight-by-${by}`, by)),
  {
    use: "osd require-osd-release <release>",
    about: "admit only OSDs of this release and newer",
    options: [SURE],
    choices: { release: ["luminous", "mimic", "nautilus", "octopus", "pacific"] },
  },
  {
    use: "osd set-require-min-compat-client <version>",
    about: "admit only clients of this release and newer; upmaps need luminous",
    options: [SURE],
  },
  { use: "osd primary-affinity <id> <weight>", about: "how readily it is primary, 0.0 to 1.0" },
  { use: "osd setmaxosd <newmax>", about: "set how many OSD ids there are" },
  {
    use: "osd set <key>",
    about: "set a flag",
    choices: { key: [...FLAGS, "pglog_hardlimit"] },
    examples: ["osd set noout"],
  },
  { use: "osd unset <key>", about: "clear a flag", choices: { key: FLAGS } },
  { use: "osd pause", about: "stop client reads and writes" },
  { use: "osd unpause", about: "let clients go on" },
  { use: "osd set-nearfull-ratio <ratio>", about: "warn from this use on" },
  { use: "osd set-backfillfull-ratio <ratio>", about: "take no backfill from this use on" },
  { use: "osd set-full-ratio <ratio>", about: "refuse writes from this use on" },
];

const SCRUB: readonly MonSpec[] = [
  { use: "osd scrub <who>", about: "scrub the PGs of which an OSD is the primary; '*': of all" },
  { use: "osd deep-scrub <who>", about: "the same to the byte" },
  { use: "osd repair <who>", about: "the same, and bad copies are replaced" },
];

const OVERRIDE: readonly MonSpec[] = [
  { use: "osd pg-temp <pgid> [id...]", about: "temporary acting set of a PG; none clears it" },
  { use: "osd primary-temp <pgid> <id>", about: "temporary primary of a PG" },
  { use: "osd rm-primary-temp <pgid>", about: "clear the temporary primary of a PG" },
  { use: "osd pg-upmap <pgid> <id...>", about: "place a PG on these OSDs" },
  { use: "osd rm-pg-upmap <pgid>", about: "place a PG by CRUSH again" },
  { use: "osd pg-upmap-items <pgid> <id...>", about: "replace OSDs of a PG: FROM TO ..." },
  { use: "osd rm-pg-upmap-items <pgid>", about: "clear the replacements of a PG" },
  {
    use: "osd force-create-pg <pgid>",
    about: "create a PG anew whose copies are all lost",
    options: [SURE],
  },
  {
    use: "osd blocklist add <addr> [expire]",
    about: "forbid an address to write, for so many seconds",
    examples: ["osd blocklist add 127.0.0.1:0/123 600"],
  },
  { use: "osd blocklist rm <addr>", about: "let an address write again" },
  { use: "osd blocklist clear", about: "empty the blocklist" },
];

const NODE_FLAGS: readonly MonSpec[] = [
  {
    use: "osd set-group <flags> <who...>",
    about: "set noup,nodown,noin,noout for OSDs, CRUSH nodes or device classes",
    examples: ["osd set-group noup,noout osd.0 h1"],
  },
  { use: "osd unset-group <flags> <who...>", about: "clear such flags" },
  ...["noup", "nodown", "noin", "noout"].flatMap((flag): MonSpec[] => [
    { use: `osd add-${flag} <ids...>`, about: `set ${flag} for single OSDs` },
    { use: `osd rm-${flag} <ids...>`, about: `clear ${flag} of single OSDs` },
  ]),
];

export const OSD_SPECS: readonly MonSpec[] = [
  ...LOOK,
  ...CHANGE,
  ...SCRUB,
  ...NODE_FLAGS,
  ...OVERRIDE,
];
