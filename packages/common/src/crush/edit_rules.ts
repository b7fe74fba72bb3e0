/** Rules of a draft. Ceph counterpart: CrushWrapper::add_simple_rule_at. cluster.md §2.3. */
import { CommandError } from "../errors.ts";
import type { CrushDraft } from "./CrushDraft.ts";
import { need_crush_name } from "./names.ts";
import { CRUSH_RULE_OPS, type crush_rule, type crush_rule_step } from "./types.ts";

export interface simple_rule_options {
  /** Only devices of this class. */
  readonly device_class?: string;
  /** firstn (default) for replicated pools, indep for erasure-coded ones. */
  readonly mode?: "firstn" | "indep";
  /** 1 replicated, 3 erasure; by default what the mode is good for. */
  readonly type?: number;
  readonly max_size?: number;
}

const TYPE_REPLICATED = 1;
const TYPE_ERASURE = 3;

export function add_simple_rule(
  d: CrushDraft,
  name: string,
  root: string,
  failure_domain: string,
  options: simple_rule_options,
): number {
  refuse_known(d, name);
  const root_id = d.get_item_id(root);
  if (root_id === undefined) {
    throw new CommandError("ENOENT", `root item ${root} does not exist`);
  }
  const type = d.get_type_id(failure_domain);
  if (type === undefined) throw new CommandError("EINVAL", `unknown type ${failure_domain}`);
  const ops = CRUSH_RULE_OPS;
  const indep = options.mode === "indep";
  const choose = indep ? ops.choose_indep : ops.choose_firstn;
  const chooseleaf = indep ? ops.chooseleaf_indep : ops.chooseleaf_firstn;
  const take = take_root(d, root, root_id, options.device_class ?? "");
  const steps: crush_rule_step[] = [
    { op: ops.take, arg1: take, arg2: 0 },
    { op: type === 0 ? choose : chooseleaf, arg1: 0, arg2: type },
    { op: ops.emit, arg1: 0, arg2: 0 },
  ];
  const rule_type = options.type ?? (indep ? TYPE_ERASURE : TYPE_REPLICATED);
  const max_size = options.max_size ?? (indep ? 20 : 10);
  const rule = { name, type: rule_type, min_size: indep ? 3 : 1, max_size };
  if (!indep) return add_rule(d, { ...rule, steps });
  const patience: crush_rule_step[] = [
    { op: ops.set_chooseleaf_tries, arg1: 5, arg2: 0 },
    { op: ops.set_choose_tries, arg1: 100, arg2: 0 },
  ];
  return add_rule(d, { ...rule, steps: [...patience, ...steps] });
}

function take_root(d: CrushDraft, root: string, id: number, device_class: string): number {
  if (device_class === "") return id;
  // A class given in this very draft has no shadow trees yet.
  d.settle_shadows();
  const cls = d.get_class_id(device_class);
  if (cls === undefined) {
    throw new CommandError("EINVAL", `device class ${device_class} does not exist`);
  }
  const shadow = d.class_bucket.get(id)?.get(cls);
  if (shadow === undefined) {
    throw new CommandError("EINVAL", `root ${root} has no devices with class ${device_class}`);
  }
  return shadow;
}

function refuse_known(d: CrushDraft, name: string): void {
  if ([...d.rules.values()].some((r) => r.name === name)) {
    throw new CommandError("EEXIST", `rule ${name} already exists`);
  }
}

export function add_rule(d: CrushDraft, rule: Omit<crush_rule, "id">): number {
  need_crush_name(rule.name);
  refuse_known(d, rule.name);
  const rulesets = new Set([...d.rules.values()].map((r) => r.ruleset ?? r.id));
  let id = 0;
  while (d.rules.has(id) || rulesets.has(id)) id++;
  if (id > 0xff) throw new CommandError("ENOSPC", "there are 256 rules already");
  d.rules.set(id, { id, ...rule });
  return id;
}
