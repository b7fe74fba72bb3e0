import { defineConfig } from "vitest/config";

// Tests run from the sources: the `source` export condition points every @tako package at src/.
export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    include: ["packages/*/src/**/*.test.ts"],
    testTimeout: 20_000,
    pool: "threads",
  },
});
