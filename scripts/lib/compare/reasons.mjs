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
 * @property {RegExp} [moment]
 * @property {(ceph: string, tako: string) => boolean} holds
 */
/** @type {readonly Reason[]} */
export const REASONS = [];

/** @param {string} moment @param {string} field @param {string} ceph @param {string} tako */
export function reason_for(moment, field, ceph, tako) {
  return REASONS.find(
    (r) => r.field.test(field) && (r.moment?.test(moment) ?? true) && r.holds(ceph, tako),
  );
}
