/**
 * From an erasure code profile (the words k=4 m=2 ...) to a code. Fills in defaults and refuses what
 * Ceph's plugins refuse, in their words; further what would lose data or what is not here: each says so.
 * Ceph counterpart: ErasureCodePluginRegistry::factory, ErasureCode*::init and parse. cluster.md §3.12.
 */
import { CommandError } from "../errors.ts";
import { type ErasureCode, type ErasureCodeProfile, MatrixErasureCode } from "./ErasureCode.ts";
import type { GfMatrix } from "./gf256.ts";
import {
  isa_cauchy,
  isa_reed_sol_van,
  jerasure_cauchy_good,
  jerasure_cauchy_orig,
  jerasure_reed_sol_r6_op,
  jerasure_reed_sol_van,
} from "./matrices.ts";

interface Technique {
  readonly matrix: (k: number, m: number) => GfMatrix;
  /** Refuses, with a CommandError, numbers that this matrix cannot serve. */
  readonly check?: (k: number, m: number) => void;
  readonly per_chunk_option: boolean;
  /** Does it work on packets of bits? */
  readonly packets?: true;
}
interface Plugin {
  readonly techniques: ReadonlyMap<string, Technique>;
  /** The techniques of Ceph's plugin, in the words of its refusal. */
  readonly choice: string;
  readonly default_technique: string | undefined;
  /** Does the profile have w, the bits of a symbol? */
  readonly has_w: boolean;
}

const DEFAULT_K = 7;
const DEFAULT_M = 3;
const WORD = 8;
const PER_CHUNK = "jerasure-per-chunk-alignment";
const DEFAULT_PACKETSIZE = 2048;
/** jerasure XORs words of this many bytes. */
const LONG = 8;
/** jerasure's longest vector word, in bytes. */
const VECTOR_WORD = 16;
/** Both plugins pad to 32 bytes: jerasure w * sizeof(int), isa its address alignment. */
const ALIGNMENT = 32;
const MAX_CHUNKS = 256;

const PLUGINS: ReadonlyMap<string, Plugin> = new Map<string, Plugin>([
  [
    "jerasure",
    {
      choice:
        "reed_sol_van, reed_sol_r6_op, cauchy_orig, cauchy_good, liberation, blaum_roth, liber8tion",
      default_technique: undefined,
      has_w: true,
      techniques: new Map<string, Technique>([
        ["reed_sol_van", { matrix: jerasure_reed_sol_van, per_chunk_option: true }],
        [
          "reed_sol_r6_op",
          { matrix: jerasure_reed_sol_r6_op, check: check_raid6, per_chunk_option: false },
        ],
        ["cauchy_orig", { matrix: jerasure_cauchy_orig, per_chunk_option: true, packets: true }],
        ["cauchy_good", { matrix: jerasure_cauchy_good, per_chunk_option: true, packets: true }],
      ]),
    },
  ],
  [
    "isa",
    {
      choice: "reed_sol_van,cauchy",
      default_technique: "reed_sol_van",
      has_w: false,
      techniques: new Map<string, Technique>([
        [
          "reed_sol_van",
          { matrix: isa_reed_sol_van, check: check_isa_van, per_chunk_option: false },
        ],
        ["cauchy", { matrix: isa_cauchy, per_chunk_option: false }],
      ]),
    },
  ],
]);

/** The code of a profile; CommandError when there is none. `profile.profile` has the defaults written out. */
export function create_erasure_code(profile: ErasureCodeProfile): ErasureCode {
  const full = new Map(profile);
  const plugin = plugin_of(full);
  const technique = technique_of(full, plugin);
  const set_default = (key: string, value: string) => {
    if (!full.get(key)) full.set(key, value);
  };
  set_default("crush-root", "default");
  set_default("crush-failure-domain", "host");
  if (!full.has("crush-device-class")) full.set("crush-device-class", "");
  const k = whole_number(full, "k", DEFAULT_K);
  const m = whole_number(full, "m", DEFAULT_M);
  if (plugin.has_w) check_w(whole_number(full, "w", WORD));
  if (k < 2) throw refuse(`k=${k} must be >= 2`);
  if (m < 1) throw refuse(`m=${m} must be >= 1`);
  if (k + m > MAX_CHUNKS) throw refuse(`k+m=${k + m} must be <= ${MAX_CHUNKS}`);
  technique.check?.(k, m);
  if (full.has("mapping")) throw refuse("mapping is not supported: chunk i is stored by shard i");
  if (technique.per_chunk_option) set_default(PER_CHUNK, "false");
  const packetsize = technique.packets && packet_size(full);
  const asked = technique.per_chunk_option && is_true(full.get(PER_CHUNK));
  const per_chunk_alignment = asked || !plugin.has_w;
  let alignment = ALIGNMENT;
  if (!per_chunk_alignment) alignment = k * ALIGNMENT * (packetsize ?? 1);
  // By chunk jerasure pads to w vector words, or to w packets in whole vector words.
  else if (plugin.has_w) alignment = WORD * (packetsize ?? VECTOR_WORD);
  return new MatrixErasureCode({
    k,
    m,
    matrix: technique.matrix(k, m),
    profile: new Map([...full].sort(([a], [b]) => (a < b ? -1 : 1))),
    alignment,
    per_chunk_alignment,
    ...(packetsize === undefined ? {} : { packetsize }),
  });
}

