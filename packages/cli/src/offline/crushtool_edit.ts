/**
 * The stages of crushtool that change a map: build, tunables, modifications, in the original's
 * order whatever that of the options. cluster.md §2.9.
 */
import {
  build_crush_layers,
  CommandError,
  CRUSH_ALG_NAMES,
  type CrushBuilder,
  type CrushWrapper,
  type crush_layer,
  ERRNO,
  type Errno,
  is_valid_crush_name,
  print_ostream_float,
} from "@tako/common";
import type { CliIo } from "../cli_context.ts";
import { ToolError } from "../errors.ts";
import { type CrushtoolArgs, type item_args, ME } from "./crushtool_options.ts";

/** Weights have a sign in Ceph. */
const MAX_WEIGHT = 0x8000;

// ---------------------------------------------------------------- build

/** `words`: name, algorithm and size of each layer. */
export function build_crush(a: CrushtoolArgs, words: readonly string[], io: CliIo): CrushWrapper {
  if (words.length % 3 !== 0) {
    throw new ToolError(
      1,
      `remaining args: [${words.join(",")}]\n` +
        "layers must be specified with 3-tuples of (name, buckettype, size)",
    );
  }
  if (words.length === 0) throw new ToolError(1, `${ME}: must specify at least one layer`);
  const layers: crush_layer[] = [];
  for (let i = 0; i < words.length; i += 3) {
    const [name = "", alg = "", size = ""] = words.slice(i, i + 3);
    const known = Object.entries(CRUSH_ALG_NAMES).find(([n]) => n === alg)?.[1];
    if (known === undefined) throw new ToolError(1, `unknown bucket type '${alg}'`);
    layers.push({ name, alg: known, size: layer_size(size) });
  }
  try {
    const { crush, root, roots } = build_crush_layers(a.num_osds, layers);
    if (roots > 1) io.err(several_roots(root, roots));
    return crush;
  } catch (e) {
    throw e instanceof CommandError ? new ToolError(1, e.message, { cause: e }) : e;
  }
}
function layer_size(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ToolError(1, `The size of a layer '${text}' is invalid`);
}
function several_roots(root: string, n: number): string {
  return (
    `The crush rulesets will use the root ${root}\nand ignore the others.\n` +
    `There are ${n} roots, they can be\ngrouped into a single root by appending ` +
    "something like:\n  root straw 0\n\n"
  );
}

// ---------------------------------------------------------------- edits

/** What the original says as soon as it has read the option. */
export function announce_rule(a: CrushtoolArgs, io: CliIo): void {
  if (!a.rule) return;
  const { name, root, type, mode } = a.rule;
  const what = mode === "" ? "--create-replicated-rule" : "--create-simple-rule";
  const how = mode === "" ? "" : ` mode=${mode}`;
  io.out(`${what}: name=${name} root=${root} type=${type}${how}\n`);
}

class Editor {
  crush: CrushWrapper;
  modified = false;
  readonly #io: CliIo;

  constructor(crush: CrushWrapper, io: CliIo) {
    this.crush = crush;
    this.#io = io;
  }
  say(text: string): void {
    this.#io.out(`${ME} ${text}\n`);
  }
  warn(text: string): void {
    this.#io.err(`${text}\n`);
  }

  /** A refusal is an errno, with what the map has against it on a line of its own. */
  edit(fn: (b: CrushBuilder) => void): void {
    try {
      this.crush = this.crush.edit(fn);
      this.modified = true;
    } catch (e) {
      if (!(e instanceof CommandError)) throw e;
      throw refusal(e.code, `${cpp_strerror(e.code)}\n${ME}: ${e.message}`);
    }
  }
}
/** `crushtool WHY`, and the exit code of a main that returns -errno. */
function refusal(code: Errno, why: string): ToolError {
  return new ToolError(0x100 - ERRNO[code], `${ME} ${why}`);
}
/** `(22) Invalid argument` */
function cpp_strerror(code: Errno): string {
  return `(${ERRNO[code]}) ${WORDS[code] ?? code}`;
}
const WORDS: Partial<Record<Errno, string>> = {
  ENOENT: "No such file or directory",
  EBUSY: "Device or resource busy",
  EEXIST: "File exists",
  EINVAL: "Invalid argument",
  ENOSPC: "No space left on device",
  ERANGE: "Numerical result out of range",
  ENOTEMPTY: "Directory not empty",
  ELOOP: "Too many levels of symbolic links",
  EOVERFLOW: "Value too large for defined data type",
};

