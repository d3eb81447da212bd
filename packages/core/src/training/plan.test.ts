import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { positionOf, shardSizes, shardsOf, stepsPerEpoch, totalSteps } from './shards.ts';

describe('the data plan', () => {
  it('uses every image exactly once per epoch', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 700 }),
        fc.integer({ min: 1, max: 80 }),
        fc.integer({ min: 1, max: 90 }),
        fc.integer({ min: 1, max: 3 }),
        (images, batch, shardSize, epochs) => {
          const plan = { images, batch, shardSize, epochs };
          const used = Array.from({ length: epochs }, () => [] as number[]);
          for (let step = 0; step < totalSteps(plan); step++) {
            const { epoch, first, samples, lastOfEpoch } = positionOf(step, plan);
            expect(lastOfEpoch).toBe((step + 1) % stepsPerEpoch(plan) === 0);
            for (const shard of shardsOf(samples, shardSize)) {
              for (let i = 0; i < shard.samples; i++) used[epoch]?.push(first + shard.first + i);
            }
          }
          for (const epoch of used) expect(epoch).toEqual([...Array(images).keys()]);
        },
      ),
    );
  });

  it('keeps the short last batch of MNIST', () => {
    const plan = { images: 60_000, epochs: 50, batch: 256, shardSize: 64 };
    expect(stepsPerEpoch(plan)).toBe(235);
    expect(positionOf(234, plan)).toMatchObject({ first: 59_904, samples: 96, lastOfEpoch: true });
    expect(shardsOf(96, 64)).toEqual([
      { index: 0, first: 0, samples: 64 },
      { index: 1, first: 64, samples: 32 },
    ]);
    expect(shardSizes(plan)).toEqual([64, 32]);
  });

  it('refuses a shard of one sample', () => {
    expect(() => shardSizes({ images: 257, epochs: 1, batch: 256, shardSize: 64 })).toThrow(
      expect.objectContaining({ code: 'E_CONFIG' }),
    );
    expect(() => shardSizes({ images: 130, epochs: 1, batch: 65, shardSize: 64 })).toThrow(
      /--batch, --shard-size or --limit/,
    );
  });
});
