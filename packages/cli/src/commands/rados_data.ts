/** Contents of objects and their listing: put, get, append, cp, ls ... cluster.md §7.5. */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { ALL_NSPACES, type IoCtx } from "@tako/client";
import { pg_parse, type pg_t } from "@tako/common";
import type { Command } from "commander";
import { file_error, print } from "../cli_context.ts";
import { UsageError } from "../errors.ts";
import { format_stamp } from "../render/format.ts";
import { int_arg } from "./int_arg.ts";
import { doing, type RadosOptions, with_pool } from "./pool_session.ts";

/** put and get move chunks of this size, as rados does. */
const CHUNK = 4 << 20;

export function add_data(rados: Command): void {
  add_transfer(rados);
  add_changes(rados);
  add_stat(rados);
  add_ls(rados);
}

function add_transfer(rados: Command): void {
  rados
    .command("put")
    .argument("<obj>")
    .argument("<file>", "a file, or - for standard input")
    .option("--offset <n>", "write at this offset instead of replacing the object", int_arg(0))
    .description("write an object from a file")
    .addHelpText("after", "\nExamples:\n  echo hello | tako rados -p test put greeting -\n")
    .action((oid: string, file: string, f: { offset?: number }, cmd: Command) =>
      with_pool(cmd, (io) => doing("putting", io, oid, put(io, oid, file, f.offset))),
    );
  rados
    .command("get")
    .argument("<obj>")
    .argument("<file>", "a file, or - for standard output")
    .description("read an object into a file")
    .action((oid: string, file: string, _f, cmd: Command) =>
      with_pool(cmd, (io) => doing("getting", io, oid, get(io, oid, file))),
    );
  rados
    .command("append")
    .argument("<obj>")
    .argument("<file>", "a file, or - for standard input")
    .description("append a file to an object")
    .action((oid: string, file: string, _f, cmd: Command) =>
      with_pool(cmd, async (io) => {
        for await (const chunk of chunks(file)) {
          await doing("appending", io, oid, io.append(oid, chunk));
        }
      }),
    );
}

function add_changes(rados: Command): void {
  rados
    .command("create")
    .argument("<obj>")
    .description("create an empty object; fails when it exists")
    .action((oid: string, _f, cmd: Command) =>
      with_pool(cmd, (io) => doing("creating", io, oid, io.create(oid, true))),
    );
  rados
    .command("touch")
    .argument("<obj>")
    .description("create an empty object when there is none")
    .action((oid: string, _f, cmd: Command) =>
      with_pool(cmd, (io) => doing("touch-ing", io, oid, io.create(oid, false))),
    );
  rados
    .command("truncate")
    .argument("<obj>")
    .argument("<size>", "bytes", int_arg(0))
    .description("cut or extend an object to a size")
    .action((oid: string, size: number, _f, cmd: Command) =>
      with_pool(cmd, (io) => doing("truncating", io, oid, io.truncate(oid, size))),
    );
  rados
    .command("cp")
    .argument("<obj>")
    .argument("<target>")
    .description("copy an object with its attributes and omap")
    .action((from: string, to: string, _f, cmd: Command) =>
      with_pool(cmd, (io) => doing("copying", io, from, copy(io, from, to))),
    );
  rados
    .command("rm")
    .argument("<obj...>")
    .description("remove objects")
    .action((oids: string[], _f, cmd: Command) =>
      with_pool(cmd, async (io) => {
        for (const oid of oids) await doing("removing", io, oid, io.remove(oid));
      }),
    );
}

function add_stat(rados: Command): void {
  rados
    .command("stat")
    .argument("<obj>")
    .description("size and time of the last write")
    .action((oid: string, _f, cmd: Command) =>
      with_pool(cmd, async (io, o) => {
        const { size, mtime } = await doing("stat-ing", io, oid, io.stat(oid));
        const v = { name: `${io.pool_name}/${oid}`, mtime: format_stamp(mtime), size };
        print(o, v, () => `${v.name} mtime ${v.mtime}, size ${size}`);
      }),
    );
}

function add_ls(rados: Command): void {
  rados
    .command("ls")
    .option("--pgid <pgid>", "only objects of this PG")
    .description("names of the objects, in no particular order")
    .action((f: { pgid?: string }, cmd: Command) => with_pool(cmd, (io, o) => list(io, o, f.pgid)));
}

