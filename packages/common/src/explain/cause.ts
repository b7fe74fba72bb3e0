/** Making a cause. */

import type {
  cause_id,
  cause_kind,
  drastic_option,
  explain_fact,
  explained_cause,
} from "./explanation.ts";
import type { PGCase } from "./PGCase.ts";
import { unique } from "./words.ts";

export interface cause_parts {
  readonly say: readonly (string | undefined)[];
  readonly facts?: readonly (explain_fact | undefined)[];
  readonly osds?: readonly number[];
  readonly unblocks?: readonly (string | undefined)[];
  readonly drastic?: readonly drastic_option[];
}
/** Looks at a PG and says what it finds, if it finds anything. */
export type CauseRule = (c: PGCase) => readonly explained_cause[];

export function cause(id: cause_id, kind: cause_kind, p: cause_parts): explained_cause {
  const given = <T>(list: readonly (T | undefined)[] | undefined): T[] =>
    (list ?? []).flatMap((v) => (v === undefined ? [] : [v]));
  const seen = new Set<string>();
  const facts = given(p.facts).filter((f) => !seen.has(f.path) && seen.add(f.path));
  return {
    id,
    kind,
    sentences: given(p.say),
    facts,
    osds: unique(p.osds ?? []),
    unblocks: given(p.unblocks),
    drastic: [...(p.drastic ?? [])],
  };
}
