/** `rados bench` and `rados cleanup`. cluster.md §7.5. */
import { hostname } from "node:os";
import { type IoCtx, RadosError } from "@tako/client";
import { CommandError, ERRNO } from "@tako/common";
import { Argument, type Command, InvalidArgumentError } from "commander";
import { ObjBencher } from "../bench/ObjBencher.ts";
import { on_interrupt, print, tell } from "../cli_context.ts";
import { type BenchKind, bench_json, bench_line, render_bench } from "../render/bench.ts";
import { Fields } from "../render/Fields.ts";
import { int_arg } from "./int_arg.ts";
import { type RadosOptions, with_pool } from "./pool_session.ts";

const PREFIX = "benchmark_data";
const LAST_RUN = "benchmark_last_metadata";
const MAX_OBJECT = 128 << 20;
const AT_A_TIME = 16;

interface BenchFlags {
  readonly concurrentIos: number;
  readonly objectSize: number;
  readonly maxObjects: number;
  readonly runName: string;
  /** commander: --no-cleanup */
  readonly cleanup: boolean;
  readonly verify: boolean;
}
/** What a write run leaves behind for the read runs and for cleanup. */
interface RunNote {
  readonly prefix: string;
  readonly object_size: number;
  readonly objects: number;
}

export function add_bench(rados: Command): void {
  rados
    .command("bench")
    .argument("<seconds>", "how long", int_arg(1, 86_400))
    .addArgument(new Argument("<mode>", "what to do").choices(["write", "seq", "rand"]))
    .description("measure writes, or reads of what a write run with --no-cleanup has left")
    .option("-t, --concurrent-ios <n>", "operations at a time", int_arg(1, 1024), AT_A_TIME)
    .option("-b, --object-size <n>", "bytes of an object, such as 64K or 4M", size_arg, 4 << 20)
    .option("--max-objects <n>", "write no more than so many objects", int_arg(0), 0)
    .option("--run-name <name>", "name of the run", LAST_RUN)
    .option("--no-cleanup", "leave the objects for a read run")
    .option("--no-verify", "do not compare what is read")
    .addHelpText(
      "after",
      "\nExamples:\n  tako rados -p test bench 10 write\n" +
        "  tako rados -p test bench 5 write -t 32 -b 64K --no-cleanup\n" +
        "  tako rados -p test bench 5 seq\n  tako rados -p test cleanup\n",
    )
    .action((seconds: number, kind: BenchKind, f: BenchFlags, cmd: Command) =>
      with_pool(cmd, (io, o) => bench(io, o, kind, seconds, f)),
    );
  rados
    .command("cleanup")
    .description("remove what a bench with --no-cleanup has left")
    .option("--run-name <name>", "name of the run", LAST_RUN)
    .option("--prefix <text>", "all objects whose names begin so")
    .action((f: { runName: string; prefix?: string }, cmd: Command) =>
      with_pool(cmd, (io, o) => cleanup(io, o, f.runName, f.prefix)),
    );
}

const UNITS: Readonly<Record<string, number>> = { "": 1, k: 1 << 10, m: 1 << 20 };
export function size_arg(text: string): number {
  const m = /^(\d{1,9})([km]?)(?:i?b)?$/i.exec(text);
  const n = m ? Number(m[1]) * (UNITS[(m[2] ?? "").toLowerCase()] ?? 1) : 0;
  if (n >= 1 && n <= MAX_OBJECT) return n;
  throw new InvalidArgumentError("want a size from 1 to 128M, such as 64K");
}

async function bench(
  io: IoCtx,
  o: RadosOptions,
  kind: BenchKind,
  seconds: number,
  f: BenchFlags,
): Promise<void> {
  const write = kind === "write";
  const note: RunNote = write
    ? { prefix: new_prefix(), object_size: f.objectSize, objects: 0 }
    : await read_note(io, f.runName);
  if (write) announce(o, seconds, f, note);
  const op_size = note.object_size;
  const max_ops = write ? f.maxObjects : kind === "seq" ? note.objects : 0;
  const bencher = new ObjBencher(
    { seconds, concurrent: f.concurrentIos, op_size, max_ops },
    {
      op: write ? writer(io, note) : reader(io, note, kind, f.verify),
      now_s: () => performance.now() / 1000,
      every_second: (fn) => {
        const t = setInterval(fn, 1000);
        return () => clearInterval(t);
      },
      on_line: (l) => {
        if (o.format === "plain") o.io.out(`${bench_line(l, o.io.now_ms())}\n`);
      },
    },
  );
  // Ctrl-C ends the run, not the tidying up.
  on_interrupt(() => bencher.stop());
  const result = await bencher.run();
  const objects = write ? result.finished : note.objects;
  if (write) await io.write_full(f.runName, JSON.stringify({ ...note, objects }));
  print(o, bench_json(result, kind, op_size), () => render_bench(result, kind, op_size));
  if (write && f.cleanup) await remove_run(io, o, { ...note, objects }, f.runName);
  if (result.stopped) process.exitCode = 130;
}
function announce(o: RadosOptions, seconds: number, f: BenchFlags, note: RunNote): void {
  if (o.format !== "plain") return;
  const what = `${f.concurrentIos} concurrent writes of ${note.object_size} bytes to objects of size`;
  const limit = `for up to ${seconds} seconds or ${f.maxObjects} objects`;
  o.io.out(`Maintaining ${what} ${note.object_size} ${limit}\nObject prefix: ${note.prefix}\n`);
}

