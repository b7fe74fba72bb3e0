/**
 * Binary OSDMaps that are damaged and yet have the checksum of what they are: an error that names the
 * byte or the field, or a map that is what the bytes say and that can be used. Never a hang, a crash or
 * a silent default.
 */
import { describe, expect, it } from "vitest";
import { from_base64, osdmap_vectors } from "../../crush/testing/vectors.ts";
import { crc32c } from "../crc32c.ts";
import { MapError } from "../MapError.ts";
import { dump_osdmap_file } from "./dump_file.ts";
import { decode_osdmap_binary, encode_osdmap_binary, type osdmap_file } from "./file.ts";

const vectors = osdmap_vectors();
function bytes_of(id: string): Uint8Array {
  const v = vectors.find((x) => x.id === id);
  if (!v) throw new Error(`no vector ${id}`);
  return from_base64(v.osdmap_binary_base64);
}

/** Header: two versions and the length; the checksum comes last. */
function sealed(body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.length + 4);
  bytes.set(body);
  const view = new DataView(bytes.buffer);
  view.setUint32(2, bytes.length - 6, true);
  view.setUint32(body.length, ~crc32c(body) >>> 0, true);
  return bytes;
}
function decode(bytes: Uint8Array): osdmap_file | undefined {
  try {
    return decode_osdmap_binary(bytes);
  } catch (e) {
    if (!(e instanceof MapError)) throw e;
    // Where bytes do not make a value, the byte; where the value makes no sense, its name.
    expect(e.message).toMatch(/ \(at byte \d+ of \d+\)$|^[a-z]/);
    return undefined;
  }
}
/** What is done with a map; with few PGs, whatever a damaged count says. */
function use({ map, raw }: osdmap_file): void {
  dump_osdmap_file({ map, raw });
  for (const id of map.pool_ids()) {
    for (let ps = 0; ps < Math.min(4, map.get_pg_num(id)); ps++) {
      map.pg_to_up_acting_osds(`${id}.${ps.toString(16)}`);
    }
  }
}

describe("a damaged OSDMap file", () => {
  const some = ["osdmap-tool-createsimple-0", "osdmap-upmap-and-temps-affinity-0"];
  it.each([...some, "osdmap-choose-args-0"])("%s, cut off anywhere, is refused", (id) => {
    const good = bytes_of(id);
    const body = good.subarray(0, good.length - 4);
    expect(sealed(body)).toEqual(good);
    for (let n = 6; n < body.length; n++) {
      if (decode(sealed(body.subarray(0, n)))) expect.fail(`the first ${n} bytes are a map`);
    }
  });

  it.each([...some, "osdmap-degenerate-0"])("%s, a byte changed, is refused or another", (id) => {
    const good = bytes_of(id);
    let refused = 0;
    const step = Math.ceil(good.length / 500);
    for (let at = 6; at < good.length - 4; at += step) {
      const body = good.slice(0, -4);
      body[at] = (body[at] ?? 0) ^ ([0x01, 0x80, 0xff, 0x10][refused % 4] ?? 1);
      const file = decode(sealed(body));
      if (file) use(file);
      else refused++;
      const again = file ? encode_osdmap_binary(file.map, file.raw) : sealed(body);
      if (Buffer.compare(again, sealed(body)) !== 0) expect.fail(`byte ${at} is lost`);
    }
    expect(refused).toBeGreaterThan(20);
  });
});
