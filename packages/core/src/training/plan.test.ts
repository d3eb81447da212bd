import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batchOf,
  batchesPerEpoch,
  epochsAfter,
  imagesAfter,
  shardSizes,
  shardsOf,
  stepsPerEpoch,
  totalSteps,
} from './plan.ts';

const plans = fc.record({
  images: fc.integer({ min: 2, max: 700 }),
  batch: fc.integer({ min: 1, max: 80 }),
  shardSize: fc.integer({ min: 1, max: 90 }),
  epochs: fc.integer({ min: 1, max: 3 }),
  roundsPerStep: fc.option(fc.integer({ min: 1, max: 7 }), { nil: undefined }),
});

describe('the data plan', () => {
  it('uses every image exactly once per epoch, however many rounds a step has', () => {
    fc.assert(
      fc.property(plans, ({ roundsPerStep, ...plain }) => {
        const plan = roundsPerStep === undefined ? plain : { ...plain, roundsPerStep };
        const { images, epochs, shardSize } = plan;
        const rounds = totalSteps(plan) * (roundsPerStep ?? 1);
        const used = Array.from({ length: epochs + epochsOver(rounds, plan) }, () => [] as number[]);
        for (let round = 0; round < rounds; round++) {
          const { epoch, first, samples } = batchOf(round, plan);
          for (const shard of shardsOf(samples, shardSize)) {
            for (let i = 0; i < shard.samples; i++) used[epoch]?.push(first + shard.first + i);
          }
        }
        const all = [...Array(images).keys()];
        for (const epoch of used.slice(0, epochs)) expect(epoch).toEqual(all);
        // Rounds that fill the last step go on in the same way, and are fewer than a step's.
        for (const further of used.slice(epochs)) expect(further).toEqual(all.slice(0, further.length));
        expect(rounds - epochs * batchesPerEpoch(plan)).toBeLessThan(roundsPerStep ?? 1);
      }),
    );
  });

  it('counts the epochs and images that steps have used as their batches do', () => {
    fc.assert(
      fc.property(plans, ({ roundsPerStep = 1, ...plain }) => {
        const plan = { ...plain, roundsPerStep };
        let images = 0;
        for (let step = 0; step <= totalSteps(plan); step++) {
          expect(imagesAfter(step, plan)).toBe(images);
          expect(epochsAfter(step, plan)).toBe(Math.floor(images / plan.images));
          expect(epochsAfter(step, plan)).toBe(batchOf(step * roundsPerStep, plan).epoch);
          for (let i = 0; i < roundsPerStep; i++) images += batchOf(step * roundsPerStep + i, plan).samples;
        }
        expect(epochsAfter(totalSteps(plan), plan)).toBeGreaterThanOrEqual(plan.epochs);
        expect(epochsAfter(totalSteps(plan) - 1, plan)).toBeLessThan(plan.epochs);
        expect(stepsPerEpoch(plan) * roundsPerStep).toBeCloseTo(batchesPerEpoch(plan), 9);
      }),
    );
  });

  it('keeps the short last batch of MNIST', () => {
    const plan = { images: 60_000, epochs: 50, batch: 256, shardSize: 64 };
    expect(stepsPerEpoch(plan)).toBe(235);
    expect(batchOf(234, plan)).toEqual({ epoch: 0, first: 59_904, samples: 96 });
    expect(epochsAfter(234, plan)).toBe(0);
    expect(epochsAfter(235, plan)).toBe(1);
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

/** Epochs beyond the planned ones that so many rounds begin. */
function epochsOver(rounds: number, plan: Parameters<typeof batchesPerEpoch>[0]): number {
  return Math.ceil(rounds / batchesPerEpoch(plan)) - plan.epochs;
}
