/** sorted-btree's class, whichever way its CommonJS module is loaded. */
import BTreeModule from "sorted-btree";

type BTreeClass = typeof BTreeModule.default;

// Node hands over module.exports as the default import, vitest its `default` member.
function unwrap(m: { default: BTreeClass } | BTreeClass): BTreeClass {
  return typeof m === "function" ? m : m.default;
}
export const BTree = unwrap(BTreeModule);
export type BTree<K, V> = InstanceType<typeof BTreeModule.default<K, V>>;
