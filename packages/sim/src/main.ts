/**
 * `npm run sim`: what it does is in io/command.ts. A planted bug comes before all: it changes a file
 * on its way into the process (processes of many seeds plant it for themselves).
 */
import { plant } from "./plants/io/plant.ts";

const argv = process.argv.slice(2);
const ONE_RUN = ["--trace", "--log", "--until", "--shrink"];

function planted(): string | undefined {
  const i = argv.indexOf("--plant");
  return i < 0 ? argv.find((a) => a.startsWith("--plant="))?.slice("--plant=".length) : argv[i + 1];
}
const name = planted();
const one_run = argv.some((a) => ONE_RUN.some((o) => a === o || a.startsWith(`${o}=`)));
// Of a name that nobody knows the command line will tell.
if (name !== undefined && one_run) plant(name);

const { main } = await import("./io/command.ts");

// A reader that has seen enough (| head) is no failure.
process.stdout.on("error", (e: NodeJS.ErrnoException) => {
  process.exit(e.code === "EPIPE" ? 0 : 1);
});
process.exitCode = await main(argv);
