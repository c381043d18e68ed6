import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts", "bench/**/*.test.ts", "examples/**/*.test.ts"],
    // Processes, not threads: some suites start and kill servers, change the environment, or lock a folder by pid.
    pool: "forks",
    // Every core: much of the time goes by waiting for processes that tests start.
    maxWorkers: "100%",
    // A property over thousands of random plans takes its time on a small machine; a test that hangs still ends.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What other processes and threads do takes its time on a machine that is full.
    expect: { poll: { timeout: 20_000 } },
  },
});
