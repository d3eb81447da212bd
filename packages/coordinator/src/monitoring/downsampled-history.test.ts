import { downsampled } from '@gantry/core';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DownsampledHistory } from './downsampled-history.ts';

test('a history that grows line by line is what all of it would become at once, whenever somebody looks', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2000 }),
      fc.integer({ min: 2, max: 60 }),
      fc.integer({ min: 1, max: 300 }),
      (count, limit, lookEvery) => {
        const history = new DownsampledHistory<{ step: number }>(limit);
        expect(history.lines()).toEqual([]);
        const all: { step: number }[] = [];
        for (let step = 1; step <= count; step++) {
          all.push({ step });
          history.add({ step });
          if (step % lookEvery === 0) expect(history.lines()).toEqual(downsampled(all, limit));
        }
        expect(history.lines()).toEqual(downsampled(all, limit));
      },
    ),
    { numRuns: 50 },
  );
});
