import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DEFAULT_OPTIMIZERS, optimizerOf, optimizerSpecSchema, type OptimizerSpec } from './optimizer.ts';

const sgd = (fields: object): OptimizerSpec => optimizerSpecSchema.parse({ name: 'sgd', ...fields });

/** What a step of gradient descent from weights of 0 subtracts. */
function descent(spec: OptimizerSpec, gradientSum: Float32Array, scale: number, stepsDone: number): number[] {
  const weights = new Float32Array(gradientSum.length);
  const optimizer = optimizerOf(spec);
  optimizer.step(weights, gradientSum, scale, optimizer.init(weights.length), stepsDone);
  return [...weights].map((weight) => 0 - weight);
}

describe('optimizerSpecSchema', () => {
  it('has Keras’ defaults, but for Adam’s learning rate, which is the tutorial’s', () => {
    const adam = { name: 'adam', learningRate: 1e-4, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 };
    expect(optimizerSpecSchema.parse({ name: 'adam' })).toEqual(adam);
    expect(DEFAULT_OPTIMIZERS).toEqual({ generator: adam, discriminator: adam });
    expect(sgd({})).toEqual({ name: 'sgd', learningRate: 0.01, momentum: 0 });
  });

  it('takes a schedule and a norm to clip at', () => {
    const spec = {
      name: 'adam',
      learningRate: 2e-4,
      beta1: 0.5,
      beta2: 0,
      epsilon: 1e-8,
      schedule: { kind: 'cosine', steps: 100, warmUpSteps: 10, finalFraction: 0.01 },
      clipNorm: 1,
    };
    expect(optimizerSpecSchema.parse(JSON.parse(JSON.stringify(spec)))).toEqual(spec);
  });

  it.each([
    ['expected adam or sgd or rmsprop', { name: 'adagrad' }],
    ['learningRate', { name: 'adam', learningRate: 0 }],
    ['learningRate', { name: 'sgd', learningRate: -1e-4 }],
    ['learningRate', { name: 'sgd', learningRate: Infinity }],
    ['learningRate', { name: 'adam', learningRate: NaN }],
    ['learningRate', { name: 'adam', learningRate: 1e39 }],
    ['learningRate', { name: 'adam', learningRate: '1e-4' }],
    ['beta1', { name: 'adam', beta1: 1 }],
    ['beta2', { name: 'adam', beta2: -0.1 }],
    ['epsilon', { name: 'adam', epsilon: 0 }],
    ['epsilon', { name: 'adam', epsilon: 1e-46 }],
    ['momentum', { name: 'sgd', momentum: 1 }],
    ['momentum', { name: 'adam', momentum: 0.9 }],
    ['rho', { name: 'rmsprop', rho: 1 }],
    ['clipNorm', { name: 'adam', clipNorm: 0 }],
    ['schedule.kind', { name: 'adam', schedule: { kind: 'step' } }],
    ['schedule.steps', { name: 'adam', schedule: { kind: 'cosine', steps: 0 } }],
    ['schedule.warmUpSteps', { name: 'sgd', schedule: { kind: 'constant', warmUpSteps: 1.5 } }],
    ['schedule.finalFraction', { name: 'sgd', schedule: { kind: 'cosine', steps: 5, finalFraction: 2 } }],
    ['schedule', { name: 'sgd', schedule: { kind: 'constant', steps: 5 } }],
  ])('refuses a bad %s by name: %j', (field, value) => {
    const { error } = optimizerSpecSchema.safeParse(value);
    expect(error && z.prettifyError(error)).toContain(field);
  });
});

describe('optimizerOf', () => {
  it('follows the schedule', () => {
    const spec = sgd({ learningRate: 1, schedule: { kind: 'cosine', warmUpSteps: 2, steps: 2, finalFraction: 0.25 } });
    const rates = [0, 1, 2, 3, 4, 5].map((step) => descent(spec, Float32Array.of(1), 1, step)[0]);
    expect(rates).toEqual([0.5, 1, 1, 0.625, 0.25, 0.25]);
  });

  it('clips the mean gradient by its norm over all weights', () => {
    const gradientSum = Float32Array.of(12, 16);
    expect(descent(sgd({ learningRate: 1, clipNorm: 2.5 }), gradientSum, 0.25, 0)).toEqual([1.5, 2]);
    expect(descent(sgd({ learningRate: 1, clipNorm: 5 }), gradientSum, 0.25, 0)).toEqual([3, 4]);
  });

  it('leaves every bit as it is where clipping has nothing to do', () => {
    const values = fc.float32Array({ minLength: 1, maxLength: 20, min: -100, max: 100, noNaN: true });
    fc.assert(
      fc.property(values, (gradientSum) => {
        const unclipped = descent(sgd({}), gradientSum, 1 / 3, 0);
        expect(descent(sgd({ clipNorm: 1000 }), gradientSum, 1 / 3, 0)).toEqual(unclipped);
      }),
    );
  });

  const specs = [{ name: 'adam' }, { name: 'sgd' }, { name: 'sgd', momentum: 0.9 }].map((spec) =>
    optimizerSpecSchema.parse(spec),
  );

  it('has a state whose vectors are as the weights', () => {
    const names = specs.map((spec) => {
      const { moments, scalars } = optimizerOf(spec).init(5);
      expect(Object.values(moments).every((moment) => moment.length === 5)).toBe(true);
      return [...Object.keys(moments), ...Object.keys(scalars)];
    });
    expect(names).toEqual([['m', 'v', 'beta1Power', 'beta2Power'], [], ['velocity']]);
  });

  it('refuses the state of another optimizer, and changes nothing', () => {
    for (const spec of specs) {
      for (const other of specs.filter((each) => each !== spec)) {
        const state = optimizerOf(other).init(2);
        const weights = Float32Array.of(1, 2);
        expect(() => optimizerOf(spec).step(weights, Float32Array.of(3, 4), 1, state, 0)).toThrow(
          expect.objectContaining({ code: 'E_BAD_SHAPE', message: expect.stringContaining('another optimizer') }),
        );
        expect(weights).toEqual(Float32Array.of(1, 2));
        expect(state).toEqual(optimizerOf(other).init(2));
      }
    }
  });
});