export function edit_crush(
  a: CrushtoolArgs,
  crush: CrushWrapper,
  io: CliIo,
): { crush: CrushWrapper; modified: boolean } {
  const e = new Editor(crush, io);
  if (Object.keys(a.tunables).length > 0) e.edit((b) => b.set_tunables(a.tunables));
  if (a.reweight_item) reweight_item(e, a.reweight_item);
  if (a.remove_item !== undefined) remove_item(e, a.remove_item);
  if (a.item && a.item.id >= 0) put_item(e, a, a.item);
  if (a.add_bucket) add_bucket(e, a, a.add_bucket);
  if (a.move !== undefined) move(e, a, a.move);
  if (a.rule) create_rule(e, a);
  if (a.remove_rule !== undefined) remove_rule(e, a.remove_rule);
  if (a.reweight) e.edit((b) => b.reweight());
  if (a.rebuild_class_roots) e.edit((b) => b.rebuild_roots_with_classes());
  for (const [bucket, cls] of a.set_subtree_class) e.edit((b) => b.set_subtree_class(bucket, cls));
  if (a.reclassify) reclassify(e, a, io);
  return { crush: e.crush, modified: e.modified };
}

function need_weight(weight: number): void {
  if (Math.trunc(weight * 0x10000) >= 0 && weight < MAX_WEIGHT) return;
  throw refusal("EOVERFLOW", `${cpp_strerror("EOVERFLOW")}\n${ME}: weight ${weight} out of range`);
}
function need_item(e: Editor, name: string): number {
  const id = e.crush.get_item_id(name);
  if (id !== undefined) return id;
  e.warn(` name ${name} dne`);
  throw refusal("ENOENT", cpp_strerror("ENOENT"));
}

function reweight_item(e: Editor, { name, weight }: { name: string; weight: number }): void {
  e.say(`reweighting item ${name} to ${print_ostream_float(Math.fround(weight))}`);
  const id = need_item(e, name);
  need_weight(weight);
  e.edit((b) => b.adjust_item_weight(id, weight));
}
function remove_item(e: Editor, name: string): void {
  e.say(`removing item ${name}`);
  const id = need_item(e, name);
  e.edit((b) => b.remove_item(id));
}
function put_item(e: Editor, a: CrushtoolArgs, { id, weight, name, update }: item_args): void {
  need_weight(weight);
  e.edit((b) => {
    if (update) b.update_item(id, weight, name, a.loc);
    else b.insert_item(id, weight, name, a.loc);
  });
}

function add_bucket(e: Editor, a: CrushtoolArgs, { name, type }: { name: string; type: string }) {
  const type_id = e.crush.get_type_id(type);
  if (e.crush.name_exists(name)) throw refusal("EEXIST", `bucket '${name}' already exists`);
  if (type_id === undefined || type_id === 0) throw refusal("EINVAL", `bad bucket type: ${type}`);
  if (!is_valid_crush_name(name)) throw refusal("EINVAL", `bad bucket name: ${name}`);
  e.edit((b) => {
    const id = b.add_bucket(name, type);
    if (a.loc.size > 0) b.move_bucket(id, a.loc);
  });
}

function move(e: Editor, a: CrushtoolArgs, name: string): void {
  const id = e.crush.get_item_id(name);
  if (id === undefined) throw refusal("ENOENT", `item '${name}' does not exist`);
  if (a.loc.size === 0) throw refusal("EINVAL", "expecting additional --loc argument to --move");
  const weight = e.crush.get_item_weightf(id);
  let moved = true;
  e.edit((b) => {
    if (b.check_item_loc(id, a.loc)) moved = false;
    else if (id >= 0) b.create_or_move_item(id, weight, name, a.loc);
    else b.move_bucket(id, a.loc);
  });
  if (moved) return;
  const at = [...a.loc].sort(([x], [y]) => (x < y ? -1 : 1)).map(([t, n]) => `${t}=${n}`);
  throw new ToolError(1, `${ME} item '${name}' already at {${at.join(",")}}`);
}

// ---------------------------------------------------------------- rules

function create_rule(e: Editor, a: CrushtoolArgs): void {
  if (!a.rule) return;
  const { name, root, type } = a.rule;
  const mode = a.rule.mode || "firstn";
  if (mode !== "firstn" && mode !== "indep") throw new ToolError(1, `unknown mode ${mode}`);
  const device_class = a.device_class === undefined ? {} : { device_class: a.device_class };
  try {
    e.crush = e.crush.edit((b) => {
      b.add_simple_rule(name, root, type, { mode, type: TYPE_REPLICATED, ...device_class });
    });
  } catch (cause) {
    throw cause instanceof CommandError ? new ToolError(1, cause.message, { cause }) : cause;
  }
  e.modified = true;
}
const TYPE_REPLICATED = 1;

function remove_rule(e: Editor, name: string): void {
  const id = e.crush.get_rule_id(name);
  // The original ends here, and calls it done.
  if (id === undefined) throw new ToolError(0, `rule ${name} does not exist`);
  e.edit((b) => b.remove_rule(id));
}

// ---------------------------------------------------------------- classes

function reclassify(e: Editor, a: CrushtoolArgs, io: CliIo): void {
  try {
    e.crush = e.crush.edit((b) => {
      b.reclassify({
        roots: a.reclassify_root,
        buckets: a.reclassify_bucket,
        print: (line) => io.out(`${line}\n`),
      });
    });
    e.modified = true;
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause;
    io.out(`${cause.message}\n`);
    throw new ToolError(1, "failed to reclassify map", { cause });
  }
}
