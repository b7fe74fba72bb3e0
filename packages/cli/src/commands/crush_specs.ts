/** `tako osd crush ...`: the hierarchy and the rules that place PGs. cluster.md §2.9, §7.1. */
import { Fields } from "../render/Fields.ts";
import { render_lines } from "../render/misc.ts";
import { render_crush_tree } from "../render/osd_tree.ts";
import type { MonSpec, PlainContext } from "./mon_command.ts";

const LOCATION = "osd crush create-or-move osd.3 1.0 root=default host=h1";
const PROFILES = [
  "legacy",
  "argonaut",
  "bobtail",
  "firefly",
  "hammer",
  "jewel",
  "optimal",
  "default",
] as const;

async function plain_tree(v: unknown, x: PlainContext): Promise<string> {
  return render_crush_tree(v, (await x.session.mon_command({ prefix: "osd crush dump" })).outb);
}
/** The class alone when one OSD was asked for. */
function device_classes(v: unknown): string {
  const all = new Fields(v).elements();
  if (all.length === 1) return all.map((o) => o.text("device_class")).join("");
  return all.map((o) => `osd.${o.num("osd")} ${o.text("device_class")}`).join("\n");
}
/** `osd crush set` also takes a whole map from -i, and then the version that it replaces. */
function set_args(words: readonly string[]): Record<string, unknown> {
  const [id, weight, ...args] = words;
  if (weight !== undefined) return { id, weight, args };
  return id === undefined ? {} : { prior_version: id };
}

const MAP: readonly MonSpec[] = [
  {
    use: "osd getcrushmap [epoch]",
    about: "the CRUSH map in Ceph's binary form; its version is the status line",
    examples: ["osd getcrushmap -o crush.bin"],
  },
  {
    use: "osd setcrushmap [prior_version]",
    about: "take the CRUSH map of the -i file; refused when the version is another by now",
    examples: ["osd setcrushmap -i crush.bin", "osd setcrushmap 7 -i crush.bin"],
  },
  {
    use: "osd crush tree",
    about: "the hierarchy",
    options: [["--show-shadow", "also the trees of each device class"]],
    plain: plain_tree,
  },
  { use: "osd crush dump", about: "the whole CRUSH map" },
  { use: "osd crush ls <node>", about: "what is in a bucket", plain: render_lines },
];

const RULES: readonly MonSpec[] = [
  { use: "osd crush rule ls", about: "names of the rules", plain: render_lines },
  {
    use: "osd crush rule ls-by-class <class>",
    about: "names of the rules that choose devices of a class",
    plain: render_lines,
  },
  { use: "osd crush rule dump [name]", about: "rules step by step" },
  {
    use: "osd crush rule create-replicated <name> <root> <type> [class]",
    about: "a rule that spreads copies over buckets of a type",
    examples: ["osd crush rule create-replicated spread default host"],
  },
  {
    use: "osd crush rule create-simple <name> <root> <type> [mode]",
    about: "the same, firstn or indep",
    choices: { mode: ["firstn", "indep"] },
  },
  {
    use: "osd crush rule create-erasure <name> [profile]",
    about: "a rule as an erasure code profile wants it",
  },
  { use: "osd crush rule rm <name>", about: "remove a rule" },
  { use: "osd crush rule rename <srcname> <dstname>", about: "rename a rule" },
  { use: "osd crush show-tunables", about: "the constants of placement" },
  {
    use: "osd crush tunables <profile>",
    about: "set these constants to a profile",
    choices: { profile: PROFILES },
  },
  {
    use: "osd crush set-tunable <tunable> <value>",
    about: "set one of these constants",
    choices: { tunable: ["straw_calc_version"] },
  },
  {
    use: "osd crush get-tunable <tunable>",
    about: "one of these constants",
    choices: { tunable: ["straw_calc_version"] },
    plain: (v) => {
      const f = new Fields(v);
      return f
        .keys()
        .map((k) => f.text(k))
        .join("\n");
    },
  },
];

