/** The `tako` command as a tree: for what is made from it, such as completion and documentation. */
export { type CliIo, REAL_IO } from "./cli_context.ts";
export { type Node, nodes_of } from "./commands/completion.ts";
export { build_program } from "./program.ts";
