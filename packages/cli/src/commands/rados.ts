/** `tako rados ...`: objects. Words, output and errors as the rados tool has them (cluster.md §7.5). */
import type { Command } from "commander";
import { merged_options, print, with_rados } from "../cli_context.ts";
import { render_rados_df } from "../render/df.ts";
import { Fields } from "../render/Fields.ts";
import type { RadosOptions } from "./pool_session.ts";
import { add_bench } from "./rados_bench.ts";
import { add_data } from "./rados_data.ts";
import { add_omap, add_xattr } from "./rados_meta.ts";

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
        const pools = (await session.mon_command({ prefix: "df" })).outb;
        const dumpcontents = ["pools", "osds", "sum"];
        const sums = (await session.mon_command({ prefix: "pg dump", dumpcontents })).outb;
        const v = rados_df(new Fields(pools), new Fields(sums), o.pool);
        print(o, v, () => render_rados_df(v));
      });
    });
}

/** The rados tool's own JSON, out of `df` and `pg dump`. */
export function rados_df(df: Fields, dump: Fields, only?: string): Record<string, unknown> {
  const sums = new Map(dump.list("pool_stats").map((p) => [p.num("poolid"), p.at("stat_sum")]));
  const pools = df
    .list("pools")
    .filter((p) => only === undefined || p.text("name") === only)
    .map((p) => {
      const used = p.at("stats").num("bytes_used");
      return {
        name: p.text("name"),
        id: p.num("id"),
        size_bytes: used,
        size_kb: Math.ceil(used / 1024),
        ...pool_sums(sums.get(p.num("id")) ?? new Fields({})),
      };
    });
  const total = df.at("stats");
  const kb = (key: string) => Math.floor(total.num(key) / 1024);
  return {
    pools,
    total_objects: pools.reduce((n, p) => n + p.num_objects, 0),
    total_used: kb("total_used_raw_bytes"),
    total_avail: kb("total_avail_bytes"),
    total_space: kb("total_bytes"),
  };
}
function pool_sums(s: Fields) {
  return {
    num_objects: s.num("num_objects"),
    num_object_clones: s.num("num_object_clones"),
    num_object_copies: s.num("num_object_copies"),
    num_objects_missing_on_primary: s.num("num_objects_missing_on_primary"),
    num_objects_unfound: s.num("num_objects_unfound"),
    num_objects_degraded: s.num("num_objects_degraded"),
    read_ops: s.num("num_read"),
    read_bytes: s.num("num_read_kb") * 1024,
    write_ops: s.num("num_write"),
    write_bytes: s.num("num_write_kb") * 1024,
    compress_bytes_used: 0,
    compress_under_bytes: 0,
  };
}
