/**
 * From maps that keep kinds of devices apart by buckets (`node1`, `node1-ssd`) to device classes,
 * without moving data: the old buckets become the shadow buckets of the new ones, so that what is
 * hashed stays the same. Ceph counterpart: CrushWrapper::reclassify. cluster.md §2.8.
 */
import { CommandError } from "../errors.ts";
import type { CrushDraft } from "./CrushDraft.ts";
import { CRUSH_RULE_OPS, type crush_bucket, type crush_location } from "./types.ts";

export interface reclassify_options {
  /** Root -> class of all the devices below it. */
  readonly roots: ReadonlyMap<string, string>;
  /** `prefix%`, `%suffix` or a name -> class, and where new buckets go. */
  readonly buckets: ReadonlyMap<string, readonly [cls: string, default_parent: string]>;
  readonly print: (line: string) => void;
}

/** The edits that this one is made of. */
interface Edits {
  create_class(cls: string): number;
  insert_item(item: number, weight: number, name: string, loc: crush_location): void;
  link_bucket(id: number, loc: crush_location): void;
}

const by_text = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]) =>
  a < b ? -1 : 1;

export function reclassify(d: CrushDraft, edits: Edits, o: reclassify_options): void {
  for (const [root, cls] of [...o.roots].sort(by_text)) classify_root(d, edits, o, root, cls);
  const found = new Matches();
  for (const [match, [cls, parent]] of [...o.buckets].sort(by_text)) {
    classify_bucket(d, edits, o, found, { match, cls, parent });
  }
  move_items(d, edits, o, found);
  for (const [base, loc] of [...found.new_buckets].sort(([a], [b]) => a - b)) {
    if (d.get_immediate_parent(base)) continue;
    o.print(`new bucket ${base} missing parent, adding at ${loc_text(loc)}`);
    edits.link_bucket(base, loc);
    d.settle_shadows();
  }
  for (const { source, base, cls, shadow_name } of found.list) {
    d.class_bucket.set(base, new Map([...(d.class_bucket.get(base) ?? []), [cls, source]]));
    d.class_map.set(source, cls);
    d.set_item_name(source, shadow_name);
  }
  d.rebuild_shadows_later();
}

function refuse(text: string): never {
  throw new CommandError("EINVAL", text);
}
function loc_text(loc: crush_location): string {
  return `{${[...loc].map(([t, n]) => `${t}=${n}`).join(",")}}`;
}

// ---------------------------------------------------------------- a whole tree

/** The buckets below `root` get new ids; the old ones are those of their shadows of the class. */
function classify_root(
  d: CrushDraft,
  edits: Edits,
  o: reclassify_options,
  root: string,
  cls: string,
): void {
  const root_id = d.get_item_id(root) ?? refuse(`root ${root} does not exist`);
  const cls_id = edits.create_class(cls);
  o.print(`classify_root ${root} (${root_id}) as ${cls}`);
  check_takes(d, root, root_id);
  const renumber = new Map<number, number>();
  const todo = [root_id];
  for (let id = todo.shift(); id !== undefined; id = todo.shift()) {
    const b =
      d.buckets.get(id) ?? refuse(`cannot find bucket ${id}: (2) No such file or directory`);
    d.reserve_bucket_slot();
    const new_id = d.add_bucket(b.type, b.alg);
    o.print(`  renumbering bucket ${id} -> ${new_id}`);
    renumber.set(id, new_id);
    renumber_bucket(d, b, new_id, cls_id, cls);
    for (const item of b.items) if (item < 0) todo.unshift(item);
  }
  for (const b of [...d.buckets.values()]) {
    if (!b.items.some((i) => renumber.has(i))) continue;
    d.buckets.set(b.id, { ...b, items: b.items.map((i) => renumber.get(i) ?? i) });
  }
  d.rebuild_shadows_later();
  d.settle_shadows();
}

/** A rule that takes the root's shadow of some class would mean another one. */
function check_takes(d: CrushDraft, root: string, root_id: number): void {
  const shadows = d.class_bucket.get(root_id) ?? new Map<number, number>();
  for (const rule of [...d.rules.values()].sort((a, b) => a.id - b.id)) {
    for (const s of rule.steps) {
      if (s.op !== CRUSH_RULE_OPS.take) continue;
      const cls = [...shadows].find(([, id]) => id === s.arg1)?.[0];
      if (cls !== undefined) {
        refuse(`  rule ${rule.id} includes take on root ${root} class ${cls}`);
      }
    }
  }
}

function renumber_bucket(
  d: CrushDraft,
  b: crush_bucket,
  new_id: number,
  cls_id: number,
  cls: string,
): void {
  const name = d.get_item_name(b.id) ?? "";
  d.buckets.set(new_id, { ...b, id: new_id });
  d.put_bucket({ ...b, items: [], item_weights: [], weight: 0 });
  for (const args of d.weight_sets.sets.values()) {
    const a = args.get(b.id);
    if (!a) continue;
    args.set(new_id, { ...a, bucket_id: new_id });
    args.delete(b.id);
  }
  d.class_bucket.delete(b.id);
  d.class_bucket.set(new_id, new Map([[cls_id, b.id]]));
  d.class_map.set(b.id, cls_id);
  d.set_item_name(b.id, `${name}~${cls}`);
  d.set_item_name(new_id, name);
}

