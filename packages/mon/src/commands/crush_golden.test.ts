/**
 * The same commands as a real Ceph 16.2.15 monitor was given, one sequence a file: the same result,
 * status line and JSON, and the same CRUSH map in the end (`map`: its text as crushtool gives it).
 */
import fs from "node:fs";
import path from "node:path";
import { decode_crush_binary, decompile_crush } from "@tako/common";
import { describe, expect, test } from "vitest";
import { Harness } from "../testing/harness.ts";

const GOLDEN = path.join(import.meta.dirname, "../../testdata/crush");

interface Line {
  readonly cmd: Record<string, unknown>;
  /** The -i file. */
  readonly in_hex?: string;
  readonly result: number;
  readonly outs: string;
  readonly outb?: unknown;
  readonly map?: string;
}
function lines(file: string): Line[] {
  const text = fs.readFileSync(path.join(GOLDEN, file), "utf8").trim();
  return text.split("\n").map((l) => JSON.parse(l));
}
/** Where Ceph has no words but those of the errno, any will do. */
const WORDLESS = /^(\(\d+\) [A-Z].*)?$/;

describe("a real monitor's answers", () => {
  test.each(fs.readdirSync(GOLDEN))("%s", (file) => {
    const h = new Harness({ mon_allow_pool_delete: true });
    lines(file).forEach((line, i) => {
      const data = line.in_hex === undefined ? [] : [Buffer.from(line.in_hex, "hex")];
      const r = h.command(line.cmd, data);
      const at = `${file}:${i + 1} ${JSON.stringify(line.cmd)}`;
      expect(r.result, `${at}: ${r.outs}`).toBe(line.result);
      // `osd create` belongs to another table.
      const exact = line.cmd.prefix !== "osd create";
      if (exact && !(line.result < 0 && WORDLESS.test(line.outs))) {
        expect(r.outs, at).toBe(line.outs);
      }
      if (line.outb !== undefined) expect(r.outb, at).toEqual(line.outb);
      if (line.map !== undefined) {
        const crush = decode_crush_binary(r.data?.[0] ?? new Uint8Array());
        expect(decompile_crush(crush), at).toBe(line.map);
      }
    });
  });
});
