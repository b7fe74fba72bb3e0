/**
 * Where a byte of an erasure-coded object lies: the object is cut into stripes of stripe_width bytes,
 * a stripe into k chunks of chunk_size, and shard i holds chunk i of every stripe, one after another.
 * Also the two conversions of whole extents, bytes <-> shards.
 * Ceph counterpart: ECUtil::stripe_info_t, ECUtil::encode, ECUtil::decode. peering.md §10.
 */
import { invariant } from "../errors.ts";
import type { DecodeResult, ErasureCode } from "./ErasureCode.ts";

export interface ExtentPair {
  readonly offset: number;
  readonly length: number;
}

/** "logical" is an offset in the object, "chunk" an offset in a shard. */
export class stripe_info_t {
  readonly #stripe_width: number;
  readonly #chunk_size: number;

  /** `k` data chunks in a stripe of `stripe_width` bytes (pg_pool_t.stripe_width). */
  constructor(k: number, stripe_width: number) {
    invariant(k >= 1 && stripe_width > 0 && stripe_width % k === 0, "stripe_info_t: bad width", {
      k,
      stripe_width,
    });
    this.#stripe_width = stripe_width;
    this.#chunk_size = stripe_width / k;
  }

  get_stripe_width(): number {
    return this.#stripe_width;
  }
  get_chunk_size(): number {
    return this.#chunk_size;
  }
  logical_offset_is_stripe_aligned(logical: number): boolean {
    return logical % this.#stripe_width === 0;
  }
  logical_to_prev_chunk_offset(offset: number): number {
    return Math.floor(offset / this.#stripe_width) * this.#chunk_size;
  }
  /** Also: how long a shard is, of an object of `offset` bytes. */
  logical_to_next_chunk_offset(offset: number): number {
    return Math.ceil(offset / this.#stripe_width) * this.#chunk_size;
  }
  logical_to_prev_stripe_offset(offset: number): number {
    return offset - (offset % this.#stripe_width);
  }
  logical_to_next_stripe_offset(offset: number): number {
    return Math.ceil(offset / this.#stripe_width) * this.#stripe_width;
  }
  aligned_logical_offset_to_chunk_offset(offset: number): number {
    invariant(offset % this.#stripe_width === 0, "offset is not at a stripe", { offset });
    return (offset / this.#stripe_width) * this.#chunk_size;
  }
  aligned_chunk_offset_to_logical_offset(offset: number): number {
    invariant(offset % this.#chunk_size === 0, "offset is not at a chunk", { offset });
    return (offset / this.#chunk_size) * this.#stripe_width;
  }
  /** The shards' extent of an extent that begins and ends at stripes. */
  aligned_offset_len_to_chunk(e: ExtentPair): ExtentPair {
    return {
      offset: this.aligned_logical_offset_to_chunk_offset(e.offset),
      length: this.aligned_logical_offset_to_chunk_offset(e.length),
    };
  }
  /** The whole stripes that `e` touches. */
  offset_len_to_stripe_bounds(e: ExtentPair): ExtentPair {
    const offset = this.logical_to_prev_stripe_offset(e.offset);
    return {
      offset,
      length: this.logical_to_next_stripe_offset(e.offset - offset + e.length),
    };
  }
}

/**
 * Whole stripes of object bytes to one buffer per shard, k+m of them. Of a single stripe the data
 * shards are parts of `bytes` itself, not copies.
 * A code works on each chunk by itself or, with packets, on parts that divide the chunk: so all
 * stripes of a shard are coded in one go.
 */
export function ecutil_encode(
  sinfo: stripe_info_t,
  ec: ErasureCode,
  bytes: Uint8Array,
): Uint8Array[] {
  const k = ec.get_data_chunk_count();
  const [width, chunk] = [sinfo.get_stripe_width(), sinfo.get_chunk_size()];
  invariant(bytes.length % width === 0, "ecutil_encode: not whole stripes", {
    bytes: bytes.length,
    width,
  });
  const shard_size = (bytes.length / width) * chunk;
  const buffers = (n: number) => Array.from({ length: n }, () => new Uint8Array(shard_size));
  const data = bytes.length === width ? parts(bytes, chunk) : buffers(k);
  if (bytes.length > width) {
    for (let from = 0, to = 0; from < bytes.length; to += chunk) {
      for (const shard of data) {
        shard.set(bytes.subarray(from, from + chunk), to);
        from += chunk;
      }
    }
  }
  const coding = buffers(ec.get_coding_chunk_count());
  ec.encode_chunks(data, coding);
  return [...data, ...coding];
}

function parts(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: bytes.length / size }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
}

/** Shards (any k of them, equal lengths, whole chunks) back to object bytes, new memory. */
export function ecutil_decode_concat(
  sinfo: stripe_info_t,
  ec: ErasureCode,
  shards: ReadonlyMap<number, Uint8Array>,
): { readonly bytes: Uint8Array } | Extract<DecodeResult, { error: string }> {
  const k = ec.get_data_chunk_count();
  const [width, chunk] = [sinfo.get_stripe_width(), sinfo.get_chunk_size()];
  const want = Array.from({ length: k }, (_, i) => i);
  const r = ec.decode(want, shards);
  if ("error" in r) return r;
  const shard_size = r.chunks.get(0)?.length ?? 0;
  if (shard_size % chunk !== 0) return { error: "EINVAL", why: "a shard is not whole chunks" };
  const bytes = new Uint8Array((shard_size / chunk) * width);
  for (const j of want) {
    const shard = r.chunks.get(j) ?? new Uint8Array(shard_size);
    for (let from = 0, to = j * chunk; from < shard_size; from += chunk, to += width) {
      bytes.set(shard.subarray(from, from + chunk), to);
    }
  }
  return { bytes };
}