// ---------------------------------------------------------------- buckets by their names

interface Match {
  readonly source: number;
  readonly base: number;
  readonly cls: number;
  readonly shadow_name: string;
}
class Matches {
  readonly list: Match[] = [];
  /** Base buckets that were made, and where they belong if nothing else holds them. */
  readonly new_buckets = new Map<number, crush_location>();
  readonly new_by_name = new Map<string, number>();
}

/** The part of a bucket's name that stays, when it is one that `match` means. */
function basename_of(name: string, match: string, parent: string): string | undefined {
  if (name.length < match.length) return undefined;
  if (match.startsWith("%")) {
    const suffix = match.slice(1);
    return name.endsWith(suffix) ? name.slice(0, name.length - suffix.length) : undefined;
  }
  if (match.endsWith("%")) {
    const prefix = match.slice(0, -1);
    return name.startsWith(prefix) ? name.slice(prefix.length) : undefined;
  }
  return name === match ? parent : undefined;
}

function classify_bucket(
  d: CrushDraft,
  edits: Edits,
  o: reclassify_options,
  found: Matches,
  { match, cls, parent }: { match: string; cls: string; parent: string },
): void {
  const parent_id = d.get_item_id(parent) ?? refuse(`default parent ${parent} does not exist`);
  const parent_bucket = d.buckets.get(parent_id) ?? refuse(`${parent} is not a bucket`);
  const parent_type = d.type_names.get(parent_bucket.type) ?? "";
  o.print(`classify_bucket ${match} as ${cls} default bucket ${parent} (${parent_type})`);
  const cls_id = edits.create_class(cls);
  // Those that are made meanwhile may be meant, too.
  for (let id = -1; id >= Math.min(0, ...d.buckets.keys()); id--) {
    const b = d.buckets.get(id);
    const name = d.get_item_name(id) ?? "";
    const basename = b && !d.is_shadow_item(id) ? basename_of(name, match, parent) : undefined;
    if (!b || basename === undefined) continue;
    o.print(`match ${match} to ${name} basename ${basename}`);
    if (found.list.some((m) => m.source === id)) refuse(`bucket ${name} is matched twice`);
    const base = base_bucket(d, o, found, b, basename, new Map([[parent_type, parent]]));
    const class_name = d.class_names.get(cls_id) ?? "";
    found.list.push({ source: id, base, cls: cls_id, shadow_name: `${basename}~${class_name}` });
    for (const item of b.items) if (item >= 0) d.class_map.set(item, cls_id);
  }
}

function base_bucket(
  d: CrushDraft,
  o: reclassify_options,
  found: Matches,
  like: crush_bucket,
  name: string,
  loc: crush_location,
): number {
  const made = found.new_by_name.get(name);
  if (made !== undefined) {
    o.print(`  already creating base ${made}`);
    return made;
  }
  const known = d.get_item_id(name);
  if (known !== undefined) {
    o.print(`  have base ${known}`);
    return known;
  }
  d.reserve_bucket_slot();
  const base = d.add_bucket(like.type, like.alg);
  d.set_item_name(base, name);
  found.new_by_name.set(name, base);
  found.new_buckets.set(base, loc);
  o.print(`  created base ${base}`);
  return base;
}

/** What becomes a shadow cannot go on to be in a real bucket. */
function check_holders(d: CrushDraft, send_to: ReadonlyMap<number, number>): void {
  for (const source of send_to.keys()) {
    const other = d.holders(source).find((b) => !send_to.has(b.id) && !d.is_shadow_item(b.id));
    if (!other) continue;
    const [name, where] = [d.get_item_name(source), d.get_item_name(other.id)];
    refuse(`bucket ${name} is in ${where}, which is not also a reclassified bucket`);
  }
}

function move_items(d: CrushDraft, edits: Edits, o: reclassify_options, found: Matches): void {
  const send_to = new Map(found.list.map((m) => [m.source, m.base]));
  check_holders(d, send_to);
  for (const [source, base] of [...send_to].sort(([a], [b]) => a - b)) {
    const from = d.buckets.get(source);
    const to = d.buckets.get(base) ?? refuse(`${d.get_item_name(base)} is not a bucket`);
    if (!from) continue;
    const to_name = d.get_item_name(base) ?? "";
    o.print(`moving items from ${source} (${d.get_item_name(source)}) to ${base} (${to_name})`);
    const loc = new Map([[d.type_names.get(to.type) ?? "", to_name]]);
    from.items.forEach((item, pos) => {
      const moved = item >= 0 ? item : (send_to.get(item) ?? not_reclassified(item, source));
      if (d.subtree_contains(base, moved)) return;
      if (item < 0) edits.link_bucket(moved, loc);
      else {
        const weight = (from.item_weights[pos] ?? 0) / 0x10000;
        edits.insert_item(item, weight, d.get_item_name(item) ?? `osd.${item}`, loc);
      }
      // The ids of shadow buckets are given one edit after the other.
      d.settle_shadows();
    });
  }
}
function not_reclassified(item: number, bucket: number): never {
  return refuse(`item ${item} in bucket ${bucket} is not also a reclassified bucket`);
}
