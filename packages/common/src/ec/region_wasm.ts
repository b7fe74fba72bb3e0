/**
 * The region coder in WebAssembly SIMD, 16 bytes at a time. A product c * x is looked up by halves:
 * c * x = c * (low four bits of x) + c * (high four bits), each from a table of 16 bytes that fits one
 * register, and i8x16.swizzle looks up 16 of them at once. isa-l and gf-complete work the same way.
 */
import { at, type GfMatrix, gf_mul } from "./gf256.ts";
import type { RegionCoder } from "./region.ts";
import * as w from "./wasm_text.ts";

/** Bytes of each chunk in a turn. The blocks of a turn stay in the processor's caches. */
const BLOCK = 8192;
const PAGE = 65536;
/** Rows that one pass over the inputs makes: their sums stay in registers. */
const MAX_ROWS = 4;
const VECTOR = 16;
/** What the engine gives us of the WebAssembly of the JS API; its types are not in this library. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
type DotFunction = (
  tables: number,
  source: number,
  end: number,
  to: number,
  length: number,
) => void;
interface WasmApi {
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
  Memory: new (limits: { initial: number }) => WasmMemory;
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (
    module: object,
    imports: { env: { memory: WasmMemory } },
  ) => { readonly exports: Readonly<Record<string, DotFunction>> };
}
declare const WebAssembly: WasmApi | undefined;

/**
 * dot_R(tables, source, end, to, length): R output blocks from the input blocks in [source, end), which
 * lie BLOCK apart, as the outputs from `to` on. Tables lie in the order of use: for each input, for each
 * row, low and high.
 */
function dot(rows: number): w.WasmFunction {
  const [tables, source, end, to, length, i, p, t, last] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;
  const [mask, low, high] = [9, 10, 11] as const;
  const sum = (r: number) => 12 + r;
  const each_row = (f: (r: number) => w.Code) =>
    w.seq(...Array.from({ length: rows }, (_, r) => f(r)));
  const product = (r: number) =>
    w.xor(
      w.swizzle(w.load(w.get(t), 2 * VECTOR * r), w.get(low)),
      w.swizzle(w.load(w.get(t), 2 * VECTOR * r + VECTOR), w.get(high)),
    );
  const add_input = w.seq(
    w.set(low, w.and(w.load(w.get(p)), w.get(mask))),
    w.set(high, w.shift_right(w.load(w.get(p)), 4)),
    each_row((r) => w.set(sum(r), w.xor(w.get(sum(r)), product(r)))),
    w.set(t, w.add(w.get(t), w.i32(2 * VECTOR * rows))),
    w.set(p, w.add(w.get(p), w.i32(BLOCK))),
  );
  const step = w.seq(
    each_row((r) => w.set(sum(r), w.zero)),
    w.set(t, w.get(tables)),
    w.set(p, w.add(w.get(source), w.get(i))),
    w.set(last, w.add(w.get(end), w.get(i))),
    w.do_while(add_input, w.less_than(w.get(p), w.get(last))),
    w.set(p, w.add(w.get(to), w.get(i))),
    each_row((r) => w.store(w.get(p), w.get(sum(r)), BLOCK * r)),
    w.set(i, w.add(w.get(i), w.i32(VECTOR))),
  );
  return {
    name: `dot_${rows}`,
    params: 5,
    i32_locals: 4,
    v128_locals: 3 + rows,
    body: w.seq(w.set(mask, w.splat(0x0f)), w.do_while(step, w.less_than(w.get(i), w.get(length)))),
  };
}

/** The compiled functions and the memory that all coders share: a call leaves nothing in it. */
class Engine {
  readonly #memory: WasmMemory;
  readonly #dots: readonly DotFunction[];
  #bytes: Uint8Array;

  constructor(api: WasmApi, module: Uint8Array<ArrayBuffer>) {
    this.#memory = new api.Memory({ initial: 1 });
    const { exports } = new api.Instance(new api.Module(module), {
      env: { memory: this.#memory },
    });
    this.#dots = ROWS.flatMap((r) => exports[`dot_${r}`] ?? []);
    this.#bytes = new Uint8Array(this.#memory.buffer);
  }

  /** The memory, at least `size` bytes of it. */
  bytes(size: number): Uint8Array {
    if (this.#bytes.length < size) {
      this.#memory.grow(Math.ceil((size - this.#bytes.length) / PAGE));
      this.#bytes = new Uint8Array(this.#memory.buffer);
    }
    return this.#bytes;
  }

  dot(rows: number, ...where: Parameters<DotFunction>): void {
    this.#dots[rows - 1]?.(...where);
  }
}

const ROWS = Array.from({ length: MAX_ROWS }, (_, i) => i + 1);

function make_engine(): Engine | undefined {
  if (typeof WebAssembly === "undefined") return undefined;
  const module = w.assemble(ROWS.map(dot));
  return WebAssembly.validate(module) ? new Engine(WebAssembly, module) : undefined;
}
/** Made with the first coder: a client that never codes does not pay for it. */
let engine: { readonly found: Engine | undefined } | undefined;

/** Rows that one pass makes, and their tables. */
interface RowGroup {
  readonly first: number;
  readonly rows: number;
  readonly tables: Uint8Array;
}

/** The coder, or undefined where the engine has no WebAssembly SIMD. */
export function wasm_coder(matrix: GfMatrix): RegionCoder | undefined {
  engine ??= { found: make_engine() };
  const { found } = engine;
  if (!found) return undefined;
  const inputs_count = matrix[0]?.length ?? 0;
  const groups: RowGroup[] = [];
  for (let first = 0; first < matrix.length; first += MAX_ROWS) {
    const rows = matrix.slice(first, first + MAX_ROWS);
    groups.push({ first, rows: rows.length, tables: half_tables(rows, inputs_count) });
  }
  // Memory: the tables of all groups, the input blocks, the output blocks.
  const source = 2 * VECTOR * inputs_count * matrix.length;
  const to = source + BLOCK * inputs_count;
  return (inputs, outputs) => {
    const memory = found.bytes(to + BLOCK * matrix.length);
    for (const g of groups) memory.set(g.tables, 2 * VECTOR * inputs_count * g.first);
    const length = outputs[0]?.length ?? 0;
    for (let start = 0; start < length; start += BLOCK) {
      const size = Math.min(BLOCK, length - start);
      for (const [j, input] of inputs.entries()) {
        memory.set(input.subarray(start, start + size), source + BLOCK * j);
      }
      for (const g of groups) {
        const tables = 2 * VECTOR * inputs_count * g.first;
        found.dot(g.rows, tables, source, to, to + BLOCK * g.first, size);
      }
      for (const [r, out] of outputs.entries()) {
        const from = to + BLOCK * r;
        out.set(memory.subarray(from, from + size), start);
      }
    }
  };
}

/** For each input, for each row: the products with 0..15, then with 0x00, 0x10 .. 0xf0. */
function half_tables(rows: GfMatrix, inputs: number): Uint8Array {
  const out = new Uint8Array(2 * VECTOR * rows.length * inputs);
  let n = 0;
  for (let j = 0; j < inputs; j++) {
    for (const row of rows) {
      for (let x = 0; x < VECTOR; x++) out[n++] = gf_mul(at(row, j), x);
      for (let x = 0; x < VECTOR; x++) out[n++] = gf_mul(at(row, j), x << 4);
    }
  }
  return out;
}
