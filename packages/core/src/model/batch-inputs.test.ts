import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillKeepMask, fillNormal, fillUniform } from '../numerics/random.ts';
import { manifestFromWire } from '../protocol/manifest.ts';
import { wireManifest } from '../testing/manifest.ts';
import { batchInputs } from './batch-inputs.ts';
import { sizeOf } from './manifest.ts';

const manifest = manifestFromWire(wireManifest());
const [critic, generator] = manifest.phases;
if (!critic || !generator) throw new Error('two phases were expected');

const places = {
  seed: fc.maxSafeNat(),
  step: fc.nat(1e6),
  first: fc.nat(1000),
  samples: fc.integer({ min: 1, max: 9 }),
};

/** The inputs of a batch whose data are the numbers of its bytes. */
function inputsAt(seed: number, step: number, iteration: number, first: number, samples: number) {
  const data = Uint8Array.from({ length: 4 * samples }, (_, i) => 4 * first + i);
  return batchInputs({ step, iteration, first, samples }, data, manifest, seed).tensors;
}

describe('draws', () => {
  it('of a step’s first round are the plain streams’, sample by sample', () => {
    fc.assert(
      fc.property(fc.record(places), ({ seed, step, first, samples }) => {
        const tensors = inputsAt(seed, step, 0, first, samples);
        const noise = Array.from({ length: samples }, (_, i) => {
          const row = new Float32Array(3);
          fillNormal(row, seed, 2, step, first + i);
          return [...row];
        });
        const mask = [3, 4].flatMap((stream) =>
          Array.from({ length: samples }, (_, i) => {
            const row = new Uint8Array(2);
            fillKeepMask(row, 0.25, seed, stream, step, first + i);
            return [...row];
          }),
        );
        expect([...(tensors['noise'] ?? [])]).toEqual(noise.flat());
        const mix = Array.from({ length: samples }, (_, i) => {
          const row = new Float64Array(1);
          fillUniform(row, seed, 9, step, first + i);
          return Math.fround(row[0] ?? NaN);
        });
        expect([...(tensors['mix'] ?? [])]).toEqual(mix);
        expect(mix.every((x) => x >= 0 && x <= 1)).toBe(true);
        expect([...(tensors['discriminator/dropout/mask'] ?? [])]).toEqual(mask.flat());
      }),
    );
  });

  it('differ from round to round of a step, where the data do not', () => {
    fc.assert(
      fc.property(fc.record(places), ({ seed, step, first, samples }) => {
        const rounds = [0, 1, 2, 3].map((iteration) => inputsAt(seed, step, iteration, first, samples));
        const values = rounds.flatMap(({ noise = [] }) => [...noise]);
        // 24 bits of a float32 may agree by chance, all of a row may not.
        expect(new Set(rounds.map(({ noise = [] }) => noise.join())).size).toBe(4);
        expect(new Set(values).size).toBeGreaterThan(0.9 * values.length);
        expect(new Set(rounds.map(({ images = [] }) => images.join())).size).toBe(1);
      }),
    );
    const masks = [0, 1, 2, 3].map((iteration) => inputsAt(1, 0, iteration, 0, 100)['discriminator/dropout/mask']);
    expect(new Set(masks.map((mask) => mask?.join())).size).toBe(4);
  });

  it('of a sample do not depend on how the batch is cut', () => {
    fc.assert(
      fc.property(
        fc.record(places),
        fc.nat(3),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 }),
        ({ seed, step, first }, iteration, cuts) => {
          const total = cuts.reduce((sum, samples) => sum + samples, 0);
          const whole = inputsAt(seed, step, iteration, first, total);
          let begin = 0;
          for (const samples of cuts) {
            const part = inputsAt(seed, step, iteration, first + begin, samples);
            for (const input of (iteration < 3 ? critic : generator).inputs) {
              const size = sizeOf(input.shape);
              const streams = 'streams' in input ? input.streams.length : 1;
              const [all, own] = [whole[input.name], part[input.name]];
              const rows = Array.from({ length: streams }, (_, k) => {
                return [...(all?.subarray((k * total + begin) * size, (k * total + begin + samples) * size) ?? [])];
              });
              expect([...(own ?? [])]).toEqual(rows.flat());
            }
            begin += samples;
          }
        },
      ),
    );
  });
});
