import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { FakeCluster } from "../testing/FakeCluster.ts";

async function script(shell: string): Promise<string> {
  const r = await new FakeCluster().tako(`completion ${shell}`);
  expect(r).toMatchObject({ code: 0, err: "" });
  return r.out;
}

/** What bash offers for the last word. */
function complete(bash: string, words: readonly string[]): string[] {
  const run = `${bash}
COMP_WORDS=(${words.map((w) => `"${w}"`).join(" ")}); COMP_CWORD=${words.length - 1}
_tako; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const r = spawnSync("bash", ["-c", run], { encoding: "utf8" });
  expect(r.stderr).toBe("");
  return r.stdout.split("\n").filter((l) => l !== "");
}

test("bash completes words, arguments and options", async () => {
  const bash = await script("bash");
  expect(complete(bash, ["tako", "osd", "pool", "cr"])).toEqual(["create"]);
  expect(complete(bash, ["tako", "stat"])).toEqual(["status"]);
  expect(complete(bash, ["tako", "osd", "set", "noo"])).toEqual(["noout"]);
  expect(complete(bash, ["tako", "-f", "json", "osd", "tre"])).toEqual(["tree", "tree-from"]);
  expect(complete(bash, ["tako", "rados", "bench", "--no-c"])).toEqual(["--no-cleanup"]);
  expect(complete(bash, ["tako", "cluster", "kill", "--sig"])).toEqual(["--signal"]);
});
test("zsh and fish know the same commands", async () => {
  const zsh = await script("zsh");
  expect(zsh).toMatch(/^#compdef tako/);
  expect(zsh).toMatch(/"tako osd pool"\) words_=\(.*'create:create a pool'/);
  const fish = await script("fish");
  expect(fish).toContain(
    "complete -c tako -n '__tako_at \\'tako osd pool\\'' -f -a 'create' -d 'create a pool'",
  );
});
