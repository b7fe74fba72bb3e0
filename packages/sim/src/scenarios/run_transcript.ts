/**
 * Runs a transcript: blocks of commands, each followed by `----` and what happened. The models are
 * the data-driven tests of etcd's raft and of Pebble. What the commands mean: the tables in
 * cluster_commands, fault_commands, io_commands and assert_commands.
 */
import { InvariantError, parse_scenario, scenario_config, scenario_options } from "@tako/common";
import { ANSWER_COMMANDS } from "./answer_commands.ts";
import { ASSERT_COMMANDS } from "./assert_commands.ts";
import type { Commands } from "./Command.ts";
import { CLUSTER_COMMANDS } from "./cluster_commands.ts";
import { EXPLAIN_COMMANDS } from "./explain_commands.ts";
import { FAULT_COMMANDS } from "./fault_commands.ts";
import { IO_COMMANDS } from "./io_commands.ts";
import { POOL_COMMANDS } from "./pool_commands.ts";
import { Scene } from "./Scene.ts";
import { SCRUB_COMMANDS } from "./scrub_commands.ts";

/** Every step but `cluster`; docs/scenario-files.md lists them. */
export const COMMANDS: Commands = {
  ...CLUSTER_COMMANDS,
  ...FAULT_COMMANDS,
  ...IO_COMMANDS,
  ...SCRUB_COMMANDS,
  ...ASSERT_COMMANDS,
  ...EXPLAIN_COMMANDS,
  ...ANSWER_COMMANDS,
  ...POOL_COMMANDS,
};

/** Runs it and returns it with the output that there was. */
export async function run_transcript(text: string): Promise<string> {
  let scene: Scene | null = null;
  const out: string[] = [];
  for (const block of parse_scenario(text)) {
    out.push(...block.comments);
    for (const { line, text: command } of block.steps) {
      out.push(command);
      try {
        scene = await execute(scene, command);
      } catch (e) {
        const tail = scene?.world.log.tail(25).join("\n") ?? "";
        const story = [...out.slice(-12), ...(scene?.take_output() ?? [])].join("\n");
        throw new Error(`line ${line}: ${command}: ${String(e)}\n${detail(e)}\n${story}\n${tail}`, {
          cause: e,
        });
      }
    }
    out.push("----", ...(scene?.take_output() ?? []), "");
  }
  return out.join("\n");
}

/** One command; the first is `cluster`, which makes the scene. */
export async function execute(scene: Scene | null, command: string): Promise<Scene> {
  const [name = "", ...args] = command.split(/\s+/);
  if (name === "cluster") return make_cluster(scenario_options(args));
  if (!scene) throw new InvariantError("a transcript begins with: cluster osds=3");
  const run = COMMANDS[name];
  if (!run) throw new InvariantError(`no such command: ${name}`);
  await run(scene, args);
  return scene;
}

/** Several, without a transcript: for tests that vary them. */
export async function play(scene: Scene | null, commands: readonly string[]): Promise<Scene> {
  let s = scene;
  for (const command of commands) s = await execute(s, command);
  if (!s) throw new InvariantError("nothing to play");
  return s;
}

/** `cluster osds=4 osd_max_backfills=2`: what has an underscore is an option of the daemons. */
function make_cluster(o: Record<string, string>): Promise<Scene> {
  const config = Object.fromEntries(
    Object.entries(scenario_config(o)).map(([k, v]) => [
      k,
      Number.isNaN(Number(v)) ? v : Number(v),
    ]),
  );
  const world = {
    seed: Number(o.seed ?? 1),
    osds: Number(o.osds ?? 4),
    osds_per_host: Number(o["osds-per-host"] ?? 1),
    crush_weight: Number(o.osd_crush_initial_weight ?? 1),
    max_delay_ms: 1,
    max_commit_ms: 1,
    config: { osd_debug_check_invariants: true, ...config },
  };
  return Scene.start(world, Number(o["check-every"] ?? 1));
}

function detail(e: unknown): string {
  return e instanceof InvariantError ? JSON.stringify(e.detail) : "";
}
