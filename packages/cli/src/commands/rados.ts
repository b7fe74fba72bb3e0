/** `tako rados ...`: objects. Words, output and errors as the rados tool has them (cluster.md §7.5). */
import { createReadStream, createWriteStream } from "node:fs";
import { ALL_NSPACES, type IoCtx, type Rados, RadosError } from "@tako/client";
import { CommandError, ERRNO } from "@tako/common";
import type { Command } from "commander";
import { type GlobalOptions, global_options, print, with_rados } from "../cli_context.ts";
import { format_size, local_stamp } from "../render/format.ts";
import { table } from "../render/table.ts";
import { int_arg } from "./int_arg.ts";
import { add_bench } from "./rados_bench.ts";

/** put and get move chunks of this size, as rados does. */
const CHUNK = 4 << 20;

export interface RadosOptions extends GlobalOptions {
  readonly pool?: string;
  readonly namespace?: string;
  readonly all?: boolean;
}

/** Runs `fn` on the pool named by -p; failures print as `error <doing> POOL/OBJ: (2) ...`. */
export async function with_pool(
  cmd: Command,
  fn: (io: IoCtx, rados: Rados, o: RadosOptions) => Promise<void>,
): Promise<void> {
  const o = cmd.optsWithGlobals<RadosOptions>();
  if (o.pool === undefined) throw new CommandError("EINVAL", "name a pool with -p POOL");
  const pool = o.pool;
  await with_rados(o, async (rados) => {
    const io = await rados.open_ioctx(pool);
    if (o.namespace !== undefined) io.nspace = o.namespace;
    await fn(io, rados, o);
  });
}

/** `error getting rbd/foo: (2) No such file or directory`, with the errno kept. */
async function doing<T>(what: string, io: IoCtx, oid: string, p: Promise<T>): Promise<T> {
  try {
    return await p;
  } catch (e) {
    if (!(e instanceof RadosError)) throw e;
    const text = `error ${what} ${io.pool_name}/${oid}: (${e.errno}) ${strerror(e.errno)}`;
    throw new RadosError(e.errno, text, { cause: e });
  }
}
const STRERROR: Readonly<Record<number, string>> = {
  [ERRNO.ENOENT]: "No such file or directory",
  [ERRNO.EEXIST]: "File exists",
  [ERRNO.EINVAL]: "Invalid argument",
  [ERRNO.ENODATA]: "No data available",
  [ERRNO.ENOSPC]: "No space left on device",
  [ERRNO.ETIMEDOUT]: "Connection timed out",
  [ERRNO.EFBIG]: "File too large",
  [ERRNO.EMSGSIZE]: "Message too long",
  [ERRNO.ENAMETOOLONG]: "File name too long",
  [ERRNO.EIO]: "Input/output error",
  [ERRNO.EPERM]: "Operation not permitted",
  [ERRNO.EBUSY]: "Device or resource busy",
  [ERRNO.ENXIO]: "No such device or address",
  [ERRNO.ESHUTDOWN]: "Cannot send after transport endpoint shutdown",
};
export function strerror(errno: number): string {
  return STRERROR[errno] ?? `errno ${errno}`;
}

export function add_rados_commands(program: Command): void {
  const rados = program
    .command("rados")
    .description("store, read and list objects")
    .option("-p, --pool <name>", "pool")
    .option("-N, --namespace <name>", "namespace of the objects")
    .option("--all", "ls: every namespace");
  add_data(rados);
  add_listing(rados);
  add_xattr(rados);
  add_omap(rados);
  add_bench(rados);
}

function add_data(rados: Command): void {
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
        for await (const chunk of chunks(file)) await doing("appending", io, oid, io.append(oid, chunk));
      }),
    );
  rados
    .command("create")
    .argument("<obj>")
    .description("create an empty object; fails when it exists")
    .action((oid: string, _f, cmd: Command) =>
      with_pool(cmd, (io) => doing("creating", io, oid, io.create(oid, true))),
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
    .command("rm")
    .argument("<obj...>")
    .description("remove objects")
    .action((oids: string[], _f, cmd: Command) =>
      with_pool(cmd, async (io) => {
        for (const oid of oids) await doing("removing", io, oid, io.remove(oid));
      }),
    );
  rados
    .command("stat")
    .argument("<obj>")
    .description("size and time of the last write")
    .action((oid: string, _f, cmd: Command) =>
      with_pool(cmd, async (io, _r, o) => {
        const { size, mtime } = await doing("stat-ing", io, oid, io.stat(oid));
        const v = { name: `${io.pool_name}/${oid}`, mtime: local_stamp(mtime), size };
        print(o, v, () => `${v.name} mtime ${v.mtime}, size ${size}`);
      }),
    );
}

