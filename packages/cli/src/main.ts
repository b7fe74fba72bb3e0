#!/usr/bin/env node
/** `tako`: parses the command line, runs the command, ends with the right code. */
import { REAL_IO } from "./cli_context.ts";
import { report_error } from "./errors.ts";
import { build_program } from "./program.ts";

/** A reader that has seen enough (`| head`) is no error. */
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (e: NodeJS.ErrnoException) => {
    process.exit(e.code === "EPIPE" ? 0 : 74);
  });
}
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => process.exit(signal === "SIGINT" ? 130 : 143));
}

async function main(): Promise<void> {
  try {
    await build_program(REAL_IO).parseAsync(process.argv);
  } catch (e) {
    process.exitCode = report_error(e, REAL_IO);
  }
}
await main();
