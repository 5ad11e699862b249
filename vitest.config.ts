import { defineConfig } from 'vitest/config';

/** Tests that flood a server, measure its memory or open ten pages. Their results are valid only if no other test runs. */
const ALONE = ['test/hostile/**/*.test.ts', 'test/e2e/sdk-crowds.test.ts'];

/** Tests that need a build, a browser or a Redis, which may have to be built or installed first. */
const HEAVY = [
  'test/{backplane,deploy,e2e}/**/*.test.ts',
  'test/cluster*.test.ts',
  'test/{command,configuration,examples,health,notices,package,process,workers}.test.ts',
  'test/transport/{files,https,pipelining}.test.ts',
];

export default defineConfig({
  test: {
    // Tests wait for facts, so a long limit costs time only when a test fails.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // `DEADLINE_MS` of test/helpers.ts, which cannot be imported here. The default of Vitest is 1 s.
    expect: { poll: { timeout: 45_000 } },
    setupFiles: ['./test/setup.ts'],
    reporters: process.env.CI ? ['default', './test/summary.ts'] : ['default'],
    // A group begins when the previous group has ended: the quick tests come first, so the first results appear in seconds.
    projects: [
      {
        extends: true,
        // Most tests wait for a server or a browser most of the time, so two run well next to each other, even on two cores.
        test: { name: 'quick', include: ['test/**/*.test.ts'], exclude: [...HEAVY, ...ALONE], maxWorkers: 2 },
      },
      {
        extends: true,
        test: { name: 'heavy', include: HEAVY, exclude: ALONE, maxWorkers: 2, sequence: { groupOrder: 1 } },
      },
      {
        extends: true,
        test: { name: 'alone', include: ALONE, fileParallelism: false, sequence: { groupOrder: 2 } },
      },
    ],
  },
});