function new_prefix(): string {
  return `${PREFIX}_${hostname()}_${process.pid}`;
}
function object_name(note: RunNote, n: number): string {
  return `${note.prefix}_object${n}`;
}
/** Object `n` begins with its number; the rest is the same in all. */
function contents(note: RunNote, n: number): Uint8Array {
  const bytes = new Uint8Array(note.object_size).fill(0x7a);
  const head = new TextEncoder().encode(`I'm the ${String(n).padStart(16)}th op!`);
  bytes.set(head.subarray(0, bytes.length));
  return bytes;
}

function writer(io: IoCtx, note: RunNote): (n: number) => Promise<void> {
  return (n) => io.write_full(object_name(note, n), contents(note, n));
}
function reader(
  io: IoCtx,
  note: RunNote,
  kind: BenchKind,
  verify: boolean,
): (n: number) => Promise<void> {
  return async (n) => {
    const i = kind === "seq" ? n : Math.floor(Math.random() * note.objects);
    const name = object_name(note, i);
    const got = await io.read(name, note.object_size);
    if (verify && Buffer.compare(got, contents(note, i)) !== 0) {
      throw new CommandError("EIO", `${name} is not correct!`);
    }
  };
}

async function read_note(io: IoCtx, run_name: string): Promise<RunNote> {
  const missing = "Must write data before running a read benchmark! (bench ... --no-cleanup)";
  const note = await find_note(io, run_name);
  if (!note || note.objects === 0) throw new CommandError("ENOENT", missing);
  return note;
}
async function find_note(io: IoCtx, run_name: string): Promise<RunNote | undefined> {
  try {
    const text = new TextDecoder().decode(await io.read(run_name));
    const f = new Fields(JSON.parse(text));
    const [prefix, object_size, objects] = [
      f.text("prefix"),
      f.num("object_size"),
      f.num("objects"),
    ];
    if (prefix.startsWith(PREFIX) && object_size > 0) return { prefix, object_size, objects };
  } catch (e) {
    if (e instanceof RadosError && e.errno === ERRNO.ENOENT) return undefined;
    if (!(e instanceof SyntaxError)) throw e;
  }
  throw new CommandError("EINVAL", `object '${run_name}' is not the note of a bench run`);
}

async function cleanup(
  io: IoCtx,
  o: RadosOptions,
  run_name: string,
  prefix: string | undefined,
): Promise<void> {
  const note = prefix === undefined ? await find_note(io, run_name) : undefined;
  if (note) return remove_run(io, o, note, run_name);
  const names: string[] = [];
  for await (const e of io.list_objects()) {
    if (e.oid.startsWith(prefix ?? PREFIX)) names.push(e.oid);
  }
  await remove_all(io, o, names);
}
async function remove_run(
  io: IoCtx,
  o: RadosOptions,
  note: RunNote,
  run_name: string,
): Promise<void> {
  const names = Array.from({ length: note.objects }, (_, n) => object_name(note, n));
  await remove_all(io, o, names);
  await remove(io, run_name);
}
async function remove_all(io: IoCtx, o: RadosOptions, names: readonly string[]): Promise<void> {
  const from = performance.now();
  let next = 0;
  let removed = 0;
  const worker = async () => {
    for (let name = names[next++]; name !== undefined; name = names[next++]) {
      if (await remove(io, name)) removed++;
      if (o.io.watched && removed % 64 === 0) {
        o.io.err(`\r\x1b[2Kremoved ${removed} of ${names.length} objects`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  if (o.io.watched) o.io.err("\r\x1b[2K");
  const secs = ((performance.now() - from) / 1000).toFixed(3);
  tell(o, `Removed ${removed} objects in ${secs} s`);
}
/** False when it was gone already. */
async function remove(io: IoCtx, oid: string): Promise<boolean> {
  try {
    await io.remove(oid);
    return true;
  } catch (e) {
    if (e instanceof RadosError && e.errno === ERRNO.ENOENT) return false;
    throw e;
  }
}
