import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  batchOf,
  contributionLayout,
  contributionParts,
  epochPermutation,
  initialState,
  loadUnit,
  networkNamed,
  newContribution,
  numberIn,
  phaseAt,
  phaseNamed,
  ReductionTree,
  roundsPerStep,
  samplesIn,
  Synchronous,
  training,
  viewOf,
  type Round,
  type TrainingState,
} from '@gantry/core';
import { disposeModel, manifestOf, reportsOf } from '@gantry/core/tfjs';
import { criticModel } from './testing/critic-model.ts';
import { contributionOf } from './testing/eager.ts';

const model = criticModel();
const manifest = manifestOf(model);
afterAll(() => disposeModel(model));

const SEED = 5;
const COUNT = 15;
/** Three batches in an epoch, of a shard of 3 and one of 2: 3 epochs have 9, and 3 steps of 4 rounds take 12. */
const PLAN = { images: COUNT, epochs: 3, batch: 5, shardSize: 3, roundsPerStep: 4 };
/** Sample i is four bytes that begin with i. */
const SAMPLES = { count: COUNT, bytes: Uint8Array.from({ length: 4 * COUNT }, (_, i) => (i % 4 ? 37 * i : i / 4)) };

const OPTIMIZERS = {
  generator: { name: 'adam', learningRate: 0.01, beta1: 0.5, beta2: 0.9, epsilon: 1e-7 },
  discriminator: { name: 'sgd', learningRate: 0.01, momentum: 0.5 },
} as const;

const newScheme = () => new Synchronous({ manifest, seed: SEED, plan: PLAN, samples: COUNT, optimizers: OPTIMIZERS });
const newState = () => initialState(manifest, SEED, OPTIMIZERS);

/** Everything in a state, part by part. */
function partsOf(state: TrainingState): Record<string, Buffer> {
  const bufferOf = ({ buffer, byteOffset, byteLength }: Float32Array) =>
    Buffer.from(Buffer.from(buffer, byteOffset, byteLength));
  return Object.fromEntries(
    manifest.networks.flatMap(({ name, weights, statistics }) => [
      [`${name} weights`, bufferOf(viewOf(state.weights, weights))],
      [`${name} statistics`, bufferOf(viewOf(state.movingStatistics, statistics))],
      [
        `${name} optimizer`,
        Buffer.concat([
          ...Object.values(state.optimizers[name]?.moments ?? {}).map(bufferOf),
          Buffer.from(JSON.stringify(state.optimizers[name]?.scalars)),
        ]),
      ],
    ]),
  );
}

/** Computes the units of a round in an order of their own. */
function computeIn(order: (units: Round['units']) => Round['units']) {
  return (round: Round) => {
    const tree = new ReductionTree(round.units.length);
    const { published, units } = round;
    for (const unit of order(units)) {
      tree.add(
        { level: 0, index: unit.index },
        contributionOf(model, manifest, SEED, published.values, loadUnit(unit, SAMPLES)),
      );
    }
    return Promise.resolve({ root: tree.root() });
  };
}

describe('the manifest of a model with two phases', () => {
  it('has the phases in their order, with what they update, take and report', () => {
    expect(manifest.phases.map(({ name, times, updates, sums }) => ({ name, times, updates, sums }))).toEqual([
      { name: 'critic', times: 3, updates: ['discriminator'], sums: ['distance', 'fake'] },
      { name: 'generator', times: 1, updates: ['generator'], sums: ['generatorLoss'] },
    ]);
    expect(roundsPerStep(manifest)).toBe(4);
    expect(reportsOf(model).map(({ name }) => name)).toEqual([
      'distance',
      'fake',
      'generatorLoss',
      'generatorGradNorm',
      'discriminatorGradNorm',
    ]);
  });

  it('draws the same streams in each phase, as many of a mask as batches go through', () => {
    const common = [
      { name: 'images', from: 'data', shape: [2, 2, 1] },
      { name: 'noise', from: 'normal', shape: [2], streams: [2] },
    ];
    const mask = { name: 'discriminator/dropout/mask', from: 'keepMask', shape: [3], rate: 0.25 };
    expect(phaseNamed(manifest, 'critic').inputs).toEqual([...common, { ...mask, streams: [3, 4] }]);
    expect(phaseNamed(manifest, 'generator').inputs).toEqual([...common, { ...mask, streams: [3] }]);
  });

  it('gives each phase contributions of what it updates and reports, and no more', () => {
    expect(networkNamed(manifest, 'generator').weights).toEqual({ offset: 0, size: 24 });
    expect(networkNamed(manifest, 'discriminator').weights).toEqual({ offset: 24, size: 18 });
    expect(contributionLayout(manifest, phaseNamed(manifest, 'critic'))).toEqual({
      length: 18 + 2 + 1,
      gradients: { discriminator: { offset: 0, size: 18 } },
      statistics: { discriminator: { offset: 18, size: 0 } },
      sums: { distance: { offset: 18, size: 1 }, fake: { offset: 19, size: 1 } },
      samples: { offset: 20, size: 1 },
    });
    expect(contributionLayout(manifest, phaseNamed(manifest, 'generator'))).toEqual({
      length: 24 + 6 + 1 + 1,
      gradients: { generator: { offset: 0, size: 24 } },
      statistics: { generator: { offset: 24, size: 6 } },
      sums: { generatorLoss: { offset: 30, size: 1 } },
      samples: { offset: 31, size: 1 },
    });
    for (const phase of manifest.phases) {
      const parts = contributionParts(newContribution(manifest, phase), manifest, phase);
      const covered = parts.reduce((sum, { values }) => sum + values.length, 0);
      expect(covered).toBe(contributionLayout(manifest, phase).length - 1);
    }
  });
});

