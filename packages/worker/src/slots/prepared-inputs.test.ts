import { batchInputs, sampleBytes, type Batch, type BatchInputs } from '@gantry/core';
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

/** A batch with its data. */
function input({ step, iteration = 0, first, samples = 2 }: Place, brightness = 1): [Batch, Uint8Array] {
  const data = Uint8Array.from({ length: samples * sampleBytes(manifest) }, (_, i) => Math.imul(i, brightness));
  return [{ step, iteration, first, samples }, data];
}

/** What has to come out, built anew. */
function builtAnew(batch: Batch, data: Uint8Array): BatchInputs {
  return batchInputs(batch, data, manifest, SEED);
}

describe('PreparedInputs', () => {
  it('gives the same bits for what was built ahead and what was not, in new memory and in old', () => {
    const inputs = new PreparedInputs({ manifest, seed: SEED });
    for (let first = 0; first < 12; first += 2) inputs.prepare(...input({ step: 3, first }));
    for (let first = 0; first < 12; first += 2) {
      for (let time = 0; time < 2; time++) {
        const taken = inputs.take(...input({ step: 3, first }));
        expect(taken).toEqual(builtAnew(...input({ step: 3, first })));
        inputs.recycle(taken);
      }
    }
  });

  it.each([
    ['step', input({ step: 4, first: 2 })],
    ['round of the step', input({ step: 3, iteration: 1, first: 2 })],
    ['place', input({ step: 3, first: 4 })],
    ['size', input({ step: 3, first: 2, samples: 3 })],
    ['images', input({ step: 3, first: 2 }, 5)],
  ])('never mixes up shards that differ in %s', (_, other) => {
    const inputs = new PreparedInputs({ manifest, seed: SEED });
    for (let time = 0; time < 2; time++) {
      inputs.prepare(...input({ step: 3, first: 2 }));
      const taken = inputs.take(...other);
      expect(taken).toEqual(builtAnew(...other));
      inputs.recycle(taken);
    }
  });
});
