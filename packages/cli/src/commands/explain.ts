/**
 * `tako explain`, `tako pg explain`: why PGs are not active+clean, from the running cluster or from
 * saved JSON. What is said is common's (explain/); this loads and prints.
 */
import { ExplainInputError, explain_cluster, explain_pg, type explain_sources } from "@tako/common";
import type { Command } from "commander";
import { type GlobalOptions, merged_options, print, with_rados } from "../cli_context.ts";
import { UsageError } from "../errors.ts";
import { read_json } from "../offline/read_osdmap.ts";
import { render_cluster_explanation, render_pg_explanation } from "../render/explain.ts";
import { fetch_cluster, fetch_pg } from "./explain_live.ts";

interface ExplainFlags extends GlobalOptions {
  readonly query?: string;
  readonly osdDump?: string;
  readonly pgDump?: string;
  readonly crushDump?: string;
  readonly listUnfound?: string;
}

const PG_HOW = `
Says in plain words what state the PG is in, since when, which fields decide it, what would unblock
it, and what the drastic options would lose. It reads the running cluster, or, with any of these
files, only them: the JSON of 'pg <pgid> query', 'osd dump', 'pg dump', 'osd crush dump',
'pg <pgid> list_unfound', of Tako or of Ceph since Jewel. It changes nothing.

Examples:
  tako pg explain 1.2a
  tako pg explain --query query.json
  tako pg explain --query query.json --osd-dump osd-dump.json --pg-dump pg-dump.json
  tako pg explain 1.2a --pg-dump pg-dump.json -f json
`;
const CLUSTER_HOW = `
PGs that hang for the same reason are told of together. It reads the running cluster, or, with
--pg-dump, only files.

Examples:
  tako explain
  tako explain --pg-dump pg-dump.json --osd-dump osd-dump.json
`;

export function add_explain(program: Command): void {
  const pg = program.commands.find((c) => c.name() === "pg");
  if (!pg) return;
  const one = pg
    .command("explain")
    .description("why a PG is not active+clean, and what would help")
    .argument("[pgid]", "may be left out with --query")
    .option("--query <file>", "JSON of 'pg <pgid> query'");
  file_options(one)
    .option("--list-unfound <file>", "JSON of 'pg <pgid> list_unfound'")
    .addHelpText("after", PG_HOW)
    .action((pgid: string | undefined, _o, cmd: Command) =>
      explain_one(pgid, merged_options<ExplainFlags>(cmd)),
    );
  file_options(
    program.command("explain").description("why PGs are not active+clean, and what would help"),
  )
    .addHelpText("after", CLUSTER_HOW)
    .action((_o, cmd: Command) => explain_all(merged_options<ExplainFlags>(cmd)));
}
function file_options(cmd: Command): Command {
  return cmd
    .option("--osd-dump <file>", "JSON of 'osd dump'")
    .option("--pg-dump <file>", "JSON of 'pg dump'")
    .option("--crush-dump <file>", "JSON of 'osd crush dump'");
}

function read_files(o: ExplainFlags): explain_sources | undefined {
  const files = {
    query: o.query,
    osd_dump: o.osdDump,
    pg_dump: o.pgDump,
    crush: o.crushDump,
    list_unfound: o.listUnfound,
  };
  const given = Object.entries(files).flatMap(([name, file]) =>
    file === undefined ? [] : [[name, read_json(file)] as const],
  );
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

async function explain_one(pgid: string | undefined, o: ExplainFlags): Promise<void> {
  const show = (s: explain_sources) => {
    const x = explain_pg(s, pgid);
    print(o, x, () => render_pg_explanation(x, o.io.paint));
  };
  const files = read_files(o);
  if (files) {
    if (files.query === undefined && files.pg_dump === undefined) {
      throw new UsageError("an explanation from files needs --query or --pg-dump");
    }
    if (files.query === undefined && pgid === undefined) {
      throw new UsageError("name the PG: without --query nothing tells which is meant");
    }
    show(files);
    return;
  }
  if (pgid === undefined) throw new UsageError("name the PG, such as 1.2a, or give --query FILE");
  await with_rados(o, async (session) => show(await fetch_pg(session, pgid)));
}

async function explain_all(o: ExplainFlags): Promise<void> {
  const show = (s: Parameters<typeof explain_cluster>[0]) => {
    const x = explain_cluster(s);
    print(o, x, () => render_cluster_explanation(x, o.io.paint));
  };
  const files = read_files(o);
  if (!files) {
    await with_rados(o, async (session) => show(await fetch_cluster(session)));
    return;
  }
  if (files.pg_dump === undefined) throw new ExplainInputError("--pg-dump is needed with files");
  show(files);
}
