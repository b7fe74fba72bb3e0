// @ts-check
/** The cluster of docker-compose.yml, for chaos: containers are killed, paused, unplugged. */
import { execFileSync } from "node:child_process";
import dns from "node:dns";
import { ROOT } from "./prepare.mjs";

const PROJECT = "tako-chaos";
const PORTS = { MON0_PORT: "", OSD0_PORT: "", OSD1_PORT: "", OSD2_PORT: "" };

/** @param {string[]} args */
function docker(args) {
  return execFileSync("docker", args, {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, ...PORTS },
    stdio: ["ignore", "pipe", "pipe"],
  });
}
/** @param {string[]} args */
function compose(args) {
  return docker(["compose", "-p", PROJECT, "--ansi", "never", ...args]);
}

/** @typedef {import("./chaos_local.mjs").Stage} Stage */

/** @implements {Stage} */
export class ComposeStage {
  mon = "mon.mon0";
  osds = ["osd.0", "osd.1", "osd.2"];
  mon_host = "mon0:6789";
  logs = `docker compose -p ${PROJECT} logs`;
  /** @type {Set<string>} */
  #down = new Set();
  /** @type {Map<string, string>} */
  #addresses = new Map();

  /** @param {string} what */
  can(what) {
    return what === "cut";
  }
  /** `osd.1` is the service osd1. @param {string} name */
  #service(name) {
    return name === this.mon ? "mon0" : name.replace(".", "");
  }
  /** @param {string} name */
  #container(name) {
    return `${PROJECT}-${this.#service(name)}-1`;
  }

  async start() {
    compose(["down", "-v", "--remove-orphans"]);
    compose(["up", "-d", "--build", "--wait", "--wait-timeout", "120"]);
    this.#resolve_services();
  }
  /** This process stands outside of the containers' network: it asks the engine where they are. */
  #resolve_services() {
    const lookup = dns.lookup;
    const services = new Set([this.mon, ...this.osds].map((n) => this.#service(n)));
    /** @param {string} host @param {...any} rest */
    const with_services = (host, ...rest) => {
      const call = /** @type {any} */ (lookup);
      return call(services.has(host) ? this.#address(host) : host, ...rest);
    };
    dns.lookup = /** @type {typeof dns.lookup} */ (with_services);
  }
  /** The last known one while it has none. @param {string} service */
  #address(service) {
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    try {
      const ip = docker(["inspect", "-f", format, `${PROJECT}-${service}-1`]).trim();
      if (ip !== "") this.#addresses.set(service, ip);
    } catch {
      // It is being made anew.
    }
    return this.#addresses.get(service) ?? "127.0.0.1";
  }

  /** @param {string} name */
  kill(name) {
    this.#down.add(name);
    compose(["kill", this.#service(name)]);
  }
  /** @param {string} name */
  launch(name) {
    compose(["start", this.#service(name)]);
    this.#down.delete(name);
  }
  /** @param {string} name */
  pause(name) {
    compose(["pause", this.#service(name)]);
  }
  /** @param {string} name */
  resume(name) {
    try {
      compose(["unpause", this.#service(name)]);
    } catch {
      // It was killed meanwhile.
    }
  }
  /** @param {string} name */
  cut(name) {
    docker(["network", "disconnect", `${PROJECT}_default`, this.#container(name)]);
  }
  /** @param {string} name */
  join(name) {
    const alias = ["--alias", this.#service(name)];
    docker(["network", "connect", ...alias, `${PROJECT}_default`, this.#container(name)]);
  }
  slow() {}
  fast() {}
  fill() {}
  empty() {}

  died() {
    const rows = compose(["ps", "-a", "--format", "{{.Service}} {{.State}} {{.ExitCode}}"]);
    const died = [];
    for (const name of [this.mon, ...this.osds]) {
      const row = rows.split("\n").find((r) => r.startsWith(`${this.#service(name)} `));
      if (this.#down.has(name) || !row || !/ (exited|dead|restarting) /.test(row)) continue;
      died.push(`${name} ended by itself: ${row}`);
      this.launch(name);
    }
    return died;
  }
  async rss_mb() {
    /** @type {Map<string, number>} */
    const out = new Map();
    const text = docker(["stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}"]);
    for (const name of [this.mon, ...this.osds]) {
      const line = text.split("\n").find((l) => l.startsWith(`${this.#container(name)} `));
      const m = / ([\d.]+)(KiB|MiB|GiB)/.exec(line ?? "");
      const unit = { KiB: 1 / 1024, MiB: 1, GiB: 1024 }[m?.[2] ?? "MiB"] ?? 1;
      if (m) out.set(name, Number(m[1]) * unit);
    }
    return out;
  }
  /** @param {boolean} keep what there is stays */
  async end(keep) {
    if (!keep) compose(["down", "-v", "--remove-orphans"]);
  }
}
