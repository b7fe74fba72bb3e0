/** CRC-32 (IEEE, reflected): guards each stored value against a disk that changes bits. */

const TABLE = new Uint32Array(256);
for (let n = 0; n < 256; n++) {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  TABLE[n] = c >>> 0;
}

/** CRC of `bytes`, continuing from `crc` of what came before. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  let c = ~crc;
  for (const b of bytes) c = (TABLE[(c ^ b) & 0xff] ?? 0) ^ (c >>> 8);
  return ~c >>> 0;
}
