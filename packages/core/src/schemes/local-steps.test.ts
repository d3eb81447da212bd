import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { phaseAt, roundsPerStep, viewOf } from '../model/manifest.ts';
import { ReductionTree } from '../numerics/reduction.ts';
import { optimizerSpecSchema, type OptimizerSpec } from '../optimizers/optimizer.ts';
import { manifestFromWire } from '../protocol/manifest.ts';
import { contributionLayout, newVector } from '../training/contribution.ts';
import { batchOf, epochsAfter, totalSteps, type DataPlan } from '../training/plan.ts';
import { copyState, initialState, type TrainingState } from '../training/training-state.ts';
import { samplesIn, type Batch, type PlannedUnit } from '../training/unit.ts';
import { wireManifest } from '../testing/manifest.ts';
import { decodeVector, encodeVector } from '../wire/wire.ts';
import { computeReplica } from './local-replica.ts';
import { LocalSteps, type LocalStepsOptions } from './local-steps.ts';
import { updated, type Publication } from './publication.ts';
import { Synchronous } from './synchronous.ts';

/** Three rounds of one phase and one of another make a step. */
const manyPhases = manifestFromWire(wireManifest());
/** … and here one round does. */
const onePhase = manifestFromWire({
  ...wireManifest(),
  phases: wireManifest()
    .phases.map((phase) => ({ ...phase, times: 1, updates: ['generator', 'discriminator'] }))
    .slice(0, 1),
});
const spec = (values: object): OptimizerSpec => optimizerSpecSchema.parse(values);
const ADAM = spec({ name: 'adam', learningRate: 0.01 });
const BOTH = (optimizer: OptimizerSpec) => ({ generator: optimizer, discriminator: optimizer });

const PLAN: DataPlan = { images: 22, epochs: 3, batch: 8, shardSize: 2 };
const OPTIONS: LocalStepsOptions = {
  manifest: onePhase,
  seed: 3,
  plan: PLAN,
  samples: 22,
  optimizers: BOTH(ADAM),
  localSteps: 2,
  fromEpoch: 1,
};

/** What stands for a network: a contribution that depends on the weights, on the batch and on nothing else. */
function gradientsOf(
  { manifest }: Pick<LocalStepsOptions, 'manifest'>,
  batch: Batch,
  weights: Float32Array,
): Float32Array {
  const layout = contributionLayout(manifest, phaseAt(manifest, batch.iteration));
  const own = new Float32Array(layout.length);
  const place = batch.step * 31 + batch.iteration * 7 + batch.first;
  for (let i = 0; i < own.length; i++) {
    own[i] = batch.samples * (0.3 * (weights[i % weights.length] as number) + Math.sin(i + place));
  }
  for (const { offset, size } of Object.values(layout.statistics)) {
    for (let i = offset; i < offset + size; i++) own[i] = Math.abs(own[i] as number);
  }
  own[layout.samples.offset] = batch.samples;
  return own;
}

/** What a worker answers a unit with, as the coordinator has it. */
async function answer(scheme: LocalSteps, options: LocalStepsOptions, unit: PlannedUnit, published: Float32Array) {
  const { wire, localSteps } = scheme.shapes.spec;
  const shape = scheme.shapes.contribution(unit.round);
  const contribution = scheme.shapes.isLocal(unit.round)
    ? await computeReplica(unit, {
        ...options,
        published,
        localSteps,
        gradients: (batch, _, weights) => Promise.resolve(gradientsOf(options, batch, weights)),
      })
    : gradientsOf(options, unit.batches[0] ?? { step: 0, iteration: 0, first: 0, samples: 0 }, published);
  const rounding = { seed: options.seed, round: unit.round, replica: unit.index };
  const sent = encodeVector(wire, contribution, shape.compact, rounding);
  return decodeVector(wire, sent, shape.length, shape.compact);
}

