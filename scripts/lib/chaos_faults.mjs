// @ts-check
/** What chaos does to a running cluster, each kind with its weight. */
/** @typedef {import("./chaos_local.mjs").Stage} Stage */
/** @typedef {import("../../packages/client/dist/index.js").Rados} Rados */
/** @typedef {import("../../packages/client/dist/chaos/index.js").SimRng} Rng */

/**
 * What faults need: who is dead, and what ends again by itself.
 */
export class Field {
  /** @type {Set<string>} */
  dead = new Set();
  /** Paused, cut off or full just now. @type {Set<string>} */
  hurt = new Set();
  /** @type {Map<NodeJS.Timeout, () => void>} */
  #undo = new Map();
  stage;
  rng;
  admin;
  pool;

  /** @param {Stage} stage @param {Rng} rng @param {Rados} admin @param {string} pool */
  constructor(stage, rng, admin, pool) {
    this.stage = stage;
    this.rng = rng;
    this.admin = admin;
    this.pool = pool;
  }
  /** An OSD that runs and is not hurt. */
  some_osd() {
    const free = this.stage.osds.filter((o) => !this.dead.has(o) && !this.hurt.has(o));
    return free.length > 0 ? this.rng.pick(free) : undefined;
  }
  /** `undo` after a while of `lo` to `hi` ms, or when the faults end. @param {number} lo @param {number} hi @param {() => void} undo */
  later(lo, hi, undo) {
    const t = setTimeout(
      () => {
        this.#undo.delete(t);
        undo();
      },
      this.rng.between(lo, hi),
    );
    this.#undo.set(t, undo);
  }
  /** Something that `name` suffers for a while. @param {string} name @param {number} longest_ms @param {() => void} undo */
  hurting(name, longest_ms, undo) {
    this.hurt.add(name);
    this.later(200, longest_ms, () => {
      this.hurt.delete(name);
      undo();
    });
  }
  /** Everything that was begun ends now. */
  end() {
    for (const [t, undo] of [...this.#undo]) {
      clearTimeout(t);
      undo();
    }
    this.#undo.clear();
    for (const o of [...this.dead]) this.revive(o);
  }
  /** @param {string} name */
  revive(name) {
    if (this.dead.delete(name)) this.stage.launch(name);
  }
  /** What the monitor answers does not matter. @param {string} prefix @param {Record<string, unknown>} args */
  ask(prefix, args = {}) {
    this.admin.mon_command({ prefix, ...args }, { timeout_ms: 10_000 }).catch(() => {});
  }
}

/** @typedef {{ weight: number, needs?: string, strike: (f: Field) => string | undefined }} Fault */

const FLAGS = ["norecover", "nobackfill", "norebalance", "noout", "noscrub"];

/** Each says what it did; undefined: it could not be done just now. @type {Readonly<Record<string, Fault>>} */
export const FAULTS = {
  kill: { weight: 12, strike: kill },
  restart: { weight: 14, strike: restart },
  bounce: { weight: 6, strike: bounce },
  pause: { weight: 8, strike: pause },
  kill_all: { weight: 1, strike: kill_all },
  kill_mon: { weight: 3, strike: kill_mon },
  pause_mon: { weight: 2, strike: pause_mon },
  cut: { weight: 8, needs: "cut", strike: cut },
  cut_mon: { weight: 2, needs: "cut", strike: cut_mon },
  slow_link: { weight: 5, needs: "slow", strike: slow },
  full_disk: { weight: 3, needs: "fill", strike: full },
  mark_down: { weight: 4, strike: (f) => operator(f, "osd down") },
  mark_out: { weight: 3, strike: (f) => operator(f, "osd out", "osd in") },
  reweight: { weight: 2, strike: reweight },
  flag: { weight: 3, strike: flag },
  scrub: { weight: 3, strike: scrub },
  grow_pg_num: { weight: 1, strike: grow },
};

/** @param {Field} f */
function kill(f) {
  const osd = f.dead.size < 2 ? f.some_osd() : undefined;
  if (!osd) return undefined;
  f.stage.kill(osd);
  f.dead.add(osd);
  return `kill ${osd}`;
}
/** @param {Field} f */
function restart(f) {
  const dead = [...f.dead];
  if (dead.length === 0) return undefined;
  const osd = f.rng.pick(dead);
  f.revive(osd);
  return `start ${osd}`;
}
/** Dies and is back before anybody can be sure. @param {Field} f */
function bounce(f) {
  const osd = f.some_osd();
  if (!osd) return undefined;
  f.stage.kill(osd);
  f.dead.add(osd);
  f.later(20, 2000, () => f.revive(osd));
  return `bounce ${osd}`;
}
/** @param {Field} f */
function pause(f) {
  const osd = f.some_osd();
  if (!osd) return undefined;
  f.stage.pause(osd);
  f.hurting(osd, 9000, () => f.stage.resume(osd));
  return `pause ${osd}`;
}
/** @param {Field} f */
function kill_all(f) {
  for (const osd of f.stage.osds) {
    if (f.hurt.has(osd)) continue;
    f.stage.kill(osd);
    f.dead.add(osd);
    f.later(100, 4000, () => f.revive(osd));
  }
  return "kill all OSDs";
}
/** @param {Field} f */
function kill_mon(f) {
  const { mon } = f.stage;
  if (f.dead.has(mon) || f.hurt.has(mon)) return undefined;
  f.stage.kill(mon);
  f.dead.add(mon);
  f.later(50, 5000, () => f.revive(mon));
  return `kill ${mon}`;
}
/** @param {Field} f */
function pause_mon(f) {
  const { mon } = f.stage;
  if (f.dead.has(mon) || f.hurt.has(mon)) return undefined;
  f.stage.pause(mon);
  f.hurting(mon, 6000, () => f.stage.resume(mon));
  return `pause ${mon}`;
}
/** From everybody. @param {Field} f */
function cut(f) {
  const osd = f.some_osd();
  return osd ? isolate(f, osd) : undefined;
}
/** @param {Field} f */
function cut_mon(f) {
  const { mon } = f.stage;
  return f.dead.has(mon) || f.hurt.has(mon) ? undefined : isolate(f, mon);
}
/** @param {Field} f @param {string} name */
function isolate(f, name) {
  f.stage.cut(name);
  f.hurting(name, 10_000, () => f.stage.join(name));
  return `cut ${name} off`;
}
/** @param {Field} f */
function slow(f) {
  const osd = f.some_osd();
  if (!osd) return undefined;
  const ms = f.rng.between(5, 400);
  f.stage.slow(osd, ms);
  f.hurting(osd, 8000, () => f.stage.fast(osd));
  return `link of ${osd} takes ${ms.toFixed(0)} ms`;
}
/** @param {Field} f */
function full(f) {
  const osd = f.some_osd();
  if (!osd) return undefined;
  f.stage.fill(osd);
  f.hurting(osd, 8000, () => f.stage.empty(osd));
  return `fill the disk of ${osd}`;
}
/** @param {Field} f @param {string} prefix @param {string} [back] */
function operator(f, prefix, back) {
  const osd = f.some_osd();
  if (!osd) return undefined;
  const ids = [osd.slice(4)];
  f.ask(prefix, { ids });
  if (back) f.later(1000, 15_000, () => f.ask(back, { ids }));
  return `${prefix} ${ids[0]}`;
}
/** @param {Field} f */
function reweight(f) {
  const osd = f.some_osd();
  if (!osd) return undefined;
  const id = Number(osd.slice(4));
  const weight = Number(f.rng.between(0.3, 1).toFixed(2));
  f.ask("osd reweight", { id, weight });
  f.later(1000, 15_000, () => f.ask("osd reweight", { id, weight: 1 }));
  return `osd reweight ${id} ${weight}`;
}
/** @param {Field} f */
function flag(f) {
  const key = f.rng.pick(FLAGS);
  f.ask("osd set", { key });
  f.later(1000, 8000, () => f.ask("osd unset", { key }));
  return `osd set ${key}`;
}
/** @param {Field} f */
function scrub(f) {
  const prefix = f.rng.pick(["pg scrub", "pg deep-scrub"]);
  const pgs = [...f.admin.osdmap.pools.keys()].flatMap((id) => [...f.admin.osdmap.get_pgs(id)]);
  if (pgs.length === 0) return undefined;
  const pgid = f.rng.pick(pgs);
  f.ask(prefix, { pgid });
  return `${prefix} ${pgid}`;
}
/** @param {Field} f */
function grow(f) {
  const map = f.admin.osdmap;
  const pool = map.get_pg_pool(map.lookup_pg_pool_name(f.pool));
  if (!pool || pool.pg_num >= 32) return undefined;
  const val = `${pool.pg_num + 1 + f.rng.int(4)}`;
  f.ask("osd pool set", { pool: f.pool, var: "pg_num", val });
  return `pg_num of ${f.pool}: ${val}`;
}
