// @ts-check
/** A local Tako cluster: `tako cluster start` in a directory of its own, on free ports. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../prepare.mjs";
import { POOL, run, Side } from "./Side.mjs";

const TAKO = join(ROOT, "packages/cli/dist/main.js");

export class TakoSide extends Side {
  /** @param {import("./Side.mjs").SideOptions} o */
  constructor(o) {
    super("tako", o);
  }
  /** @override */
  async start() {
    writeFileSync(join(this.dir, "tako.conf"), ["[global]", ...this.conf, ""].join("\n"));
    await this.ceph("cluster", "start", "--osds", String(this.osds), "--detach");
  }
  /** @override @param {number} osd */
  async kill_daemon(osd) {
    await this.ceph("cluster", "kill", `osd.${osd}`);
  }
  /** @override @param {number} osd */
  async start_daemon(osd) {
    await this.ceph("cluster", "restart", `osd.${osd}`);
  }
  /** They are processes on their own, which the directory knows. @override */
  async stop() {
    if (!existsSync(join(this.dir, "cluster.json"))) return; // it did not come to that
    await run(process.execPath, [TAKO, "--dir", this.dir, "cluster", "stop"]);
  }
  /** @override @param {string[]} args */
  ceph(...args) {
    return this.run(process.execPath, [TAKO, "--dir", this.dir, ...args], { timeout_ms: 90_000 });
  }
  /** @override @param {string[]} args @param {string} [input] */
  rados(args, input) {
    const o = input === undefined ? {} : { input };
    return this.run(process.execPath, [TAKO, "--dir", this.dir, "rados", ...args], o);
  }
  /** @override @param {number} n */
  async split_to(n) {
    await this.ceph("osd", "pool", "set", POOL, "pg_num", String(n));
  }
  /** @override @param {number} n */
  async place_by(n) {
    await this.ceph("osd", "pool", "set", POOL, "pgp_num", String(n));
  }
}
