import type { EpochEvaluation, Report } from '@gantry/core';
import { describe, expect, it } from 'vitest';
import { Balance, type Concern } from './balance.ts';

const REPORTS: readonly Report[] = (['real', 'fake'] as const).map((which) => {
  return { name: `d-${which}`, chart: 'D', label: which, probabilityOfReal: which };
});

/** MNIST's. */
const PLAN = { images: 60_000, epochs: 50, batch: 256, shardSize: 64 };
const STEPS_PER_EPOCH = 235;

function stepped(balance: Balance, steps: number, real: number, fake: number): Concern[] {
  return Array.from({ length: steps }, () => balance.stepped({ 'd-real': real, 'd-fake': fake })).filter(
    (concern) => concern !== undefined,
  );
}

/** One of ten classes gets `largest`, the others the rest. */
function evaluated(epoch: number, classEntropy: number, largest = 0.1): EpochEvaluation {
  const others = (1 - largest) / 9;
  const classShares = Array.from({ length: 10 }, (_, i) => (i === 4 ? largest : others));
  return {
    step: epoch * STEPS_PER_EPOCH,
    epoch,
    features: 'digits',
    samples: 100,
    frechetDistance: 1,
    classEntropy,
    classShares,
  };
}

describe('the balance of a GAN', () => {
  it('says once that the discriminator has won, and once more when it wins again', () => {
    const balance = new Balance(REPORTS, PLAN);
    expect(stepped(balance, 99, 1, 0)).toEqual([]);
    const [said, ...more] = stepped(balance, 300, 1, 0);
    expect(more).toEqual([]);
    expect(said?.cause).toMatch(/D\(real\) 1\.00, D\(fake\) 0\.00 over 100 steps/);
    expect(balance.concerns).toEqual([said]);
    expect(stepped(balance, 100, 0.7, 0.3)).toEqual([]);
    expect(balance.concerns).toEqual([]);
    expect(stepped(balance, 100, 1, 0)).toHaveLength(1);
  });

  it('is silent while one step in ten is a fight', () => {
    const balance = new Balance(REPORTS, PLAN);
    for (let i = 0; i < 50; i++) {
      expect(stepped(balance, 9, 0.99, 0.01)).toEqual([]);
      expect(stepped(balance, 1, 0.6, 0.4)).toEqual([]);
    }
  });

  it('is silent of a model that reports no such probabilities', () => {
    expect(stepped(new Balance([], PLAN), 200, 1, 0)).toEqual([]);
  });

  it('says that modes are lost which were there', () => {
    const balance = new Balance(REPORTS, PLAN);
    expect(balance.evaluated(evaluated(2, 0.95))).toBeUndefined();
    expect(balance.evaluated(evaluated(3, 0.5, 0.8))?.cause).toMatch(/80% of its pictures are of class 4/);
    expect(balance.evaluated(evaluated(4, 0.4, 0.9))).toBeUndefined();
    expect(balance.concerns).toHaveLength(1);
    expect(balance.evaluated(evaluated(5, 0.92))).toBeUndefined();
    expect(balance.concerns).toEqual([]);
  });

  it('takes the first epochs of a generator, which draws one thing only, for normal', () => {
    const balance = new Balance(REPORTS, PLAN);
    for (let epoch = 1; epoch < 10; epoch++) expect(balance.evaluated(evaluated(epoch, 0, 1))).toBeUndefined();
    expect(balance.evaluated(evaluated(10, 0.1, 0.9))?.type).toBe('modes-lost');
  });

  it('says nothing of pictures without classes', () => {
    const balance = new Balance(REPORTS, PLAN);
    const line = {
      step: 10 * STEPS_PER_EPOCH,
      epoch: 10,
      features: 'patches',
      samples: 10,
      slicedWassersteinDistance: 900,
    };
    expect(balance.evaluated(line)).toBeUndefined();
  });
});
