/** The observed outputs of Ceph's tools in testdata, for tests. */
import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const DIR = new URL("../../../testdata/vectors/placement/", import.meta.url);
const MORE = new URL("../../vectors-more/placement/", DIR);

export interface crush_vector {
  readonly id: string;
  readonly source_text: string;
  readonly decompiled_text: string;
  readonly binary_base64: string;
  readonly crush_dump: unknown;
}
export interface osdmap_vector {
  readonly id: string;
  readonly osdmap: unknown;
  readonly osdmap_binary_base64: string;
  readonly crush_dump: unknown;
  readonly runs: readonly { readonly tool_arguments: string[]; readonly health_checks?: unknown }[];
  readonly clean_temps?: unknown;
  readonly upmap_cleanup?: unknown;
}

function read_all<T>(kind: "crush" | "osdmap", dir = DIR): T[] {
  const names = readdirSync(new URL(`${kind}/`, dir)).filter((f) => f.startsWith(`${kind}-`));
  return names.sort().map((f) => {
    const json = gunzipSync(readFileSync(new URL(`${kind}/${f}`, dir))).toString("utf8");
    return JSON.parse(json);
  });
}
export const crush_vectors = (): crush_vector[] => read_all("crush");
/** Maps of which crushtool makes what one would not expect. `mappings`: rule 0, x from 0, size 3. */
export const crush_oddities = (): (crush_vector & { readonly mappings?: number[][] })[] =>
  JSON.parse(readFileSync(new URL("../../crush-oddities.json", DIR), "utf8"));
export const osdmap_vectors = (): osdmap_vector[] => read_all("osdmap");
/** Random maps with all that a map can hold. */
export const more_osdmap_vectors = (): osdmap_vector[] => read_all("osdmap", MORE);

export function from_base64(s: string): Uint8Array {
  return new Uint8Array(Buffer.from(s, "base64"));
}
