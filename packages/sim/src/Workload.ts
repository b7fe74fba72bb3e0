/**
 * Workload: clients that write, append, read and delete objects of their own, one operation at a time
 * per object, and remember what was acknowledged. With one writer an object the expected content is
 * exact: a lost, repeated or resurrected write shows at the next read.
 */

import { type IoCtx, ObjectWriteOperation, type Rados, RadosError } from "@tako/client";
import { InvariantError, is_erasure } from "@tako/common";
import type { SimRng } from "./SimRng.ts";
import type { World } from "./World.ts";

interface Expected {
  /** undefined: does not exist. */
  content: string | undefined;
  xattr: string | undefined;
  omap: Map<string, string>;
}

export interface WorkloadOptions {
  readonly clients: number;
  readonly objects_per_client: number;
  readonly pools: readonly string[];
  /** Mean pause between two operations on one object, virtual ms. */
  readonly think_ms: number;
}

const text = new TextDecoder();

/** One object and the one client that uses it. */
class Actor {
  readonly oid: string;
  readonly #io: IoCtx;
  readonly #rng: SimRng;
  readonly #world: World;
  /** Erasure-coded pools have none. */
  readonly #omap: boolean;
  readonly #state: Expected = { content: undefined, xattr: undefined, omap: new Map() };
  #serial = 0;
  ops = 0;

  constructor(oid: string, io: IoCtx, rng: SimRng, world: World, omap: boolean) {
    this.oid = oid;
    this.#omap = omap;
    this.#io = io;
    this.#rng = rng;
    this.#world = world;
  }
  #payload(): string {
    this.#serial++;
    return `[${this.oid}#${this.#serial}]${"x".repeat(this.#rng.int(60))}`;
  }

  /** One random operation; resolves when it was answered. */
  async step(): Promise<void> {
    this.ops++;
    const dice = this.#rng.int(100);
    if (dice < 30) await this.#write_full();
    else if (dice < 55) await this.#append();
    else if (dice < 63) await this.#remove();
    else if (dice < 68) await this.#truncate();
    else if (dice < 74) await this.#overwrite();
    else if (dice < 82) await this.#compound();
    else if (dice < 85) await this.#create_exclusive();
    else await this.verify();
  }
  async #write_full(): Promise<void> {
    const data = this.#payload();
    await this.#io.write_full(this.oid, data);
    this.#state.content = data;
  }
  async #append(): Promise<void> {
    const data = this.#payload();
    await this.#io.append(this.oid, data);
    this.#state.content = (this.#state.content ?? "") + data;
  }
  async #remove(): Promise<void> {
    const existed = this.#state.content !== undefined;
    const code = await errno_of(this.#io.remove(this.oid));
    this.#expect(code === (existed ? undefined : "ENOENT"), "remove", { code, existed });
    this.#state.content = undefined;
    this.#state.xattr = undefined;
    this.#state.omap.clear();
  }
  async #truncate(): Promise<void> {
    const { content } = this.#state;
    if (content === undefined) return;
    const size = this.#rng.int(content.length + 1);
    await this.#io.truncate(this.oid, size);
    this.#state.content = content.slice(0, size);
  }
  /** Somewhere in what there is, or behind it with a gap. */
  async #overwrite(): Promise<void> {
    const content = this.#state.content ?? "";
    const off = this.#rng.int(content.length + 80);
    const data = this.#payload();
    await this.#io.write(this.oid, data, off);
    const before = content.slice(0, off).padEnd(off, "\0");
    this.#state.content = before + data + content.slice(off + data.length);
  }
  async #compound(): Promise<void> {
    const data = this.#payload();
    const key = `k${this.#rng.int(4)}`;
    const op = new ObjectWriteOperation().write_full(data).setxattr("tag", data);
    if (this.#omap) op.omap_set([[key, data]]);
    await this.#io.operate_write(this.oid, op);
    this.#state.content = data;
    this.#state.xattr = data;
    if (this.#omap) this.#state.omap.set(key, data);
  }
  async #create_exclusive(): Promise<void> {
    const existed = this.#state.content !== undefined;
    const code = await errno_of(this.#io.create(this.oid, true));
    this.#expect(code === (existed ? "EEXIST" : undefined), "create", { code, existed });
    if (!existed) this.#state.content = "";
  }

  /** Reads everything back and compares with what was acknowledged. */
  async verify(): Promise<void> {
    const { content, xattr, omap } = this.#state;
    let seen: string | undefined;
    const code = await errno_of(
      this.#io.read(this.oid).then((b) => {
        seen = text.decode(b);
      }),
    );
    this.#expect(code === (content === undefined ? "ENOENT" : undefined), "read", { code });
    this.#expect(seen === content, "read", { seen, expected: content });
    if (content === undefined) return;
    const attrs = await this.#io.getxattrs(this.oid);
    const tag = attrs.get("tag");
    this.#expect((tag && text.decode(tag)) === xattr, "getxattr", { expected: xattr });
    if (!this.#omap) return;
    const vals = await this.#io.omap_get_all(this.oid);
    const got = [...vals].map(([k, v]) => [k, text.decode(v)]).sort();
    this.#expect(JSON.stringify(got) === JSON.stringify([...omap].sort()), "omap", { got });
  }
  #expect(ok: boolean, what: string, detail: Record<string, unknown>): void {
    if (ok) return;
    this.#world.log.add("check", `LOST ${this.oid} ${what} ${JSON.stringify(detail)}`);
    throw new InvariantError(`acknowledged state of ${this.oid} is not what ${what} shows`, detail);
  }
}

