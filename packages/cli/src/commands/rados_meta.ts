/** Attributes and omap of objects. cluster.md §7.5. */
import { RadosError } from "@tako/client";
import { ERRNO } from "@tako/common";
import type { Command } from "commander";
import { emit, print } from "../cli_context.ts";
import { doing, with_pool } from "./pool_session.ts";
import { all_of } from "./rados_data.ts";

const VALUE_HELP = "the value; without it, or with -, standard input";

export function add_xattr(rados: Command): void {
  rados
    .command("listxattr")
    .argument("<obj>")
    .description("names of the attributes")
    .action((oid: string, _f, cmd: Command) =>
      with_pool(cmd, async (io, o) => {
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
      with_pool(cmd, async (io, o) => {
        emit(o, await doing("getting xattr", io, `${oid}/${name}`, io.getxattr(oid, name)));
      }),
    );
  rados
    .command("setxattr")
    .argument("<obj>")
    .argument("<name>")
    .argument("[value]", VALUE_HELP, "-")
    .description("set an attribute")
    .action((oid: string, name: string, value: string, _f, cmd: Command) =>
      with_pool(cmd, async (io) => {
        const v = await value_of(value);
        await doing("setting xattr", io, `${oid}/${name}`, io.setxattr(oid, name, v));
      }),
    );
  rados
    .command("rmxattr")
    .argument("<obj>")
    .argument("<name>")
    .description("remove an attribute")
    .action((oid: string, name: string, _f, cmd: Command) =>
      with_pool(cmd, (io) => doing("removing xattr", io, `${oid}/${name}`, io.rmxattr(oid, name))),
    );
}
async function value_of(word: string): Promise<Uint8Array> {
  return word === "-" ? all_of("-") : Buffer.from(word);
}

export function add_omap(rados: Command): void {
  add_omap_reads(rados);
  add_omap_writes(rados);
}
function add_omap_reads(rados: Command): void {
  rados
    .command("listomapkeys")
    .argument("<obj>")
    .description("keys of the omap")
    .action((oid: string, _f, cmd: Command) =>
      with_pool(cmd, async (io, o) => {
        const keys = await doing("getting omap key set", io, oid, io.omap_get_keys(oid));
        print(o, keys, () => keys.join("\n"));
      }),
    );
  rados
    .command("listomapvals")
    .argument("<obj>")
    .description("keys and values of the omap, values as a hex dump")
    .action((oid: string, _f, cmd: Command) =>
      with_pool(cmd, async (io, o) => {
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
      with_pool(cmd, async (io, o) => {
        const vals = await doing("getting omap", io, oid, io.omap_get_vals_by_keys(oid, [key]));
        const v = vals.get(key);
        if (!v) throw new RadosError(ERRNO.ENOENT, `No such key: ${io.pool_name}/${oid}/${key}`);
        emit(o, v);
      }),
    );
  rados
    .command("getomapheader")
    .argument("<obj>")
    .description("header of the omap, as a hex dump")
    .action((oid: string, _f, cmd: Command) =>
      with_pool(cmd, async (io, o) => {
        const v = await doing("getting omap header", io, oid, io.omap_get_header(oid));
        const text = `header (${v.length} bytes) :\n${hex_dump(v)}`;
        print(o, Buffer.from(v).toString("hex"), () => text);
      }),
    );
}
function add_omap_writes(rados: Command): void {
  rados
    .command("setomapval")
    .argument("<obj>")
    .argument("<key>")
    .argument("[value]", VALUE_HELP, "-")
    .description("set an omap key")
    .action((oid: string, key: string, value: string, _f, cmd: Command) =>
      with_pool(cmd, async (io) => {
        const v = await value_of(value);
        await doing("setting omap value", io, `${oid}/${key}`, io.omap_set(oid, [[key, v]]));
      }),
    );
  rados
    .command("setomapheader")
    .argument("<obj>")
    .argument("[value]", VALUE_HELP, "-")
    .description("set the header of the omap")
    .action((oid: string, value: string, _f, cmd: Command) =>
      with_pool(cmd, async (io) => {
        const v = await value_of(value);
        await doing("setting omap header", io, oid, io.omap_set_header(oid, v));
      }),
    );
  rados
    .command("rmomapkey")
    .argument("<obj>")
    .argument("<key>")
    .description("remove an omap key")
    .action((oid: string, key: string, _f, cmd: Command) =>
      with_pool(cmd, (io) =>
        doing("removing omap key", io, `${oid}/${key}`, io.omap_rm_keys(oid, [key])),
      ),
    );
  rados
    .command("clearomap")
    .argument("<obj...>")
    .description("remove all omap keys")
    .action((oids: string[], _f, cmd: Command) =>
      with_pool(cmd, async (io) => {
        for (const oid of oids) await doing("clearing omap", io, oid, io.omap_clear(oid));
      }),
    );
}

export function render_omap(key: string, v: Uint8Array): string {
  return `${key}\nvalue (${v.length} bytes) :\n${hex_dump(v)}`;
}
/** As `hexdump -C` shows bytes. */
export function hex_dump(v: Uint8Array): string {
  const lines: string[] = [];
  for (let off = 0; off < v.length; off += 16) {
    const row = v.subarray(off, off + 16);
    const hex = [...row].map((b) => b.toString(16).padStart(2, "0"));
    const cols = `${hex.slice(0, 8).join(" ").padEnd(23)}  ${hex.slice(8).join(" ")}`.padEnd(48);
    const text = [...row].map((b) => (b >= 0x20 && b < 0x7f ? String.fromCharCode(b) : "."));
    lines.push(`${off.toString(16).padStart(8, "0")}  ${cols}  |${text.join("")}|`);
  }
  if (v.length > 0) lines.push(v.length.toString(16).padStart(8, "0"));
  return lines.map((l) => `${l}\n`).join("");
}