describe('training with two phases', () => {
  it('changes in each round the networks of its phase alone, and counts a step when all have been', async () => {
    const scheme = newScheme();
    const state = newState();
    expect([scheme.steps, scheme.rounds]).toEqual([3, 12]);
    let before = partsOf(state);
    const norms: Record<string, number>[] = [];
    for await (const { number, sum, steps } of training(
      scheme,
      state,
      computeIn((units) => units),
    )) {
      const phase = phaseAt(manifest, number % 4);
      const layout = contributionLayout(manifest, phase);
      const after = partsOf(state);
      const changed = Object.keys(after).filter((part) => !after[part]?.equals(before[part] ?? Buffer.alloc(0)));
      expect(changed).toEqual(
        number % 4 === 3
          ? ['generator weights', 'generator statistics', 'generator optimizer']
          : ['discriminator weights', 'discriminator optimizer'],
      );
      before = after;

      const samples = numberIn(sum.root, layout.samples);
      expect(samples).toBe(batchOf(number, PLAN).samples);
      expect(scheme.shapes.contribution(number).length).toBe(sum.root.length);
      const [network, section] = Object.entries(layout.gradients)[0] ?? [];
      const gradient = viewOf(sum.root, section ?? { offset: 0, size: 0 });
      norms.push({
        ...Object.fromEntries(
          Object.entries(layout.sums).map(([name, at]) => [name, numberIn(sum.root, at) / samples]),
        ),
        [`${network ?? ''}GradNorm`]: Math.hypot(...gradient) / samples,
      });
      expect(steps).toHaveLength(number % 4 === 3 ? 1 : 0);
      expect(state.step).toBe(Math.floor((number + 1) / 4));
      const [metrics] = steps;
      if (!metrics) continue;
      const means = Object.fromEntries(
        reportsOf(model).map(({ name }) => {
          const values = norms.flatMap((each) => each[name] ?? []);
          expect(values).toHaveLength(name.startsWith('generator') ? 1 : 3);
          return [name, values.reduce((a, b) => a + b) / values.length];
        }),
      );
      expect(Object.keys(metrics).toSorted()).toEqual(Object.keys(means).toSorted());
      for (const [name, value] of Object.entries(means)) expect(metrics[name]).toBeCloseTo(value, 12);
      norms.length = 0;
    }
    expect(state.step).toBe(3);
    expect(norms).toEqual([]);
  });

  it('takes the next batch in every round', async () => {
    const used: number[] = [];
    const compute = (round: Round) => {
      const units = round.units.map((planned) => {
        const { batches, data, ...unit } = loadUnit(planned, SAMPLES);
        for (let i = 0; i < data.length; i += 4) used.push(data[i] ?? NaN);
        expect(data).toHaveLength(4 * samplesIn({ batches }));
        return { ...unit, batches };
      });
      const { samples } = batchOf(round.number, PLAN);
      const place = { step: Math.floor(round.number / 4), iteration: round.number % 4 };
      expect(units).toEqual([
        { round: round.number, index: 0, batches: [{ ...place, first: 0, samples: 3 }] },
        { round: round.number, index: 1, batches: [{ ...place, first: 3, samples: samples - 3 }] },
      ]);
      return Promise.resolve({ root: new Float32Array(newScheme().shapes.contribution(round.number).length).fill(1) });
    };
    for await (const { number } of training(newScheme(), newState(), compute)) expect(number).toBeLessThan(12);
    const orders = [0, 1, 2, 3].map((epoch) => [...epochPermutation(SEED, epoch, COUNT)]);
    expect(used).toEqual(orders.flat().slice(0, 4 * COUNT));
  });

  it('gives the same bits in whatever order the shards are computed, and again from any step', async () => {
    const run = async (state: TrainingState, order: (units: Round['units']) => Round['units'], steps = Infinity) => {
      const metrics = [];
      for await (const done of training(newScheme(), state, computeIn(order))) {
        metrics.push(...done.steps);
        if (state.step === steps) break;
      }
      return metrics;
    };
    const once = newState();
    const expected = await run(once, (units) => units);
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.boolean()), fc.constantFrom(1, 2, 3), async (turns, stop) => {
        const state = newState();
        const order = (units: Round['units']) => (turns.next().value ? units.toReversed() : units);
        const first = await run(state, order, stop);
        const second = await run(state, order);
        expect([...first, ...second]).toEqual(expected);
        expect(partsOf(state)).toEqual(partsOf(once));
      }),
      { numRuns: 6 },
    );
  });

  it('leaves no tensors behind', () => {
    const scheme = newScheme();
    const { weights } = newState();
    for (const round of [0, 3]) {
      const [planned] = scheme.units(round);
      if (!planned) throw new Error('a round has units');
      const unit = loadUnit(planned, SAMPLES);
      contributionOf(model, manifest, SEED, weights, unit);
      const before = tf.memory().numTensors;
      contributionOf(model, manifest, SEED, weights, unit);
      expect(tf.memory().numTensors).toBe(before);
    }
  });
});
