import { defineConfig } from "vitest/config";

// Tests run from the sources: the `source` export condition points every @tako package at src/.
// Only e2e needs a build, because it starts real processes; `npm test` sees to that.
const resolve = { conditions: ["source"] };
const ssr = { resolve };

export default defineConfig({
  test: {
    projects: [
      {
        resolve,
        ssr,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts"],
          pool: "threads",
          testTimeout: 20_000,
        },
      },
      {
        resolve,
        ssr,
        test: {
          name: "e2e",
          include: ["tests/e2e/**/*.test.ts"],
          pool: "forks",
          // Each starts a cluster of its own: one after the other leaves the cores to it.
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