function packet_size(profile: Map<string, string>): number {
  const packetsize = whole_number(profile, "packetsize", DEFAULT_PACKETSIZE);
  if (packetsize > 0 && packetsize % LONG === 0) return packetsize;
  throw refuse(`packetsize=${packetsize} must be a multiple of ${LONG}, and more than 0`);
}

function plugin_of(profile: ReadonlyMap<string, string>): Plugin {
  const name = profile.get("plugin") ?? "";
  const plugin = PLUGINS.get(name);
  if (plugin) return plugin;
  const known = [...PLUGINS.keys()].join(", ");
  throw new CommandError(
    "EIO",
    `there is no erasure code plugin '${name}'. Choose one of ${known}`,
  );
}

function technique_of(profile: Map<string, string>, plugin: Plugin): Technique {
  if (!profile.has("technique") && plugin.default_technique) {
    profile.set("technique", plugin.default_technique);
  }
  const name = profile.get("technique") ?? "";
  const technique = plugin.techniques.get(name);
  if (technique) return technique;
  if (plugin.choice.split(/, ?/).includes(name)) {
    const known = [...plugin.techniques.keys()].join(", ");
    throw new CommandError(
      "EOPNOTSUPP",
      `technique=${name} is one of Ceph's that is not here. Choose one of the following: ${known}`,
    );
  }
  throw new CommandError(
    "ENOENT",
    `technique=${name} is not a valid coding technique.  Choose one of the following: ${plugin.choice}`,
  );
}

/** A number of the profile; missing or empty means the default, which is written into it. */
function whole_number(profile: Map<string, string>, key: string, fallback: number): number {
  const text = profile.get(key) || String(fallback);
  profile.set(key, text);
  const default_words = `set to default ${fallback}`;
  if (!/^\s*[+-]?\d+$/.test(text)) {
    throw refuse(
      `could not convert ${key}=${text} to int because ` +
        `Expected option value to be integer, got '${text}', ${default_words}`,
    );
  }
  const n = Number(text);
  if (Math.abs(n) > 0x7fffffff) {
    throw refuse(
      `could not convert ${key}=${text} to int because ` +
        `The option value '${text}' seems to be invalid, ${default_words}`,
    );
  }
  return n;
}

function check_w(w: number): void {
  if (w === WORD) return;
  if (w !== 16 && w !== 32) {
    throw refuse(`ReedSolomonVandermonde: w=${w} must be one of {8, 16, 32} : revert to 8`);
  }
  throw new CommandError("EOPNOTSUPP", `w=${w} is not here: symbols have 8 bits`);
}

function check_raid6(_k: number, m: number): void {
  if (m !== 2) throw refuse(`ReedSolomonRAID6: m=${m} must be 2 for RAID6: revert to 2`);
}

/** The limits within which isa-l's Vandermonde matrix decodes from any k chunks. */
function check_isa_van(k: number, m: number): void {
  if (k > 32) {
    throw refuse(`Vandermonde: m=${m} should be less/equal than 32 : revert to k=32`);
  }
  if (m > 4) {
    throw refuse(
      `Vandermonde: m=${m} should be less than 5 to guarantee an MDS codec: revert to m=4`,
    );
  }
  if (m === 4 && k > 21) {
    throw refuse(
      `Vandermonde: k=${k} should be less than 22 to guarantee an MDS codec with m=4: revert to k=21`,
    );
  }
}

function is_true(text: string | undefined): boolean {
  return text === "yes" || text === "true";
}
function refuse(why: string): CommandError {
  return new CommandError("EINVAL", why);
}
