/** docs/simulator.md tells of every profile, every kind of fault and every plant, and of no others. */
import { readFileSync } from "node:fs";
import { PROFILES, type Profile } from "@tako/client/chaos";
import { expect, it } from "vitest";
import { FAULT_KINDS } from "./nemesis/registry.ts";
import { PLANTS } from "./plants/plants.ts";

const DOC = readFileSync(new URL("../../../docs/simulator.md", import.meta.url), "utf8");
/** Not a kind of the nemesis: BitRot.ts. */
const ROT = "flip_bit";

function section(heading: string): string {
  return DOC.split(/^## /m).find((s) => s.startsWith(`${heading}\n`)) ?? "";
}
/** What stands in code style in the first cells of its tables. */
function first_cells(heading: string): string[] {
  const cells = section(heading).match(/^\| `[^|]*/gm) ?? [];
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? ""));
}

it("names every kind of fault", () => {
  expect(first_cells("Faults").sort()).toEqual([...FAULT_KINDS, ROT].sort());
});

it("names every planted bug", () => {
  expect(first_cells("Planted bugs")).toEqual(PLANTS.map((p) => p.name));
});

it("has every profile as it is", () => {
  const rows = Object.entries<Profile>(PROFILES).map(([name, p]) => {
    const pools = p.pools.map((pool) => pool.name).join(", ");
    const every_s = p.fault_intervals_ms.map((ms) => ms / 1000).join(", ");
    return `| \`${name}\` | ${p.seconds} | ${p.osds.join(", ")} | ${pools} | ${every_s} |`;
  });
  const seen = section("Profiles").match(/^\| `.*/gm) ?? [];
  expect(seen.map((row) => row.split(/(?<=\|)/, 6).join(""))).toEqual(rows);
});
