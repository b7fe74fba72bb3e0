/** The cluster log: `log <text>`, `log last`; and the daemon's own: `log set`. */
import { addr_str, utime_str } from "@tako/common";
import type { ReadCommands } from "./dispatch.ts";
import { fail, json, ok } from "./reply.ts";

const LEVELS = ["debug", "info", "sec", "warn", "error"] as const;
const PRIOS = ["DBG", "INF", "INF", "WRN", "ERR"] as const;

export const LOG_COMMANDS: ReadCommands = {
  log: (mon, args) => {
    const text = args.list("logtext").join(" ");
    if (text === "") return fail("EINVAL", "missing required argument: logtext");
    mon.svc.logmon.log("INF", text);
    return ok("");
  },
  "log set": (mon, args) => {
    const level = args.str("level");
    const subsys = args.opt_str("subsys") ?? "*";
    const { set_log_level } = mon.ports;
    if (!set_log_level) return fail("EOPNOTSUPP", "this log has no levels to set");
    set_log_level(subsys, level);
    return ok(`log level of ${subsys === "*" ? "everything" : subsys} set to ${level}`);
  },
  "log last": (mon, args) => {
    const num = args.opt_int("num", 1, 100_000) ?? 20;
    const level = args.opt_oneOf("level", LEVELS) ?? "info";
    const channel = args.opt_oneOf("channel", ["*", "cluster", "audit", "cephadm"]) ?? "*";
    const prios = PRIOS.slice(LEVELS.indexOf(level));
    const addr = addr_str(mon.ports.messenger.my_addr);
    const entries = mon.svc.logmon.last(num, prios, channel).map((e) => ({
      name: e.name,
      rank: e.name === `mon.${mon.name}` ? "mon.0" : e.name,
      addrs: { addrvec: [{ type: "v2", addr: addr.split("/")[0], nonce: 0 }] },
      stamp: utime_str(e.stamp),
      seq: e.seq,
      channel: e.channel,
      priority: `[${e.prio}]`,
      message: e.text,
    }));
    return json(entries);
  },
};
