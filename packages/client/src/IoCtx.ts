/**
 * IoCtx: the objects of one pool (and namespace) as promises. Every call rejects with a RadosError.
 * Ceph counterpart: librados::IoCtx. Semantics: cluster.md §6.7.
 */
import { pg_t as make_pg, type OSDOpOutcome, pg_ps, type pg_t } from "@tako/common";
import { RadosError } from "./errors.ts";
import type { Objecter, OpReply } from "./Objecter.ts";
import {
  type Bytes,
  type ObjectOperation,
  ObjectReadOperation,
  ObjectWriteOperation,
} from "./ObjectOperation.ts";
import type { OpBase } from "./op_target.ts";

export interface CallOptions {
  /** Gives up with ETIMEDOUT; 0 = never. Default: rados_osd_op_timeout. */
  readonly timeout_ms?: number;
  /** Aborting rejects with ECANCELED; a write may still take effect. */
  readonly signal?: AbortSignal;
  /** Fail with ENOSPC instead of waiting for space. */
  readonly full_try?: boolean;
}
/** One step's result with its bytes in place. */
export interface StepResult {
  /** >= 0, or -errno of a step marked failok. */
  readonly rval: number;
  readonly bytes: Uint8Array | undefined;
  readonly outcome: OSDOpOutcome;
  readonly values: Map<string, Uint8Array>;
}
export interface OperateResult {
  /** user_version of the object after a write, or as read. */
  readonly user_version: number;
  readonly steps: StepResult[];
}
export interface ListEntry {
  readonly oid: string;
  readonly nspace: string;
  readonly locator: string;
}

/** Lists all namespaces. */
export const ALL_NSPACES = "\u0001";
const LIST_PAGE = 1024;

export class IoCtx {
  readonly pool_id: number;
  readonly pool_name: string;
  readonly #objecter: Objecter;
  readonly #default_timeout_ms: () => number;
  /** Namespace of every object named after this. */
  nspace = "";
  /** Places objects by this instead of their names. */
  locator_key = "";

  constructor(
    objecter: Objecter,
    pool: { id: number; name: string },
    default_timeout_ms: () => number,
  ) {
    this.#objecter = objecter;
    this.pool_id = pool.id;
    this.pool_name = pool.name;
    this.#default_timeout_ms = default_timeout_ms;
  }

  // ------------------------------------------------------------ compound operations

