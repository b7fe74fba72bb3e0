/** The stage of crushtool that tests a map: --test, its files, and --compare. */
import {
  type CrushWrapper,
  crush_compare,
  crush_test,
  type crush_test_options,
  type crush_test_range,
  type crush_test_result,
  type crush_test_run,
  json_text,
  print_ostream_float,
} from "@tako/common";
import type { CliIo } from "../cli_context.ts";
import { ToolError } from "../errors.ts";
import { csv_files } from "./crushtool_csv.ts";
import { write_file } from "./crushtool_files.ts";
import type { CrushtoolArgs } from "./crushtool_options.ts";
import { need_json_format } from "./crushtool_show.ts";

/** Undefined values stand for the tool's -1: not given. */
function range_of(a: CrushtoolArgs): crush_test_range {
  return {
    weights: a.weights,
    pool_id: a.pool_id === -1 ? undefined : a.pool_id,
    min_rule: a.min_rule,
    max_rule: a.max_rule,
    ruleset: a.ruleset,
    min_rep: a.min_rep,
    max_rep: a.max_rep,
    min_x: a.min_x,
    max_x: a.max_x,
  };
}

export function test_crush(a: CrushtoolArgs, crush: CrushWrapper, io: CliIo): void {
  // The original works all the same, for nothing.
  if (a.show.size === 0 && !a.output_csv) return;
  const as_json = a.format !== undefined;
  const lines = new LineBuffer(io);
  const options: crush_test_options = {
    ...range_of(a),
    simulate: a.simulate,
    batches: a.batches,
    show_mappings: a.show.has("mappings"),
    show_statistics: a.show.has("statistics"),
    show_utilization: a.show.has("utilization"),
    show_utilization_all: a.show.has("utilization_all"),
    show_bad_mappings: a.show.has("bad_mappings"),
    show_choose_tries: a.show.has("choose_tries"),
    keep_mappings: a.output_csv || (as_json && a.show.has("mappings")),
    ...(!as_json && { print: (line: string) => lines.add(line) }),
  };
  const result = crush_test(crush, options);
  if (a.show.has("utilization_all") && !as_json) {
    const hex = result.weights.map((w) => w.toString(16));
    io.err(`devices weights (hex): [${hex.join(",")}]\n`);
  }
  lines.flush();
  if (as_json) {
    io.out(`${json_text(result_json(a, result), need_json_format(a.format ?? ""))}\n`);
  }
  if (a.output_csv) {
    for (const run of result.runs) {
      for (const [name, text] of csv_files(run, result.weights, a.max_rep)) {
        write_file(`${a.output_name}${run.rule_name}-${name}.csv`, text);
      }
    }
  }
}

function result_json(a: CrushtoolArgs, r: crush_test_result): Record<string, unknown> {
  const statistics = ["statistics", "utilization", "utilization_all"] as const;
  const with_statistics = statistics.some((s) => a.show.has(s));
  const run_json = (run: crush_test_run) => ({
    rule_id: run.rule_id,
    rule_name: run.rule_name,
    num_rep: run.num_rep,
    min_x: run.min_x,
    max_x: run.max_x,
    ...(with_statistics && { result_sizes: run.result_sizes }),
    ...(a.show.has("mappings") && { mappings: run.mappings ?? [] }),
    ...(a.show.has("bad_mappings") && { bad_mappings: run.bad_mappings }),
    ...(a.show.has("utilization") && {
      devices: run.devices.filter((d) => d.stored > 0 && d.expected > 0),
    }),
    ...(a.show.has("utilization_all") && { devices: run.devices }),
  });
  return {
    ...(a.show.has("utilization_all") && { weights: r.weights.map((w) => w / 0x10000) }),
    runs: r.runs.map(run_json),
    ...(r.choose_tries && { choose_tries: r.choose_tries }),
  };
}

/** Few large writes: there may be millions of lines. */
class LineBuffer {
  readonly #io: CliIo;
  #text = "";

  constructor(io: CliIo) {
    this.#io = io;
  }
  add(line: string): void {
    this.#text += `${line}\n`;
    if (this.#text.length > 0x10000) this.flush();
  }
  flush(): void {
    if (this.#text !== "") this.#io.out(this.#text);
    this.#text = "";
  }
}

export function compare_crush(
  a: CrushtoolArgs,
  crush: CrushWrapper,
  other: CrushWrapper,
  io: CliIo,
): void {
  const rules = crush_compare(crush, other, range_of(a));
  for (const { rule_id, mismatched, tried } of rules) {
    const ratio = print_ostream_float(mismatched / tried);
    io.out(`rule ${rule_id} had ${mismatched}/${tried} mismatched mappings (${ratio})\n`);
  }
  if (rules.some((r) => r.mismatched > 0))
    throw new ToolError(1, "warning: maps are NOT equivalent");
  io.out("maps appear equivalent\n");
}
