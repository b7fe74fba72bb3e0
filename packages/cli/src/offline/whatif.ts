/**
 * `tako whatif`: what would become of the PGs of a map if OSDs went down or out, worked out from
 * files alone. All that is said is common's (osdmap/whatif); this reads files and prints.
 */
import { readFileSync } from "node:fs";
import {
  CommandError,
  whatif_step as make_step,
  type OSDMap,
  parse_whatif_sequence,
  read_pg_dump,
  WHATIF_OSD_VERBS,
  WHATIF_TIME_VERBS,
  WhatifInputError,
  whatif,
  type whatif_step,
} from "@tako/common";
import { type Command, Option } from "commander";
import { file_error, type GlobalOptions, merged_options, print } from "../cli_context.ts";
import { render_whatif } from "../render/whatif.ts";
import { nearest } from "../suggest.ts";
import { read_json, read_osdmap } from "./read_osdmap.ts";

interface WhatifFlags extends GlobalOptions {
  readonly pgDump?: string;
  readonly crush?: string;
  readonly all?: boolean;
}
/** An option as it was given: a verb with its selectors, or the name of a sequence file. */
type Given = readonly [what: string, value: string];

const ABOUT: Readonly<Record<string, string>> = {
  down: "these OSDs go down, at the same moment; they stay in",
  up: "they come back with the data they had",
  out: "they are marked out: CRUSH places their PGs elsewhere",
  in: "they are marked in again",
  lost: "they are down and declared lost: peering goes on without what only they know",
  write: "time passes: PGs peer, go active where they can, and take writes",
  settle: "as --write, and all is recovered and backfilled that can be",
};

const HOW = `
OSDs are named as osd.3, 3, host=b (any CRUSH type), class=ssd, or by the name of a bucket; several
with commas. Options are steps, in the order in which they are given; each is a moment of its own.
A sequence file has one step a line ('down host=b', 'write', 'settle', 'out osd.3'), '#' starts a
comment. Without steps it says how the cluster stands, and whose loss would hurt.

MAP is what 'ceph osd getmap' writes, the JSON of 'ceph osd dump' (with --crush), or Tako's.
Without --pg-dump, PGs that have all their OSDs are taken to be active+clean, and of the others it
is unknown what they went through.

Examples:
  tako whatif osdmap.bin --down osd.3
  tako whatif osdmap.bin --pg-dump pgs.json --down host=b --out host=b
  tako whatif osdmap.bin --down osd.1 --write --down osd.2 --up osd.1
  tako whatif dump.json --crush crush.bin --sequence night.txt -f json
`;

export function add_whatif(program: Command): void {
  const given: Given[] = [];
  const cmd = program
    .command("whatif")
    .description("what failures would do to the PGs of a map, offline")
    .argument("<map>", "file with an OSDMap; - is standard input")
    .option("--pg-dump <file>", "JSON of 'pg dump': states and sizes of the PGs")
    .option("--crush <file>", "CRUSH map, where the map has none or another is to be tried");
  for (const verb of WHATIF_OSD_VERBS) cmd.option(`--${verb} <osds>`, ABOUT[verb]);
  for (const verb of WHATIF_TIME_VERBS) cmd.option(`--${verb}`, ABOUT[verb]);
  cmd.addOption(new Option("--sequence <file>", "steps from a file, one a line"));
  cmd.option("--all", "list all affected PGs, not the worst only");
  cmd.addHelpText("after", HOW);
  // The order across options counts, which their values do not tell.
  for (const what of [...WHATIF_OSD_VERBS, ...WHATIF_TIME_VERBS, "sequence"]) {
    cmd.on(`option:${what}`, (value: string | null) => given.push([what, value ?? ""]));
  }
  cmd.action((file: string) => run_whatif(file, merged_options<WhatifFlags>(cmd), given));
}

function run_whatif(file: string, o: WhatifFlags, given: readonly Given[]): void {
  const { map } = read_osdmap(file, { crush: o.crush, need_crush: true });
  const report = with_hints(() => {
    const steps = given.flatMap(([what, value]) => steps_of(map, what, value));
    return whatif(map, steps, { dump: o.pgDump === undefined ? undefined : dump_of(o.pgDump) });
  });
  print(o, report, () => render_whatif(report, { all: o.all === true }));
}

function steps_of(map: OSDMap, what: string, value: string): whatif_step[] {
  if (what !== "sequence") return [named(`--${what}`, () => make_step(map, what, value))];
  return named(value, () => parse_whatif_sequence(map, read_text(value)));
}
function dump_of(file: string) {
  return named(file, () => read_pg_dump(read_json(file)));
}
function read_text(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (e) {
    throw file_error(file, e);
  }
}

/** Says in which option or file the mistake is. */
function named<T>(place: string, fn: () => T): T {
  try {
    return fn();
  } catch (e) {
    throw e instanceof WhatifInputError ? e.at(place) : e;
  }
}
function with_hints<T>(fn: () => T): T {
  try {
    return fn();
  } catch (e) {
    if (!(e instanceof WhatifInputError)) throw e;
    const near = nearest(e.word, e.candidates);
    if (near.length === 0) throw e;
    const hint = near.map((n) => `'${n}'`).join(" or ");
    throw new CommandError(e.code, `${e.message} (did you mean ${hint}?)`, { cause: e });
  }
}
