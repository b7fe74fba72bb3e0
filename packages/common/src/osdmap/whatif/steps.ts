/** What happens to an imagined cluster, step by step, and the little language of sequence files. */
import type { OSDMap } from "../OSDMap.ts";
import { WhatifInputError } from "./errors.ts";
import { select_osds } from "./selectors.ts";

/** Steps that name OSDs; each is one epoch, so what one step names happens at the same moment. */
export const WHATIF_OSD_VERBS = ["down", "up", "out", "in", "lost"] as const;
/**
 * Steps that let time pass. `write`: PGs peer, go active where they can, and take writes; nothing
 * is copied yet. `settle`: as that, and then all is recovered and backfilled that can be.
 */
export const WHATIF_TIME_VERBS = ["write", "settle"] as const;
export type whatif_osd_verb = (typeof WHATIF_OSD_VERBS)[number];
export type whatif_time_verb = (typeof WHATIF_TIME_VERBS)[number];

export type whatif_step =
  | { readonly verb: whatif_osd_verb; readonly osds: readonly number[]; readonly text: string }
  | { readonly verb: whatif_time_verb; readonly text: string };

/** One step. `who` are selectors (see select_osds); steps that let time pass take none. */
export function whatif_step(map: OSDMap, verb: string, who: string): whatif_step {
  const time = WHATIF_TIME_VERBS.find((v) => v === verb);
  if (time) {
    if (who.trim() === "") return { verb: time, text: time };
    throw new WhatifInputError("EINVAL", `'${time}' names no OSDs`);
  }
  const osd = WHATIF_OSD_VERBS.find((v) => v === verb);
  if (!osd) {
    const verbs = [...WHATIF_OSD_VERBS, ...WHATIF_TIME_VERBS];
    throw new WhatifInputError("EINVAL", `'${verb}' is no step`, verb, verbs);
  }
  if (who.trim() === "") throw new WhatifInputError("EINVAL", `'${osd}' wants OSDs`);
  const words = who.split(/[\s,]+/).filter((w) => w !== "");
  return { verb: osd, osds: select_osds(map, who), text: `${osd} ${words.join(",")}` };
}

/**
 * The steps of a sequence file: one a line, `down osd.3 host=b`; `#` starts a comment. Throws
 * WhatifInputError that names the line.
 */
export function parse_whatif_sequence(map: OSDMap, text: string): whatif_step[] {
  const steps: whatif_step[] = [];
  text.split(/\r?\n/).forEach((raw, i) => {
    const line = raw.replace(/#.*$/, "").trim();
    if (line === "") return;
    const [verb = "", ...who] = line.split(/\s+/);
    try {
      steps.push(whatif_step(map, verb, who.join(" ")));
    } catch (e) {
      throw e instanceof WhatifInputError ? e.at(`line ${i + 1}`) : e;
    }
  });
  return steps;
}
