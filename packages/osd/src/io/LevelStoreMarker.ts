/**
 * The file `committed`: number of the last group of transactions that was acknowledged. Written
 * after each sync and before the acknowledgements, without a sync of its own, so it costs
 * microseconds. It can lag after a power loss, but never lead; so a database that ends before it has
 * lost acknowledged work (a cut log, a restored old copy), and must not pretend otherwise to peering.
 */

import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { crc32c } from "@tako/common";
import { damaged, error_code, to_store_error } from "@tako/common/io";

const LENGTH = 12;

export class LevelStoreMarker {
  readonly path: string;
  readonly #buf = Buffer.alloc(LENGTH);
  #fd: number | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Undefined when there is no such file. StoreError when it is damaged. */
  read(): number | undefined {
    let b: Buffer;
    try {
      b = readFileSync(this.path);
    } catch (err) {
      if (error_code(err) === "ENOENT") return undefined;
      throw to_store_error(this.path, err);
    }
    const ok = b.length === LENGTH && b.readUInt32LE(8) === crc32c(b.subarray(0, 8));
    const seq = ok ? Number(b.readBigUInt64LE(0)) : Number.NaN;
    if (!Number.isSafeInteger(seq)) throw damaged(this.path, "damaged: not a sequence number");
    return seq;
  }
  /** Makes the file, durable, with number 0. */
  create(): void {
    this.#guard(() => {
      const fd = openSync(this.path, "w");
      try {
        writeSync(fd, this.#encode(0), 0, LENGTH, 0);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    });
  }
  open(): void {
    this.#guard(() => {
      this.#fd = openSync(this.path, "r+");
    });
  }
  write(seq: number): void {
    const fd = this.#fd;
    if (fd !== undefined) this.#guard(() => writeSync(fd, this.#encode(seq), 0, LENGTH, 0));
  }
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #encode(seq: number): Buffer {
    this.#buf.writeBigUInt64LE(BigInt(seq), 0);
    this.#buf.writeUInt32LE(crc32c(this.#buf.subarray(0, 8)), 8);
    return this.#buf;
  }
  #guard(fn: () => void): void {
    try {
      fn();
    } catch (err) {
      throw to_store_error(this.path, err);
    }
  }
}