async function* chunks(file: string): AsyncGenerator<Uint8Array> {
  const source = file === "-" ? process.stdin : createReadStream(file, { highWaterMark: CHUNK });
  let pending: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const c of source) {
      pending.push(c as Buffer);
      bytes += (c as Buffer).length;
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
function file_error(file: string, e: unknown): Error {
  const { code, message } = e as NodeJS.ErrnoException;
  const errno = code === "ENOENT" || code === "EACCES" || code === "EPERM" ? code : "EIO";
  return new CommandError(errno, `${file}: ${message}`, { cause: e });
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
async function get(io: IoCtx, oid: string, file: string): Promise<void> {
  const first = await io.read(oid, CHUNK, 0);
  const out = file === "-" ? process.stdout : createWriteStream(file);
  const write = (b: Uint8Array) =>
    new Promise<void>((ok, fail) => {
      out.write(b, (e) => (e ? fail(file_error(file, e)) : ok()));
    });
  for (let b = first, off = 0; b.length > 0; ) {
    await write(b);
    off += b.length;
    if (b.length < CHUNK) break;
    b = await io.read(oid, CHUNK, off);
  }
  if (out !== process.stdout) {
    await new Promise<void>((ok, fail) => {
      out.once("error", (e) => fail(file_error(file, e)));
      out.end(() => ok());
    });
  }
}

function add_listing(rados: Command): void {
  rados
    .command("ls")
    .description("names of the objects, in no particular order")
    .action((_f, cmd: Command) =>
      with_pool(cmd, async (io, _r, o) => {
        const all: { namespace: string; name: string }[] = [];
        const nspace = o.all ? ALL_NSPACES : io.nspace;
        for await (const e of io.list_objects({ nspace })) {
          if (o.format === "plain") {
            process.stdout.write(o.all ? `${e.nspace}\t${e.oid}\n` : `${e.oid}\n`);
          } else all.push({ namespace: e.nspace, name: e.oid });
        }
        if (o.format !== "plain") print(o, all, () => "");
      }),
    );
  rados
    .command("lspools")
    .description("names of the pools")
    .action((_f, cmd: Command) => {
      const o = global_options(cmd);
      return with_rados(o, async (r) => print(o, r.pool_list(), () => r.pool_list().join("\n")));
    });
  rados
    .command("df")
    .description("objects and traffic of each pool")
    .action((_f, cmd: Command) => {
      const o = global_options(cmd);
      return with_rados(o, async (r) => {
        const { outb } = await r.mon_command({ prefix: "rados df" });
        print(o, outb, () => render_df(outb as RadosDf));
      });
    });
}

interface RadosDf {
  readonly pools: readonly (Record<string, number | string> & { name: string })[];
  readonly total_objects: number | string;
  readonly total_used: number | string;
  readonly total_avail: number | string;
  readonly total_space: number | string;
}
function render_df(d: RadosDf): string {
  const size = (v: unknown) => format_size(Number(v ?? 0) * 1024);
  const head = [
    ..."POOL_NAME USED OBJECTS CLONES COPIES MISSING_ON_PRIMARY UNFOUND DEGRADED".split(" "),
    ..."RD_OPS RD WR_OPS WR".split(" "),
    "USED COMPR",
    "UNDER COMPR",
  ];
  const rows = d.pools.map((p) => [
    p.name,
    size(p.size_kb),
    p.num_objects,
    p.num_object_clones,
    p.num_object_copies,
    p.num_objects_missing_on_primary,
    p.num_objects_unfound,
    p.num_objects_degraded,
    p.read_ops,
    size(p.read_kb),
    p.write_ops,
    size(p.write_kb),
    "0 B",
    "0 B",
  ]);
  const totals = [
    `total_objects    ${d.total_objects}`,
    `total_used       ${size(d.total_used)}`,
    `total_avail      ${size(d.total_avail)}`,
    `total_space      ${size(d.total_space)}`,
  ];
  return `${table(head, rows, { right: (i) => i > 0 })}\n\n${totals.join("\n")}`;
}

function add_xattr(rados: Command): void {
  rados
    .command("listxattr")
    .argument("<obj>")
    .description("names of the attributes")
    .action((oid: string, _f, cmd: Command) =>
      with_pool(cmd, async (io, _r, o) => {
        const names = [...(await doing("getting xattr set", io, oid, io.getxattrs(oid))).keys()];
        print(o, names, () => names.join("\n"));
      }),
    );
  rados
    .command("getxattr")
    .argument("<obj>")
    .argument("<name>")
    .description("value of an attribute")
    .action((oid: string, name: string, _f, cmd: Command) =>
      with_pool(cmd, async (io) => {
        process.stdout.write(await doing("getting xattr of", io, oid, io.getxattr(oid, name)));
      }),
    );
  rados
    .command("setxattr")
    .argument("<obj>")
    .argument("<name>")
    .argument("[value]", "the value, or - for standard input (default)", "-")
    .description("set an attribute")
    .action((oid: string, name: string, value: string, _f, cmd: Command) =>
      with_pool(cmd, async (io) => {
        const v = value === "-" ? await all_of("-") : value;
        await doing("setting xattr of", io, oid, io.setxattr(oid, name, v));
      }),
    );
  rados
    .command("rmxattr")
    .argument("<obj>")
    .argument("<name>")
    .description("remove an attribute")
    .action((oid: string, name: string, _f, cmd: Command) =>
      with_pool(cmd, (io) => doing("removing xattr of", io, oid, io.rmxattr(oid, name))),
    );
}
async function all_of(file: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const c of chunks(file)) parts.push(c);
  return Buffer.concat(parts);
}

function add_omap(rados: Command): void {
  rados
    .command("listomapkeys")
    .argument("<obj>")
    .description("keys of the omap")
    .action((oid: string, _f, cmd: Command) =>
      with_pool(cmd, async (io, _r, o) => {
        const keys = await doing("getting omap key set", io, oid, io.omap_get_keys(oid));
        print(o, keys, () => keys.join("\n"));
      }),
    );
  rados
    .command("listomapvals")
    .argument("<obj>")
    .description("keys and values of the omap, values as a hex dump")
    .action((oid: string, _f, cmd: Command) =>
      with_pool(cmd, async (io, _r, o) => {
        const vals = await doing("getting omap keys", io, oid, io.omap_get_all(oid));
        const hex = (v: Uint8Array) => Buffer.from(v).toString("hex");
        const v = Object.fromEntries([...vals].map(([k, x]) => [k, hex(x)]));
        print(o, v, () => [...vals].map(([k, x]) => render_omap(k, x)).join("\n"));
      }),
    );
  rados
    .command("getomapval")
    .argument("<obj>")
    .argument("<key>")
    .description("value of an omap key")
    .action((oid: string, key: string, _f, cmd: Command) =>
      with_pool(cmd, async (io) => {
        const vals = await doing("getting omap", io, oid, io.omap_get_vals_by_keys(oid, [key]));
        const v = vals.get(key);
        if (!v) throw new RadosError(ERRNO.ENOENT, `No such key: ${io.pool_name}/${oid}/${key}`);
        process.stdout.write(v);
      }),
    );
  rados
    .command("setomapval")
    .argument("<obj>")
    .argument("<key>")
    .argument("[value]", "the value, or - for standard input (default)", "-")
    .description("set an omap key")
    .action((oid: string, key: string, value: string, _f, cmd: Command) =>
      with_pool(cmd, async (io) => {
        const v = value === "-" ? await all_of("-") : value;
        await doing("setting omap of", io, oid, io.omap_set(oid, [[key, v]]));
      }),
    );
  rados
    .command("rmomapkey")
    .argument("<obj>")
    .argument("<key>")
    .description("remove an omap key")
    .action((oid: string, key: string, _f, cmd: Command) =>
      with_pool(cmd, (io) => doing("removing omap key of", io, oid, io.omap_rm_keys(oid, [key]))),
    );
}

function render_omap(key: string, v: Uint8Array): string {
  const lines = [`${key}`, `value (${v.length} bytes) :`];
  for (let off = 0; off < v.length; off += 16) {
    const row = v.subarray(off, off + 16);
    const hex = [...row].map((b) => b.toString(16).padStart(2, "0"));
    const left = hex.slice(0, 8).join(" ");
    const right = hex.slice(8).join(" ");
    const shown = [...row].map((b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : "."));
    const cols = `${left}  ${right}`.padEnd(49);
    lines.push(`${off.toString(16).padStart(8, "0")}  ${cols} |${shown.join("")}|`);
  }
  if (v.length > 0) lines.push(v.length.toString(16).padStart(8, "0"));
  return `${lines.join("\n")}\n`;
}
