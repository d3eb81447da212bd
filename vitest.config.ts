import { defineConfig } from 'vitest/config';

/** CI names a file here for the counts of its closing line. */
const report = process.env['GANTRY_TEST_REPORT'];

export default defineConfig({
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 300_000,
    hookTimeout: 600_000,
    // Most of the time goes into starting processes, which keeps one core busy.
    maxWorkers: '100%',
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
});
