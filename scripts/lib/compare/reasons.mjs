// @ts-check
/**
 * Where Tako answers differently from Ceph for a reason. Each is told at length in
 * docs/compare-ceph.md, under its number.
 */

/**
 * @typedef {object} Reason
 * @property {string} id heading in docs/compare-ceph.md
 * @property {string} why in a few words, printed beside the difference
 * @property {RegExp} field
 * @property {string} [sequence] the only one in which it can be
 * @property {(ceph: string, tako: string) => boolean} holds
 */
/** @type {readonly Reason[]} */
export const REASONS = [
  {
    id: "D1",
    why: "Ceph divides a parent's sums evenly among its children, Tako counts",
    field: /^num_objects(_degraded)?$/,
    sequence: "split",
    holds: (ceph, tako) => Number(ceph) > 0 && Number(tako) > 0,
  },
];

/** @param {string} sequence @param {string} field @param {string} ceph @param {string} tako */
export function reason_for(sequence, field, ceph, tako) {
  const here = (/** @type {Reason} */ r) => r.sequence === undefined || r.sequence === sequence;
  return REASONS.find((r) => here(r) && r.field.test(field) && r.holds(ceph, tako));
}
