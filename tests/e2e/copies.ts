/** What stopped OSDs hold: each copy of each object, read from their stores. */
import { parse_hobject } from "@tako/common";
import { LevelStore } from "../../packages/osd/src/io/LevelStore.ts";
import type { Daemon } from "./daemon.ts";

/** By collection and name: data and object_info_t of each copy. What is in TEMP is there, too. */
export async function copies(osds: readonly Daemon[]): Promise<Map<string, Buffer[]>> {
  const found = new Map<string, Buffer[]>();
  for (const { spec } of osds) {
    const store = new LevelStore({ path: spec.data });
    await store.mount();
    for (const c of store.list_collections()) {
      if (c === "meta") continue;
      const { objects } = store.collection_list(c, "MIN", "MAX", 1_000_000);
      for (const o of objects) {
        // The PG's own metadata has no name, and is each member's own.
        if (parse_hobject(o)?.oid === "") continue;
        const info = store.getattr(c, o, "_") ?? new Uint8Array();
        const data = Buffer.concat([store.read(c, o, 0, 0) ?? new Uint8Array(), info]);
        const key = `${c} ${o}`;
        found.set(key, [...(found.get(key) ?? []), data]);
      }
    }
    await store.umount();
  }
  return found;
}
