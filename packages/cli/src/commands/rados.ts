/** `tako rados ...`: objects. Words, output and errors are the rados tool's. cluster.md §7.5. */
import type { Command } from "commander";
import { merged_options, print, with_rados } from "../cli_context.ts";
import { render_rados_df } from "../render/df.ts";
import { Fields } from "../render/Fields.ts";
import type { RadosOptions } from "./pool_session.ts";
import { add_bench } from "./rados_bench.ts";
import { add_data } from "./rados_data.ts";
import { add_omap, add_xattr } from "./rados_meta.ts";
import { add_inconsistent } from "./rados_scrub.ts";

export function add_rados_commands(program: Command): void {
  const rados = program
    .command("rados")
    .description("store, read and list objects")
    .option("-p, --pool <name>", "pool")
    .option("-N, --namespace <name>", "namespace of the objects")
    .option("--all", "ls: every namespace")
    .addHelpText(
      "after",
      "\nExamples:\n  echo hello | tako rados -p test put greeting -\n" +
        "  tako rados -p test get greeting -\n  tako rados -p test ls\n" +
        "  tako rados -p test bench 10 write --no-cleanup\n",
    );
  add_data(rados);
  add_pools(rados);
  add_xattr(rados);
  add_omap(rados);
  add_inconsistent(rados);
  add_bench(rados);
}

function add_pools(rados: Command): void {
  rados
    .command("lspools")
    .description("names of the pools")
    .action((_f, cmd: Command) => {
      const o = merged_options(cmd);
      return with_rados(o, async (r) => print(o, r.pool_list(), () => r.pool_list().join("\n")));
    });
  rados
    .command("df")
    .description("objects and traffic of each pool, or of the one of -p")
    .action((_f, cmd: Command) => {
      const o = merged_options<RadosOptions>(cmd);
      return with_rados(o, async (session) => {
        if (o.pool !== undefined) await session.open_ioctx(o.pool);
        const { outb } = await session.mon_command({ prefix: "rados df" });
        const v = o.pool === undefined ? outb : only_pool(outb, o.pool);
        print(o, v, () => render_rados_df(v));
      });
    });
}

function only_pool(v: unknown, name: string): Record<string, unknown> {
  const f = new Fields(v);
  const pools = f.list("pools").filter((p) => p.text("name") === name);
  const rest = f.keys().map((k) => [k, f.get(k)] as const);
  return { ...Object.fromEntries(rest), pools: pools.map((p) => p.raw) };
}
