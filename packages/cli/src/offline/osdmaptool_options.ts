/** The options of `tako osdmaptool`: those of Ceph's tool, and a few of ours. */
import type { tool_option } from "./tool_args.ts";

export const OSDMAPTOOL_OPTIONS = [
  { flags: ["--print", "-p"], about: "print the map" },
  {
    flags: ["--dump"],
    value: "format",
    may_lack: true,
    about: "print the map as plain text, json or json-pretty",
  },
  {
    flags: ["--tree"],
    value: "format",
    may_lack: true,
    about: "print the tree of the map's OSDs as plain text, json or json-pretty",
  },
  { flags: ["--health"], about: "print what the map alone says about health" },
  { flags: ["--createsimple"], value: "n", about: "make a map of n OSDs on one host" },
  { flags: ["--with-default-pool"], about: "a map that is made has a pool, rbd" },
  {
    flags: ["--pg-bits", "--osd-pg-bits"],
    value: "bits",
    about: "the pool has 2^bits PGs per OSD (default 6)",
  },
  {
    flags: ["--pgp-bits", "--osd-pgp-bits"],
    value: "bits",
    about: "the same for pgp_num (default 6, at most pg-bits)",
  },
  { flags: ["--clobber"], about: "a map that is made may replace a file" },
  { flags: ["--export-crush"], value: "file", about: "write the CRUSH map into a file" },
  { flags: ["--import-crush"], value: "file", about: "put the CRUSH map of a file into the map" },
  {
    flags: ["--adjust-crush-weight"],
    value: "osd:weight,...",
    about: "change weights in CRUSH; written with --save only",
  },
  { flags: ["--save"], about: "write a map changed by --upmap or --adjust-crush-weight" },
  { flags: ["--mark-up-in"], about: "all OSDs up and in, with weight 1 in CRUSH (not written)" },
  { flags: ["--mark-up"], value: "osd", about: "an OSD up (not written)" },
  { flags: ["--mark-in"], value: "osd", about: "an OSD in (not written)" },
  { flags: ["--mark-out"], value: "osd", about: "an OSD up and out (not written)" },
  { flags: ["--clear-temp"], about: "without pg_temp and primary_temp (not written)" },
  { flags: ["--clean-temps"], about: "look for pg_temp and primary_temp that do no good" },
  { flags: ["--test-map-pgs"], about: "map all PGs and count what each OSD gets" },
  { flags: ["--test-map-pgs-dump"], about: "print also where each PG is" },
  { flags: ["--test-map-pgs-dump-all"], about: "print also raw, up and acting of each PG" },
  { flags: ["--test-random"], about: "test by placing PGs at random" },
  { flags: ["--test-map-pg"], value: "pgid", about: "map one PG" },
  { flags: ["--test-map-object"], value: "name", about: "map an object to its PG and OSDs" },
  { flags: ["--pool"], value: "id", about: "of the tests (objects: default 1)" },
  { flags: ["--pg-num"], value: "n", about: "test as if pools had so many PGs" },
  {
    flags: ["--upmap-cleanup"],
    value: "file",
    about: "remove upmaps that do not hold: commands into a file, or -",
  },
  { flags: ["--range-first"], value: "epoch", about: "read the maps <mapfile>/<epoch> from this" },
  { flags: ["--range-last"], value: "epoch", about: "... to this one" },
  { flags: ["--crush"], value: "file", about: "CRUSH map of a map that is a JSON dump" },
  { flags: ["--format", "-f"], value: "format", about: "of all output: plain, json, json-pretty" },
  { flags: ["--out-file", "-o"], value: "file", about: "write the map there, in Ceph's encoding" },
  { flags: ["--help", "-h"] },
] as const satisfies readonly tool_option[];

export type osdmaptool_key = (typeof OSDMAPTOOL_OPTIONS)[number]["flags"][0];
