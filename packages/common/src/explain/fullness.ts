/** How full OSDs are: by the map's bits, and by the figures of the pg dump. peering.md §7.5. */
import type { explain_fact } from "./explanation.ts";
import type { PGCase } from "./PGCase.ts";
import { osd_name, percent } from "./words.ts";

export type fullness_t = "nearfull" | "backfillfull" | "full";
const LEVELS: readonly fullness_t[] = ["full", "backfillfull", "nearfull"];

export interface full_osd {
  readonly osd: number;
  readonly level: fullness_t;
  readonly words: string;
  readonly facts: readonly explain_fact[];
}

export function full_osds(c: Pick<PGCase, "cluster">, osds: Iterable<number>): full_osd[] {
  return [...osds].flatMap((o) => fullness(c, o) ?? []);
}

function fullness({ cluster }: Pick<PGCase, "cluster">, osd: number): full_osd | undefined {
  const { map, dump } = cluster;
  const view = map?.osds.get(osd);
  const used = dump?.used_ratio(osd);
  const ratio_of = (level: fullness_t) => map?.doc.at(`${level}_ratio`);
  const level = LEVELS.find((l) => {
    const limit = ratio_of(l)?.num();
    const over = used !== undefined && limit !== undefined && limit > 0 && used.ratio >= limit;
    return view?.states.has(l) || over;
  });
  if (level === undefined) return undefined;
  const limit = ratio_of(level);
  const ratio = limit?.num();
  const at = ratio === undefined ? "" : `, the limit is ${percent(ratio)}`;
  // The dump is older or newer than the map, or somebody makes a test (injectfull).
  const below = used !== undefined && ratio !== undefined && used.ratio < ratio;
  const by = below ? " by the map, if not by the figures of the pg dump" : "";
  return {
    osd,
    level,
    words: `${osd_name(osd)} is ${level}${by}${used ? ` (${percent(used.ratio)} used${at})` : ""}`,
    facts: [
      ...(view?.states.has(level) ? [view.doc.at("state").fact(`the map says ${level}`)] : []),
      ...(used ? [used.doc.fact(`${percent(used.ratio)} of its space`)] : []),
      ...(limit?.exists ? [limit.fact(`from there on an OSD is ${level}`)] : []),
    ],
  };
}
