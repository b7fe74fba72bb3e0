/** Arguments that several commands have in common. */
import { PG_STATES } from "./pg_states.ts";

/** Ceph's way of asking twice. */
export const SURE = ["--yes-i-really-mean-it", "yes, data may be lost"] as const;
export const REALLY_SURE = [
  "--yes-i-really-really-mean-it",
  "yes, all data in it will be lost",
] as const;

export function is_number(word: string): boolean {
  return /^\d+$/.test(word);
}
export function is_pgid(word: string): boolean {
  return /^\d+\.[0-9a-f]+$/i.test(word);
}
export function is_pg_state(word: string): boolean {
  return word === "all" || PG_STATES.includes(word);
}
/** A key when there is a value for it. */
export function given(key: string, value: unknown): Record<string, unknown> {
  const none = value === undefined || (Array.isArray(value) && value.length === 0);
  return none ? {} : { [key]: value };
}
