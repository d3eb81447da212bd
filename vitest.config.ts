import { configDefaults, defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** CI names a file here for the counts of its closing line. */
const report = process.env['GANTRY_TEST_REPORT'];

/** CI names files here that have their turn with another commit. */
const without = (process.env['GANTRY_TESTS_WITHOUT'] ?? '').split(',').filter(Boolean);

/** The files that take longest, the longest first. */
const LONGEST = [
  'slurm',
  'hostile-peers',
  'browser-worker',
  'install',
  'shipped-models',
  'exactness',
  'bad-input',
  'single-node',
  'evaluations',
  'network',
  'wrong-models',
  'examples',
  'own-gan',
  'audit',
  'audit-killed',
  'same-bits',
  'image-folders',
  'one-class',
  'own-layers',
  'layer-derivatives',
  'resume-hint',
  'no-home',
  'convolution',
  'bench',
  'package',
  'node-versions',
  'dashboard-api',
  'slopes-and-scales',
  'waiting',
  'resumed-runs',
  'no-call-home',
  'dashboard',
  'keras-agreement',
  'api',
  'optimizers',
  'hang-up',
  'memory',
  'native',
];

/** Vitest knows how long files take only where it has run them before; begun last, a long one keeps one core waiting. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return index < 0 ? LONGEST.length : index;
    };
    // oxlint-disable-next-line unicorn/no-array-sort -- it is no array's
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    projects: [
      // What is imported once serves all files of a process, which halves their time; nothing in them leaves anything behind.
      { extends: true, test: { name: 'units', include: ['packages/*/src/**/*.test.ts'], isolate: false } },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...without.map((name) => `test/${name}.test.ts`)],
        },
      },
    ],
    testTimeout: 300_000,
    hookTimeout: 600_000,
    // More keep each other from answering in time: what a test starts has processes of its own.
    maxWorkers: '100%',
    sequence: { sequencer: LongestFirst },
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
});
