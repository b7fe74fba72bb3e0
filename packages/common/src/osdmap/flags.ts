/** Cluster flags and OSD state bits: numbers, names, print order. cluster.md §1.1, §1.2. */

export const OSDMAP_FLAGS = {
  nearfull: 1 << 0,
  full: 1 << 1,
  pauserd: 1 << 2,
  pausewr: 1 << 3,
  pauserec: 1 << 4,
  noup: 1 << 5,
  nodown: 1 << 6,
  noout: 1 << 7,
  noin: 1 << 8,
  nobackfill: 1 << 9,
  norecover: 1 << 10,
  noscrub: 1 << 11,
  "nodeep-scrub": 1 << 12,
  notieragent: 1 << 13,
  norebalance: 1 << 14,
  sortbitwise: 1 << 15,
  require_jewel_osds: 1 << 16,
  require_kraken_osds: 1 << 17,
  require_luminous_osds: 1 << 18,
  recovery_deletes: 1 << 19,
  purged_snapdirs: 1 << 20,
  nosnaptrim: 1 << 21,
  pglog_hardlimit: 1 << 22,
} as const;
export type osdmap_flag_t = keyof typeof OSDMAP_FLAGS;

/** Those that an operator sets to hold the cluster back, in the order in which Ceph lists them. */
export const OPERATOR_FLAGS = [
  "noup",
  "nodown",
  "noout",
  "noin",
  "nobackfill",
  "norebalance",
  "norecover",
  "noscrub",
  "nodeep-scrub",
  "notieragent",
  "nosnaptrim",
] as const satisfies readonly osdmap_flag_t[];

// Not the order of the bits: this is how Ceph lists them. It leaves out nearfull and full, which are
// no longer flags of the cluster.
const PRINT_ORDER: readonly osdmap_flag_t[] = [
  "pauserd",
  "pausewr",
  "pauserec",
  ...OPERATOR_FLAGS,
  "sortbitwise",
  "require_jewel_osds",
  "require_kraken_osds",
  "require_luminous_osds",
  "recovery_deletes",
  "purged_snapdirs",
  "pglog_hardlimit",
];

/** What a new cluster has set. */
export const INITIAL_FLAGS =
  OSDMAP_FLAGS.sortbitwise |
  OSDMAP_FLAGS.recovery_deletes |
  OSDMAP_FLAGS.purged_snapdirs |
  OSDMAP_FLAGS.pglog_hardlimit;

/** Flags that status output leaves out, because they say nothing to an operator. */
export const HIDDEN_FLAGS =
  OSDMAP_FLAGS.sortbitwise |
  OSDMAP_FLAGS.require_jewel_osds |
  OSDMAP_FLAGS.require_kraken_osds |
  OSDMAP_FLAGS.require_luminous_osds |
  OSDMAP_FLAGS.recovery_deletes |
  OSDMAP_FLAGS.purged_snapdirs |
  OSDMAP_FLAGS.pglog_hardlimit;

/** The flags that are set, in the order in which Ceph prints them. */
export function osdmap_flag_names(flags: number): osdmap_flag_t[] {
  return PRINT_ORDER.filter((f) => (flags & OSDMAP_FLAGS[f]) !== 0);
}

/** Inverse of {@link osdmap_flag_names}; other words count for nothing. */
export function osdmap_flag_bits(names: readonly string[]): number {
  return PRINT_ORDER.reduce((bits, f) => (names.includes(f) ? bits | OSDMAP_FLAGS[f] : bits), 0);
}

export const CEPH_OSD_EXISTS = 1;
export const CEPH_OSD_UP = 2;
export const CEPH_OSD_AUTOOUT = 4;
export const CEPH_OSD_NEW = 8;
export const CEPH_OSD_FULL = 16;
export const CEPH_OSD_NEARFULL = 32;
export const CEPH_OSD_BACKFILLFULL = 64;
export const CEPH_OSD_DESTROYED = 128;
export const CEPH_OSD_NOUP = 256;
export const CEPH_OSD_NODOWN = 512;
export const CEPH_OSD_NOIN = 1024;
export const CEPH_OSD_NOOUT = 2048;
export const CEPH_OSD_STOP = 4096;

const STATE_NAMES: readonly string[] = [
  "exists",
  "up",
  "autoout",
  "new",
  "full",
  "nearfull",
  "backfillfull",
  "destroyed",
  "noup",
  "nodown",
  "noin",
  "noout",
  "stop",
];
/** In alphabetical order, as Ceph prints them. */
export function osd_state_names(state: number): string[] {
  return STATE_NAMES.filter((_, bit) => (state & (1 << bit)) !== 0).sort();
}

/** Inverse of {@link osd_state_names}; words that name no bit count for nothing. */
export function osd_state_bits(names: readonly string[]): number {
  return STATE_NAMES.reduce((bits, n, bit) => (names.includes(n) ? bits | (1 << bit) : bits), 0);
}

/** 1.0 in 16.16: weight of an OSD that is in, affinity of one that may lead any PG. */
export const CEPH_OSD_IN = 0x10000;
export const CEPH_OSD_OUT = 0;
export const CEPH_OSD_DEFAULT_PRIMARY_AFFINITY = 0x10000;

/** More OSD slots than this are taken for a damaged number. */
export const MAX_MAX_OSD = 1 << 20;
