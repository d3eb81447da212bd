import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { initialState, type TrainingState } from '@gantry/core';
import { modelManifest } from '@gantry/models';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PLAN, SMALL, SmallRun, bitsOf, stateAt } from '../testing/checkpoints.ts';
import { CheckpointStore, readGenerator } from './checkpoint-store.ts';

const FILE = 'average.safetensors';

let run: string;
let small: SmallRun;
beforeEach(async () => {
  run = await mkdtemp(join(os.tmpdir(), 'gantry-checkpoints-'));
  small = new SmallRun(run);
});
afterEach(() => rm(run, { recursive: true }));

/** @returns the state that was saved */
async function saveAveraged(step: number, averaged = 'generator'): Promise<TrainingState> {
  const state = stateAt(step, SMALL, averaged);
  await (await small.open()).save(state, PLAN);
  return state;
}

async function stateJson(step: number): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(join(small.directoryOf(step), 'state.json'), 'utf8')) as Record<string, unknown>;
}

describe('a checkpoint with an average', () => {
  test.each(['generator', 'discriminator'])(
    'of the %s gives back every bit, in a file of its own',
    async (averaged) => {
      const state = await saveAveraged(7, averaged);
      expect(await (await small.open()).restore()).toEqual({ state, skipped: [] });
      expect(await readdir(small.directoryOf(7))).toContain(FILE);
      const { average, sha256 } = await stateJson(7);
      expect(average).toBe(averaged);
      expect(sha256).toHaveProperty([FILE]);
    },
  );

  test('of a model with layers gives back every bit', async () => {
    const manifest = modelManifest('tiny');
    const state = initialState(manifest, 5, undefined, 'generator');
    state.average?.weights.forEach((value, i, all) => (all[i] = value / 3));
    await (await CheckpointStore.open(run, manifest)).save(state, PLAN);
    const restored = await (await CheckpointStore.open(run, manifest)).restore();
    expect(restored && bitsOf(restored.state)).toEqual(bitsOf(state));
    expect(bitsOf(state)).toHaveLength(8);
  });

  test('keeps the average as it was at the call', async () => {
    const store = await small.open();
    const state = stateAt(1, SMALL, 'generator');
    const saved = store.save(state, PLAN);
    state.average?.weights.fill(0);
    await saved;
    expect((await (await small.open()).restore())?.state).toEqual(stateAt(1, SMALL, 'generator'));
  });

  test('makes its pictures with the average, where it is that of the network that makes them', async () => {
    const { average } = await saveAveraged(3);
    expect(await readGenerator(run, SMALL)).toEqual({ step: 3, ...average });
    expect(await readGenerator(small.directoryOf(3), SMALL)).toEqual({ step: 3, ...average });
    await saveAveraged(4, 'discriminator');
    const own = stateAt(4);
    expect(await readGenerator(run, SMALL)).toEqual({
      step: 4,
      network: 'generator',
      weights: own.weights.subarray(0, 8),
      statistics: own.movingStatistics,
    });
    // The weights are there as well: they are what training goes on with.
    expect((await (await small.open()).restore())?.state.weights).toEqual(own.weights);
  });

  test('of which any byte was changed is skipped by all who read it, and the one before is taken', async () => {
    const before = await saveAveraged(1);
    await saveAveraged(2);
    const path = join(small.directoryOf(2), FILE);
    const intact = await readFile(path);
    const reason = `step-00000002: ${FILE} is damaged: its sha256 is not that of state.json`;
    await fc.assert(
      fc.asyncProperty(fc.nat(intact.length - 1), fc.integer({ min: 1, max: 255 }), async (offset, change) => {
        const corrupt = Buffer.from(intact);
        corrupt[offset] = (corrupt[offset] ?? 0) ^ change;
        await writeFile(path, corrupt);
        expect(await (await small.open()).restore()).toEqual({ state: before, skipped: [reason] });
        expect(await readGenerator(run, SMALL)).toEqual({ step: 1, ...before.average });
      }),
      { seed: 20_240_117, numRuns: 100 },
    );
    await rm(path);
    expect((await (await small.open()).restore())?.skipped).toEqual([`step-00000002: ${FILE} is missing`]);
  });

  test('whose record is changed as to the average is skipped', async () => {
    await saveAveraged(2);
    const file = join(small.directoryOf(2), 'state.json');
    const text = await readFile(file, 'utf8');
    for (const changed of [
      text.replace('"average": "generator"', '"average": "discriminator"'),
      text.replace(/ *"average": "generator",\n/, ''),
    ]) {
      expect(changed).not.toBe(text);
      await writeFile(file, changed);
      await expect((await small.open()).restore()).rejects.toThrow(/does not match its checksum/);
      await expect(readGenerator(run, SMALL)).rejects.toThrow(/does not match its checksum/);
    }
  });

  test('and one without are read side by side', async () => {
    await small.saveAll(1);
    await saveAveraged(2);
    expect(await stateJson(1)).not.toHaveProperty('average');
    expect((await readdir(small.directoryOf(1))).toSorted()).not.toContain(FILE);
    await rm(small.directoryOf(2), { recursive: true });
    const restored = await (await small.open()).restore();
    expect(restored).toEqual({ state: stateAt(1), skipped: [] });
    expect(restored?.state.average).toBeUndefined();
  });
});
