/** Maps of a small cluster for tests of the OSD shell: epochs that follow one another. */
import {
  build_simple_crush_map,
  encode_incremental,
  INITIAL_FLAGS,
  type Incremental,
  type Msg,
  new_incremental,
  OSDMap,
  pg_pool_t,
} from "@tako/common";

export const FSID = "cb4317e9-5170-40ad-bef5-f507eada77f1";

export function addr_of(o: number, nonce = 1000 + o) {
  return { host: "127.0.0.1", port: 6800 + o, nonce };
}

/** Every map since epoch 1, as full blobs and incrementals. */
export class MapHistory {
  readonly maps: OSDMap[] = [];
  readonly incs = new Map<number, Uint8Array>();

  constructor(osds: number) {
    const first = new_incremental({ fsid: FSID, epoch: 0 });
    first.new_flags = INITIAL_FLAGS;
    first.new_max_osd = osds;
    first.crush = build_simple_crush_map("osd").edit((b) => {
      for (let i = 0; i < osds; i++)
        b.insert_item(i, 1, `osd.${i}`, new Map([["root", "default"]]));
    });
    first.new_pools.set(1, pg_pool_t({ size: 3, min_size: 2, pg_num: 4, pgp_num: 4 }));
    first.new_pool_names.set(1, "p");
    first.new_pool_max = 1;
    this.maps.push(new OSDMap({ created: 1_700_000_000_000 }).apply_incremental(first));
    this.next((inc) => {
      for (let i = 0; i < osds; i++) {
        inc.new_weight.set(i, 0x10000);
        inc.new_up_client.set(i, addr_of(i));
      }
    });
  }
  get newest(): OSDMap {
    return this.maps.at(-1) as OSDMap;
  }
  at(epoch: number): OSDMap {
    return this.maps[epoch - 1] as OSDMap;
  }
  next(edit: (inc: Incremental) => void): OSDMap {
    const inc = new_incremental(this.newest);
    edit(inc);
    const map = this.newest.apply_incremental(inc);
    inc.full_crc = map.crc;
    this.incs.set(map.epoch, encode_incremental(inc));
    this.maps.push(map);
    return map;
  }
  down(osd: number): OSDMap {
    return this.next((inc) => inc.new_state.set(osd, 2));
  }
  /** MOSDMap with incrementals first..last; `full_first`: the first as a full map. */
  message(first: number, last: number, o: { full_first?: boolean; oldest?: number } = {}) {
    const full = o.full_first ? [first] : [];
    const incremental: number[] = [];
    for (let e = o.full_first ? first + 1 : first; e <= last; e++) incremental.push(e);
    const m: Msg<"osd_map"> = {
      type: "osd_map",
      fsid: FSID,
      full,
      incremental,
      oldest_map: o.oldest ?? 1,
      newest_map: this.newest.epoch,
      data: [
        ...full.map((e) => this.at(e).encode()),
        ...incremental.map((e) => this.incs.get(e) ?? new Uint8Array(0)),
      ],
    };
    return m;
  }
}
