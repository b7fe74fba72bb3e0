/** What may stand on the command line of crushtool. cluster.md §2.9. */
import { CRUSH_MAX_TRIES, type crush_tunables } from "@tako/common";
import { ToolError } from "../errors.ts";
import { int_value, parse_tool_args, type tool_option } from "./tool_args.ts";

export const ME = "crushtool";

/** Item, weight and name of --add-item and --update-item. */
export interface item_args {
  readonly id: number;
  readonly weight: number;
  readonly name: string;
  readonly update: boolean;
}
export interface rule_args {
  readonly name: string;
  readonly root: string;
  readonly type: string;
  readonly mode: string;
}

export interface CrushtoolArgs {
  in_file?: string;
  out_file?: string;
  compile?: string;
  decompile: boolean;
  allow_older: boolean;
  verbose: boolean;
  build: boolean;
  num_osds: number;
  readonly tunables: { -readonly [K in keyof crush_tunables]?: number };

  item?: item_args;
  remove_item?: string;
  reweight_item?: { readonly name: string; readonly weight: number };
  add_bucket?: { readonly name: string; readonly type: string };
  move?: string;
  readonly loc: Map<string, string>;
  reweight: boolean;
  rule?: rule_args;
  device_class?: string;
  remove_rule?: string;
  rebuild_class_roots: boolean;
  /** Bucket -> class. */
  readonly set_subtree_class: Map<string, string>;
  reclassify: boolean;
  readonly reclassify_root: Map<string, string>;
  /** Pattern -> class and parent. */
  readonly reclassify_bucket: Map<string, readonly [cls: string, parent: string]>;

  format?: string;
  dump: boolean;
  tree: boolean;
  bucket_tree: boolean;
  bucket_name: string;
  show_location?: number;
  /** -1: without names. */
  check?: number;
  compare?: string;
  test: boolean;
  readonly show: Set<ShowOption>;
  output_csv: boolean;
  output_name: string;
  help_output: boolean;

  readonly weights: Map<number, number>;
  min_rule?: number;
  max_rule?: number;
  ruleset?: number;
  min_rep?: number;
  max_rep?: number;
  min_x?: number;
  max_x?: number;
  pool_id?: number;
  batches: number;
  simulate: boolean;
}
export type ShowOption =
  | "utilization"
  | "utilization_all"
  | "statistics"
  | "mappings"
  | "bad_mappings"
  | "choose_tries";

function defaults(): CrushtoolArgs {
  return {
    decompile: false,
    allow_older: false,
    verbose: false,
    build: false,
    num_osds: 0,
    tunables: {},
    loc: new Map(),
    reweight: false,
    rebuild_class_roots: false,
    set_subtree_class: new Map(),
    reclassify: false,
    reclassify_root: new Map(),
    reclassify_bucket: new Map(),
    dump: false,
    tree: false,
    bucket_tree: false,
    bucket_name: "",
    test: false,
    show: new Set(),
    output_csv: false,
    output_name: "",
    help_output: false,
    weights: new Map(),
    batches: 1,
    simulate: false,
  };
}

interface Opt extends tool_option {
  /** Notes that the option was given, with its values. */
  readonly set: (a: CrushtoolArgs, ...values: string[]) => void;
}
/** `--weight, -w <devno> <weight>`; a value in brackets may be missing. */
function opt(line: string, about: string, set: Opt["set"]): Opt {
  const words = line.split(/,? /);
  const [value, ...more] = words.flatMap((w) => /^[<[](.*)[>\]]$/.exec(w)?.[1] ?? []);
  const [first = "", ...others] = words.filter((w) => w.startsWith("-"));
  return {
    flags: [first, ...others],
    ...(value !== undefined && { value }),
    ...(more.length > 0 && { more }),
    ...(line.includes("[") && { optional: true }),
    about,
    set,
  };
}

function int_between(text: string, min: number, max: number): number {
  const n = int_value(text);
  return n >= min && n <= max ? n : invalid(text);
}
function float_value(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : invalid(text);
}
function invalid(text: string): never {
  throw new ToolError(1, `The option value '${text}' is invalid`);
}

const input: readonly Opt[] = [
  opt(
    "--infn, -i <file>",
    "read the map from there: binary, text or the JSON of a dump",
    (a, v) => {
      a.in_file = v;
    },
  ),
  opt("--outfn, -o <file>", "where to write the map, or the text of -d", (a, v) => {
    a.out_file = v;
  }),
  opt("--compile, -c <file>", "compile a map from its text", (a, v) => {
    a.compile = v;
  }),
  opt("--decompile, -d <file>", "print a map as text", (a, v) => {
    a.in_file = v;
    a.decompile = true;
  }),
  opt("--build", "a new map of layers: name, algorithm and size of each (0: one bucket)", (a) => {
    a.build = true;
  }),
  opt("--num-osds <n>", "devices of the map to build", (a, v) => {
    a.num_osds = int_between(v, 0, 1 << 20);
  }),
  opt("--allow-older", "take a binary map that ends where those of older releases end", (a) => {
    a.allow_older = true;
  }),
  opt("--verbose, -v", "say what was written", (a) => {
    a.verbose = true;
  }),
  // All tunables are safe these days.
  opt("--enable-unsafe-tunables", "as the original: changes nothing", () => {}),
];

