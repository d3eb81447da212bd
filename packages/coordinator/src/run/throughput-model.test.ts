import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { predictedImagesPerSecond, type ModelWorker } from './throughput-model.ts';

const PLAN = { images: 60_000, epochs: 1, batch: 256, shardSize: 64 };
const MB = 1e6;
const worker = (values: Partial<ModelWorker> = {}): ModelWorker => {
  return { imagesPerSecond: 600, slots: 1, outRate: Infinity, inRate: Infinity, ...values };
};
const FLOAT32 = { published: 10 * MB, result: 10 * MB, isSummed: true };
const INT8 = { published: 5 * MB, result: 5 * MB, isSummed: false };

describe('the predicted speed', () => {
  it('is that of the workers where links take no time, as far as the shards divide among them', () => {
    for (const [count, share] of [
      [1, 1],
      [2, 1],
      [3, 4 / 6],
      [4, 1],
      [8, 4 / 8],
    ] as const) {
      const workers = Array.from({ length: count }, () => worker());
      expect(predictedImagesPerSecond(workers, PLAN, 1, FLOAT32)).toBeCloseTo(600 * count * share, 6);
    }
  });

  it('is that of a link where computing takes no time: the weights for both workers, and one sum while the second gets its own', () => {
    const fast = worker({ imagesPerSecond: 1e9, outRate: 10 * MB, inRate: 10 * MB });
    // 10 MB in a second each way: the second sum is there after 3 s, for 256 images.
    expect(predictedImagesPerSecond([fast, fast], PLAN, 1, FLOAT32)).toBeCloseTo(256 / 3, 3);
  });

  it('hides what is sent while a worker computes its next unit', () => {
    const two = [worker({ outRate: 12.5 * MB, inRate: 12.5 * MB }), worker({ outRate: 12.5 * MB, inRate: 12.5 * MB })];
    // 32 steps of 4 shards take 6.83 s on two workers; two updates before the second begins and its last unit take 0.4 s each.
    expect(predictedImagesPerSecond(two, PLAN, 32, INT8)).toBeCloseTo(8192 / (6.8267 + 1.2), 1);
  });

  it('never falls with a faster link or with more local steps', () => {
    const rate = fc.double({ min: 1e4, max: 1e10, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), rate, fc.integer({ min: 1, max: 64 }), (count, link, steps) => {
        const on = (bytesPerSecond: number) =>
          Array.from({ length: count }, () => worker({ outRate: bytesPerSecond, inRate: bytesPerSecond }));
        const reached = predictedImagesPerSecond(on(link), PLAN, steps, INT8);
        expect(predictedImagesPerSecond(on(2 * link), PLAN, steps, INT8)).toBeGreaterThanOrEqual(reached);
        expect(predictedImagesPerSecond(on(link), PLAN, 2 * steps, INT8)).toBeGreaterThanOrEqual(reached * (1 - 1e-12));
        expect(reached).toBeLessThanOrEqual(count * 600 * (1 + 1e-12));
      }),
    );
  });
});
