/** What may be a name or a weight in a CRUSH map. */
import { CommandError } from "../errors.ts";

/** `~` marks shadow buckets and is nobody's to give. */
export function is_valid_crush_name(name: string): boolean {
  return /^[A-Za-z0-9_.-]+$/.test(name);
}
export function need_crush_name(name: string): void {
  if (is_valid_crush_name(name)) return;
  throw new CommandError("EINVAL", `${JSON.stringify(name)}: only A-Z a-z 0-9 _ . - in names`);
}

const MAX_WEIGHT = 0x7fffffff;

/** 1.0 as 0x10000. Ceph's weights are floats of 24 bits on the way. */
export function crush_weight(weight: number): number {
  const w = Math.trunc(Math.fround(weight) * 0x10000);
  if (!(w >= 0)) throw new CommandError("EINVAL", `weight ${weight} out of range`);
  if (w > MAX_WEIGHT) throw new CommandError("EOVERFLOW", `weight ${weight} is too large`);
  return w;
}
