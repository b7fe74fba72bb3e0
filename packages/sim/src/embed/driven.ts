/**
 * A client whose promises make the cluster's time go on: without it nobody would run the events that
 * an answer needs.
 */

export type Drive = <T>(p: Promise<T>, what: string) => Promise<T>;

/** `target` with each promise (and each item of an async iterator) that its methods give driven. */
export function driven<T extends object>(target: T, drive: Drive): T {
  return new Proxy(target, {
    get(of, key) {
      const value: unknown = Reflect.get(of, key);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        const result: unknown = Reflect.apply(value, of, args);
        return drive_result(result, drive, String(key));
      };
    },
    set: (of, key, value) => Reflect.set(of, key, value),
  });
}

function drive_result(result: unknown, drive: Drive, what: string): unknown {
  if (result instanceof Promise) {
    return drive(result, what).then((v: unknown) => (is_client(v) ? driven(v, drive) : v));
  }
  if (is_async_iterator(result)) return driven_iterator(result, drive, what);
  return result;
}

/** An object with methods of its own that talk to the cluster: what open_ioctx gives. */
function is_client(v: unknown): v is object {
  return typeof v === "object" && v !== null && "operate_write" in v;
}
function is_async_iterator(v: unknown): v is AsyncIterableIterator<unknown> {
  return typeof v === "object" && v !== null && Symbol.asyncIterator in v;
}

async function* driven_iterator(
  items: AsyncIterableIterator<unknown>,
  drive: Drive,
  what: string,
): AsyncGenerator {
  for (;;) {
    const next = await drive(items.next(), what);
    if (next.done) return;
    yield next.value;
  }
}
