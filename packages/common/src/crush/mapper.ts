/**
 * do_rule: from a rule and an input to devices. Two searches: firstn closes gaps (replicas),
 * indep keeps positions (erasure shards).
 * Ceph counterpart: src/crush/mapper.c. cluster.md §2.5 to §2.7.
 */
import { CRUSH_ITEM_NONE } from "../types/osd_types.ts";
import {
  bucket_choose,
  bucket_perm_choose,
  type CompiledArg,
  type CompiledBucket,
  compile_bucket,
  straw2_weights,
} from "./bucket.ts";
import { crush_hash32_2 } from "./hash.ts";
import {
  CRUSH_BUCKET_UNIFORM,
  CRUSH_RULE_OPS,
  type crush_choose_arg,
  type crush_map,
  type crush_rule_step,
  type crush_tunables,
  DEFAULT_CHOOSE_ARGS,
} from "./types.ts";

/** Slot of an indep search that is still to be filled. */
const UNDEF = 0x7ffffffe;
/** firstn gives up a replica. */
const SKIP = 0x7ffffffd;

type Out = Int32Array;

/** What one choose step of a rule looks for, and how hard. */
interface Search {
  readonly type: number;
  readonly tries: number;
  readonly local: number;
  readonly fallback: number;
  readonly vary_r: number;
  readonly stable: boolean;
  /** The search below each bucket found, when the step goes down to devices. */
  readonly leaf: Search | null;
}

/** How often to try: the tunables, until a rule's set steps change them. */
interface Tries {
  choose: number;
  leaf: number;
  local: number;
  fallback: number;
  vary_r: number;
  stable: number;
}

/** A rule with the effect of its set steps worked out. */
type CompiledStep =
  | { readonly do: "take"; readonly item: number }
  | { readonly do: "emit" }
  | {
      readonly do: "choose";
      readonly firstn: boolean;
      readonly num: number;
      readonly search: Search;
    };

export function compile_mapper(map: crush_map): CrushMapper {
  return new CrushMapper(map);
}

export class CrushMapper {
  readonly #map: crush_map;
  /** By slot, -1 - id. */
  readonly #buckets: (CompiledBucket | undefined)[] = [];
  readonly #args = new Map<number, ReadonlyMap<number, CompiledArg>>();
  readonly #rules = new Map<number, readonly CompiledStep[]>();
  // Inputs of the running do_rule.
  #x = 0;
  #weights: readonly number[] = [];
  #arg: ReadonlyMap<number, CompiledArg> | undefined;
  #tested: number[] | undefined;
  /** While it is there: how many searches took how many retries. */
  choose_tries: number[] | undefined;
  // Where a choose step puts what it finds; kept, because making them takes longer than the search.
  #out: Out = new Int32Array(16);
  #leaves: Out = new Int32Array(16);

  constructor(map: crush_map) {
    this.#map = map;
    for (const b of map.buckets.values()) {
      this.#buckets[-1 - b.id] = compile_bucket(b, map.tunables.straw_calc_version);
    }
    for (const [index, set] of map.choose_args) {
      this.#args.set(index, new Map([...set].map(([id, arg]) => [id, compile_arg(arg)])));
    }
  }

  do_rule(
    ruleno: number,
    x: number,
    result_max: number,
    weights: readonly number[],
    choose_args_index: number,
    tested?: number[],
  ): number[] {
    const rule = this.#rules.get(ruleno) ?? this.#compile(ruleno);
    this.#tested = tested;
    this.#x = x | 0;
    this.#weights = weights;
    this.#arg = this.#args.get(choose_args_index) ?? this.#args.get(DEFAULT_CHOOSE_ARGS);
    if (this.#out.length < result_max) {
      this.#out = new Int32Array(result_max);
      this.#leaves = new Int32Array(result_max);
    }
    const result: number[] = [];
    let working: number[] = [];
    for (const step of rule) {
      switch (step.do) {
        case "take":
          if (this.#is_item(step.item)) working = [step.item];
          break;
        case "choose":
          working = this.#choose_step(step.search, step.num, step.firstn, working, result_max);
          break;
        case "emit":
          for (const item of working) if (result.length < result_max) result.push(item);
          working = [];
      }
    }
    return result;
  }

  #is_item(id: number): boolean {
    return id >= 0 ? id < this.#map.max_devices : this.#buckets[-1 - id] !== undefined;
  }

