import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_OPTIMIZERS } from '../optimizers/optimizer.ts';
import { LocalSteps } from '../schemes/local-steps.ts';
import { wireManifest } from '../testing/manifest.ts';
import type { DataPlan } from '../training/plan.ts';
import { samplesIn } from '../training/unit.ts';
import { batchRuns, batchesOf, samplesInRuns } from './batch-runs.ts';
import { manifestFromWire } from './manifest.ts';
import type { MessageOf } from './messages.ts';

type Run = MessageOf<'assign'>['batches'][number];

const perSteps = fc.integer({ min: 1, max: 5 });
/** Few different numbers: many of these runs go on with the one before. */
const runsOf = (perStep: number): fc.Arbitrary<Run[]> =>
  fc.array(
    fc
      .record({
        step: fc.nat(3),
        iteration: fc.nat(perStep - 1),
        first: fc.constantFrom(0, 4),
        samples: fc.constantFrom(2, 4),
        count: fc.integer({ min: 1, max: 12 }),
      })
      .map(({ count, ...first }) => (count === 1 ? first : { ...first, count })),
    { maxLength: 8 },
  );
const cases = perSteps.chain((perStep) => fc.record({ perStep: fc.constant(perStep), runs: runsOf(perStep) }));

describe('batchRuns', () => {
  it('is undone by batchesOf', () => {
    fc.assert(
      fc.property(cases, ({ perStep, runs }) => {
        const batches = batchesOf(runs, perStep);
        const before = structuredClone(batches);
        const again = batchRuns(batches, perStep);
        expect(batchesOf(again, perStep)).toEqual(before);
        expect(batches).toEqual(before);
        expect(samplesInRuns(again)).toBe(samplesIn({ batches }));
        expect(samplesInRuns(runs)).toBe(samplesIn({ batches }));
      }),
    );
  });

  it('gives as few runs as there are, of which one batch has no count', () => {
    fc.assert(
      fc.property(cases, ({ perStep, runs }) => {
        const shortest = batchRuns(batchesOf(runs, perStep), perStep);
        expect(shortest.length).toBeLessThanOrEqual(runs.length);
        expect(batchRuns(batchesOf(shortest, perStep), perStep)).toEqual(shortest);
        for (const { count } of shortest) expect(count === undefined || count > 1).toBe(true);
        for (const [i, run] of shortest.slice(1).entries()) {
          expect(batchRuns(batchesOf([shortest[i] ?? run, run], perStep), perStep)).toHaveLength(2);
        }
      }),
    );
  });

  it('goes on with the next batch of the step, and then with the next step', () => {
    const first = { step: 7, iteration: 1, first: 4, samples: 2 };
    expect(batchesOf([{ ...first, count: 4 }], 3).map(({ step, iteration }) => [step, iteration])).toEqual([
      [7, 1],
      [7, 2],
      [8, 0],
      [8, 1],
    ]);
  });

  it("makes few runs of a replica's batches, however the data is divided", () => {
    const plans = fc.record({
      images: fc.integer({ min: 2, max: 90 }),
      epochs: fc.integer({ min: 1, max: 4 }),
      batch: fc.integer({ min: 2, max: 20 }),
      shardSize: fc.integer({ min: 2, max: 9 }),
      roundsPerStep: perSteps,
      localSteps: fc.integer({ min: 2, max: 40 }),
      fromEpoch: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(plans, ({ localSteps, fromEpoch, ...plan }) => {
        const { roundsPerStep } = plan;
        const wire = wireManifest();
        const phases = wire.phases.slice(0, 1).map((phase) => ({ ...phase, times: roundsPerStep }));
        const manifest = manifestFromWire({ ...wire, phases });
        const common = { manifest, seed: 1, plan: plan satisfies DataPlan, optimizers: DEFAULT_OPTIMIZERS };
        const scheme = new LocalSteps({ ...common, samples: plan.images, localSteps, fromEpoch });
        for (let round = 0; round < scheme.rounds; round++) {
          for (const { batches, samples } of scheme.units(round)) {
            const runs = batchRuns(batches, roundsPerStep);
            expect(runs.length).toBeLessThanOrEqual(16);
            expect(batchesOf(runs, roundsPerStep)).toEqual(batches);
            expect(samplesInRuns(runs)).toBe(samples.length);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
