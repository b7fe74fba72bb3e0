/** What scrub has found: `rados list-inconsistent-pg`, `list-inconsistent-obj`. cluster.md §7.5. */
import type { Command } from "commander";
import { merged_options, print, with_rados } from "../cli_context.ts";
import { UsageError } from "../errors.ts";
import { Fields } from "../render/Fields.ts";
import { is_pgid } from "./args.ts";
import type { RadosOptions } from "./pool_session.ts";

export function add_inconsistent(rados: Command): void {
  rados
    .command("list-inconsistent-pg")
    .argument("<pool>")
    .description("PGs of a pool in which scrub has found errors, as JSON")
    .action((pool: string, _f, cmd: Command) => {
      const o = merged_options<RadosOptions>(cmd);
      return with_rados(o, async (session) => {
        const query = { prefix: "pg ls-by-pool", poolstr: pool, states: ["inconsistent"] };
        const { outb } = await session.mon_command(query);
        const pgs = new Fields(outb).list("pg_stats").map((p) => p.text("pgid"));
        print(o, pgs, () => JSON.stringify(pgs));
      });
    });
  rados
    .command("list-inconsistent-obj")
    .argument("<pgid>")
    .description("objects of a PG in which its last scrub has found errors, as JSON")
    .action((pgid: string, _f, cmd: Command) => {
      if (!is_pgid(pgid)) throw new UsageError(`'${pgid}' is no pgid such as 1.2a`);
      const o = merged_options<RadosOptions>(cmd);
      return with_rados(o, async (session) => {
        const r = await session.pg_command(pgid, { prefix: "list-inconsistent-obj" });
        print(o, r.outb, () => JSON.stringify(r.outb));
      });
    });
}
