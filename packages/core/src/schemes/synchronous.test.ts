import { describe, expect, it } from 'vitest';
import { contributionLayout } from './contribution.ts';
import { modelManifest } from '../model/describe-model.ts';
import { DEFAULT_OPTIMIZERS, optimizerSpecSchema } from '../optimizers/optimizer.ts';
import { viewOf } from '../model/manifest.ts';
import { firstDifference } from '../testing/vectors.ts';
import { applyStep, initialState, type TrainingState } from './training-state.ts';

const manifest = modelManifest();
const layout = contributionLayout(manifest);

/** A root over 4 samples whose every gradient is `gradient` per sample. */
function rootOf(gradient: number): Float32Array {
  const root = new Float32Array(layout.length).fill(4 * gradient, 0, manifest.trainableSize);
  root.fill(4 * 0.5, layout.statisticsOffset, layout.sumsOffset);
  root.set([4 * 1, 4 * 2, 4 * 0.25, 4 * 0.75, 4], layout.sumsOffset);
  return root;
}

/** Everything in a state, for comparisons of every bit. */
function bytesOf({ step, weights, movingStatistics, optimizers: of }: TrainingState): Buffer {
  const optimizers = [of.generator, of.discriminator];
  const moments = optimizers.flatMap((optimizer) => Object.values(optimizer.moments));
  const powers = optimizers.flatMap(({ scalars }) => Object.values(scalars));
  return Buffer.concat(
    [weights, movingStatistics, ...moments, Float64Array.of(step, ...powers)].map((a) => new Uint8Array(a.buffer)),
  );
}

describe('the models', () => {
  it('have the tutorial’s parameter counts', () => {
    expect(manifest.discriminatorOffset).toBe(2_305_472);
    expect(manifest.trainableSize - manifest.discriminatorOffset).toBe(212_865);
    expect(manifest.movingStatisticsSize).toBe(2 * (12_544 + 128 + 64));
  });
});

describe('initialState', () => {
  const { weights, movingStatistics } = initialState(manifest, 1);
  const of = (name: string) =>
    viewOf(weights, manifest.trainable.find((p) => p.name === name) ?? { offset: 0, size: 0 });

  it('draws Glorot-uniform kernels', () => {
    const kernel = of('generator/convT1/kernel');
    const limit = Math.sqrt(6 / (25 * (256 + 128)));
    const largest = kernel.reduce((max, w) => Math.max(max, Math.abs(w)), 0);
    expect(largest).toBeLessThanOrEqual(Math.fround(limit));
    expect(largest).toBeGreaterThan(0.999 * limit);
    const variance = kernel.reduce((sum, w) => sum + w * w, 0) / kernel.length;
    expect(variance / (limit ** 2 / 3)).toBeCloseTo(1, 2);
  });

  it('sets scales and variances to 1 and all else to 0', () => {
    expect(of('generator/bn1/gamma').every((w) => w === 1)).toBe(true);
    expect(of('generator/bn1/beta').every((w) => w === 0)).toBe(true);
    expect(of('discriminator/conv2/bias').every((w) => w === 0)).toBe(true);
    expect(movingStatistics.reduce((sum, x) => sum + x, 0)).toBe(manifest.movingStatisticsSize / 2);
  });

  it('follows from the seed', () => {
    const first = bytesOf(initialState(manifest, 1));
    expect(first.equals(bytesOf(initialState(manifest, 1)))).toBe(true);
    expect(first.equals(bytesOf(initialState(manifest, 2)))).toBe(false);
  });
});

describe('applyStep', () => {
  it('reports means and moves each weight by Adam', () => {
    const state = initialState(manifest, 1);
    const before = state.weights.slice();
    const metrics = applyStep(state, rootOf(-0.5), manifest);
    expect(metrics).toMatchObject({ generatorLoss: 1, discriminatorLoss: 2, dReal: 0.25, dFake: 0.75 });
    expect(metrics.generatorGradNorm).toBeCloseTo(0.5 * Math.sqrt(2_305_472), 6);
    // The first step of Adam is the learning rate against the gradient's sign, but for ε.
    for (const i of [0, 1000, 2_400_000]) expect((state.weights[i] ?? 0) - (before[i] ?? 0)).toBeCloseTo(1e-4, 8);
    expect(state.movingStatistics[0]).toBeCloseTo(0.005, 8);
    expect(state.step).toBe(1);
  });

  it('moves each network’s weights by its own optimizer, at the rate of the step', () => {
    const schedule = { kind: 'constant', warmUpSteps: 4 };
    const discriminator = optimizerSpecSchema.parse({ name: 'sgd', learningRate: 0.5, momentum: 0.5, schedule });
    const optimizers = { ...DEFAULT_OPTIMIZERS, discriminator };
    const [state, byAdam] = [initialState(manifest, 1, optimizers), initialState(manifest, 1)];
    const split = manifest.discriminatorOffset;
    const bias = manifest.trainable.find(({ name }) => name === 'discriminator/conv2/bias')?.offset ?? NaN;
    for (const expected of [0.125 * 0.5, 0.125 * 0.5 * 1.5 + 0.25 * 0.5]) {
      applyStep(state, rootOf(-0.5), manifest, optimizers);
      applyStep(byAdam, rootOf(-0.5), manifest);
      expect(state.weights[bias]).toBe(expected);
    }
    const generators = [state, byAdam].map(({ weights }) => weights.subarray(0, split)) as [Float32Array, Float32Array];
    expect(firstDifference(...generators)).toBe(-1);
    expect(state.optimizers.generator.scalars).toEqual(byAdam.optimizers.generator.scalars);
    expect(Object.keys(state.optimizers.discriminator.moments)).toEqual(['velocity']);
  });

  it('is undisturbed by a root that is not finite, and says what diverged', () => {
    for (const at of [5, 2_400_000, layout.statisticsOffset, layout.sumsOffset]) {
      const state = initialState(manifest, 1);
      const root = rootOf(1);
      root[at] = at % 2 ? NaN : Infinity;
      expect(() => applyStep(state, root, manifest)).toThrow(expect.objectContaining({ code: 'E_DIVERGED' }));
      expect(bytesOf(state).equals(bytesOf(initialState(manifest, 1)))).toBe(true);
    }
  });
});
