import { createHash } from 'node:crypto';
import { compileTraining } from '@gantry/coordinator';
import { IMAGE_PIXELS, initialState, type ShardWork } from '@gantry/core';
import { EngineThread } from '@gantry/worker';
import { DEFAULT_ENGINE } from './support/c-compiler.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const PROGRAM = compileTraining({ images: 32, epochs: 1, batch: 32, shardSize: 4 }, 7);
const thread = new EngineThread(DEFAULT_ENGINE);

beforeAll(async () => {
  await thread.load(PROGRAM);
  await thread.setWeights(initialState(PROGRAM.manifest, 7).weights);
});
afterAll(() => thread.dispose());

function shard(index: number): ShardWork {
  const images = Uint8Array.from({ length: 4 * IMAGE_PIXELS }, (_, i) => Math.imul(i + index, 31));
  return { step: 2, index, first: 4 * index, samples: 4, images };
}

/** Comparing millions of numbers one by one would take minutes. */
async function digestOf(work: ShardWork): Promise<string> {
  return createHash('sha256')
    .update(await thread.gradients(work))
    .digest('hex');
}

describe('EngineThread', () => {
  it('gives the same bits for shards that were prepared, in any order and more than are kept', async () => {
    const plain = [];
    for (let index = 0; index < 8; index++) plain.push(await digestOf(shard(index)));
    for (let index = 0; index < 8; index++) await thread.prepare(shard(index));
    for (let index = 7; index >= 0; index--) expect(await digestOf(shard(index))).toBe(plain[index]);
  });

  it('does not answer with a prepared shard of other images', async () => {
    const other = { ...shard(1), images: shard(5).images };
    const plain = await digestOf(other);
    expect(await digestOf(shard(1))).not.toBe(plain);
    await thread.prepare(shard(1));
    expect(await digestOf(other)).toBe(plain);
  });
});
