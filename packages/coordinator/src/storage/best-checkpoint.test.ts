import { existsSync, readlinkSync, symlinkSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SMALL, SmallRun, checkpointName, stateAt, PLAN } from '../testing/checkpoints.ts';
import { readGenerator, type CheckpointStore } from './checkpoint-store.ts';
import { ASIDE_PREFIX } from './durable-files.ts';

let run: string;
let store: CheckpointStore;
beforeEach(async () => {
  run = await mkdtemp(join(os.tmpdir(), 'gantry-best-'));
  store = await new SmallRun(run).open();
});
afterEach(() => rm(run, { recursive: true }));

const best = () => join(run, 'checkpoints/best');
const names = async () => (await readdir(join(run, 'checkpoints'))).toSorted();

async function save(...steps: number[]): Promise<void> {
  for (const step of steps) await store.save(stateAt(step), PLAN);
}

test('the best checkpoint is kept, and a link leads to it', async () => {
  await save(1, 2);
  expect(await store.keepBest(2)).toBe(true);
  await save(3, 4, 5, 6);
  expect(readlinkSync(best())).toBe(checkpointName(2));
  expect(await names()).toEqual(['best', ...[2, 4, 5, 6].map(checkpointName)]);
  expect((await readGenerator(best(), SMALL)).step).toBe(2);
});

test('a better one takes its place, and the old one goes', async () => {
  await save(1, 2);
  await store.keepBest(1);
  await store.keepBest(2);
  await save(3, 4, 5, 6);
  expect(await names()).toEqual(['best', ...[2, 4, 5, 6].map(checkpointName)]);
});

test('it is kept by a later process, too', async () => {
  await save(1);
  await store.keepBest(1);
  store = await new SmallRun(run).open();
  expect(await store.keepBest(1)).toBe(true);
  await save(2, 3, 4, 5);
  expect(await names()).toEqual(['best', ...[1, 3, 4, 5].map(checkpointName)]);
});

test('one that is gone is none', async () => {
  await save(1, 2, 3, 4);
  expect(await store.keepBest(1)).toBe(false);
  expect(existsSync(best())).toBe(false);
});

test('the link goes with its checkpoint where the run goes back', async () => {
  await save(1, 2, 3);
  await store.keepBest(3);
  expect((await store.goBackTo(2))?.step).toBe(2);
  expect(await names()).toEqual([1, 2].map(checkpointName));
  await store.keepBest(1);
  expect(readlinkSync(best())).toBe(checkpointName(1));
});

test('a link that was left half done is removed', async () => {
  const left = join(run, 'checkpoints', `${ASIDE_PREFIX}best`);
  symlinkSync(checkpointName(1), left, 'dir');
  await new SmallRun(run).open();
  expect(await names()).toEqual([]);
});
