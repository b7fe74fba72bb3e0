/**
 * A very small WebAssembly assembler: just the instructions and sections that region_wasm.ts needs.
 * Its source is what a reader sees, instead of a module in hexadecimal.
 * Reference: WebAssembly Core Specification 2.0, chapter 5 (binary format).
 */

/** Instructions of a function, encoded. */
export type Code = readonly number[];

const I32 = 0x7f;
const V128 = 0x7b;
const EMPTY_BLOCK = 0x40;

function unsigned(n: number): Code {
  const out: number[] = [];
  let rest = n;
  while (rest >= 0x80) {
    out.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...out, rest];
}
/** Signed LEB128 of a number that is not negative. */
function signed(n: number): Code {
  const out: number[] = [];
  let rest = n;
  while (rest >= 0x40) {
    out.push((rest & 0x7f) | 0x80);
    rest >>= 7;
  }
  return [...out, rest];
}
function simd(opcode: number, ...rest: number[]): Code {
  return [0xfd, ...unsigned(opcode), ...rest];
}
/** The alignment hint of 2^4 bytes and a constant offset. */
function memarg(offset: number): Code {
  return [4, ...unsigned(offset)];
}

export const seq = (...parts: Code[]): Code => parts.flat();
export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
export const i32 = (n: number): Code => [0x41, ...signed(n)];
export const add = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
export const less_than = (a: Code, b: Code): Code => [...a, ...b, 0x49];
/** Runs `body`, then again as long as `again` is not zero. */
export const do_while = (body: Code, again: Code): Code => [
  ...[0x03, EMPTY_BLOCK],
  ...body,
  ...again,
  ...[0x0d, 0, 0x0b],
];
export const load = (address: Code, offset = 0): Code => [
  ...address,
  ...simd(0x00, ...memarg(offset)),
];
export const store = (address: Code, value: Code, offset = 0): Code => [
  ...address,
  ...value,
  ...simd(0x0b, ...memarg(offset)),
];
export const zero: Code = simd(0x0c, ...new Uint8Array(16));
export const splat = (byte: number): Code => [...i32(byte), ...simd(0x0f)];
export const swizzle = (table: Code, index: Code): Code => [...table, ...index, ...simd(0x0e)];
export const and = (a: Code, b: Code): Code => [...a, ...b, ...simd(0x4e)];
export const xor = (a: Code, b: Code): Code => [...a, ...b, ...simd(0x51)];
/** Every byte shifted right, zeros coming in. */
export const shift_right = (a: Code, bits: number): Code => [...a, ...i32(bits), ...simd(0x6d)];

export interface WasmFunction {
  readonly name: string;
  /** All parameters are i32. */
  readonly params: number;
  readonly i32_locals: number;
  readonly v128_locals: number;
  readonly body: Code;
}

/** A module with these functions exported and the memory imported as env.memory. */
export function assemble(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const section = (id: number, content: Code): Code => [
    id,
    ...unsigned(content.length),
    ...content,
  ];
  const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
  const name = (text: string): Code => vector(Array.from(text, (c) => [c.codePointAt(0) ?? 0]));
  const type = (f: WasmFunction): Code => [
    0x60,
    ...vector(Array.from({ length: f.params }, () => [I32])),
    0,
  ];
  const code = (f: WasmFunction): Code => {
    const locals = vector([
      [...unsigned(f.i32_locals), I32],
      [...unsigned(f.v128_locals), V128],
    ]);
    const body = [...locals, ...f.body, 0x0b];
    return [...unsigned(body.length), ...body];
  };
  const one_page_or_more: Code = [0x02, 0x00, 1];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(functions.map(type))),
    ...section(2, vector([[...name("env"), ...name("memory"), ...one_page_or_more]])),
    ...section(3, vector(functions.map((_, i) => unsigned(i)))),
    ...section(7, vector(functions.map((f, i) => [...name(f.name), 0x00, ...unsigned(i)]))),
    ...section(10, vector(functions.map(code))),
  ]);
}
