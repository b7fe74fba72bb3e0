/**
 * A whole cluster in a browser: monitor, OSDs, client and the simulator's world, bundled as for a page,
 * give the same history there as here. So nothing of their cores reaches for Node.
 */
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { rolldown } from "rolldown";
import { expect, it } from "vitest";
import { run_seed } from "./run_seed.ts";

it("a seed's history is the same in a browser", async () => {
  const build = await rolldown({
    input: fileURLToPath(new URL("./index.ts", import.meta.url)),
    platform: "browser",
    resolve: { conditionNames: ["source", "import"] },
    logLevel: "silent",
  });
  const { output } = await build.generate({ format: "iife", name: "tako" });
  await build.close();
  const [chunk] = output;
  expect([...chunk.imports, ...chunk.dynamicImports]).toEqual([]);
  for (const core of ["mon/src/monitor/Monitor.ts", "osd/src/osd/OSD.ts", "client/src/Rados.ts"]) {
    expect(Object.keys(chunk.modules).filter((m) => m.endsWith(core))).toHaveLength(1);
  }

  const page = createContext({ Encoder: TextEncoder, TextDecoder });
  // A page's own encoder makes the page's own arrays.
  const encoder =
    "class TextEncoder { encode(s) { return Uint8Array.from(new Encoder().encode(s)); } }";
  runInContext(`${encoder}\n${chunk.code}`, page);
  const run = { seed: 11, seconds: 1 };
  page.run = run;
  const there: string = await runInContext(
    `tako.run_seed(run).then(({ hash, ok, ops, events, error }) =>
      JSON.stringify({ hash, ok, ops, events, error: String(error) }))`,
    page,
  );
  const { hash, ok, ops, events, error } = await run_seed(run);
  expect(JSON.parse(there)).toEqual({ hash, ok, ops, events, error: String(error) });
  expect(ok).toBe(true);
}, 60_000);
