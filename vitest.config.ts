import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    globalSetup: './test/setup.ts',
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Browsers and floods beside each other on two cores would only make each other late.
    fileParallelism: false,
    reporters: process.env.CI ? ['default', './test/summary.ts'] : ['default'],
  },
});
