/** `tako osd crush ...`: the hierarchy and the rules that place PGs. cluster.md §2.9, §7.1. */
import { render_lines } from "../render/misc.ts";
import { render_crush_tree } from "../render/osd_tree.ts";
import type { MonSpec } from "./mon_command.ts";

const LOCATION = "osd crush create-or-move osd.3 1.0 root=default host=h1";

export const CRUSH_SPECS: readonly MonSpec[] = [
  {
    use: "osd crush tree",
    about: "the hierarchy",
    options: [["--show-shadow", "also the trees of each device class"]],
    plain: render_crush_tree,
  },
  { use: "osd crush dump", about: "the whole CRUSH map" },
  { use: "osd crush ls <node>", about: "what is in a bucket", plain: render_lines },
  { use: "osd crush rule ls", about: "names of the rules", plain: render_lines },
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
  { use: "osd crush rule rm <name>", about: "remove a rule" },
  { use: "osd crush rule rename <srcname> <dstname>", about: "rename a rule" },
  { use: "osd crush class ls", about: "device classes" },
  { use: "osd crush class ls-osd <class>", about: "OSDs of a class", plain: render_lines },
  { use: "osd crush set-device-class <class> <ids...>", about: "give OSDs a class" },
  { use: "osd crush rm-device-class <ids...>", about: "take the class from OSDs" },
  { use: "osd crush add <id> <weight> <args...>", about: "put an OSD at a place: type=name ..." },
  { use: "osd crush set <id> <weight> [args...]", about: "weight and place of an OSD" },
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
  { use: "osd crush rename-bucket <srcname> <dstname>", about: "rename a bucket" },
  { use: "osd crush show-tunables", about: "the constants of placement" },
  { use: "osd crush tunables <profile>", about: "set these constants to a profile" },
];