  #compile(ruleno: number): readonly CompiledStep[] {
    const steps: CompiledStep[] = [];
    const t = initial_tries(this.#map.tunables);
    for (const step of this.#map.rules.get(ruleno)?.steps ?? []) {
      switch (step.op) {
        case CRUSH_RULE_OPS.take:
          steps.push({ do: "take", item: step.arg1 });
          break;
        case CRUSH_RULE_OPS.emit:
          steps.push({ do: "emit" });
          break;
        case CRUSH_RULE_OPS.choose_firstn:
        case CRUSH_RULE_OPS.choose_indep: {
          const firstn = step.op === CRUSH_RULE_OPS.choose_firstn;
          steps.push({
            do: "choose",
            firstn,
            num: step.arg1,
            search: make_search(step.arg2, t, 0),
          });
          break;
        }
        case CRUSH_RULE_OPS.chooseleaf_firstn:
        case CRUSH_RULE_OPS.chooseleaf_indep: {
          const firstn = step.op === CRUSH_RULE_OPS.chooseleaf_firstn;
          const once = !firstn || this.#map.tunables.chooseleaf_descend_once !== 0;
          const search = make_search(step.arg2, t, t.leaf || (once ? 1 : t.choose));
          steps.push({ do: "choose", firstn, num: step.arg1, search });
          break;
        }
        default:
          set_tries(t, step);
      }
    }
    this.#rules.set(ruleno, steps);
    return steps;
  }

