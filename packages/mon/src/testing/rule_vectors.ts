/**
 * Carries out the vectors peering/osdmap_rules: rules of the map as prose steps. Every kind of step and
 * of property is a pattern here, with the numbers taken from the text; what no pattern fits is not
 * understood, and the test that has it is skipped with these words as its name.
 */
import {
  CRUSH_ITEM_NONE,
  type CrushWrapper,
  clean_temps,
  compile_crush,
  find_upmap_cleanup,
  type Incremental,
  new_incremental,
  OSDMap,
  pg_pool_t,
  pg_t,
} from "@tako/common";
import { Args } from "../commands/args.ts";

export interface RuleCase {
  readonly name: string;
  readonly steps: readonly string[];
  readonly expected: Readonly<Record<string, unknown>>;
}

const NUMBERS = ["first", "second", "third", "fourth"];
const MAX_SEEDS = 10_000;
const ONE = 0x10000;

/** What the steps have built, and what they have seen. */
export interface RuleRun {
  map: OSDMap;
  /** The PG that the last step was about, as it was before, and where an override was to lead. */
  pgid: `${number}.${string}`;
  before: ReturnType<OSDMap["pg_to_up_acting_osds"]>;
  target: number;
  words: readonly string[];
  seeds: number;
  affine: readonly number[];
  pgs: readonly `${number}.${string}`[];
}

// ---------------------------------------------------------------- maps

interface Level {
  readonly type: string;
  readonly count: number;
}
/** `levels` from the top: racks, hosts, devices below each. */
function tree(levels: readonly Level[], rules: readonly string[]): CrushWrapper {
  const types = ["osd", "host", "rack", "root"];
  const lines: string[] = [];
  let devices = 0;
  let id = -2;
  const bucket = (type: string, bid: number, name: string, items: readonly [string, number][]) => {
    lines.push(`${type} ${name} {`, `  id ${bid}`, "  alg straw2", "  hash 0");
    for (const [item, w] of items) lines.push(`  item ${item} weight ${w.toFixed(5)}`);
    lines.push("}");
  };
  const build = (depth: number): [string, number] => {
    const level = levels[depth];
    if (!level || level.type === "osd") return [`osd.${devices++}`, 1];
    const name = `${level.type}${-id}`;
    const mine = id--;
    const below = levels[depth + 1]?.count ?? 0;
    const items = Array.from({ length: below }, () => build(depth + 1));
    bucket(level.type, mine, name, items);
    return [name, items.reduce((n, [, w]) => n + w, 0)];
  };
  const items = Array.from({ length: levels[0]?.count ?? 0 }, () => build(0));
  bucket("root", -1, "default", items);
  const head = Array.from({ length: devices }, (_, i) => `device ${i} osd.${i}`);
  const type_lines = types.map((t, i) => `type ${i} ${t}`);
  return compile_crush([...head, ...type_lines, ...lines, ...rules].join("\n"));
}
function rule(id: number, type: string, steps: readonly string[]): string {
  const body = steps.map((s) => `step ${s}`).join("\n");
  return `rule r${id} {\nid ${id}\ntype ${type}\nmin_size 1\nmax_size 20\n${body}\n}`;
}

function map_of(crush: CrushWrapper, pools: readonly Partial<pg_pool_t>[]): OSDMap {
  const inc = new_incremental({ fsid: "cb4317e9-5170-40ad-bef5-f507eada77f1", epoch: 0 });
  inc.crush = crush;
  const n = crush.get_max_devices();
  inc.new_max_osd = n;
  for (const [i, pool] of pools.entries()) {
    inc.new_pools.set(i + 1, pg_pool_t(pool));
    inc.new_pool_names.set(i + 1, `pool${i + 1}`);
  }
  inc.new_pool_max = pools.length;
  for (let o = 0; o < n; o++) {
    inc.new_weight.set(o, ONE);
    inc.new_uuid.set(o, `00000000-0000-4000-8000-${String(o).padStart(12, "0")}`);
    inc.new_up_client.set(o, { host: "10.0.0.1", port: 6800 + o, nonce: 1000 + o });
  }
  return new OSDMap({ created: 1_700_000_000_000 }).apply_incremental(inc);
}
const CRUSHED = { pgp_num: 64, pg_num: 64, flags: 1 } as const;
function pool(erasure: boolean, size: number, crush_rule: number, pg_num = 64) {
  const type = erasure ? 3 : 1;
  return { ...CRUSHED, type, size, min_size: 1, crush_rule, pg_num, pgp_num: pg_num } as const;
}
/** Six devices flat under one root; pool 1 is erasure-coded, pool 2 replicated, both of size 3. */
function fixture(pg_num = 64): OSDMap {
  const flat = tree(
    [{ type: "osd", count: 6 }],
    [
      rule(0, "replicated", ["take default", "choose firstn 0 type osd", "emit"]),
      rule(1, "erasure", ["take default", "choose indep 0 type osd", "emit"]),
    ],
  );
  return map_of(flat, [pool(true, 3, 1, pg_num), pool(false, 3, 0, pg_num)]);
}

