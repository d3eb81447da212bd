import type { EpochEvaluation } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { bestOf, comparable, distanceName } from './evaluations.ts';

const judged = (features: string, epoch: number, measures: Partial<EpochEvaluation> = {}): EpochEvaluation => ({
  step: 10 * epoch,
  epoch,
  features,
  samples: 2000,
  ...measures,
});
const byClassifier = (epoch: number, frechetDistance: number, name = 'digits-1a') =>
  judged(name, epoch, { frechetDistance });
const byPatches = (epoch: number, slicedWassersteinDistance: number) =>
  judged('patches', epoch, { slicedWassersteinDistance });
const epochsOf = (list: readonly EpochEvaluation[]) => list.map(({ epoch }) => epoch);

describe('evaluations', () => {
  it('are compared with the newest one, as far as the same features judged them', () => {
    expect(comparable([])).toEqual([]);
    expect(epochsOf(comparable([byPatches(1, 9), byPatches(2, 8)]))).toEqual([1, 2]);
    expect(epochsOf(comparable([byPatches(1, 9), byClassifier(2, 50), byClassifier(3, 40)]))).toEqual([2, 3]);
    // The same network with other weights is another one.
    expect(epochsOf(comparable([byClassifier(1, 50), byClassifier(2, 60, 'digits-2b')]))).toEqual([2]);
    expect(epochsOf(comparable([byClassifier(1, 50), byPatches(2, 8), byClassifier(3, 40)]))).toEqual([1, 3]);
  });

  it('have a best one: that of the least distance, the first of equals', () => {
    expect(bestOf([])).toBeUndefined();
    expect(bestOf([byPatches(1, 9), byPatches(2, 7), byPatches(3, 8), byPatches(4, 7)])?.epoch).toBe(2);
    expect(bestOf([byPatches(1, 9)])?.epoch).toBe(1);
  });

  it('are never the best by a distance of another kind', () => {
    expect(bestOf([byPatches(1, 2), byClassifier(2, 50), byClassifier(3, 60)])?.epoch).toBe(2);
    expect(bestOf([byClassifier(1, 50), byPatches(2, 8), byClassifier(3, 60)])?.epoch).toBe(1);
  });

  it('are not the best without a distance, which JSON says of one that is no number', () => {
    const none = JSON.parse(JSON.stringify(byClassifier(1, NaN))) as EpochEvaluation;
    expect(bestOf([none])).toBeUndefined();
    expect(bestOf([none, byClassifier(2, 50)])?.epoch).toBe(2);
    expect(bestOf([byClassifier(1, 50), { ...none, epoch: 2 }])?.epoch).toBe(1);
  });

  it('have a distance that is called by its kind', () => {
    expect([byClassifier(1, 2), byPatches(1, 2)].map(distanceName)).toEqual([
      'Fréchet distance',
      'Sliced Wasserstein distance',
    ]);
  });
});
