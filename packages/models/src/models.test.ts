import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { networkNamed } from '@gantry/core';
import * as models from './index.ts';
import { MODEL_NAMES, modelManifest, modelNamed, tiny, type GanLoss } from './index.ts';
import * as allLosses from './losses.ts';
import { disposeModel } from '@gantry/core/tfjs';

const parts = Object.entries(allLosses as Record<string, GanLoss>).flatMap(([name, loss]) =>
  (['real', 'fake', 'generator'] as const).map((part) => ({ name: `${name}.${part}`, ...loss[part] })),
);

describe('a loss', () => {
  it('has the derivative that tfjs finds', () => {
    const logits = fc.float({ min: -80, max: 80, noNaN: true });
    fc.assert(
      fc.property(fc.constantFrom(...parts), fc.array(logits, { minLength: 1, maxLength: 8 }), (part, values) => {
        const [written, found] = tf.tidy(() => {
          const x = tf.tensor2d(values, [values.length, 1]);
          const gradient = tf.grad((input) => tf.sum(part.loss(input)))(x);
          return [part.derivative(x).dataSync(), gradient.dataSync()];
        });
        written?.forEach((value, i) => {
          const expected = found?.[i] ?? NaN;
          expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected) + 2 ** -60);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('is exported if it is one that ships', () => {
    for (const [name, loss] of Object.entries(allLosses)) expect(models).toHaveProperty(name, loss);
  });
});

describe('a model that ships', () => {
  it.each(MODEL_NAMES)('%s is named as it is asked for', (name) => {
    expect(modelManifest(name).model).toBe(name);
  });

  it.each(['', 'DCGAN', 'gan', 'toString', '__proto__', 'constructor'])('is not called %j', (name) => {
    const unknown = expect.objectContaining({
      code: 'E_CONFIG',
      message: expect.stringContaining('dcgan, dcgan32, wgan-gp, conditional, tiny, tiny-rgb or a file of your own'),
    });
    expect(() => modelNamed(name)).toThrow(unknown);
    expect(() => modelManifest(name)).toThrow(unknown);
  });

  it('is a fresh instance each time', () => {
    const [a, b] = [tiny(), tiny()];
    expect(a.networks['generator']).not.toBe(b.networks['generator']);
    [a, b].forEach(disposeModel);
  });

  it('wgan-gp has five rounds of the critic before each of the generator, and the size that its layers have', () => {
    const { phases, networks } = modelManifest('wgan-gp');
    expect(phases.map(({ name, times, updates }) => [name, times, updates])).toEqual([
      ['critic', 5, ['discriminator']],
      ['generator', 1, ['generator']],
    ]);
    expect(phases[0]?.inputs).toContainEqual({ name: 'mix', from: 'uniform', shape: [1], streams: [8] });
    expect(networks.map(({ weights }) => weights.size)).toEqual([
      129 * 4096 + (25 * 256 + 1) * 128 + (25 * 128 + 1) * 64 + (25 * 64 + 1),
      (25 + 1) * 64 + (25 * 64 + 1) * 128 + (25 * 128 + 1) * 256 + (4 * 4 * 256 + 1),
    ]);
  });

  it('tiny has the 443 parameters that it says', () => {
    const manifest = modelManifest('tiny');
    // 8·32 + 2·32 + 9·2 for the generator; (9 + 1)·4 + 64 + 1 for the discriminator.
    const sizes = ['generator', 'discriminator'].map((name) => networkNamed(manifest, name).weights.size);
    expect(sizes).toEqual([256 + 64 + 18, 40 + 64 + 1]);
    expect(manifest.trainableSize).toBe(443);
    expect(modelManifest('tiny-rgb').trainableSize).toBe(443 + 2 * 18 + 2 * 36);
  });
});