export function begin(): RuleRun {
  const map = fixture();
  const before = map.pg_to_up_acting_osds("2.0");
  return { map, pgid: "2.0", before, target: -1, words: [], seeds: 0, affine: [], pgs: [] };
}
function change(r: RuleRun, edit: (inc: Incremental) => void): void {
  const inc = new_incremental(r.map);
  edit(inc);
  r.map = r.map.apply_incremental(inc);
}
function about(r: RuleRun, pgid: RuleRun["pgid"]): void {
  r.pgid = pgid;
  r.before = r.map.pg_to_up_acting_osds(pgid);
}
/** A device that the PG does not use, one for which `fits`. */
function unused(r: RuleRun, fits: (osd: number) => boolean = () => true): number {
  return r.map.get_all_osds().find((o) => !r.before.up.includes(o) && fits(o)) ?? -1;
}
function item_to(r: RuleRun, target: number): void {
  r.target = target;
  const from = r.before.up[0] ?? -1;
  change(r, (inc) => inc.new_pg_upmap_items.set(r.pgid, [[from, target]]));
}
const numbers = (text: string): number[] => (text.match(/-?\d+/g) ?? []).map(Number);
/** The bucket of a type above a device, by name. */
function above(r: RuleRun, osd: number, type: string): string | undefined {
  return r.map.crush.get_full_location(osd).get(type);
}

// ---------------------------------------------------------------- steps