async function list(io: IoCtx, o: RadosOptions, pgid: string | undefined): Promise<void> {
  const all: { namespace: string; name: string }[] = [];
  const nspace = o.all ? ALL_NSPACES : io.nspace;
  const pg = pgid === undefined ? {} : { pgid: pg_of_pool(pgid, io) };
  const line = (ns: string, oid: string) => (o.all ? `${ns}\t${oid}\n` : `${oid}\n`);
  const stream = o.format === "plain" && o.outFile === undefined;
  for await (const e of io.list_objects({ nspace, ...pg })) {
    if (stream) o.io.out(line(e.nspace, e.oid));
    else all.push({ namespace: e.nspace, name: e.oid });
  }
  if (!stream) print(o, all, () => all.map((e) => line(e.namespace, e.name)).join(""));
}
function pg_of_pool(text: string, io: IoCtx): pg_t {
  const pg = pg_parse(text);
  if (!pg) throw new UsageError(`'${text}' is not a pgid: <pool>.<hex>, such as 1.2a`);
  if (!text.startsWith(`${io.pool_id}.`)) {
    throw new UsageError(`pg ${text} is not of pool '${io.pool_name}', whose id is ${io.pool_id}`);
  }
  return pg;
}

// ---------------------------------------------------------------- moving bytes

export async function* chunks(file: string): AsyncGenerator<Uint8Array> {
  const source = file === "-" ? process.stdin : createReadStream(file, { highWaterMark: CHUNK });
  let pending: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const c of source) {
      if (!(c instanceof Uint8Array)) continue;
      pending.push(c);
      bytes += c.length;
      if (bytes < CHUNK) continue;
      yield Buffer.concat(pending);
      pending = [];
      bytes = 0;
    }
  } catch (e) {
    throw file_error(file, e);
  }
  if (bytes > 0) yield Buffer.concat(pending);
}
export async function all_of(file: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const c of chunks(file)) parts.push(c);
  return Buffer.concat(parts);
}

async function put(io: IoCtx, oid: string, file: string, offset?: number): Promise<void> {
  let off = offset ?? 0;
  let first = offset === undefined;
  for await (const chunk of chunks(file)) {
    if (first) await io.write_full(oid, chunk);
    else await io.write(oid, chunk, off);
    first = false;
    off += chunk.length;
  }
  // An empty file makes an empty object.
  if (first) await io.write_full(oid, new Uint8Array(0));
}

async function* contents(io: IoCtx, oid: string): AsyncGenerator<Uint8Array> {
  for (let off = 0; ; off += CHUNK) {
    const b = await io.read(oid, CHUNK, off);
    yield b;
    if (b.length < CHUNK) return;
  }
}
async function get(io: IoCtx, oid: string, file: string): Promise<void> {
  const source = contents(io, oid);
  // Nothing is created, or cut to nothing, for an object that cannot be read.
  const first = await source.next();
  const sink = await open_sink(file);
  try {
    for (let r = first; !r.done; r = await source.next()) await sink.write(r.value);
  } finally {
    await sink.close();
  }
}
interface Sink {
  write(b: Uint8Array): Promise<void>;
  close(): Promise<void>;
}
async function open_sink(file: string): Promise<Sink> {
  if (file === "-") {
    const { stdout } = process;
    const write = (b: Uint8Array) => new Promise<void>((ok) => stdout.write(b, () => ok()));
    return { write, close: () => Promise.resolve() };
  }
  const fail = (e: unknown) => {
    throw file_error(file, e);
  };
  const handle = await open(file, "w").catch(fail);
  return {
    write: (b) => handle.writeFile(b).catch(fail),
    close: () => handle.close(),
  };
}

async function copy(io: IoCtx, from: string, to: string): Promise<void> {
  let off = 0;
  for await (const b of contents(io, from)) {
    if (off === 0) await io.write_full(to, b);
    else if (b.length > 0) await io.write(to, b, off);
    off += b.length;
  }
  for (const [name, value] of await io.getxattrs(from)) await io.setxattr(to, name, value);
  const omap = await io.omap_get_all(from);
  if (omap.size > 0) await io.omap_set(to, omap);
}