const CLASSES: readonly MonSpec[] = [
  { use: "osd crush class ls", about: "device classes" },
  { use: "osd crush class ls-osd <class>", about: "OSDs of a class", plain: render_lines },
  { use: "osd crush class create <class>", about: "a class that no OSD has yet" },
  { use: "osd crush class rm <class>", about: "take a class from all OSDs that have it" },
  { use: "osd crush class rename <srcname> <dstname>", about: "rename a class" },
  { use: "osd crush set-device-class <class> <ids...>", about: "give OSDs a class" },
  { use: "osd crush rm-device-class <ids...>", about: "take the class from OSDs" },
  {
    use: "osd crush get-device-class <ids...>",
    about: "the class that OSDs have",
    plain: device_classes,
  },
];

const EDITS: readonly MonSpec[] = [
  { use: "osd crush add <id> <weight> <args...>", about: "put an OSD at a place: type=name ..." },
  {
    use: "osd crush set [id] [weight] [args...]",
    about: "weight and place of an OSD; with -i and a version at most, as setcrushmap",
    examples: ["osd crush set osd.3 1.5 root=default host=h1"],
    fit: set_args,
  },
  {
    use: "osd crush create-or-move <id> <weight> <args...>",
    about: "put an OSD at a place, keep its weight when it is there already",
    examples: [LOCATION],
  },
  {
    use: "osd crush add-bucket <name> <type> [args...]",
    about: "make an empty bucket",
    examples: ["osd crush add-bucket h1 host root=default"],
  },
  { use: "osd crush move <name> <args...>", about: "move a bucket or an OSD" },
  { use: "osd crush link <name> <args...>", about: "a second place for a bucket" },
  { use: "osd crush unlink <name> [ancestor]", about: "take a bucket from a place" },
  { use: "osd crush rm <name> [ancestor]", about: "remove from the map" },
  { use: "osd crush remove <name> [ancestor]", about: "the same as rm" },
  { use: "osd crush reweight <name> <weight>", about: "weight of an OSD" },
  { use: "osd crush reweight-subtree <name> <weight>", about: "weight of all OSDs below" },
  { use: "osd crush reweight-all", about: "sum up all weights anew" },
  { use: "osd crush rename-bucket <srcname> <dstname>", about: "rename a bucket" },
  {
    use: "osd crush swap-bucket <source> <dest>",
    about: "exchange the contents and names of two buckets",
    options: [["--yes-i-really-mean-it", "even if source is in the tree already"]],
  },
  {
    use: "osd crush set-all-straw-buckets-to-straw2",
    about: "let old buckets choose by the better algorithm",
  },
];

const WEIGHT_SETS: readonly MonSpec[] = [
  { use: "osd crush weight-set ls", about: "pools with weights of their own", plain: render_lines },
  { use: "osd crush weight-set dump", about: "these weights" },
  {
    use: "osd crush weight-set create <pool> <mode>",
    about: "weights of a pool's own: flat, or positional with some for each copy",
    choices: { mode: ["flat", "positional"] },
  },
  {
    use: "osd crush weight-set create-compat",
    about: "weights for all pools that have none of their own",
  },
  { use: "osd crush weight-set rm <pool>", about: "remove a pool's weights" },
  { use: "osd crush weight-set rm-compat", about: "remove the weights of all other pools" },
  {
    use: "osd crush weight-set reweight <pool> <item> <weight...>",
    about: "weight of an OSD or bucket for a pool, for each position one",
  },
  {
    use: "osd crush weight-set reweight-compat <item> <weight...>",
    about: "weight of an OSD or bucket for all other pools",
  },
];

export const CRUSH_SPECS: readonly MonSpec[] = [
  ...MAP,
  ...RULES,
  ...CLASSES,
  ...EDITS,
  ...WEIGHT_SETS,
];
