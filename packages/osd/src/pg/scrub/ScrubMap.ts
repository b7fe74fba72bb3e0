/**
 * ScrubMap: what one shard has of the objects of a chunk, as it is compared with the other shards'.
 * Ceph counterpart: ScrubMap (src/osd/osd_types.h). peering.md §11.
 */
import type { hobject_t, Msg } from "@tako/common";

export interface ScrubObject {
  readonly size: number;
  readonly attrs: ReadonlyMap<string, Uint8Array>;
  /** Data or omap could not be read. */
  readonly read_error: boolean;
  /** Not even its size and attributes are known. */
  readonly stat_error: boolean;
  /** Of a deep scrub that could read everything: crc32c as Ceph computes it, begun with -1. */
  readonly digest?: number;
  readonly omap_digest?: number;
  readonly omap_keys?: number;
  readonly omap_bytes?: number;
}
/** In object order. */
export type ScrubMap = ReadonlyMap<hobject_t, ScrubObject>;

type WireObject = Msg<"rep_scrub_map">["objects"][number];

export function scrub_map_to_wire(map: ScrubMap): { objects: WireObject[]; data: Uint8Array[] } {
  const data: Uint8Array[] = [];
  const objects = [...map].map(([soid, o]) => ({
    ...o,
    soid,
    attrs: [...o.attrs].map(([key, value]) => ({ key, value: data.push(value) - 1 })),
  }));
  return { objects, data };
}

/** A value that the message does not bring counts as empty: it differs, and that is reported. */
export function scrub_map_from_wire(m: Msg<"rep_scrub_map">): ScrubMap {
  const value = (i: number) => m.data?.[i] ?? new Uint8Array(0);
  return new Map(
    m.objects.map(({ soid, attrs, ...o }) => {
      return [soid, { ...o, attrs: new Map(attrs.map((a) => [a.key, value(a.value)])) }] as const;
    }),
  );
}
