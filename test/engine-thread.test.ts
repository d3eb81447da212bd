import { createHash } from 'node:crypto';
import { compileTraining } from '@gantry/coordinator';
import { initialState, sampleBytes, type LoadedUnit } from '@gantry/core';
import { tiny } from '@gantry/models';
import { EngineThread } from '@gantry/worker';
import { DEFAULT_ENGINE } from './support/c-compiler.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PROGRAM = compileTraining(tiny(), { images: 32, epochs: 1, batch: 32, shardSize: 4 }, 7);
const thread = new EngineThread(DEFAULT_ENGINE);

beforeAll(async () => {
  await thread.load(PROGRAM);
  await thread.setWeights(initialState(PROGRAM.manifest, 7).weights);
});
afterAll(() => thread.dispose());

function unit(index: number): LoadedUnit {
  const data = Uint8Array.from({ length: 4 * sampleBytes(PROGRAM.manifest) }, (_, i) => Math.imul(i + index, 31));
  return { round: 2, index, batches: [{ step: 2, iteration: 0, first: 4 * index, samples: 4 }], data };
}

async function digestOf(work: LoadedUnit): Promise<string> {
  return createHash('sha256')
    .update(await thread.gradients(work))
    .digest('hex');
}

describe('EngineThread', () => {
  it('gives the same bits for units that were prepared, in any order and more than are kept', async () => {
    const plain = [];
    for (let index = 0; index < 8; index++) plain.push(await digestOf(unit(index)));
    for (let index = 0; index < 8; index++) await thread.prepare(unit(index));
    for (let index = 7; index >= 0; index--) expect(await digestOf(unit(index))).toBe(plain[index]);
  });

  it('does not answer with a prepared unit of other data', async () => {
    const other = { ...unit(1), data: unit(5).data };
    const plain = await digestOf(other);
    expect(await digestOf(unit(1))).not.toBe(plain);
    await thread.prepare(unit(1));
    expect(await digestOf(other)).toBe(plain);
  });
});
