import { defineConfig } from 'vitest/config';

/** What floods a server, measures its memory or fills the machine with ten pages, and is right only without company. */
const ALONE = ['test/hostile/**/*.test.ts', 'test/e2e/sdk-crowds.test.ts'];

export default defineConfig({
  test: {
    globalSetup: './test/setup.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: process.env.CI ? ['default', './test/summary.ts'] : ['default'],
    projects: [
      {
        extends: true,
        // Most tests wait for a server or a browser most of the time, so two go well beside each other, even on two cores.
        test: { name: 'together', include: ['test/**/*.test.ts'], exclude: ALONE, maxWorkers: 2 },
      },
      {
        extends: true,
        // Another group begins when the one before it has ended.
        test: { name: 'alone', include: ALONE, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
