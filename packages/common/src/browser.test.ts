/**
 * The library in a browser: bundled as one is for a page, and run where there is nothing but the
 * language and what every browser has.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createContext, runInContext } from "node:vm";
import { rolldown } from "rolldown";
import { beforeAll, describe, expect, it } from "vitest";

const MAP = new URL("../testdata/osdmap-16.2.15.bin", import.meta.url);

/** One script, what of it is ours by path, and the imports that are left to the page to resolve. */
async function bundle(entry: URL): Promise<{ code: string; imports: string[]; modules: string[] }> {
  const build = await rolldown({
    input: fileURLToPath(entry),
    platform: "browser",
    resolve: { conditionNames: ["source", "import"] },
    logLevel: "silent",
  });
  const { output } = await build.generate({ format: "iife", name: "tako" });
  await build.close();
  const [chunk] = output;
  return {
    code: chunk.code,
    imports: [...chunk.imports, ...chunk.dynamicImports],
    modules: Object.keys(chunk.modules),
  };
}

describe("@tako/common in a browser", () => {
  let built: Awaited<ReturnType<typeof bundle>>;
  beforeAll(async () => {
    built = await bundle(new URL("./index.ts", import.meta.url));
  });

  it("needs no module that a browser does not have", () => {
    expect(built.imports).toEqual([]);
    expect(built.code).not.toMatch(/["'`]node:|\brequire\(/);
    expect(built.modules.filter((m) => m.includes("/src/io/"))).toEqual([]);
    // The check above would see nothing in a bundle of nothing.
    expect(built.modules.filter((m) => m.endsWith("crush/mapper.ts"))).toHaveLength(1);
  });

  it("says where an object of a real cluster's map is", () => {
    // Neither require, process, Buffer nor console: the language, and what browsers and Node share.
    const page = createContext({ TextEncoder, TextDecoder });
    runInContext(built.code, page);
    page.map_bytes = [...readFileSync(MAP)];
    // osdmaptool osdmap-16.2.15.bin --test-map-object foo --pool 1
    const answer = runInContext(
      `(() => {
        const { map } = tako.decode_osdmap_binary(Uint8Array.from(map_bytes));
        const at = map.object_locator_to_pg({ pool: 1, oid: "foo" });
        const pg = map.raw_pg_to_pg(at.raw_pg);
        return JSON.stringify({ ...at, pg, ...map.pg_to_up_acting_osds(pg) });
      })()`,
      page,
    );
    expect(JSON.parse(answer)).toEqual({
      hash: 0x7fc1f406,
      raw_pg: "1.7fc1f406",
      pg: "1.6",
      up: [1, 0, 2],
      up_primary: 1,
      acting: [1, 0, 2],
      acting_primary: 1,
    });
  });
});
