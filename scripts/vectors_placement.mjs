// @ts-check
/** Each file of placement/ against our code: what is compared is said in the vectors' README. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import * as tako from "../packages/common/dist/index.js";

/** @typedef {(what: string, difference?: string) => void} Report */
/** @typedef {Record<string, any>} Json the vectors: whatever is not as the README says shows as a difference */

const NONE = 0x7fffffff;

/** Is this a folder of that format, as far as names can tell? @param {string} dir */
export function isPlacement(dir) {
  return ["crush", "osdmap", ...namesOf("object_hash")].some((f) => existsSync(join(dir, f)));
}

/**
 * Everything that is in the folder; what is not there, and should be, goes to `note`.
 * @param {string} dir @param {Report} report @param {(text: string) => void} note
 */
export function checkPlacement(dir, report, note) {
  /** @param {string} file @param {(v: Json, report: Report) => void} check */
  const checkFile = (file, check) => {
    try {
      check(readJson(join(dir, file)), report);
    } catch (e) {
      report(file, e instanceof Error ? (e.stack ?? e.message) : String(e));
    }
  };
  const hash = namesOf("object_hash").find((f) => existsSync(join(dir, f)));
  if (hash === undefined) note("no object_hash.json");
  else checkFile(hash, checkObjectHash);
  for (const [kind, check] of /** @type {const} */ ([
    ["crush", checkCrushMap],
    ["osdmap", checkOsdmap],
  ])) {
    for (const f of filesOf(dir, kind, note)) checkFile(join(kind, f), check);
  }
}

/** @param {string} name */
function namesOf(name) {
  return [`${name}.json`, `${name}.json.gz`];
}
/** Names of maps. What only the index names is noted. @param {string} dir @param {string} kind @param {(text: string) => void} note */
function filesOf(dir, kind, note) {
  const folder = join(dir, kind);
  const all = existsSync(folder) ? readdirSync(folder) : [];
  const files = all.filter((f) => f.startsWith(`${kind}-`) && /\.json(\.gz)?$/.test(f)).sort();
  if (files.length === 0) note(`no maps in ${kind}/`);
  const there = new Set(files.map((f) => f.replace(/\.gz$/, "")));
  for (const index of namesOf("index").filter((f) => all.includes(f))) {
    for (const file of listedIn(join(folder, index), note)) {
      if (!there.has(file.replace(/\.gz$/, ""))) note(`no ${kind}/${file}`);
    }
  }
  return files;
}

/** @param {string} index @param {(text: string) => void} note @returns {string[]} */
function listedIn(index, note) {
  try {
    return readJson(index).maps.map((/** @type {Json} */ m) => String(m.file));
  } catch (e) {
    note(`no readable index (${e instanceof Error ? e.message : e})`);
    return [];
  }
}

/** @param {string} file @returns {Json} */
function readJson(file) {
  const bytes = readFileSync(file);
  // By content: a file may have been packed or unpacked on its way.
  const packed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return JSON.parse((packed ? gunzipSync(bytes) : bytes).toString("utf8"));
}

/**
 * Runs a comparison; what it throws is a difference too.
 * @param {Report} report @param {string} what @param {() => [got: unknown, want: unknown]} compare
 */
function expect(report, what, compare) {
  try {
    const [got, want] = compare();
    report(what, difference(got, want, ""));
  } catch (e) {
    report(what, e instanceof Error ? (e.stack ?? e.message) : String(e));
  }
}

/**
 * The first place where two JSON values differ. A key with an undefined value is no key.
 * @param {any} got @param {any} want @param {string} path @returns {string | undefined}
 */
