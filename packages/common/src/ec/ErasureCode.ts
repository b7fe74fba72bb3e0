/**
 * An erasure code: k data chunks to m coding chunks, and any k of the k+m chunks back to all. Chunk ids
 * are 0..k-1 for data, k..k+m-1 for coding; chunk i is what shard i of a PG stores.
 * It knows chunks only: stripes are stripe_info_t.ts, parameters and their refusals profile.ts.
 * Ceph counterpart: ErasureCodeInterface, ErasureCode, ErasureCodeJerasure, ErasureCodeIsa. peering.md §10.
 */
import { invariant } from "../errors.ts";
import { sort_few } from "../types/sorted.ts";
import { bitmatrix_coder, region_coder } from "./coder.ts";
import { type GfMatrix, gf_invert, gf_row_times } from "./gf256.ts";
import type { RegionCoder } from "./region.ts";

export type ErasureCodeProfile = ReadonlyMap<string, string>;

/** EIO: fewer than k chunks. EINVAL: chunks of unequal or impossible length; what a disk or peer gave. */
export type DecodeResult =
  | { readonly chunks: ReadonlyMap<number, Uint8Array> }
  | { readonly error: "EIO" | "EINVAL"; readonly why: string };

export interface ErasureCode {
  /** The profile with every default written out, as the monitor stores it. */
  readonly profile: ErasureCodeProfile;
  get_chunk_count(): number;
  get_data_chunk_count(): number;
  get_coding_chunk_count(): number;
  /** The size of a chunk of a stripe of `stripe_width` bytes, padding included. */
  get_chunk_size(stripe_width: number): number;
  /**
   * The chunks to read for `want`, ascending: those wanted when all are available, else the first k
   * available. undefined: they cannot be had.
   */
  minimum_to_decode(
    want: Iterable<number>,
    available: Iterable<number>,
  ): readonly number[] | undefined;
  /** Fills the m coding chunks from the k data chunks. All of one length, a multiple of the chunk size. */
  encode_chunks(data: readonly Uint8Array[], coding: readonly Uint8Array[]): void;
  /**
   * The wanted chunks from the available ones. A wanted chunk that is available is passed on as it is,
   * not copied. More than k available: the first k are used.
   */
  decode(want: Iterable<number>, chunks: ReadonlyMap<number, Uint8Array>): DecodeResult;
}

export interface CodeShape {
  readonly k: number;
  readonly m: number;
  readonly matrix: GfMatrix;
  readonly profile: ErasureCodeProfile;
  /** A stripe is padded to a multiple of it: ErasureCode::get_alignment of the plugin. */
  readonly alignment: number;
  /** Is each chunk padded to `alignment` by itself, or the stripe? */
  readonly per_chunk_alignment: boolean;
  /** Of a code on packets of bits (cauchy_good): a chunk is a multiple of eight packets. */
  readonly packetsize?: number;
}

/** Decoders kept for sets of lost chunks: a degraded PG asks for the same one again and again. */
const MAX_DECODERS = 256;

/** A code that is a matrix over GF(2^8), applied to bytes or to packets of bits. */
export class MatrixErasureCode implements ErasureCode {
  readonly profile: ErasureCodeProfile;
  readonly #shape: CodeShape;
  readonly #encoder: RegionCoder;
  readonly #decoders = new Map<string, RegionCoder>();

  constructor(shape: CodeShape) {
    this.profile = shape.profile;
    this.#shape = shape;
    this.#encoder = this.#coder(shape.matrix);
  }

  get_chunk_count(): number {
    return this.#shape.k + this.#shape.m;
  }
  get_data_chunk_count(): number {
    return this.#shape.k;
  }
  get_coding_chunk_count(): number {
    return this.#shape.m;
  }

  get_chunk_size(stripe_width: number): number {
    const { k, alignment, per_chunk_alignment } = this.#shape;
    const padded = (n: number) => Math.ceil(n / alignment) * alignment;
    return per_chunk_alignment ? padded(Math.ceil(stripe_width / k)) : padded(stripe_width) / k;
  }

