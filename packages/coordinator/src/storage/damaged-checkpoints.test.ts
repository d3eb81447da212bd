import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PLAN, SMALL, SmallRun, checkpointName, stateAt } from '../testing/checkpoints.ts';
import { CheckpointStore } from './checkpoint-store.ts';

let run: string;
let small: SmallRun;
beforeEach(async () => {
  run = await mkdtemp(join(os.tmpdir(), 'gantry-checkpoints-'));
  small = new SmallRun(run);
});
afterEach(() => rm(run, { recursive: true }));

const savedNames = async () => (await readdir(join(run, 'checkpoints'))).toSorted();
const names = (...steps: number[]) => steps.map(checkpointName);

describe('a damaged checkpoint', () => {
  test('of which any byte was changed is skipped, and the one before is restored', async () => {
    await small.saveAll(1, 2);
    const files = await readdir(small.directoryOf(2));
    const sizes = new Map<string, number>();
    for (const file of files) sizes.set(file, (await stat(join(small.directoryOf(2), file))).size);
    const place = fc
      .constantFrom(...files)
      .chain((file) => fc.tuple(fc.constant(file), fc.nat((sizes.get(file) ?? 0) - 1)));
    await fc.assert(
      fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async ([file, offset], change) => {
        const path = join(small.directoryOf(2), file);
        const intact = await readFile(path);
        const corrupt = Buffer.from(intact);
        corrupt[offset] = (corrupt[offset] ?? 0) ^ change;
        await writeFile(path, corrupt);
        try {
          const restored = await (await small.open()).restore();
          expect(restored?.state).toEqual(stateAt(1));
          expect(restored?.skipped).toHaveLength(1);
          expect(restored?.skipped[0]).toMatch(new RegExp(`^step-00000002: ${file} `));
        } finally {
          await writeFile(path, intact);
        }
      }),
      { seed: 20_240_117, numRuns: 400 },
    );
    expect((await (await small.open()).restore())?.state.step).toBe(2);
  });

  test.each(['generator.safetensors', 'discriminator.safetensors', 'optimizer.safetensors', 'state.json'])(
    'without %s, or with an empty one, is skipped',
    async (file) => {
      await small.saveAll(1, 2);
      await writeFile(join(small.directoryOf(2), file), '');
      expect((await (await small.open()).restore())?.state).toEqual(stateAt(1));
      await rm(join(small.directoryOf(2), file));
      expect((await (await small.open()).restore())?.skipped).toEqual([`step-00000002: ${file} is missing`]);
    },
  );

  test('is replaced when its step is reached again', async () => {
    await small.saveAll(1, 2, 3);
    for (const step of [2, 3]) await rm(join(small.directoryOf(step), 'state.json'));
    const store = await small.open();
    expect((await store.restore())?.state.step).toBe(1);
    await store.save(stateAt(2), PLAN);
    expect(await savedNames()).toEqual(names(1, 2));
    expect(await (await small.open()).restore()).toEqual({ state: stateAt(2), skipped: [] });
  });

  test('does not pass for that of another step', async () => {
    await small.saveAll(1, 2);
    await rename(small.directoryOf(2), small.directoryOf(3));
    expect((await (await small.open()).restore())?.skipped).toEqual(['step-00000003: state.json is that of step 2']);
  });

  test('is an error where none is valid, and stays where it is', async () => {
    await small.saveAll(1, 2);
    for (const step of [1, 2]) await rm(join(small.directoryOf(step), 'generator.safetensors'));
    const error = await (await small.open()).restore().catch((cause: unknown) => cause);
    expect(error).toMatchObject({
      code: 'E_CHECKPOINT',
      message: expect.stringMatching(/step-00000002: generator.*; step-00000001: generator\.safetensors is missing$/),
    });
    expect(await savedNames()).toEqual(names(1, 2));
  });

  test('of another model is refused by name and shape', async () => {
    await small.saveAll(1);
    const trainable = SMALL.trainable.map((parameter, i) => (i === 0 ? { ...parameter, shape: [2, 3] } : parameter));
    const store = await CheckpointStore.open(run, { ...SMALL, trainable });
    await expect(store.restore()).rejects.toThrow(/generator\/dense\/kernel has shape \[3,2\], not \[2,3\]/);
  });

  test('of a later format is refused by its number, and no earlier one is taken for it', async () => {
    await small.saveAll(1, 2);
    const file = join(small.directoryOf(2), 'state.json');
    const { checksum: _, ...state } = JSON.parse(await readFile(file, 'utf8')) as { checksum: string };
    const later = { ...state, format: 4, rack: 7 };
    const checksum = createHash('sha256').update(JSON.stringify(later)).digest('hex');
    await writeFile(file, `${JSON.stringify({ ...later, checksum }, null, 2)}\n`);
    const refusal = {
      code: 'E_RESUME',
      message: expect.stringMatching(/format 4, and this version .* reads 1 to 3/) as unknown,
    };
    await expect((await small.open()).restore()).rejects.toMatchObject(refusal);
    expect(await savedNames()).toEqual(names(1, 2));
  });
});
