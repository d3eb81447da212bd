import * as tf from '@tensorflow/tfjs-core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from './index.ts';
import {
  type Case,
  expectSameAsTfjs,
  hasCCompiler,
  input,
  relativeError,
  runNative,
  run,
  sideBySide,
  specsOf,
  tensor4d,
  type Tensors,
  values,
} from './testing/oracle.ts';

type Linear = (x: tf.Tensor) => tf.Tensor;

const size = (min: number, max: number) => fc.integer({ min, max });
const pair = (min: number, max: number) => fc.tuple(size(min, max), size(min, max));

/** Windows that fit into their maps [N, H, W, C], with few values, so that several elements of a window are the largest. */
const windows = fc.record({
  shape: fc.tuple(size(1, 3), size(4, 8), size(4, 8), size(1, 3)),
  taps: pair(1, 4),
  strides: pair(1, 4),
  pad: fc.constantFrom('same' as const, 'valid' as const),
  seed: fc.nat(1000),
  multiplier: size(1, 3),
});

const fiveOf = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { minLength: 5, maxLength: 5 });

/** For each element of one sample, the output where it alone is 1: the matrix of a function that is linear. */
function gradientOfLinear(linear: Linear, shape: readonly number[], dy: tf.Tensor): number[] {
  const [batch = 0, ...sample] = shape;
  const inputs = tf.util.sizeFromShape(sample);
  const responses = tf.tidy(() => linear(tf.reshape(tf.eye(inputs), [inputs, ...sample])).dataSync());
  const outputs = responses.length / inputs;
  const given = dy.dataSync();
  return Array.from({ length: batch * inputs }, (_, i) => {
    const [row, first] = [(i % inputs) * outputs, Math.floor(i / inputs) * outputs];
    let sum = 0;
    for (let j = 0; j < outputs; j++) sum += (responses[row + j] ?? NaN) * (given[first + j] ?? NaN);
    return sum;
  });
}

/** Forward as tfjs; backward, the transpose of the matrix that tfjs's forward computation is. */
async function expectAdjoint(cases: readonly { readonly linear: Linear; readonly shape: readonly number[] }[]) {
  const all = cases.map(({ linear, shape }, i): Case => {
    const x = values([...shape], { seed: i + 1 });
    const dy = tf.tidy(() => values(linear(x).shape, { seed: i + 50 }));
    return {
      inputs: { x, dy },
      fn: (inputs) => ({ dx: tf.grad(linear)(input(inputs, 'x'), input(inputs, 'dy')) }),
    };
  });
  const forward = all.map(({ inputs }, i): Case => {
    return {
      inputs: { x: inputs['x'] as tf.Tensor },
      fn: ({ x }) => ({ y: (cases[i] as { linear: Linear }).linear(x as tf.Tensor) }),
    };
  });
  const { fn: forwardFn, inputs: forwardInputs } = sideBySide(forward);
  await expectSameAsTfjs(forwardFn, forwardInputs);
  const { fn, inputs } = sideBySide(all);
  const program = compile(fn, { inputs: specsOf(inputs) });
  const engines = [await run(program, inputs), ...(hasCCompiler ? [await runNative(program, inputs)] : [])];
  for (const results of engines) {
    cases.forEach(({ linear, shape }, i) => {
      const expected = gradientOfLinear(linear, shape, inputs[`${i}/dy`] as tf.Tensor);
      expect(relativeError(results[`${i}/dx`]?.data as Float32Array, expected)).toBeLessThan(1e-5);
    });
  }
}

describe('pooling', () => {
  it('of the largest element has the values and gradients of tfjs, the first of equals first', async () => {
    await fc.assert(
      fc.asyncProperty(fiveOf(windows), async (all) => {
        const { fn, inputs } = sideBySide(
          all.map(({ shape, taps, strides, pad, seed }): Case => {
            const pool: Linear = (x) => tf.maxPool(tensor4d(x), taps, strides, pad);
            const x = tf.round(values(shape, { low: -2, high: 2, seed }));
            const dy = tf.tidy(() => values(pool(x).shape, { seed: seed + 1 }));
            return {
              inputs: { x, dy },
              fn: (of) => ({ y: pool(input(of, 'x')), dx: tf.grad(pool)(input(of, 'x'), input(of, 'dy')) }),
            };
          }),
        );
        await expectSameAsTfjs(fn, inputs);
      }),
      { numRuns: 8, seed: 42 },
    );
  });

  it('of averages counts what lies inside of the map, forward and backward', async () => {
    await fc.assert(
      fc.asyncProperty(fiveOf(windows), async (all) => {
        await expectAdjoint(
          all.map(({ shape, taps, strides, pad }) => {
            return { shape, linear: (x: tf.Tensor) => tf.avgPool(tensor4d(x), taps, strides, pad) };
          }),
        );
      }),
      { numRuns: 8, seed: 42 },
    );
  });
});

describe('depthwise convolution', () => {
  it('has the values and gradients of tfjs', async () => {
    await fc.assert(
      fc.asyncProperty(fiveOf(windows), async (all) => {
        const { fn, inputs } = sideBySide(
          all.map(({ shape, taps, strides, pad, seed, multiplier }): Case => {
            const x = values(shape, { seed });
            const filter = values([...taps, shape[3], multiplier], { seed: seed + 1 });
            // tfjs demands equal strides.
            const [stride] = strides;
            const convolve = (image: tf.Tensor, by: tf.Tensor) =>
              tf.depthwiseConv2d(tensor4d(image), tensor4d(by), stride, pad);
            const dy = tf.tidy(() => values(convolve(x, filter).shape, { seed: seed + 2 }));
            return {
              inputs: { x, filter, dy },
              fn: (of: Tensors) => {
                const [image, by] = [input(of, 'x'), input(of, 'filter')];
                const [dx, dFilter] = tf.grads(convolve)([image, by], input(of, 'dy')) as [tf.Tensor, tf.Tensor];
                return { y: convolve(image, by), dx, dFilter };
              },
            };
          }),
        );
        await expectSameAsTfjs(fn, inputs);
      }),
      { numRuns: 8, seed: 42 },
    );
  });
});

describe('resizing', () => {
  const resizes = fc.record({
    shape: fc.tuple(size(1, 3), size(1, 6), size(1, 6), size(1, 3)),
    to: fc.oneof(
      pair(1, 12).map((sides) => () => sides),
      pair(1, 3).map(([down, across]) => ([, height, width]: readonly number[]): [number, number] => [
        (height ?? 0) * down,
        (width ?? 0) * across,
      ]),
    ),
    alignCorners: fc.boolean(),
    halfPixelCenters: fc.boolean(),
    resize: fc.constantFrom(tf.image.resizeNearestNeighbor, tf.image.resizeBilinear),
  });

  it('has the values of tfjs, and backward the transpose of them', async () => {
    await fc.assert(
      fc.asyncProperty(fiveOf(resizes), async (all) => {
        await expectAdjoint(
          all.map(({ shape, to, alignCorners, halfPixelCenters, resize }) => {
            const isHalf = halfPixelCenters && !alignCorners;
            return { shape, linear: (x: tf.Tensor) => resize(tensor4d(x), to(shape), alignCorners, isHalf) };
          }),
        );
      }),
      { numRuns: 10, seed: 42 },
    );
  });
});
