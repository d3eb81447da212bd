import { describe, expect, it } from 'vitest';
import {
  contributionLayout,
  DEFAULT_OPTIMIZERS,
  initialState,
  networkNamed,
  optimizerSpecSchema,
  phaseAt,
  Synchronous,
  viewOf,
  type OptimizerSpecs,
  type Section,
  type TrainingState,
} from '@gantry/core';
import { modelManifest } from './index.ts';

const manifest = modelManifest();
const layout = contributionLayout(manifest, phaseAt(manifest, 0));
const [generator, discriminator] = ['generator', 'discriminator'].map((name) => networkNamed(manifest, name).weights);
if (!generator || !discriminator) throw new Error('two networks were expected');

/** A run of four samples, in one shard. */
function schemeWith(optimizers: OptimizerSpecs = DEFAULT_OPTIMIZERS): Synchronous {
  return new Synchronous({
    manifest,
    seed: 1,
    plan: { images: 4, epochs: 2, batch: 4, shardSize: 4 },
    samples: 4,
    optimizers,
  });
}

/** The sum of a round over 4 samples whose every gradient is `gradient` per sample. */
function rootOf(gradient: number): Float32Array {
  const root = new Float32Array(layout.length);
  const fill = (sections: Readonly<Record<string, Section>>, value: number) => {
    for (const section of Object.values(sections)) viewOf(root, section).fill(4 * value);
  };
  fill(layout.gradients, gradient);
  fill(layout.statistics, 0.5);
  for (const [name, value] of Object.entries({ generatorLoss: 1, discriminatorLoss: 2, dReal: 0.25, dFake: 0.75 })) {
    root[layout.sums[name]?.offset ?? NaN] = 4 * value;
  }
  root[layout.samples.offset] = 4;
  return root;
}

/** Everything in a state, for comparisons of every bit. */
function bytesOf({ step, weights, movingStatistics, optimizers: of }: TrainingState): Buffer {
  const optimizers = Object.values(of);
  const moments = optimizers.flatMap((optimizer) => Object.values(optimizer.moments));
  const powers = optimizers.flatMap(({ scalars }) => Object.values(scalars));
  return Buffer.concat(
    [weights, movingStatistics, ...moments, Float64Array.of(step, ...powers)].map((a) => new Uint8Array(a.buffer)),
  );
}

const bufferOf = ({ buffer, byteOffset, byteLength }: Float32Array) => Buffer.from(buffer, byteOffset, byteLength);

describe('the DCGAN', () => {
  it('has the tutorial’s parameter counts', () => {
    expect(generator).toEqual({ offset: 0, size: 2_305_472 });
    expect(discriminator).toEqual({ offset: 2_305_472, size: 212_865 });
    expect(manifest.trainableSize).toBe(2_305_472 + 212_865);
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

describe('a round', () => {
  it('reports means and moves each weight by Adam', () => {
    const state = initialState(manifest, 1);
    const before = state.weights.slice();
    const [metrics, ...more] = schemeWith().apply(state, 0, rootOf(-0.5));
    expect(more).toEqual([]);
    expect(metrics).toMatchObject({ generatorLoss: 1, discriminatorLoss: 2, dReal: 0.25, dFake: 0.75 });
    expect(metrics?.['generatorGradNorm']).toBeCloseTo(0.5 * Math.sqrt(2_305_472), 6);
    expect(metrics?.['discriminatorGradNorm']).toBeCloseTo(0.5 * Math.sqrt(212_865), 6);
    // The first step of Adam is the learning rate against the gradient's sign, but for ε.
    for (const i of [0, 1000, 2_400_000]) expect((state.weights[i] ?? 0) - (before[i] ?? 0)).toBeCloseTo(1e-4, 8);
    expect(state.movingStatistics[0]).toBeCloseTo(0.005, 8);
    expect(state.step).toBe(1);
  });

  it('moves each network’s weights by its own optimizer, at the rate of the step', () => {
    const schedule = { kind: 'constant', warmUpSteps: 4 };
    const sgd = optimizerSpecSchema.parse({ name: 'sgd', learningRate: 0.5, momentum: 0.5, schedule });
    const optimizers = { ...DEFAULT_OPTIMIZERS, discriminator: sgd };
    const [state, byAdam] = [initialState(manifest, 1, optimizers), initialState(manifest, 1)];
    const [scheme, adamScheme] = [schemeWith(optimizers), schemeWith()];
    const bias = manifest.trainable.find(({ name }) => name === 'discriminator/conv2/bias')?.offset ?? NaN;
    for (const [round, expected] of [0.125 * 0.5, 0.125 * 0.5 * 1.5 + 0.25 * 0.5].entries()) {
      scheme.apply(state, round, rootOf(-0.5));
      adamScheme.apply(byAdam, round, rootOf(-0.5));
      expect(state.weights[bias]).toBe(expected);
    }
    const [a, b] = [state, byAdam].map(({ weights }) => bufferOf(viewOf(weights, generator)));
    expect(a?.equals(b ?? Buffer.alloc(0))).toBe(true);
    expect(state.optimizers['generator']?.scalars).toEqual(byAdam.optimizers['generator']?.scalars);
    expect(Object.keys(state.optimizers['discriminator']?.moments ?? {})).toEqual(['velocity']);
  });

  it('that is not finite changes nothing, and says what diverged', () => {
    const firsts = [layout.statistics, layout.sums].map((sections) => Object.values(sections)[0]?.offset ?? NaN);
    for (const at of [5, 2_400_000, ...firsts]) {
      const state = initialState(manifest, 1);
      const root = rootOf(1);
      root[at] = at % 2 ? NaN : Infinity;
      expect(() => schemeWith().apply(state, 0, root)).toThrow(expect.objectContaining({ code: 'E_DIVERGED' }));
      expect(bytesOf(state).equals(bytesOf(initialState(manifest, 1)))).toBe(true);
    }
  });
});