/** Trains until so many steps are done. @param forget makes the publication and its state anew at each round, as another process would */
async function train(options: LocalStepsOptions, state: TrainingState, steps = Infinity, forget = false) {
  let scheme = new LocalSteps(options);
  const metrics = [];
  for (let round = scheme.roundOf(state.step); round < scheme.rounds && state.step < steps; round++) {
    if (forget) scheme = new LocalSteps(options);
    const { values } = scheme.publish(state);
    const units = scheme.units(round);
    const tree = new ReductionTree(units.length);
    for (const unit of units.toReversed()) {
      tree.add({ level: 0, index: unit.index }, await answer(scheme, options, unit, values));
    }
    metrics.push(...scheme.apply(state, round, tree.root()));
  }
  return metrics;
}

const newState = ({ manifest, seed, optimizers, average }: LocalStepsOptions) =>
  initialState(manifest, seed, optimizers, average?.network);

const plans = fc
  .record({
    images: fc.integer({ min: 4, max: 60 }),
    epochs: fc.integer({ min: 1, max: 4 }),
    batch: fc.integer({ min: 2, max: 24 }),
    shardSize: fc.integer({ min: 2, max: 9 }),
    localSteps: fc.integer({ min: 2, max: 7 }),
    fromEpoch: fc.integer({ min: 1, max: 5 }),
    manifest: fc.constantFrom(onePhase, manyPhases),
  })
  .map(({ localSteps, fromEpoch, manifest, ...plan }) => ({
    ...OPTIONS,
    manifest,
    localSteps,
    fromEpoch,
    samples: plan.images,
    plan: { ...plan, roundsPerStep: roundsPerStep(manifest) },
  }));

describe('rounds of local steps', () => {
  it('take every batch of the run once, in order, and end with epochs', () => {
    fc.assert(
      fc.property(plans, (options) => {
        const { plan, localSteps, fromEpoch } = options;
        const scheme = new LocalSteps(options);
        const perStep = roundsPerStep(options.manifest);
        const taken = new Map<number, number>();
        let step = 0;
        for (let round = 0; round < scheme.rounds; round++) {
          const units = scheme.units(round);
          const batches = units.flatMap((unit) => unit.batches);
          for (const { step: of, iteration, samples } of batches) {
            const batch = of * perStep + iteration;
            taken.set(batch, (taken.get(batch) ?? 0) + samples);
          }
          for (const unit of units) expect(unit.samples).toHaveLength(samplesIn(unit));
          if (!scheme.shapes.isLocal(round)) continue;
          const steps = [...new Set(batches.map((batch) => batch.step))];
          const first = Math.min(...steps);
          step = Math.max(...steps) + 1;
          expect(scheme.roundOf(first)).toBe(round);
          expect(scheme.roundOf(step)).toBe(round + 1);
          expect(step - first).toBeLessThanOrEqual(localSteps);
          expect(epochsAfter(first, plan)).toBeGreaterThanOrEqual(fromEpoch - 1);
          // All but the last step of a round are of one epoch.
          expect(epochsAfter(step - 1, plan)).toBe(epochsAfter(first, plan));
          // A replica takes the same places of every batch.
          for (const unit of units) {
            for (const batch of unit.batches) expect(batch.first).toBe(unit.index * plan.shardSize);
          }
        }
        const steps = totalSteps(plan);
        expect(scheme.roundOf(steps)).toBe(scheme.rounds);
        expect(taken.size).toBe(steps * perStep);
        for (const [batch, samples] of taken) expect(samples).toBe(batchOf(batch, plan).samples);
      }),
    );
  });

  it.each(['float32', 'int8', 'bfloat16'] as const)(
    'give the same bits over %s after a stop at any of them',
    async (wire) => {
      const options = { ...OPTIONS, wire, average: { network: 'generator', decay: 0.9 } };
      const once = newState(options);
      const expected = await train(options, once);
      expect(expected).toHaveLength(9);
      for (const stop of [1, 2, 3, 5]) {
        const state = newState(options);
        const first = await train(options, state, stop, true);
        // Published, and given up: that is of no consequence.
        new LocalSteps(options).publish(state);
        const resumed = newState(options);
        copyState(state, resumed);
        const second = await train(options, resumed, Infinity, true);
        expect([...first, ...second]).toEqual(expected);
        expect(resumed).toEqual(once);
      }
    },
  );

  it('report every step by the names of the model, and gradient norms as those of replicas', async () => {
    const options = { ...OPTIONS, manifest: manyPhases, plan: { ...PLAN, roundsPerStep: 4 } };
    const metrics = await train(options, newState(options));
    expect(metrics).toHaveLength(totalSteps(options.plan));
    for (const each of metrics) {
      expect(Object.keys(each)).toEqual([
        'discriminatorLoss',
        'distance',
        'generatorLoss',
        'discriminatorReplicaGradNorm',
        'generatorReplicaGradNorm',
      ]);
      for (const value of Object.values(each)) expect(Number.isFinite(value)).toBe(true);
    }
  });
});

