import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SMALL, SmallRun, stateAt } from '../testing/checkpoints.ts';
import { readGenerator } from './checkpoint-store.ts';

let run: string;
let small: SmallRun;
beforeEach(async () => {
  run = await mkdtemp(join(os.tmpdir(), 'gantry-checkpoints-'));
  small = new SmallRun(run);
});
afterEach(() => rm(run, { recursive: true }));

describe('readGenerator', () => {
  test('reads the newest valid one of a run, or a certain one', async () => {
    await small.saveAll(1, 2, 3);
    await rm(join(small.directoryOf(3), 'generator.safetensors'));
    const expected = (step: number) => {
      const { weights, movingStatistics: statistics } = stateAt(step);
      return { step, network: 'generator', weights: weights.subarray(0, 8), statistics };
    };
    expect(await readGenerator(run, SMALL)).toEqual(expected(2));
    expect(await readGenerator(small.directoryOf(1), SMALL)).toEqual(expected(1));
    await cp(small.directoryOf(1), join(run, 'best'), { recursive: true });
    expect(await readGenerator(join(run, 'best'), SMALL)).toEqual(expected(1));
  });

  test.each([
    ['no such directory', 'nowhere', /nowhere is neither a checkpoint nor a run with one/],
    ['an empty run', '.', /is neither a checkpoint nor a run with one/],
    ['a damaged checkpoint', 'damaged', /damaged is not valid: state\.json is damaged/],
  ])('refuses %s', async (_, path, message) => {
    await mkdir(join(run, 'damaged'));
    await writeFile(join(run, 'damaged', 'state.json'), '{');
    await expect(readGenerator(join(run, path), SMALL)).rejects.toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringMatching(message),
    });
  });
});