const tunable = (name: keyof crush_tunables, what: string, max: number): Opt =>
  opt(`--set-${name.replaceAll("_", "-")} <n>`, what, (a, v) => {
    a.tunables[name] = int_between(v, 0, max);
  });
const tunables: readonly Opt[] = [
  tunable("choose_local_tries", "retries in the same bucket", CRUSH_MAX_TRIES),
  tunable("choose_local_fallback_tries", "the same, by a permutation", CRUSH_MAX_TRIES),
  tunable("choose_total_tries", "descents from the root", CRUSH_MAX_TRIES),
  tunable("chooseleaf_descend_once", "1: chooseleaf does not retry its own descent", 0x7fffffff),
  tunable("chooseleaf_vary_r", "1: chooseleaf varies r with its parent's", 0xff),
  tunable("chooseleaf_stable", "1: chooseleaf firstn gives stable results", 0xff),
  tunable("straw_calc_version", "1: straws without the old mistakes", 0xff),
  tunable("allowed_bucket_algs", "mask of the algorithms of new buckets", 0x7fffffff),
];

const item = (update: boolean): Opt["set"] => {
  return (a, id = "", weight = "", name = "") => {
    a.item = { id: int_value(id), weight: float_value(weight), name, update };
  };
};
const edits: readonly Opt[] = [
  opt("--add-item <id> <weight> <name>", "put an item at --loc", item(false)),
  opt("--update-item <id> <weight> <name>", "put an item at --loc, or move it there", item(true)),
  opt("--remove-item <name>", "remove an item", (a, v) => {
    a.remove_item = v;
  }),
  opt("--reweight-item <name> <weight>", "set an item's weight", (a, name = "", weight = "") => {
    a.reweight_item = { name, weight: float_value(weight) };
  }),
  opt(
    "--add-bucket <name> <type>",
    "a new bucket, at --loc if given",
    (a, name = "", type = "") => {
      a.add_bucket = { name, type };
    },
  ),
  opt("--move <name>", "move an item or bucket to --loc", (a, v) => {
    a.move = v;
  }),
  opt("--loc <type> <name>", "a level of the place; may be repeated", (a, type = "", name = "") => {
    a.loc.set(type, name);
  }),
  opt("--reweight", "work out all bucket weights again", (a) => {
    a.reweight = true;
  }),
  opt(
    "--create-simple-rule <name> <root> <type> <mode>",
    "a rule; mode is firstn or indep",
    (a, name = "", root = "", type = "", mode = "") => {
      a.rule = { name, root, type, mode };
    },
  ),
  opt(
    "--create-replicated-rule <name> <root> <type>",
    "a rule for replicated pools",
    (a, name = "", root = "", type = "") => {
      a.rule = { name, root, type, mode: "" };
    },
  ),
  opt("--device-class <class>", "of the devices of the new rule", (a, v) => {
    a.device_class = v;
  }),
  opt("--remove-rule <name>", "remove a rule", (a, v) => {
    a.remove_rule = v;
  }),
  opt("--rebuild-class-roots", "make the shadow trees of the device classes anew", (a) => {
    a.rebuild_class_roots = true;
  }),
  opt(
    "--set-subtree-class <bucket> <class>",
    "class of all the devices below",
    (a, bucket = "", cls = "") => {
      a.set_subtree_class.set(bucket, cls);
    },
  ),
  opt("--reclassify", "make device classes of what was told apart by buckets", (a) => {
    a.reclassify = true;
  }),
  opt(
    "--reclassify-root <bucket> <class>",
    "the tree is that class's",
    (a, bucket = "", cls = "") => {
      a.reclassify_root.set(bucket, cls);
    },
  ),
  opt(
    "--reclassify-bucket <match> <class> <parent>",
    "buckets called prefix% or %suffix become the class's shadow of the rest of their name",
    (a, match = "", cls = "", parent = "") => {
      a.reclassify_bucket.set(match, [cls, parent]);
    },
  ),
];

const show = (what: ShowOption, about: string): Opt =>
  opt(`--show-${what.replaceAll("_", "-")}`, about, (a) => {
    a.show.add(what);
  });
const number = (flag: string, about: string, set: (a: CrushtoolArgs, n: number) => void): Opt =>
  opt(`--${flag} <n>`, about, (a, v = "") => set(a, int_value(v)));

