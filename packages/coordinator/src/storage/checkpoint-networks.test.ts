import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import type { ModelManifest } from '@gantry/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PLAN, SMALL, SmallRun, smallManifest, stateAt } from '../testing/checkpoints.ts';
import { CheckpointStore, readGenerator, readState } from './checkpoint-store.ts';

let run: string;
beforeEach(async () => {
  run = await mkdtemp(join(os.tmpdir(), 'gantry-checkpoints-'));
});
afterEach(() => rm(run, { recursive: true }));

const PAINTER = smallManifest('painter', 'critic-2');

describe('a checkpoint of networks of other names', () => {
  test('has a file for each, and gives back every bit', async () => {
    const painter = new SmallRun(run, PAINTER);
    const state = stateAt(4, PAINTER, 'painter');
    await (await painter.open()).save(state, PLAN);
    expect((await readdir(painter.directoryOf(4))).toSorted()).toEqual([
      'average.safetensors',
      'critic-2.safetensors',
      'optimizer.safetensors',
      'painter.safetensors',
      'state.json',
    ]);
    expect(await (await painter.open()).restore()).toEqual({ state, skipped: [] });
    expect(await readState(run, PAINTER)).toEqual(state);
    expect(await readGenerator(run, PAINTER, 'painter')).toEqual({ step: 4, ...state.average });
    expect(await readGenerator(run, PAINTER, 'critic-2')).toEqual({
      step: 4,
      network: 'critic-2',
      weights: state.weights.subarray(8),
      statistics: new Float32Array(),
    });
  });

  test.each([
    ['optimizer', 'average'],
    ['average', 'optimizer'],
    ['state', 'network.average'],
  ])('keeps its networks apart from all else: %s and %s', async (first, second) => {
    const manifest = smallManifest(first, second);
    const [saved, state] = [new SmallRun(run, manifest), stateAt(4, manifest, first)];
    await (await saved.open()).save(state, PLAN);
    expect(await (await saved.open()).restore()).toEqual({ state, skipped: [] });
    expect(await readGenerator(run, manifest, first)).toEqual({ step: 4, ...state.average });
  });
});

describe('a checkpoint of another model is refused', () => {
  const otherShape: ModelManifest = {
    ...SMALL,
    trainable: SMALL.trainable.map((each, i) => (i === 0 ? { ...each, shape: [2, 3] } : each)),
  };
  const [fewer] = SMALL.networks;
  test.each([
    [
      'both names are others',
      PAINTER,
      'painter',
      /other model: it has the networks generator, discriminator, not painter, c/,
    ],
    ['one name is another', smallManifest('generator', 'critic'), 'critic', /not generator, critic/],
    ['a network is gone', { ...SMALL, networks: fewer ? [fewer] : [] }, undefined, /discriminator, not generator$/],
    ['a shape is another', otherShape, 'generator', /generator\/dense\/kernel has shape \[3,2\], not \[2,3\]/],
  ])('where %s', async (_, manifest, network, message) => {
    await new SmallRun(run).saveAll(1);
    const refused = { code: 'E_CHECKPOINT', message: expect.stringMatching(message) as unknown };
    await expect((await CheckpointStore.open(run, manifest)).restore()).rejects.toMatchObject(refused);
    await expect(readState(run, manifest)).rejects.toMatchObject(refused);
    if (network === undefined) return;
    await expect(readGenerator(run, manifest, network)).rejects.toMatchObject({ code: 'E_CHECKPOINT' });
  });

  test('where it has an average of a network that is not there', async () => {
    const saved = new SmallRun(run, PAINTER);
    await (await saved.open()).save(stateAt(1, PAINTER, 'painter'), PLAN);
    await expect(readGenerator(run, SMALL)).rejects.toThrow(/generator\.safetensors is missing/);
    await expect((await CheckpointStore.open(run, SMALL)).restore()).rejects.toThrow(/of another model/);
  });
});
