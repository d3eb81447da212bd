import { batchInputs, sampleBytes, type BatchInputs, type Unit } from '@gantry/core';
import { modelManifest } from '@gantry/models';
import { describe, expect, it } from 'vitest';
import { PreparedInputs } from './prepared-inputs.ts';

const SEED = 7;
const tiny = modelManifest('tiny');
const [phase] = tiny.phases;
/** Two rounds of its phase make a step. */
const manifest = { ...tiny, phases: phase ? [{ ...phase, times: 2 }] : [] };

interface Place {
  readonly step: number;
  readonly iteration?: number;
  readonly first: number;
  readonly samples?: number;
}

function unit({ step, iteration = 0, first, samples = 2 }: Place, brightness = 1): Unit {
  const data = Uint8Array.from({ length: samples * sampleBytes(manifest) }, (_, i) => Math.imul(i, brightness));
  return { round: 2 * step + iteration, index: 0, batches: [{ step, iteration, first, samples }], data };
}

/** What has to come out, built anew. */
function builtAnew({ batches: [batch], data }: Unit): BatchInputs {
  if (!batch) throw new Error('a unit without a batch');
  return batchInputs(batch, data, manifest, SEED);
}

describe('PreparedInputs', () => {
  it('gives the same bits for what was built ahead and what was not, in new memory and in old', () => {
    const inputs = new PreparedInputs({ manifest, seed: SEED });
    for (let first = 0; first < 12; first += 2) inputs.prepare(unit({ step: 3, first }));
    for (let first = 0; first < 12; first += 2) {
      for (let time = 0; time < 2; time++) {
        const taken = inputs.take(unit({ step: 3, first }));
        expect(taken).toEqual(builtAnew(unit({ step: 3, first })));
        inputs.recycle(taken);
      }
    }
  });

  it.each([
    ['step', unit({ step: 4, first: 2 })],
    ['round of the step', unit({ step: 3, iteration: 1, first: 2 })],
    ['place', unit({ step: 3, first: 4 })],
    ['size', unit({ step: 3, first: 2, samples: 3 })],
    ['images', unit({ step: 3, first: 2 }, 5)],
  ])('never mixes up shards that differ in %s', (_, other) => {
    const inputs = new PreparedInputs({ manifest, seed: SEED });
    for (let time = 0; time < 2; time++) {
      inputs.prepare(unit({ step: 3, first: 2 }));
      const taken = inputs.take(other);
      expect(taken).toEqual(builtAnew(other));
      inputs.recycle(taken);
    }
  });
});