describe('a replica', () => {
  it('alone goes the way of synchronous training, with the optimizers of the coordinator', async () => {
    for (const optimizer of [
      ADAM,
      spec({ name: 'rmsprop', learningRate: 0.01 }),
      spec({ name: 'sgd', learningRate: 0.05 }),
    ]) {
      const options = {
        ...OPTIONS,
        optimizers: BOTH(optimizer),
        plan: { ...PLAN, shardSize: 8, epochs: 1 },
        localSteps: 3,
      };
      const state = newState(options);
      await train(options, state);
      const alone = newState(options);
      const scheme = new Synchronous(options);
      for (let round = 0; round < scheme.rounds; round++) {
        const [unit] = scheme.units(round);
        if (!unit?.batches[0]) throw new Error('a round has a unit');
        scheme.apply(alone, round, gradientsOf(options, unit.batches[0], alone.weights));
      }
      expect(state.step).toBe(3);
      // The difference is rounded on its way, the first moment is Adam's own in the first round.
      const close = (a: Float32Array, b: Float32Array) =>
        a.forEach((value, i) => expect(value).toBeCloseTo(b[i] ?? NaN, 5));
      close(state.weights, alone.weights);
      close(state.movingStatistics, alone.movingStatistics);
      const { moments, scalars } = state.optimizers['generator'] ?? { moments: {}, scalars: {} };
      if (moments['v']) close(moments['v'], alone.optimizers['generator']?.moments['v'] ?? new Float32Array());
      // As many steps were done; the first moment begins anew.
      if (optimizer.name !== 'adam') continue;
      expect(scalars).toEqual({ beta1Power: 1, beta2Power: alone.optimizers['generator']?.scalars['beta2Power'] });
      expect(moments['m']?.every((value) => value === 0)).toBe(true);
    }
  });

  it('counts by its samples: the mean is that of all replicas, weighted', async () => {
    const options = { ...OPTIONS, localSteps: 3, plan: { ...PLAN, epochs: 1 } };
    const scheme = new LocalSteps(options);
    const state = newState(options);
    const { values } = scheme.publish(state);
    const before = state.weights.slice();
    const ends: { readonly samples: number; readonly way: Float32Array }[] = [];
    const tree = new ReductionTree(4);
    for (const unit of scheme.units(0)) {
      const contribution = await answer(scheme, options, unit, values);
      tree.add({ level: 0, index: unit.index }, contribution);
      ends.push({ samples: samplesIn(unit), way: contribution.slice(0, before.length) });
    }
    // The last batch of six has nothing for the last of four replicas.
    expect(ends.map(({ samples }) => samples)).toEqual([6, 6, 6, 4]);
    scheme.apply(state, 0, tree.root());
    state.weights.forEach((weight, i) => {
      const mean = ends.reduce((sum, { way }) => sum + (way[i] as number), 0) / 22;
      expect(weight).toBeCloseTo((before[i] as number) + mean, 6);
    });
  });

  it('never ends with second moments or variances below 0', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('float32', 'int8', 'bfloat16' as const), fc.nat(), async (wire, seed) => {
        const options = { ...OPTIONS, wire: wire as 'int8', seed };
        const state = newState(options);
        await train(options, state);
        for (const { moments } of Object.values(state.optimizers)) {
          expect(moments['v']?.every((value) => value >= 0)).toBe(true);
        }
        const variances = onePhase.movingStatistics.filter(({ name }) => name.endsWith('variance'));
        for (const each of variances)
          expect(viewOf(state.movingStatistics, each).every((value) => value >= 0)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('is told apart from one that diverges', async () => {
    const scheme = new LocalSteps(OPTIONS);
    const state = newState(OPTIONS);
    const before = newState(OPTIONS);
    scheme.publish(state);
    const sum = newVector(scheme.shapes.contribution(0).length).fill(1);
    sum[0] = NaN;
    expect(() => scheme.apply(state, 0, sum)).toThrow(/diverged in steps 1 to 2/);
    expect(state).toEqual(before);
  });
});

describe('what is published', () => {
  it('is put together by everyone from updates, and follows the state however it is rounded', async () => {
    for (const wire of ['int8', 'bfloat16'] as const) {
      const options = { ...OPTIONS, wire, plan: { ...PLAN, epochs: 40 } };
      const scheme = new LocalSteps(options);
      const state = newState(options);
      const shape = scheme.shapes.published(0);
      let had: Float32Array | undefined;
      for (let round = 0; round < scheme.rounds; round++) {
        const publication: Publication = scheme.publish(state);
        if (had && publication.update)
          expect(updated(had, publication.update, shape, wire)).toEqual(publication.values);
        else expect(round).toBe(0);
        had = publication.values.slice();
        // The remainder is made good: it does not add up over hundreds of rounds.
        state.weights.forEach((weight, i) => expect(Math.abs(weight - (had?.[i] ?? NaN))).toBeLessThan(0.02));
        const units = scheme.units(round);
        const tree = new ReductionTree(units.length);
        for (const unit of units) {
          tree.add({ level: 0, index: unit.index }, await answer(scheme, options, unit, publication.values));
        }
        scheme.apply(state, round, tree.root());
      }
    }
  });

  it('changes its layout where local steps begin, and everyone needs the whole', async () => {
    const options = { ...OPTIONS, wire: 'int8' as const, fromEpoch: 2 };
    const scheme = new LocalSteps(options);
    const state = newState(options);
    await train(options, state, 3);
    expect(scheme.shapes.published(2).length).toBe(onePhase.trainableSize);
    expect(scheme.shapes.published(3).length).toBe(2 * onePhase.trainableSize + onePhase.movingStatisticsSize);
    const publication = scheme.publish(state);
    expect(publication.update).toBeUndefined();
    expect(viewOf(publication.values, { offset: 0, size: state.weights.length })).toEqual(state.weights);
  });
});

it('refuses more samples in a round than float32 counts', () => {
  const plan = { ...PLAN, images: 60_000, batch: 60_000 };
  expect(() => new LocalSteps({ ...OPTIONS, plan, localSteps: 4096 })).toThrow(/more than the 16777216/);
});

it('counts the samples of all batches of a step', () => {
  const plan = { ...PLAN, images: 60_000, batch: 8192, roundsPerStep: 4 };
  const options = { ...OPTIONS, manifest: manyPhases, plan, samples: 60_000 };
  expect(new LocalSteps({ ...options, localSteps: 512 }).steps).toBeGreaterThan(0);
  expect(() => new LocalSteps({ ...options, localSteps: 513 })).toThrow(/more than the 16777216/);
});

it('refuses units whose images make no message', () => {
  const samples = 40_000_000;
  const plan = { images: samples, epochs: 1, batch: 4096, shardSize: 4096 };
  const manifest = manifestFromWire({
    ...wireManifest(),
    phases: onePhase.phases.map(({ sums, name, times }) => ({
      name,
      times,
      updates: ['generator', 'discriminator'],
      inputs: [{ from: 'data' as const, name: 'images', shape: [32, 32, 3] }],
      sums: [...sums],
    })),
  });
  const options = { ...OPTIONS, manifest, plan, samples };
  expect(new LocalSteps({ ...options, localSteps: 85 }).steps).toBeGreaterThan(0);
  expect(() => new LocalSteps({ ...options, localSteps: 86 })).toThrow(/bytes of images/);
  // No round is longer than an epoch.
  const few = { ...options, samples: 8192, plan: { ...plan, images: 8192 } };
  expect(new LocalSteps({ ...few, localSteps: 86 }).steps).toBe(2);
});
