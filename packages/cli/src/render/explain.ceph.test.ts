/**
 * Explanations of what a real Ceph 16.2.15 said of PGs in many states (testdata/ceph-16.2: `pg query`,
 * and what belongs to it of `osd dump`, `pg dump`, `list_unfound`; `NAME.txt` is the explanation).
 */
import { readdirSync, readFileSync } from "node:fs";
import { explain_pg, type explain_sources } from "@tako/common";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { render_pg_explanation } from "./explain.ts";

const DIR = new URL("../../testdata/ceph-16.2/", import.meta.url);
const NAMES = readdirSync(DIR)
  .filter((f) => f.endsWith(".json"))
  .map((f) => f.replace(/\.json$/, ""))
  .sort();
type Saved = explain_sources & { readonly pgid?: string };
const read = (name: string): Saved =>
  JSON.parse(readFileSync(new URL(`${name}.json`, DIR), "utf8"));
const explained = ({ pgid, ...sources }: Saved) => explain_pg(sources, pgid);
const DESTRUCTIVE = /\blost\b(?! by|\.)|history_les|force.create|mark_unfound|purge|destroy|zap/i;

describe.each(NAMES)("%s", (name) => {
  const saved = read(name);

  test("as it is told", async () => {
    const parts = [render_pg_explanation(explained(saved))];
    if (saved.query !== undefined && saved.osd_dump !== undefined) {
      parts.push(
        "==== of the query alone",
        render_pg_explanation(explain_pg({ query: saved.query })),
      );
    }
    await expect(`${parts.join("\n")}\n`).toMatchFileSnapshot(new URL(`${name}.txt`, DIR).pathname);
  });

  test("advice destroys nothing, facts are where they are said to be", () => {
    const x = explained(saved);
    for (const c of x.causes) {
      for (const advice of c.unblocks) expect(advice).not.toMatch(DESTRUCTIVE);
      for (const f of c.facts) expect(at(saved, f.path), f.path).toEqual(f.value ?? undefined);
    }
  });

  test("with anything missing, or of another kind, it still answers", () => {
    const paths = leaves(saved).filter((p) => p[0] !== "pgid");
    const change = fc.record({
      path: fc.constantFrom(...paths),
      to: fc.constantFrom(undefined, null, "", "x", -1, 1e9, [], {}),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
        const broken = structuredClone(saved);
        for (const { path, to } of changes) put(broken, path, to);
        try {
          explained(broken);
        } catch (e) {
          // What is not a query, a dump at all is said to be none.
          expect(String(e)).toMatch(
            /not an? (pg query|osd dump|pg dump)|the query is of pg|which PG/,
          );
        }
      }),
      { numRuns: 40, seed: 16 },
    );
  });
});

test("they show these causes", () => {
  const seen = new Set(NAMES.flatMap((n) => explained(read(n)).causes.map((c) => c.id)));
  expect([...seen].sort()).toMatchInlineSnapshot(`
    [
      "creating.peering",
      "degraded.norecover",
      "degraded.recovering",
      "degraded.recovery_unfound",
      "degraded.recovery_wait",
      "down.blocked",
      "incomplete.history_les_bound",
      "incomplete.no_complete_copy",
      "incomplete.not_enough_shards",
      "io.pool_full",
      "lease.laggy",
      "lease.wait",
      "peered.below_min_size",
      "peering.get_info",
      "peering.wait_up_thru",
      "remapped.backfill_toofull",
      "remapped.backfill_wait",
      "remapped.backfilling",
      "remapped.nobackfill",
      "scrub.inconsistent",
      "scrub.running",
      "snaptrim.running",
      "stale.all_down",
      "undersized.filling",
      "undersized.osd_down",
      "unknown.not_reported",
    ]
  `);
});

type Path = readonly string[];
/** Every place in the JSON, but for the lists' ends. */
function leaves(v: unknown, path: Path = []): Path[] {
  if (typeof v !== "object" || v === null) return [path];
  return Object.entries(v)
    .slice(0, 60)
    .flatMap(([k, x]) => [...(path.length > 0 ? [[...path, k]] : []), ...leaves(x, [...path, k])]);
}
function put(root: unknown, path: Path, to: unknown): void {
  let v = root;
  for (const k of path.slice(0, -1)) v = Reflect.get(Object(v), k);
  const last = path.at(-1) ?? "";
  if (typeof v !== "object" || v === null) return;
  if (to === undefined && Array.isArray(v)) v.splice(Number(last), 1);
  else if (to === undefined) Reflect.deleteProperty(v, last);
  else Reflect.set(v, last, to);
}
/** `query.info.stats[3].x` */
function at(root: unknown, path: string): unknown {
  return path
    .split(/[.[\]]+/)
    .filter((k) => k !== "")
    .reduce<unknown>((v, k) => Reflect.get(Object(v), k), root);
}
