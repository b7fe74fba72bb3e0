/** `tako osd pool ...` and erasure code profiles. cluster.md §3.12, §7.1. */
import { Fields } from "../render/Fields.ts";
import {
  render_lines,
  render_pairs,
  render_pool_get,
  render_pool_stats,
  render_quota,
} from "../render/misc.ts";
import { pool_line } from "../render/osd_dump.ts";
import { given, is_number, REALLY_SURE, SURE } from "./args.ts";
import type { MonSpec } from "./mon_command.ts";

const TYPES = ["replicated", "erasure"];

/**
 * `<pool> [pg_num] [pgp_num] [replicated|erasure] [profile] [rule] [expected_num_objects] [size]`,
 * any of which may be left out: a word that is no number and no type is the profile. What a
 * replicated pool makes of a profile is the monitor's business.
 */
export function create_args(words: readonly string[]): Record<string, unknown> {
  const [pool, ...rest] = words;
  const next_if = (ok: (word: string) => boolean) =>
    rest[0] !== undefined && ok(rest[0]) ? rest.shift() : undefined;
  const pg_num = next_if(is_number);
  const pgp_num = next_if(is_number);
  const pool_type = next_if((w) => TYPES.includes(w));
  const [profile, rule, expected, size] = rest;
  return {
    pool,
    ...given("pg_num", pg_num),
    ...given("pgp_num", pgp_num),
    ...given("pool_type", pool_type),
    ...given("erasure_code_profile", profile),
    ...given("rule", rule),
    ...given("expected_num_objects", expected),
    ...given("size", size),
  };
}

export const POOL_SPECS: readonly MonSpec[] = [
  {
    use: "osd pool create <pool> [pg_num] [pgp_num] [pool_type] [profile_or_rule] [more...]",
    about: "create a pool",
    options: [
      ["--size <n>", "copies of each object"],
      ["--rule <name>", "CRUSH rule that places it"],
      ["--expected-num-objects <n>", "how many objects it will hold"],
      ["--pg-num-min <n>", "never fewer PGs than this"],
      ["--pg-num-max <n>", "never more PGs than this"],
      ["--target-size-bytes <n>", "how much it will hold"],
      ["--target-size-ratio <x>", "its share of the cluster's data"],
      ["--autoscale-mode <mode>", "who chooses pg_num: off, the operator"],
      ["--bulk", "it will hold much data"],
    ],
    examples: [
      "osd pool create test 32",
      "osd pool create two 16 --size 2",
      "osd pool create ec 32 32 erasure default",
    ],
    fit: create_args,
  },
  {
    use: "osd pool ls [detail]",
    about: "names of the pools; 'detail': all about them",
    choices: { detail: ["detail"] },
    plain: (v, x) =>
      x.cmd.detail === undefined
        ? render_lines(v)
        : new Fields(v)
            .elements()
            .map((p) => `${pool_line(p)}\n`)
            .join(""),
  },
  {
    use: "osd lspools",
    about: "numbers and names of the pools",
    plain: (v) =>
      new Fields(v)
        .elements()
        .map((p) => `${p.num("poolnum")} ${p.text("poolname")}`)
        .join("\n"),
  },
  {
    use: "osd pool get <pool> <var>",
    about: "a variable of a pool, or 'all'",
    examples: ["osd pool get test size", "osd pool get test all"],
    plain: render_pool_get,
  },
  {
    use: "osd pool set <pool> <var> <val>",
    about: "set a variable of a pool",
    options: [SURE],
    examples: ["osd pool set test size 2", "osd pool set test pg_num 64"],
  },
  {
    use: "osd pool rm <pool> [pool2]",
    about: "remove a pool and all its objects; its name twice",
    options: [REALLY_SURE],
    examples: ["osd pool rm test test --yes-i-really-really-mean-it"],
  },
  {
    use: "osd pool delete <pool> [pool2]",
    about: "the same as rm",
    options: [REALLY_SURE],
  },
  { use: "osd pool rename <srcpool> <destpool>", about: "give a pool another name" },
  { use: "osd pool force-recovery <who...>", about: "recover these pools before all others" },
  { use: "osd pool force-backfill <who...>", about: "backfill these pools before all others" },
  {
    use: "osd pool cancel-force-recovery <who...>",
    about: "recover these pools in their turn again",
  },
  {
    use: "osd pool cancel-force-backfill <who...>",
    about: "backfill these pools in their turn again",
  },
  { use: "osd pool stats [pool_name]", about: "what is going on", plain: render_pool_stats },
  { use: "osd pool get-quota <pool>", about: "limits of a pool", plain: render_quota },
  {
    use: "osd pool set-quota <pool> <field> <val>",
    about: "limit a pool; 0 takes the limit away",
    choices: { field: ["max_objects", "max_bytes"] },
    examples: ["osd pool set-quota test max_bytes 10G"],
  },
  {
    use: "osd pool application enable <pool> <app>",
    about: "say what a pool is used for",
    options: [SURE],
  },
  { use: "osd pool application disable <pool> <app>", about: "take that back", options: [SURE] },
  { use: "osd pool application get [pool] [app] [key]", about: "what pools are used for" },
  {
    use: "osd pool application set <pool> <app> <key> <value>",
    about: "a note of an application on a pool",
  },
  { use: "osd pool application rm <pool> <app> <key>", about: "remove such a note" },
  {
    use: "osd erasure-code-profile ls",
    about: "names of the erasure code profiles",
    plain: render_lines,
  },
  {
    use: "osd erasure-code-profile get <name>",
    about: "one profile",
    plain: (v) => render_pairs(v, "="),
  },
  {
    use: "osd erasure-code-profile set <name> [profile...]",
    about: "make a profile: key=value ...",
    options: [["--force", "replace another profile of that name"]],
    examples: ["osd erasure-code-profile set mine k=4 m=2 crush-failure-domain=host"],
  },
  { use: "osd erasure-code-profile rm <name>", about: "remove a profile" },
];