  /** The items found below each of `from`; the devices below those for chooseleaf. */
  #choose_step(s: Search, num: number, firstn: boolean, from: number[], max: number): number[] {
    const n = num > 0 ? num : max + num;
    const found: number[] = [];
    if (n <= 0) return found;
    const out = this.#out;
    const leaves = s.leaf ? this.#leaves : null;
    for (const id of from) {
      const bucket = id < 0 ? this.#buckets[-1 - id] : undefined;
      if (!bucket) continue;
      const room = max - found.length;
      let placed = Math.min(n, room);
      if (firstn) placed = this.#firstn(bucket, s, n, out, 0, room, leaves, 0);
      else this.#indep(bucket, s, placed, n, out, 0, leaves, 0);
      const kept = leaves ?? out;
      for (let i = 0; i < placed; i++) found.push(kept[i] ?? CRUSH_ITEM_NONE);
    }
    return found;
  }

  #firstn(
    bucket: CompiledBucket,
    s: Search,
    n: number,
    out: Out,
    from: number,
    room: number,
    leaves: Out | null,
    parent_r: number,
  ): number {
    let pos = from;
    const end = from + room;
    for (let rep = s.stable ? 0 : from; rep < n && pos < end; rep++) {
      const item = this.#firstn_replica(bucket, s, rep, out, pos, end - pos, leaves, parent_r);
      if (item !== SKIP) out[pos++] = item;
    }
    return pos;
  }

  #firstn_replica(
    bucket: CompiledBucket,
    s: Search,
    rep: number,
    out: Out,
    pos: number,
    room: number,
    leaves: Out | null,
    parent_r: number,
  ): number {
    let ftotal = 0;
    do {
      let cur = bucket;
      let flocal = 0;
      for (;;) {
        let collide = false;
        if (cur.items.length > 0) {
          const r = rep + parent_r + ftotal;
          const permute = s.fallback > 0 && flocal >= cur.items.length >> 1 && flocal > s.fallback;
          const item = permute
            ? bucket_perm_choose(cur, this.#x, r)
            : bucket_choose(cur, this.#x, r, this.#arg?.get(cur.id), pos);
          if (item >= this.#map.max_devices) return SKIP;
          const below = item < 0 ? this.#buckets[-1 - item] : undefined;
          if (item < 0 && !below) return SKIP;
          if ((below?.type ?? 0) !== s.type) {
            if (!below) return SKIP;
            cur = below;
            continue;
          }
          collide = holds(out, 0, pos, item);
          if (!collide && this.#firstn_accept(item, below, s, pos, room, leaves, r)) {
            if (this.choose_tries) this.#note_tries(this.choose_tries, ftotal);
            return item;
          }
        }
        ftotal++;
        flocal++;
        const here =
          (collide && flocal <= s.local) ||
          (s.fallback > 0 && flocal <= cur.items.length + s.fallback);
        if (!here) break;
      }
    } while (ftotal < s.tries);
    return SKIP;
  }

  #firstn_accept(
    item: number,
    below: CompiledBucket | undefined,
    s: Search,
    pos: number,
    room: number,
    leaves: Out | null,
    r: number,
  ): boolean {
    if (s.leaf && leaves) {
      if (below) {
        const sub_r = s.vary_r > 0 ? r >> (s.vary_r - 1) : 0;
        const want = s.stable ? 1 : pos + 1;
        if (this.#firstn(below, s.leaf, want, leaves, pos, room, null, sub_r) <= pos) return false;
      } else {
        leaves[pos] = item;
      }
    }
    return below !== undefined || !this.#is_out(item);
  }

  /** Fills slots [pos, pos + left) of `out`. */
  #indep(
    bucket: CompiledBucket,
    s: Search,
    left: number,
    n: number,
    out: Out,
    pos: number,
    leaves: Out | null,
    parent_r: number,
  ): void {
    const end = pos + left;
    for (let rep = pos; rep < end; rep++) {
      out[rep] = UNDEF;
      if (leaves) leaves[rep] = UNDEF;
    }
    let open = left;
    let ftotal = 0;
    for (; open > 0 && ftotal < s.tries; ftotal++) {
      for (let rep = pos; rep < end; rep++) {
        if (out[rep] !== UNDEF) continue;
        const item = this.#indep_slot(bucket, s, rep, n, ftotal, out, pos, end, leaves, parent_r);
        if (item === UNDEF) continue;
        out[rep] = item;
        if (leaves && item === CRUSH_ITEM_NONE) leaves[rep] = item;
        open--;
      }
    }
    for (let rep = pos; rep < end; rep++) {
      if (out[rep] === UNDEF) out[rep] = CRUSH_ITEM_NONE;
      if (leaves && leaves[rep] === UNDEF) leaves[rep] = CRUSH_ITEM_NONE;
    }
    if (this.choose_tries) this.#note_tries(this.choose_tries, ftotal);
  }
  #note_tries(into: number[], ftotal: number): void {
    if (ftotal < into.length) into[ftotal] = (into[ftotal] ?? 0) + 1;
  }

  /** One attempt: an item, NONE when the slot has to stay empty, UNDEF to try again later. */
  #indep_slot(
    bucket: CompiledBucket,
    s: Search,
    rep: number,
    n: number,
    ftotal: number,
    out: Out,
    pos: number,
    end: number,
    leaves: Out | null,
    parent_r: number,
  ): number {
    let cur = bucket;
    for (;;) {
      const size = cur.items.length;
      if (size === 0) return UNDEF;
      // A uniform bucket whose size n divides would try the same items again and again.
      const stride = cur.alg === CRUSH_BUCKET_UNIFORM && size % n === 0 ? n + 1 : n;
      const r = rep + parent_r + stride * ftotal;
      const item = bucket_choose(cur, this.#x, r, this.#arg?.get(cur.id), pos);
      if (item >= this.#map.max_devices) return CRUSH_ITEM_NONE;
      const below = item < 0 ? this.#buckets[-1 - item] : undefined;
      if (item < 0 && !below) return CRUSH_ITEM_NONE;
      if ((below?.type ?? 0) !== s.type) {
        if (!below) return CRUSH_ITEM_NONE;
        cur = below;
        continue;
      }
      if (holds(out, pos, end, item)) return UNDEF;
      if (s.leaf && leaves) {
        if (below) {
          this.#indep(below, s.leaf, 1, n, leaves, rep, null, r);
          if (leaves[rep] === CRUSH_ITEM_NONE) return UNDEF;
        } else {
          leaves[rep] = item;
        }
      }
      return below === undefined && this.#is_out(item) ? UNDEF : item;
    }
  }

  /** Devices with a weight below 1 are out for that share of the inputs. */
  #is_out(device: number): boolean {
    this.#tested?.push(device);
    const w = this.#weights[device] ?? 0;
    if (w >= 0x10000) return false;
    if (w === 0) return true;
    return (crush_hash32_2(this.#x, device) & 0xffff) >= w;
  }
}

function holds(list: Out, from: number, to: number, item: number): boolean {
  for (let i = from; i < to; i++) if (list[i] === item) return true;
  return false;
}

function make_search(type: number, t: Tries, leaf_tries: number): Search {
  const common = {
    local: t.local,
    fallback: t.fallback,
    vary_r: t.vary_r,
    stable: t.stable !== 0,
  };
  const leaf = leaf_tries > 0 ? { ...common, type: 0, tries: leaf_tries, leaf: null } : null;
  return { ...common, type, tries: t.choose, leaf };
}

function initial_tries(t: crush_tunables): Tries {
  return {
    // The tunable counts retries.
    choose: t.choose_total_tries + 1,
    leaf: 0,
    local: t.choose_local_tries,
    fallback: t.choose_local_fallback_tries,
    vary_r: t.chooseleaf_vary_r,
    stable: t.chooseleaf_stable,
  };
}

function set_tries(t: Tries, step: crush_rule_step): void {
  const v = step.arg1;
  switch (step.op) {
    case CRUSH_RULE_OPS.set_choose_tries:
      if (v > 0) t.choose = v;
      break;
    case CRUSH_RULE_OPS.set_chooseleaf_tries:
      if (v > 0) t.leaf = v;
      break;
    case CRUSH_RULE_OPS.set_choose_local_tries:
      if (v >= 0) t.local = v;
      break;
    case CRUSH_RULE_OPS.set_choose_local_fallback_tries:
      if (v >= 0) t.fallback = v;
      break;
    case CRUSH_RULE_OPS.set_chooseleaf_vary_r:
      if (v >= 0) t.vary_r = v;
      break;
    case CRUSH_RULE_OPS.set_chooseleaf_stable:
      if (v >= 0) t.stable = v;
      break;
  }
}

function compile_arg(arg: crush_choose_arg): CompiledArg {
  return {
    weight_set: arg.weight_set.map(straw2_weights),
    ids: arg.ids.length > 0 ? Int32Array.from(arg.ids) : null,
  };
}
