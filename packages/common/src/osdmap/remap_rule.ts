/**
 * Another mapping of a PG that its CRUSH rule allows, too, in which fuller devices have given
 * their places to emptier ones.
 * Ceph counterpart: CrushWrapper::try_remap_rule, _choose_type_stack. cluster.md §3.12.
 */
import { CRUSH_RULE_OPS } from "../crush/types.ts";
import type { RuleTree } from "./RuleTree.ts";

export interface remap_targets {
  readonly overfull: ReadonlySet<number>;
  /** Where to, the emptiest first. */
  readonly underfull: readonly number[];
  /** What may do where those do not. */
  readonly more_underfull: readonly number[];
}

/** How many a choose step picks, and of which type. */
interface Level {
  readonly type: number;
  readonly fanout: number;
}

/** Device by device what takes the place of `orig`; undefined when that cannot be told. */
export function try_remap_rule(
  tree: RuleTree,
  pool_size: number,
  targets: remap_targets,
  orig: readonly number[],
): number[] | undefined {
  const remap = new Remap(tree, targets, orig);
  const out: number[] = [];
  let working: number[] = [];
  let root = 0;
  let stack: Level[] = [];
  const choose = () => {
    if (stack.length === 0) return true;
    const chosen = root < 0 ? remap.choose(stack, working, root) : undefined;
    stack = [];
    if (chosen) working = chosen;
    return chosen !== undefined;
  };
  for (const { op, arg1, arg2 } of tree.rule.steps) {
    const fanout = arg1 > 0 ? arg1 : arg1 + pool_size;
    switch (op) {
      case CRUSH_RULE_OPS.take:
        working = [arg1];
        root = arg1;
        break;
      case CRUSH_RULE_OPS.choose_firstn:
      case CRUSH_RULE_OPS.choose_indep:
        stack.push({ type: arg2, fanout });
        break;
      case CRUSH_RULE_OPS.chooseleaf_firstn:
      case CRUSH_RULE_OPS.chooseleaf_indep:
        stack.push({ type: arg2, fanout });
        if (arg2 > 0) stack.push({ type: 0, fanout: 1 });
        if (!choose()) return undefined;
        break;
      case CRUSH_RULE_OPS.emit:
        if (!choose()) return undefined;
        out.push(...working);
        working = [];
        break;
    }
  }
  return out.every((o) => o >= 0) ? out : undefined;
}

/** A bucket of a level, and the devices of the mapping that there is below it. */
interface Chosen {
  readonly bucket: number;
  readonly leaves: readonly number[];
}

/** One walk along the mapping that there is, level by level for each group of its devices. */
class Remap {
  readonly #tree: RuleTree;
  readonly #targets: remap_targets;
  readonly #orig: readonly number[];
  readonly #used = new Set<number>();
  /** The device of `orig` whose place is next. */
  #at = 0;

  constructor(tree: RuleTree, targets: remap_targets, orig: readonly number[]) {
    this.#tree = tree;
    this.#targets = targets;
    this.#orig = orig;
  }

  /** From the buckets of `working` down to devices. */
  choose(stack: readonly Level[], working: readonly number[], root: number): number[] | undefined {
    const roomy = this.#buckets_with_room(stack, root);
    let w = working;
    for (const [depth, { type, fanout }] of stack.entries()) {
      if (this.#at >= this.#orig.length) break;
      if (type === 0) {
        w = w.flatMap((from) => this.#choose_devices(from, fanout));
        continue;
      }
      const each = stack.slice(depth + 1).reduce((n, level) => n * level.fanout, 1);
      const above = depth === 0 ? undefined : stack[depth - 1]?.type;
      const chosen: number[] = [];
      let ahead = this.#at;
      for (const _from of w) {
        const group: Chosen[] = [];
        while (group.length < fanout && ahead < this.#orig.length) {
          const leaves = this.#orig.slice(ahead, ahead + each);
          ahead += leaves.length;
          const bucket = this.#tree.parent_of_type(leaves[0] ?? -1, type);
          if (bucket === undefined) return undefined;
          group.push({ bucket, leaves });
        }
        chosen.push(...this.#swap_stuck(group, chosen, roomy[depth] ?? new Set(), above));
      }
      w = chosen;
    }
    return [...w];
  }

  /** The buckets of each level that have an underfull device below them, by id. */
  #buckets_with_room(stack: readonly Level[], root: number): Set<number>[] {
    const found: Set<number>[] = stack.map(() => new Set());
    for (const osd of this.#targets.underfull) {
      let item: number | undefined = osd;
      for (let depth = stack.length - 2; depth >= 0 && item !== undefined; depth--) {
        item = this.#tree.parent_of_type(item, stack[depth]?.type ?? 0);
        if (item !== undefined && this.#tree.contains(root, item)) found[depth]?.add(item);
      }
    }
    return found.map((ids) => new Set([...ids].sort((a, b) => a - b)));
  }

  /**
   * A bucket with an overfull device and nothing underfull to replace it by gives its place to one
   * that has, under the same parent.
   */
  #swap_stuck(
    group: readonly Chosen[],
    before: readonly number[],
    roomy: ReadonlySet<number>,
    above: number | undefined,
  ): number[] {
    const parent = (id: number) =>
      above === undefined ? 0 : (this.#tree.parent_of_type(id, above) ?? 0);
    const out = group.map(({ bucket }) => bucket);
    group.forEach(({ bucket, leaves }, i) => {
      if (roomy.has(bucket) || !leaves.some((o) => this.#targets.overfull.has(o))) return;
      const free = (id: number) => !out.includes(id) && !before.includes(id);
      const other = [...roomy].find((id) => free(id) && parent(id) === parent(bucket));
      if (other !== undefined) out[i] = other;
    });
    return out;
  }

  #choose_devices(from: number, fanout: number): number[] {
    const out: number[] = [];
    while (out.length < fanout) {
      const osd = this.#orig[this.#at];
      if (osd === undefined) break;
      this.#at++;
      const other = this.#targets.overfull.has(osd) ? this.#find_room(from) : undefined;
      if (other !== undefined) this.#used.add(other);
      out.push(other ?? osd);
    }
    return out;
  }
  #find_room(from: number): number | undefined {
    const { underfull, more_underfull } = this.#targets;
    const fits = (o: number) =>
      !this.#used.has(o) && this.#tree.contains(from, o) && !this.#orig.includes(o);
    return underfull.find(fits) ?? more_underfull.find(fits);
  }
}