function difference(got, want, path) {
  if (got === want || (typeof got === "bigint" && Number(got) === want)) return undefined;
  if (typeof got === "string" && typeof want === "string" && want.includes("\n")) {
    const [a, b] = [got.split("\n"), want.split("\n")];
    const i = b.findIndex((line, n) => line !== a[n]);
    return difference(a[i < 0 ? b.length : i], b[i], `${path} line ${i + 1}`);
  }
  if (typeof got !== "object" || typeof want !== "object" || got === null || want === null) {
    return `${path}: ${JSON.stringify(got)} instead of ${JSON.stringify(want)}`;
  }
  for (const key of new Set([...Object.keys(want), ...Object.keys(got)])) {
    const found = difference(got[key], want[key], `${path}/${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** @param {Uint8Array} bytes */
const base64 = (bytes) => Buffer.from(bytes).toString("base64");
/** @param {readonly number[]} osds */
const holes = (osds) => osds.map((o) => (o === NONE ? null : o));

// ---- object_hash ------------------------------------------------------------

/** @param {Json} v @param {Report} report */
function checkObjectHash(v, report) {
  for (const c of v.cases) {
    const bytes = Buffer.from(c.name_hex ?? c.name, c.name_hex === undefined ? "utf8" : "hex");
    const low31 = (/** @type {number} */ h) => hex(h % 2 ** 31);
    expect(report, `object_hash ${c.name ?? c.name_hex}`, () => {
      const h = tako.ceph_str_hash_rjenkins(bytes);
      const got = {
        hash: hex(h),
        linux: low31(tako.ceph_str_hash_linux(bytes)),
        seeds: v.pg_nums.map((/** @type {number} */ n) =>
          tako.ceph_stable_mod(h, n, tako.pg_num_mask(n)),
        ),
      };
      const want = { hash: c.hash, linux: c.linux_hash_low31_from_tool, seeds: c.pg_seeds };
      return [got, want];
    });
    if (c.category !== "namespace") continue;
    expect(report, `object_hash ${c.object} in namespace ${c.namespace}`, () => [
      hex(tako.pool_hash_key(tako.pg_pool_t(), c.object, c.namespace)),
      c.hash,
    ]);
  }
}
/** @param {number} h */
const hex = (h) => h.toString(16).padStart(8, "0");

// ---- crush ------------------------------------------------------------------

/** @param {Json} v @param {Report} report */
function checkCrushMap(v, report) {
  const crush = tako.crush_from_dump(v.crush_dump);
  const compiled = () => tako.compile_crush(v.source_text);
  const decoded = () => tako.decode_crush_binary(Buffer.from(v.binary_base64, "base64"));
  for (const [how, get] of /** @type {const} */ ([
    ["compiled text", compiled],
    ["decoded binary", decoded],
    ["loaded dump", () => crush],
  ])) {
    const is = `${v.id}: the ${how}`;
    expect(report, `${is} as a dump`, () => [get().dump(), v.crush_dump]);
    expect(report, `${is} as text`, () => [tako.decompile_crush(get()), v.decompiled_text]);
    expect(report, `${is} as binary`, () => [
      base64(tako.encode_crush_binary(get())),
      v.binary_base64,
    ]);
  }
  expect(report, `${v.id}: text that is decompiled, compiled and decompiled`, () => {
    // Weights lose decimals in the first text, and bucket weights are sums of those: no more after.
    const again = (/** @type {string} */ text) => tako.decompile_crush(tako.compile_crush(text));
    const text = again(v.decompiled_text);
    return [again(text), text];
  });
  for (const run of v.runs) {
    const pool = run.pool_id === undefined ? "" : ` pool ${run.pool_id}`;
    const weights = JSON.stringify(run.device_weights);
    const what = `${v.id}: rule ${run.rule} x${run.num_rep}${pool} weights ${weights}`;
    expect(report, what, () => [crushRun(crush, run), run.mappings]);
  }
}

/** @param {tako.CrushWrapper} crush @param {Json} run */
function crushRun(crush, run) {
  const tester = new tako.CrushTester(crush, {
    weights: new Map(Object.entries(run.device_weights).map(([o, w]) => [Number(o), Number(w)])),
    pool_id: run.pool_id,
  });
  const out = [];
  for (let x = run.x_first; x <= run.x_last; x++) {
    out.push(holes(tester.map(run.rule, x, run.num_rep)));
  }
  return out;
}

// ---- osdmap -----------------------------------------------------------------

/** @param {Json} v @param {Report} report */
function checkOsdmap(v, report) {
  const loaded = tako.osdmap_from_dump(v.osdmap, tako.crush_from_dump(v.crush_dump));
  const file = () => tako.decode_osdmap_binary(Buffer.from(v.osdmap_binary_base64, "base64"));
  checkOsdmapFile(v, file, report);
  for (const run of v.runs) checkOsdmapRun(v, run, loaded, file, report);
  if (v.osd_tree) {
    expect(report, `${v.id}: osd tree`, () => [tako.osd_tree_dump(file().map), v.osd_tree]);
  }
  if (v.clean_temps) {
    expect(report, `${v.id}: clean_temps`, () => {
      const { pg_temp, primary_temp } = tako.find_stale_temps(file().map);
      const got = {
        removed_pg_temp: Object.fromEntries(pg_temp),
        removed_primary_temp: Object.fromEntries(primary_temp),
      };
      return [got, v.clean_temps];
    });
  }
  if (v.upmap_cleanup) {
    expect(report, `${v.id}: upmap_cleanup`, () => {
      const c = tako.find_upmap_cleanup(file().map);
      const replace = [...c.replace_pg_upmap_items].map(([pg, items]) => [pg, items.flat()]);
      const got = { ...c, replace_pg_upmap_items: Object.fromEntries(replace) };
      return [got, v.upmap_cleanup];
    });
  }
}

/**
 * The map file itself: as JSON, as bytes, and the CRUSH map inside.
 * @param {Json} v @param {() => tako.osdmap_file} decoded @param {Report} report
 */
function checkOsdmapFile(v, decoded, report) {
  expect(report, `${v.id}: the decoded map as a dump`, () => [
    tako.dump_osdmap_file(decoded()),
    v.osdmap,
  ]);
  expect(report, `${v.id}: the decoded map as a map of ours`, () => {
    const { map } = decoded();
    const ours = tako.OSDMap.decode(map.encode());
    return [
      { ...ours.dump(), crush: ours.crush.dump() },
      { ...map.dump(), crush: v.crush_dump },
    ];
  });
  expect(report, `${v.id}: the decoded map, encoded`, () => {
    const { map, raw } = decoded();
    return [base64(tako.encode_osdmap_binary(map, raw)), v.osdmap_binary_base64];
  });
  expect(report, `${v.id}: the loaded dump, encoded and decoded`, () => {
    const loaded = tako.osdmap_from_dump(v.osdmap, tako.crush_from_dump(v.crush_dump));
    const again = tako.decode_osdmap_binary(tako.encode_osdmap_binary(loaded));
    return [again.map.dump(), loaded.dump()];
  });
  if (v.crush_text === null) return;
  expect(report, `${v.id}: the CRUSH map inside as text`, () => [
    tako.decompile_crush(decoded().map.crush),
    v.crush_text,
  ]);
}

/**
 * @param {Json} v @param {Json} run @param {tako.OSDMap} loaded the map from its JSON
 * @param {() => tako.osdmap_file} file @param {Report} report
 */
function checkOsdmapRun(v, run, loaded, file, report) {
  const title = `${v.id}${run.tool_arguments.map((/** @type {string} */ a) => ` ${a}`).join("")}`;
  const m = withArguments(file().map, run.tool_arguments);
  for (const pool of run.pools) {
    expect(report, `${title}: pool ${pool.pool}`, () => [poolMappings(m, pool.pool), pool]);
    // JSON says nothing of OSDs that do not exist; arguments may make them.
    if (run.tool_arguments.length > 0) continue;
    expect(report, `${title}: pool ${pool.pool} of the map from JSON`, () => [
      poolMappings(loaded, pool.pool),
      pool,
    ]);
  }
  if (run.health_checks) {
    expect(report, `${title}: health`, () => [
      tako.check_health(m, { raw: file().raw }),
      run.health_checks,
    ]);
  }
  for (const o of run.objects ?? []) {
    expect(report, `${title}: object ${o.name} of pool ${o.pool}`, () => {
      const at = m.object_locator_to_pg({ pool: o.pool, oid: o.name });
      const pg = at && m.raw_pg_to_pg(at.raw_pg);
      const acting = pg && holes(m.pg_to_up_acting_osds(pg).acting);
      return [
        { seed: pg && tako.pg_ps(pg), acting },
        { seed: o.seed, acting: o.acting },
      ];
    });
  }
}

/** @param {tako.OSDMap} stored @param {readonly string[]} args */
function withArguments(stored, args) {
  let m = stored;
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "--mark-up-in") m = tako.mark_up_in(m);
    else if (args[i] === "--mark-out") m = tako.mark_out(m, Number(args[++i]));
    else throw new Error(`unknown tool argument ${args[i]}`);
  }
  return m;
}

/** @param {tako.OSDMap} m @param {number} pool */
function poolMappings(m, pool) {
  /** @type {Json} */
  const out = { pool, raw: [], raw_primary: [], up: [], up_primary: [], acting: [] };
  out.acting_primary = [];
  for (const pg of m.get_pgs(pool)) {
    const { raw, primary } = m.pg_to_raw_osds(pg);
    const { up, up_primary, acting, acting_primary } = m.pg_to_up_acting_osds(pg);
    out.raw.push(holes(raw));
    out.raw_primary.push(primary);
    out.up.push(holes(up));
    out.up_primary.push(up_primary);
    out.acting.push(holes(acting));
    out.acting_primary.push(acting_primary);
  }
  return out;
}