type Step = readonly [RegExp, (r: RuleRun, m: readonly string[]) => void];
const PG = /(\d+\.[0-9a-f]+)/.source;
const STEPS: readonly Step[] = [
  [
    new RegExp(`^map PG ${PG}( with default affinity and no overrides)?$`),
    (r, m) => about(r, m[1] as RuleRun["pgid"]),
  ],
  [
    new RegExp(`^set primary_temp of PG ${PG} to acting\\[(\\d+)\\]$`),
    (r, m) => {
      about(r, m[1] as RuleRun["pgid"]);
      r.target = r.before.acting[Number(m[2])] ?? -1;
      change(r, (inc) => inc.new_primary_temp.set(r.pgid, r.target));
    },
  ],
  [
    new RegExp(
      `^set pg_temp of PG ${PG} to its up list with the (\\w+) device replaced by an unused one, ` +
        "primary_temp to that device$",
    ),
    (r, m) => {
      about(r, m[1] as RuleRun["pgid"]);
      r.target = unused(r);
      const temp = r.before.up.with(NUMBERS.indexOf(m[2] ?? ""), r.target);
      change(r, (inc) => {
        inc.new_pg_temp.set(r.pgid, temp);
        inc.new_primary_temp.set(r.pgid, r.target);
      });
    },
  ],
  [
    /^primary affinity ([\d.]+) for devices? ([\d, and]+)$/,
    (r, m) => {
      r.affine = numbers(m[2] ?? "");
      change(r, (inc) => {
        for (const o of r.affine) inc.new_primary_affinity.set(o, Number(m[1]) * ONE);
      });
    },
  ],
  [
    /^map (\d+) seeds of each pool$/,
    (r, m) => {
      r.seeds = Math.min(Number(m[1]), MAX_SEEDS);
      const affinity = r.affine.map((o) => [o, r.map.get_primary_affinity(o)] as const);
      r.map = fixture(r.seeds);
      change(r, (inc) => {
        for (const [o, a] of affinity) inc.new_primary_affinity.set(o, a);
      });
    },
  ],
  [
    /^parse the words (.+)$/,
    (r, m) => {
      r.words = (m[1] ?? "").split(" ");
    },
  ],
  // ------------------------------------------------------------ upmaps
  [
    /^erasure PG, item from its first device to an unused one$/,
    (r) => {
      about(r, "1.0");
      item_to(r, unused(r));
    },
  ],
  [
    /^mark the target (down|out)$/,
    (r, m) =>
      change(r, (inc) => {
        if (m[1] === "down") inc.new_state.set(r.target, 2);
        else inc.new_weight.set(r.target, 0);
      }),
  ],
  [/^clean( up)?$/, () => {}],
  [
    /^(\d+) hosts with (\d+) devices each; erasure pool size (\d+) with a rule choosing (\d+) hosts and (\d+) devices in each$/,
    (r, m) => {
      const [, hosts, devices, size, h, d] = m;
      const steps = ["take default", `choose indep ${h} type host`, `choose indep ${d} type osd`];
      const levels = [
        { type: "host", count: Number(hosts) },
        { type: "osd", count: Number(devices) },
      ];
      const crush = tree(levels, [rule(0, "erasure", [...steps, "emit"])]);
      r.map = map_of(crush, [pool(true, Number(size), 0)]);
      about(r, "1.0");
    },
  ],
  [
    /^(\d+) racks of (\d+) hosts of (\d+) devices; erasure size (\d+); rule chooses (\d+) racks and (\d+) hosts in each$/,
    (r, m) => {
      const [, racks, hosts, devices, size, a, b] = m;
      const levels = [
        { type: "rack", count: Number(racks) },
        { type: "host", count: Number(hosts) },
        { type: "osd", count: Number(devices) },
      ];
      const steps = [
        "take default",
        `choose indep ${a} type rack`,
        `chooseleaf indep ${b} type host`,
      ];
      const crush = tree(levels, [rule(0, "erasure", [...steps, "emit"])]);
      r.map = map_of(crush, [pool(true, Number(size), 0)]);
      about(r, "1.0");
    },
  ],
  [
    /^item moving the first device to the unused device of the same host$/,
    (r) => {
      const host = above(r, r.before.up[0] ?? -1, "host");
      item_to(
        r,
        unused(r, (o) => above(r, o, "host") === host),
      );
    },
  ],
  [
    /^item moving the first device to an unused host of another rack$/,
    (r) => {
      const used = (type: string) => new Set(r.before.up.map((o) => above(r, o, type)));
      // Into a rack that the PG uses already: a fifth one would be more than the rule chooses.
      const mine = above(r, r.before.up[0] ?? -1, "rack");
      const [racks, hosts] = [used("rack"), used("host")];
      racks.delete(mine);
      const free = (o: number) => {
        const rack = above(r, o, "rack");
        return racks.has(rack) && !hosts.has(above(r, o, "host"));
      };
      item_to(r, unused(r, free));
    },
  ],
  [
    /^pg_upmap or an item whose target is a large negative number$/,
    (r) => {
      about(r, "2.0");
      const target = -0x7fff_0000;
      const list = r.before.up.with(0, target);
      change(r, (inc) => {
        inc.new_pg_upmap.set(r.pgid, list);
        inc.new_pg_upmap_items.set("1.0", [[r.map.pg_to_up_acting_osds("1.0").up[0] ?? 0, target]]);
      });
      r.pgs = ["1.0", "2.0"];
    },
  ],
  [
    /^(\d+) devices, pool of size (\d+) with (\d+) PGs, rule: take device (\d+) and emit, then two devices of a host$/,
    (r, m) => {
      const [, n, size, pg_num, first] = m;
      const two = ["take default", "choose firstn 1 type host", "choose firstn 2 type osd", "emit"];
      const levels = [
        { type: "host", count: 2 },
        { type: "osd", count: Number(n) / 2 },
      ];
      const steps = [`take osd.${first}`, "emit", ...two];
      const crush = tree(levels, [rule(0, "replicated", steps)]);
      r.map = map_of(crush, [pool(false, Number(size), 0, Number(pg_num))]);
      r.pgs = r.map.get_pgs(1);
      about(r, "1.0");
    },
  ],
  [
    /^pg_upmap of each PG to the single device (\d+)$/,
    (r, m) =>
      change(r, (inc) => {
        for (const pg of r.pgs) inc.new_pg_upmap.set(pg, [Number(m[1])]);
      }),
  ],
  [
    /^rule that always yields device ([\d, ]+) by taking devices directly$/,
    (r, m) => {
      const devices = numbers(m[1] ?? "");
      const steps = devices.flatMap((o) => [`take osd.${o}`, "emit"]);
      const crush = tree([{ type: "osd", count: 6 }], [rule(0, "replicated", steps)]);
      r.map = map_of(crush, [pool(false, devices.length, 0)]);
      about(r, "1.0");
    },
  ],
  [
    /^pg_upmap to \[([\d, ]+)\] plus items ((?:\d+->\d+(?: and )?)+)$/,
    (r, m) => {
      const pairs = [...(m[2] ?? "").matchAll(/(\d+)->(\d+)/g)];
      const items = pairs.map(([, a, b]): [number, number] => [Number(a), Number(b)]);
      change(r, (inc) => {
        inc.new_pg_upmap.set(r.pgid, numbers(m[1] ?? ""));
        inc.new_pg_upmap_items.set(r.pgid, items);
      });
    },
  ],
];

// ---------------------------------------------------------------- what is to be seen