const display: readonly Opt[] = [
  opt("--dump", "the map as JSON", (a) => {
    a.dump = true;
  }),
  opt("--format, -f <format>", "json or json-pretty; also for the results of --test", (a, v) => {
    a.format = v;
  }),
  opt("--tree", "the hierarchy", (a) => {
    a.tree = true;
  }),
  opt("--bucket-tree", "the devices below --bucket-name", (a) => {
    a.bucket_tree = true;
  }),
  opt("--bucket-name, -b <name>", "of --bucket-tree", (a, v) => {
    a.bucket_name = v ?? "";
  }),
  number("show-location", "where a device is", (a, n) => {
    a.show_location = n;
  }),
  opt("--check [max_id]", "rules that overlap; names and types of all items", (a, v) => {
    a.check = v === undefined || v === "" ? -1 : int_value(v);
  }),
  opt("--compare <file>", "how many inputs that map maps otherwise", (a, v) => {
    a.compare = v;
  }),
];

const testing: readonly Opt[] = [
  opt("--test, -t", "try a range of inputs", (a) => {
    a.test = true;
  }),
  number("x", "one input", (a, n) => {
    a.min_x = a.max_x = n;
  }),
  number("min-x", "first input", (a, n) => {
    a.min_x = n;
  }),
  number("max-x", "last input", (a, n) => {
    a.max_x = n;
  }),
  number("rule", "one rule", (a, n) => {
    a.min_rule = a.max_rule = n;
  }),
  number("min-rule", "first rule", (a, n) => {
    a.min_rule = n;
  }),
  number("max-rule", "last rule", (a, n) => {
    a.max_rule = n;
  }),
  number("ruleset", "rules of that ruleset", (a, n) => {
    a.ruleset = n;
  }),
  number("num-rep", "size of the results", (a, n) => {
    a.min_rep = a.max_rep = n;
  }),
  number("min-rep", "first size", (a, n) => {
    a.min_rep = n;
  }),
  number("max-rep", "last size", (a, n) => {
    a.max_rep = n;
  }),
  number("pool-id", "hash the inputs as this pool does", (a, n) => {
    a.pool_id = n;
  }),
  opt("--weight, -w <devno> <weight>", "in/out weight, 0 to 1", (a, dev = "", weight = "") => {
    a.weights.set(int_value(dev), float_value(weight));
  }),
  number("batches", "count the inputs in so many parts", (a, n) => {
    a.batches = Math.max(1, n);
  }),
  opt("--simulate, -s", "place at random instead", (a) => {
    a.simulate = true;
  }),
  show("mappings", "each mapping"),
  show("bad_mappings", "those with too few devices"),
  show("statistics", "how many results had how many devices"),
  show("utilization", "what the devices got"),
  show("utilization_all", "devices that got nothing, too"),
  show("choose_tries", "how often searches were tried again"),
  opt("--output-csv", "write what was found to CSV files", (a) => {
    a.output_csv = true;
  }),
  opt("--output-name <name>", "the names of these files begin with it", (a, v) => {
    a.output_name = `${v}-`;
  }),
  opt("--help-output", "what is in these files", (a) => {
    a.help_output = true;
  }),
];

export const CRUSHTOOL_OPTIONS: readonly Opt[] = [
  ...input,
  ...tunables,
  ...edits,
  ...display,
  ...testing,
];

/** What the words say, and those that are no options. */
export function read_crushtool_args(words: readonly string[]): {
  a: CrushtoolArgs;
  rest: readonly string[];
} {
  const given = parse_tool_args(words, CRUSHTOOL_OPTIONS);
  const a = defaults();
  for (const { flags, more = [], set } of CRUSHTOOL_OPTIONS) {
    const values = given.all(flags[0]);
    const n = 1 + more.length;
    for (let i = 0; i < values.length; i += n) set(a, ...values.slice(i, i + n));
  }
  return { a, rest: given.rest };
}

/** Does the command line ask for anything to be done? */
export function has_action(a: CrushtoolArgs): boolean {
  return (
    a.check !== undefined ||
    a.compile !== undefined ||
    a.decompile ||
    a.build ||
    a.test ||
    a.dump ||
    a.tree ||
    a.bucket_tree ||
    (a.show_location ?? -1) >= 0 ||
    a.compare !== undefined ||
    has_edit(a)
  );
}
function has_edit(a: CrushtoolArgs): boolean {
  return (
    Object.keys(a.tunables).length > 0 ||
    (a.item?.id ?? -1) >= 0 ||
    a.add_bucket !== undefined ||
    a.move !== undefined ||
    a.remove_item !== undefined ||
    a.reweight_item !== undefined ||
    a.reweight ||
    a.rule !== undefined ||
    a.remove_rule !== undefined ||
    a.rebuild_class_roots ||
    a.reclassify ||
    a.set_subtree_class.size > 0
  );
}
