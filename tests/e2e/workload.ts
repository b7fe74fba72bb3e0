/**
 * Clients that write all the time and remember what was acknowledged: whole objects that are
 * overwritten, and objects that are only appended to, where a lost or repeated write shows.
 */
import type { IoCtx } from "@tako/client";
import { expect } from "vitest";
import { until } from "./until.ts";

export interface WorkloadOptions {
  /** Tells the objects of this workload from those of others in the pool. */
  readonly prefix?: string;
  readonly objects?: number;
  /** Writes under way at a time, each to an object of its own. */
  readonly in_flight?: number;
}

export class Workload {
  /** Writes acknowledged so far. */
  acks = 0;
  readonly #io: IoCtx;
  readonly #prefix: string;
  readonly #objects: number;
  readonly #in_flight: number;
  /** Version that each object was acknowledged with. */
  readonly #version = new Map<string, number>();
  #stopped = false;
  #writers: Promise<unknown> = Promise.resolve();
  #failure: unknown;

  constructor(io: IoCtx, o: WorkloadOptions = {}) {
    this.#io = io;
    this.#prefix = o.prefix ?? "w";
    this.#objects = o.objects ?? 48;
    this.#in_flight = o.in_flight ?? 8;
  }

  start(): this {
    this.#stopped = false;
    const writers = Array.from({ length: this.#in_flight }, (_, i) => this.#write(i));
    this.#writers = Promise.all(writers).catch((e: unknown) => {
      this.#failure = e;
    });
    return this;
  }
  async #write(writer: number): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      // Every fourth write of each writer goes to its journal.
      const object = writer + this.#in_flight * n;
      const oid = n % 4 === 3 ? this.#journal(writer) : this.#name(object % this.#objects);
      const version = (this.#version.get(oid) ?? 0) + 1;
      if (oid === this.#journal(writer)) await this.#io.append(oid, `${version};`);
      else await this.#io.write_full(oid, content(oid, version));
      this.#version.set(oid, version);
      this.acks++;
    }
  }
  #name(i: number): string {
    return `${this.#prefix}.object.${i}`;
  }
  #journal(writer: number): string {
    return `${this.#prefix}.journal.${writer}`;
  }

  /** Waits for so many more acknowledgements. */
  async more(acks: number): Promise<void> {
    const want = this.acks + acks;
    await until(
      () => `${want - this.acks} more writes`,
      () => {
        if (this.#failure !== undefined) throw this.#failure;
        return this.acks >= want;
      },
    );
  }
  /** Lets what is under way end: all of it is acknowledged then. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#writers;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** After stop(): every object is what was acknowledged, to the byte. */
  async verify(io: IoCtx = this.#io): Promise<void> {
    const wrong: string[] = [];
    const names = [...this.#version.keys()];
    const check = async (oid: string) => {
      const version = this.#version.get(oid) ?? 0;
      const want = oid.includes(".journal.") ? journal(version) : content(oid, version);
      const got = Buffer.from(await io.read(oid));
      if (!got.equals(want)) wrong.push(`${oid}: ${describe(got)}, acknowledged ${describe(want)}`);
    };
    while (names.length > 0) await Promise.all(names.splice(0, 32).map(check));
    expect(wrong).toEqual([]);
    expect(this.#version.size).toBeGreaterThan(this.#objects / 2);
  }
}

/** What an object holds in a version: 1 byte to 16 KiB. */
function content(oid: string, version: number): Buffer {
  const text = `${oid}@${version};`;
  const size = 1 + ((version * 2_654_435_761 + oid.length * 40_503) % 16_384);
  return Buffer.alloc(size, text);
}
function journal(entries: number): Buffer {
  return Buffer.from(Array.from({ length: entries }, (_, i) => `${i + 1};`).join(""));
}
function describe(b: Buffer): string {
  return `${b.length} bytes ${JSON.stringify(b.subarray(0, 24).toString())}`;
}