const same = (a: readonly number[], b: readonly number[]) => a.join() === b.join();
function mappings(r: RuleRun, id: number) {
  const pgs = Array.from({ length: r.seeds }, (_, i) => pg_t(id, i));
  return pgs.map((pg) => r.map.pg_to_up_acting_osds(pg));
}
type Property = readonly [RegExp, (r: RuleRun, m: readonly string[]) => boolean];
const PROPERTIES: readonly Property[] = [
  [
    /^up\[0\] is the up primary and acting\[0\] the acting primary$/,
    (r) => r.before.up[0] === r.before.up_primary && r.before.acting[0] === r.before.acting_primary,
  ],
  [
    /^acting primary is that device, the list is unchanged$/,
    (r) => {
      const now = r.map.pg_to_up_acting_osds(r.pgid);
      return now.acting_primary === r.target && same(now.acting, r.before.acting);
    },
  ],
  [
    /^devices [\d, and]+ still appear, are never primary, and in the replicated pool are never first; all others are$/,
    (r) =>
      [1, 2].every((id) => {
        const all = mappings(r, id);
        return r.map.get_all_osds().every((o) => {
          const seen = all.some((x) => x.up.includes(o));
          const primary = all.some((x) => x.up_primary === o || x.acting_primary === o);
          const first = all.some((x) => x.acting[0] === o);
          const is_first = id === 1 || first === primary;
          return seen && primary === !r.affine.includes(o) && is_first;
        });
      }),
  ],
  [
    /^mapping does not fail$/,
    (r) =>
      r.pgs.every((pg) =>
        r.map.pg_to_up_acting_osds(pg).up.every((o) => o === CRUSH_ITEM_NONE || r.map.exists(o)),
      ),
  ],
  [
    /^up has size (\d+) and is \[([\d, ]+)\]; before the override it has size (\d+) and starts with (\d+)$/,
    (r, m) =>
      r.before.up.length === Number(m[3]) &&
      r.before.up[0] === Number(m[4]) &&
      r.pgs.every((pg) => {
        const { up } = r.map.pg_to_up_acting_osds(pg);
        return up.length === Number(m[1]) && same(up, numbers(m[2] ?? ""));
      }),
  ],
];

/** The steps and properties of a case that no pattern fits. */
export function not_understood(c: RuleCase): string[] {
  const { property } = c.expected;
  const unknown = c.steps.filter((s) => !STEPS.some(([re]) => re.test(s)));
  const known = typeof property !== "string" || PROPERTIES.some(([re]) => re.test(property));
  return known ? unknown : [...unknown, String(property)];
}
export function run(c: RuleCase): RuleRun {
  const r = begin();
  for (const text of c.steps) {
    for (const [re, fn] of STEPS) {
      const m = re.exec(text);
      if (m) fn(r, m);
    }
  }
  return r;
}

/** What there is to see of each field that the case expects. */
export function seen(r: RuleRun, c: RuleCase): Record<string, unknown> {
  return Object.fromEntries(Object.entries(c.expected).map(([k, want]) => [k, field(r, k, want)]));
}
function field(r: RuleRun, name: string, want: unknown): unknown {
  switch (name) {
    case "up_size":
      return r.map.pg_to_up_acting_osds(r.pgid).up.length;
    case "property":
      return holds(r, String(want)) ? want : `not so: ${String(want)}`;
    case "pending_change":
      return pending_change(r, want);
    case "removed": {
      const c = find_upmap_cleanup(r.map);
      const of = [...c.remove_pg_upmap, ...c.remove_pg_upmap_items];
      return of.includes(r.pgid);
    }
    case "valid":
      return devices(r) !== null;
    case "devices":
      return devices(r);
    default:
      return `unknown field ${name}`;
  }
}
function holds(r: RuleRun, text: string): boolean {
  return PROPERTIES.some(([re, fn]) => {
    const m = re.exec(text);
    return m !== null && fn(r, m);
  });
}
/** For each PG asked about: what clean_temps would write. */
function pending_change(r: RuleRun, want: unknown): unknown {
  const pending = new_incremental(r.map);
  clean_temps(r.map, r.map, pending);
  const pgs = Object.keys(typeof want === "object" && want !== null ? want : {});
  return Object.fromEntries(
    pgs.map((pg) => {
      const id = pg as RuleRun["pgid"];
      const touched = pending.new_pg_temp.has(id) || pending.new_primary_temp.has(id);
      return [pg, touched ? "changed" : "no change"];
    }),
  );
}
function devices(r: RuleRun): number[] | null {
  try {
    return new Args({ ids: r.words }).osds(r.map);
  } catch {
    return null;
  }
}