  minimum_to_decode(
    want: Iterable<number>,
    available: Iterable<number>,
  ): readonly number[] | undefined {
    const wanted = this.#sorted_ids(want);
    const have = this.#sorted_ids(available);
    if (wanted.every((id) => have.includes(id))) return wanted;
    return have.length < this.#shape.k ? undefined : have.slice(0, this.#shape.k);
  }

  encode_chunks(data: readonly Uint8Array[], coding: readonly Uint8Array[]): void {
    const { k, m } = this.#shape;
    const length = data[0]?.length ?? 0;
    invariant(
      data.length === k &&
        coding.length === m &&
        [...data, ...coding].every((c) => c.length === length),
      "encode_chunks: not k and m chunks of one length",
      { k, m, lengths: [...data, ...coding].map((c) => c.length) },
    );
    invariant(this.#bad_length(length) === undefined, "encode_chunks: bad length", { length });
    this.#encoder(data, coding);
  }

  decode(want: Iterable<number>, chunks: ReadonlyMap<number, Uint8Array>): DecodeResult {
    const wanted = this.#sorted_ids(want);
    const length = chunks.values().next().value?.length ?? 0;
    for (const [id, c] of chunks) {
      if (c.length !== length) {
        return { error: "EINVAL", why: `chunk ${id} has ${c.length} bytes, another one ${length}` };
      }
    }
    const bad = this.#bad_length(length);
    if (bad !== undefined) return { error: "EINVAL", why: bad };
    const sources = this.minimum_to_decode(wanted, chunks.keys());
    if (!sources) {
      return { error: "EIO", why: `${chunks.size} chunks, ${this.#shape.k} are needed` };
    }
    const missing = wanted.filter((id) => !chunks.has(id));
    const made = missing.map(() => new Uint8Array(length));
    if (missing.length > 0) {
      const inputs = sources.map((id) => chunks.get(id) ?? new Uint8Array(length));
      this.#decoder(sources, missing)(inputs, made);
    }
    const out = new Map<number, Uint8Array>();
    for (const id of wanted) {
      const c = chunks.get(id) ?? made[missing.indexOf(id)];
      if (c) out.set(id, c);
    }
    return { chunks: out };
  }

  #decoder(sources: readonly number[], missing: readonly number[]): RegionCoder {
    const key = `${sources.join(",")}:${missing.join(",")}`;
    const known = this.#decoders.get(key);
    if (known) return known;
    const to_data = gf_invert(sources.map((id) => this.#row(id)));
    invariant(to_data, "k chunks that do not decode: the matrix is not MDS", { sources });
    const made = this.#coder(missing.map((id) => gf_row_times(this.#row(id), to_data)));
    const oldest = this.#decoders.keys().next().value;
    if (this.#decoders.size >= MAX_DECODERS && oldest !== undefined) this.#decoders.delete(oldest);
    this.#decoders.set(key, made);
    return made;
  }

  #coder(matrix: GfMatrix): RegionCoder {
    const { packetsize } = this.#shape;
    return packetsize === undefined ? region_coder(matrix) : bitmatrix_coder(matrix, packetsize);
  }

  /** Why a chunk of `length` bytes is none of this code's. */
  #bad_length(length: number): string | undefined {
    const unit = 8 * (this.#shape.packetsize ?? 0);
    if (unit === 0 || length % unit === 0) return undefined;
    return `a chunk of ${length} bytes is not a multiple of ${unit}`;
  }

  /** Chunk `id` as a sum of data chunks. */
  #row(id: number): Uint8Array {
    const { k, matrix } = this.#shape;
    const row = matrix[id - k];
    if (row) return row;
    const unit = new Uint8Array(k);
    unit[id] = 1;
    return unit;
  }

  #sorted_ids(ids: Iterable<number>): number[] {
    const given = [...ids];
    // Nearly always so already.
    const ascending = given.every((id, i) => i === 0 || id > (given[i - 1] ?? id));
    const sorted = ascending ? given : sort_few([...new Set(given)], (a, b) => a - b);
    const chunks = this.get_chunk_count();
    const in_range = (sorted[0] ?? 0) >= 0 && (sorted.at(-1) ?? 0) < chunks;
    invariant(in_range, "no such chunk", { ids: sorted, chunks });
    return sorted;
  }
}