  operate_write(
    oid: string,
    op: ObjectWriteOperation,
    o: CallOptions = {},
  ): Promise<OperateResult> {
    const full_try = o.full_try ?? op.ops.every((s) => s.op === "delete");
    return this.#operate(this.#object(oid), op, { reads: false, writes: true }, { ...o, full_try });
  }
  operate_read(oid: string, op: ObjectReadOperation, o: CallOptions = {}): Promise<OperateResult> {
    return this.#operate(this.#object(oid), op, { reads: true, writes: false }, o);
  }
  #object(oid: string): OpBase {
    if (oid === "") throw RadosError.of("EINVAL", "object names may not be empty");
    const { pool_id, nspace, locator_key } = this;
    return { kind: "object", pool: pool_id, oid, nspace, key: locator_key };
  }
  #operate(
    base: OpBase,
    op: Pick<ObjectOperation, "ops" | "data">,
    kind: { reads: boolean; writes: boolean },
    o: CallOptions,
  ): Promise<OperateResult> {
    return new Promise((resolve, reject) => {
      const what = () => `${this.pool_name}/${base.kind === "object" ? base.oid : base.pgid}`;
      if (o.signal?.aborted) {
        reject(RadosError.of("ECANCELED", `${what()}: aborted`));
        return;
      }
      const on_abort = () => this.#objecter.cancel(tid, 125);
      const tid = this.#objecter.submit({
        ...kind,
        base,
        ops: op.ops,
        data: op.data,
        ignores_full: o.full_try ?? false,
        timeout_ms: o.timeout_ms ?? this.#default_timeout_ms(),
        done: (result, reply) => {
          o.signal?.removeEventListener("abort", on_abort);
          if (result < 0) reject(failure(result, what(), op));
          else resolve(to_result(reply));
        },
      });
      o.signal?.addEventListener("abort", on_abort, { once: true });
    });
  }
  async #one(oid: string, op: ObjectReadOperation, o?: CallOptions): Promise<StepResult> {
    const { steps } = await this.operate_read(oid, op, o);
    return steps[0] ?? { rval: 0, bytes: undefined, outcome: { rval: 0 }, values: new Map() };
  }

  // ------------------------------------------------------------ data

  async write_full(oid: string, data: Bytes, o?: CallOptions): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().write_full(data), o);
  }
  async write(oid: string, data: Bytes, off: number, o?: CallOptions): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().write(off, data), o);
  }
  async append(oid: string, data: Bytes, o?: CallOptions): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().append(data), o);
  }
  async truncate(oid: string, size: number, o?: CallOptions): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().truncate(size), o);
  }
  async zero(oid: string, off: number, len: number, o?: CallOptions): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().zero(off, len), o);
  }
  async create(oid: string, exclusive = true, o?: CallOptions): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().create(exclusive), o);
  }
  async remove(oid: string, o?: CallOptions): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().remove(), o);
  }
  /** Bytes [off, off+len) that exist; len 0 = to the end. */
  async read(oid: string, len = 0, off = 0, o?: CallOptions): Promise<Uint8Array> {
    const r = await this.#one(oid, new ObjectReadOperation().read(off, len), o);
    return r.bytes ?? new Uint8Array(0);
  }
  /** Size in bytes, time of the last write in milliseconds since 1970. */
  async stat(oid: string, o?: CallOptions): Promise<{ size: number; mtime: number }> {
    const { outcome } = await this.#one(oid, new ObjectReadOperation().stat(), o);
    return { size: outcome.size ?? 0, mtime: outcome.mtime ?? 0 };
  }

  // ------------------------------------------------------------ attributes

  async getxattr(oid: string, name: string, o?: CallOptions): Promise<Uint8Array> {
    const r = await this.#one(oid, new ObjectReadOperation().getxattr(name), o);
    return r.bytes ?? new Uint8Array(0);
  }
  async getxattrs(oid: string, o?: CallOptions): Promise<Map<string, Uint8Array>> {
    return (await this.#one(oid, new ObjectReadOperation().getxattrs(), o)).values;
  }
  async setxattr(oid: string, name: string, value: Bytes, o?: CallOptions): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().setxattr(name, value), o);
  }
  async rmxattr(oid: string, name: string, o?: CallOptions): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().rmxattr(name), o);
  }

  // ------------------------------------------------------------ omap

  async omap_set(
    oid: string,
    values: Iterable<readonly [string, Bytes]>,
    o?: CallOptions,
  ): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().omap_set(values), o);
  }
  async omap_rm_keys(oid: string, keys: readonly string[], o?: CallOptions): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().omap_rm_keys(keys), o);
  }
  async omap_clear(oid: string, o?: CallOptions): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().omap_clear(), o);
  }
  async omap_set_header(oid: string, header: Bytes, o?: CallOptions): Promise<void> {
    await this.operate_write(oid, new ObjectWriteOperation().omap_set_header(header), o);
  }
  async omap_get_header(oid: string, o?: CallOptions): Promise<Uint8Array> {
    const r = await this.#one(oid, new ObjectReadOperation().omap_get_header(), o);
    return r.bytes ?? new Uint8Array(0);
  }
  /** Values of all keys, fetched page by page. */
  async omap_get_all(oid: string, o?: CallOptions): Promise<Map<string, Uint8Array>> {
    const all = new Map<string, Uint8Array>();
    for (let after = "", more = true; more; ) {
      const op = new ObjectReadOperation().omap_get_vals(after, "", LIST_PAGE);
      const r = await this.#one(oid, op, o);
      for (const [k, v] of r.values) {
        all.set(k, v);
        after = k;
      }
      more = r.outcome.more === true && r.values.size > 0;
    }
    return all;
  }
  async omap_get_keys(oid: string, o?: CallOptions): Promise<string[]> {
    const all: string[] = [];
    for (let more = true; more; ) {
      const op = new ObjectReadOperation().omap_get_keys(all.at(-1) ?? "", LIST_PAGE);
      const { outcome } = await this.#one(oid, op, o);
      all.push(...(outcome.keys ?? []));
      more = outcome.more === true && (outcome.keys?.length ?? 0) > 0;
    }
    return all;
  }
  async omap_get_vals_by_keys(
    oid: string,
    keys: readonly string[],
    o?: CallOptions,
  ): Promise<Map<string, Uint8Array>> {
    return (await this.#one(oid, new ObjectReadOperation().omap_get_vals_by_keys(keys), o)).values;
  }

  // ------------------------------------------------------------ listing

  /**
   * Objects of the pool in hobject order, PG by PG; starts over (entries may repeat) when pg_num
   * changes on the way. `nspace` ALL_NSPACES lists every namespace.
   */
  async *list_objects(
    o: CallOptions & { readonly nspace?: string; readonly pgid?: pg_t } = {},
  ): AsyncGenerator<ListEntry> {
    for (let ps = o.pgid ? pg_ps(o.pgid) : 0, started = this.#pg_num(); ; ps++) {
      if (started !== this.#pg_num()) {
        started = this.#pg_num();
        ps = 0;
      }
      if (ps >= started) return;
      yield* this.#list_pg(make_pg(this.pool_id, ps), o);
      if (o.pgid) return;
    }
  }
  #pg_num(): number {
    return this.#objecter.osdmap?.get_pg_pool(this.pool_id)?.pg_num ?? 0;
  }
  async *#list_pg(
    pgid: pg_t,
    o: CallOptions & { readonly nspace?: string },
  ): AsyncGenerator<ListEntry> {
    const nspace = o.nspace ?? this.nspace;
    for (let cursor: OSDOpOutcome["cursor"] = "MIN"; cursor !== "MAX"; ) {
      const step = { op: "pgnls" as const, cursor, max: LIST_PAGE };
      const ops = [nspace === ALL_NSPACES ? step : { ...step, nspace }];
      const kind = { reads: true, writes: false };
      const { steps } = await this.#operate({ kind: "pg", pgid }, { ops, data: [] }, kind, o);
      const outcome = steps[0]?.outcome;
      yield* outcome?.entries ?? [];
      cursor = outcome?.cursor ?? "MAX";
    }
  }
}

function failure(result: number, what: string, op: Pick<ObjectOperation, "ops">): RadosError {
  const steps = op.ops.map((s) => s.op).join(",");
  return new RadosError(-result, `${what}: ${steps} failed`);
}

function to_result(reply: OpReply | undefined): OperateResult {
  const data = reply?.data ?? [];
  const steps = (reply?.outcomes ?? []).map((outcome) => ({
    rval: outcome.rval,
    bytes: outcome.seg === undefined ? undefined : data[outcome.seg],
    outcome,
    values: new Map(
      (outcome.vals ?? []).map((v) => [v.key, data[v.value] ?? new Uint8Array(0)] as const),
    ),
  }));
  return { user_version: reply?.user_version ?? 0, steps };
}
