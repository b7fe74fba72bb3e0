/** Ceph's releases in the order of their numbers. Ceph counterpart: src/common/ceph_releases.h. */

const RELEASES = [
  "unknown",
  "argonaut",
  "bobtail",
  "cuttlefish",
  "dumpling",
  "emperor",
  "firefly",
  "giant",
  "hammer",
  "infernalis",
  "jewel",
  "kraken",
  "luminous",
  "mimic",
  "nautilus",
  "octopus",
  "pacific",
  "quincy",
  "reef",
  "squid",
  "tentacle",
];
/** undefined for a release that is newer than these. */
export function release_name(n: number): string | undefined {
  return RELEASES[n];
}
export function release_number(name: string): number {
  return Math.max(0, RELEASES.indexOf(name));
}

/** The one whose map this is. */
export const THIS_RELEASE = "pacific";

/** Names that are no release count as older than all. */
export function is_release_before(a: string, b: string): boolean {
  return release_number(a) < release_number(b);
}
