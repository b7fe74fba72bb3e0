/** `tako pg ...`, but for the commands that a PG's primary answers (tell.ts). cluster.md §7.2. */
import { render_pg_dump, render_pg_ls, render_stuck } from "../render/pg.ts";
import { given, is_number, is_pg_state } from "./args.ts";
import type { MonSpec, Plain } from "./mon_command.ts";

const CONTENTS = ["all", "summary", "sum", "delta", "pools", "osds", "pgs", "pgs_brief"];
const STUCK = ["inactive", "unclean", "stale", "undersized", "degraded"];

/** A pool may be left out before the states. */
function ls_args(words: readonly string[]): Record<string, unknown> {
  const [first, ...rest] = words;
  const states_only = first === undefined || is_pg_state(first);
  return {
    ...given("pool", states_only ? undefined : first),
    ...given("states", states_only ? words : rest),
  };
}
function by_osd_args(words: readonly string[]): Record<string, unknown> {
  const [osd, ...rest] = words;
  return { osd, ...ls_args(rest) };
}
/** Kinds, then how many seconds. */
export function stuck_args(words: readonly string[]): Record<string, unknown> {
  const last = words.at(-1) ?? "";
  const kinds = is_number(last) ? words.slice(0, -1) : words;
  return { ...given("stuckops", kinds), ...given("threshold", is_number(last) ? last : undefined) };
}

const ls: Plain = (v, x) => render_pg_ls(v, x.o.io.now_ms());

export const PG_SPECS: readonly MonSpec[] = [
  { use: "pg stat", about: "PGs by state on one line", status_is_data: true },
  {
    use: "pg dump [dumpcontents...]",
    about: "statistics of all PGs, pools and OSDs",
    choices: { dumpcontents: CONTENTS },
    examples: ["pg dump", "pg dump pgs_brief", "pg dump pools osds"],
    plain: (v, x) => {
      const what = x.cmd.dumpcontents;
      return render_pg_dump(v, Array.isArray(what) ? what : []);
    },
  },
  {
    use: "pg dump_json [dumpcontents...]",
    about: "the same as JSON",
    choices: { dumpcontents: CONTENTS },
  },
  { use: "pg dump_pools_json", about: "statistics of the pools as JSON" },
  {
    use: "pg ls [pool] [states...]",
    about: "PGs, of a pool, in any of these states",
    examples: ["pg ls", "pg ls degraded", "pg ls test active clean"],
    fit: ls_args,
    plain: ls,
  },
  { use: "pg ls-by-pool <poolstr> [states...]", about: "PGs of a pool", plain: ls },
  {
    use: "pg ls-by-osd <osd> [pool] [states...]",
    about: "PGs that are on an OSD",
    fit: by_osd_args,
    plain: ls,
  },
  {
    use: "pg ls-by-primary <osd> [pool] [states...]",
    about: "PGs of which an OSD is the primary",
    fit: by_osd_args,
    plain: ls,
  },
  { use: "pg map <pgid>", about: "which OSDs a PG is on", status_is_data: true },
  {
    use: "pg dump_stuck [stuckops...]",
    about: `PGs that hang: ${STUCK.join(" ")}, and for how many seconds`,
    examples: ["pg dump_stuck", "pg dump_stuck inactive 10"],
    fit: stuck_args,
    plain: render_stuck,
  },
  {
    use: "pg scrub <pgid>",
    about: "compare the copies of a PG: which objects there are, their sizes and attributes",
  },
  {
    use: "pg deep-scrub <pgid>",
    about: "compare the copies of a PG to the byte",
    examples: ["pg deep-scrub 1.0", "rados list-inconsistent-obj 1.0"],
  },
  {
    use: "pg repair <pgid>",
    about: "a deep scrub of a PG, and bad copies are replaced by good ones",
  },
  { use: "pg repeer <pgid>", about: "make a PG peer anew" },
  {
    use: "pg force-recovery <pgid...>",
    about: "recover these PGs before all others",
    examples: ["pg force-recovery 1.0 1.3"],
  },
  { use: "pg force-backfill <pgid...>", about: "backfill these PGs before all others" },
  { use: "pg cancel-force-recovery <pgid...>", about: "recover these PGs in their turn again" },
  { use: "pg cancel-force-backfill <pgid...>", about: "backfill these PGs in their turn again" },
];
