import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { downsampled } from '@gantry/core';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readHistory } from './history-reader.ts';
import { sealedLine } from './sealed-line.ts';
import { metricsLine } from '../testing/watched.ts';

const STEPS = 3000;

let directory: string;
let file: string;
beforeAll(async () => {
  directory = await mkdtemp(join(os.tmpdir(), 'gantry-history-'));
  file = join(directory, 'metrics.jsonl');
  await writeFile(
    file,
    Array.from({ length: STEPS }, (_, i) => sealedLine(metricsLine(i + 1))),
  );
});
afterAll(() => rm(directory, { recursive: true }));

test('any range of steps, downsampled as lines in memory would be', async () => {
  const range = fc.tuple(fc.integer({ min: 1, max: STEPS }), fc.integer({ min: 1, max: STEPS }));
  await fc.assert(
    fc.asyncProperty(range, fc.integer({ min: 2, max: 4000 }), async (bounds, points) => {
      const [from = 1, to = 1] = bounds.toSorted((a, b) => a - b);
      const lines = Array.from({ length: to - from + 1 }, (_, i) => metricsLine(from + i));
      expect(await readHistory(file, { from, to, points })).toEqual(downsampled(lines, points));
    }),
    { numRuns: 40 },
  );
});

test('a line that is being written is left out', async () => {
  const growing = join(directory, 'growing.jsonl');
  await writeFile(
    growing,
    [1, 2].map((step) => sealedLine(metricsLine(step))),
  );
  await appendFile(growing, '{"st');
  expect(await readHistory(growing, { from: 1, to: 3, points: 10 })).toEqual([1, 2].map(metricsLine));
});

test('an empty file', async () => {
  const empty = join(directory, 'empty.jsonl');
  await writeFile(empty, '');
  expect(await readHistory(empty, { from: 1, to: 1, points: 10 })).toEqual([]);
});

test('a damaged line is refused by its step', async () => {
  const damaged = join(directory, 'damaged.jsonl');
  const text = Buffer.concat([1, 2, 3].map((step) => sealedLine(metricsLine(step)))).toString();
  await writeFile(damaged, text.replace(/("step":2,.*?"epoch":)./, '$19'));
  await expect(readHistory(damaged, { from: 1, to: 3, points: 10 })).rejects.toMatchObject({
    code: 'E_RUN_DIRECTORY',
    message: `${damaged}: the line of step 2 is damaged`,
  });
  expect(await readHistory(damaged, { from: 3, to: 3, points: 10 })).toEqual([metricsLine(3)]);
});