async function errno_of(p: Promise<unknown>): Promise<string | undefined> {
  try {
    await p;
    return undefined;
  } catch (e) {
    if (e instanceof RadosError) return e.code;
    throw e;
  }
}

export class Workload {
  readonly #world: World;
  readonly #rng: SimRng;
  readonly #actors: Actor[] = [];
  readonly #clients: Rados[] = [];
  #stopping = false;
  #running = 0;
  failure: unknown;

  constructor(world: World, rng: SimRng) {
    this.#world = world;
    this.#rng = rng;
  }

  async start(o: WorkloadOptions): Promise<void> {
    for (let c = 0; c < o.clients; c++) {
      const rados = this.#world.client();
      this.#clients.push(rados);
      await this.#world.done(rados.connect(), "client connects");
      for (let i = 0; i < o.objects_per_client; i++) {
        const pool = o.pools[(c + i) % o.pools.length] as string;
        const io = await this.#world.done(rados.open_ioctx(pool), "open_ioctx");
        const map = this.#world.osdmap;
        const info = map.get_pg_pool(map.lookup_pg_pool_name(pool));
        const omap = info !== undefined && !is_erasure(info);
        const actor = new Actor(`obj.${c}.${i}`, io, this.#rng, this.#world, omap);
        this.#run(actor, o.think_ms);
      }
    }
  }
  #run(actor: Actor, think_ms: number): void {
    this.#actors.push(actor);
    this.#running++;
    const next = () => {
      if (this.#stopping || this.failure !== undefined) {
        this.#running--;
        return;
      }
      this.#world.scheduler.schedule(this.#rng.between(0, 2 * think_ms), () => {
        actor.step().then(next, (e: unknown) => {
          this.failure ??= e;
          this.#running--;
        });
      });
    };
    next();
  }
  /** No new operations; resolves when those under way were answered. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#world.until(() => this.#running === 0, "operations under way are answered");
    if (this.failure !== undefined) throw this.failure;
  }
  async verify_all(): Promise<void> {
    for (const a of this.#actors) await this.#world.done(a.verify(), `verify ${a.oid}`);
  }
  get ops(): number {
    return this.#actors.reduce((n, a) => n + a.ops, 0);
  }
}
