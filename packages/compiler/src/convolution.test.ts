import * as tf from '@tensorflow/tfjs-core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONVOLUTION_FORMS, type ConvolutionForm } from './convolution-forms.ts';
import { compile } from './index.ts';
import {
  expectSameAsTfjs,
  hasCCompiler,
  input,
  operatorCounts,
  relativeError,
  run,
  specsOf,
  tensor4d,
  type Tensors,
  values,
} from './testing/oracle.ts';

interface Convolution {
  readonly image: [batch: number, height: number, width: number, channels: number];
  readonly filter: [height: number, width: number, channels: number, outputs: number];
  readonly strides: [number, number];
  readonly pad: 'same' | 'valid' | number | tf.backend_util.ExplicitPadding;
  readonly dilations?: [number, number];
}

const convolve = ({ strides, pad, dilations = [1, 1] }: Convolution, x: tf.Tensor, filter: tf.Tensor): tf.Tensor =>
  tf.conv2d(tensor4d(x), tensor4d(filter), strides, pad, 'NHWC', dilations);

/** The output, and both gradients where there is an output gradient `dy`. */
const withGradients =
  (convolution: Convolution) =>
  (inputs: Tensors): Tensors => {
    const x = input(inputs, 'x');
    const filter = input(inputs, 'filter');
    const y = convolve(convolution, x, filter);
    const { dy } = inputs;
    if (dy === undefined) return { y };
    const dx = tf.grad((image) => convolve(convolution, image, filter))(x, dy);
    const dFilter = tf.grad((weights) => convolve(convolution, x, weights))(filter, dy);
    return { y, dx, dFilter };
  };

function inputsOf({ image, filter, strides, pad, dilations = [1, 1] }: Convolution, seed: number): Tensors {
  const { outShape } = tf.backend_util.computeConv2DInfo(image, filter, strides, dilations, pad);
  const inputs = { x: values(image, { seed }), filter: values(filter, { seed: seed + 1 }) };
  // tfjs has no gradients of dilated convolutions.
  if (dilations.some((dilation) => dilation > 1)) return inputs;
  return { ...inputs, dy: values(outShape, { seed: seed + 2 }) };
}

const check = (convolution: Convolution, seed = 1, form?: ConvolutionForm, isNativeToo?: boolean) =>
  expectSameAsTfjs(withGradients(convolution), inputsOf(convolution, seed), {}, form, isNativeToo);

const size = (min: number, max: number) => fc.integer({ min, max });

/** Convolutions that tfjs accepts: the dilated filter fits into a 'valid' input. Channel counts lie on both sides of "few". */
const convolutions: fc.Arbitrary<Convolution> = fc
  .record({
    batch: size(1, 3),
    image: fc.tuple(size(5, 9), size(5, 9)),
    filter: fc.tuple(size(1, 5), size(1, 5)),
    channels: fc.constantFrom(1, 3, 8, 9),
    outputs: size(1, 9),
    strides: fc.tuple(size(1, 3), size(1, 3)),
    pad: fc.oneof(fc.constantFrom('same' as const, 'valid' as const), fc.constantFrom(0, 1, 2)),
    dilation: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.constant(2) }),
  })
  .map(({ batch, image, filter, channels, outputs, strides, pad, dilation }): Convolution => {
    // tfjs takes strides or dilations; a dilated filter has to stay inside the image.
    const dilated = dilation > 1 && filter.every((taps) => taps <= 3);
    return {
      image: [batch, ...image, channels],
      filter: [...filter, channels, outputs],
      strides: dilated ? [1, 1] : strides,
      pad,
      dilations: dilated ? [dilation, dilation] : [1, 1],
    };
  });

/** Convolutions of small maps, as the spectral form is meant for. */
const smallMaps: fc.Arbitrary<Convolution> = fc
  .record({
    batch: size(1, 3),
    image: fc.tuple(size(3, 16), size(3, 16)),
    filter: fc.tuple(size(1, 7), size(1, 7)),
    channels: size(1, 33),
    outputs: size(1, 33),
    strides: fc.tuple(size(1, 2), size(1, 2)),
    pad: fc.constantFrom('same' as const, 'valid' as const),
  })
  .filter(({ image, filter, pad }) => pad === 'same' || image.every((side, axis) => side >= (filter[axis] ?? 0)))
  .map(({ batch, image, filter, channels, outputs, strides, pad }) => {
    return { image: [batch, ...image, channels], filter: [...filter, channels, outputs], strides, pad };
  });

async function results(convolution: Convolution, inputs: Tensors, form: ConvolutionForm) {
  const program = compile(withGradients(convolution), { inputs: specsOf(inputs), convolutions: form });
  return run(program, inputs);
}

describe('convolutions and their gradients', () => {
  // The C compiler takes seconds for each: machine code gets fewer of them.
  it.each([
    { engine: 'ONNX Runtime', numRuns: 60, isNativeToo: false },
    ...(hasCCompiler ? [{ engine: 'machine code, too,', numRuns: 15, isNativeToo: true }] : []),
  ])('agree with tfjs on any shape: $engine for $numRuns', async ({ numRuns, isNativeToo }) => {
    await fc.assert(
      fc.asyncProperty(
        convolutions,
        fc.nat(1000),
        fc.constantFrom(...CONVOLUTION_FORMS),
        async (convolution, seed, form) => {
          await check(convolution, seed, form, isNativeToo);
        },
      ),
      { numRuns, seed: 42 },
    );
  });

  it('are the same in spectral form, forward and both gradients', async () => {
    await fc.assert(
      fc.asyncProperty(smallMaps, fc.nat(1000), async (convolution, seed) => {
        const inputs = inputsOf(convolution, seed);
        const direct = await results(convolution, inputs, 'direct');
        const spectral = await results(convolution, inputs, 'spectral');
        for (const name of ['y', 'dx', 'dFilter']) {
          const [actual, expected] = [spectral[name]?.data, direct[name]?.data];
          if (!(actual instanceof Float32Array) || !(expected instanceof Float32Array)) throw new Error(name);
          expect(relativeError(actual, expected), name).toBeLessThan(1e-5);
        }
      }),
      { numRuns: 100, seed: 42 },
    );
  });

  it.each<[string, Convolution]>([
    [
      '5×5 stride 2 same, as in a DCGAN',
      { image: [2, 14, 14, 9], filter: [5, 5, 9, 10], strides: [2, 2], pad: 'same' },
    ],
    [
      'explicit padding',
      {
        image: [1, 6, 7, 8],
        filter: [3, 3, 8, 2],
        strides: [1, 2],
        pad: [
          [0, 0],
          [2, 0],
          [1, 3],
          [0, 0],
        ],
      },
    ],
    ['taps that see only padding', { image: [1, 2, 2, 8], filter: [5, 5, 8, 2], strides: [1, 1], pad: 'same' }],
    [
      'taps that see only padding, few channels',
      { image: [1, 1, 2, 1], filter: [5, 5, 1, 2], strides: [1, 1], pad: 'same' },
    ],
    ['strides larger than the filter', { image: [1, 9, 9, 8], filter: [2, 2, 8, 2], strides: [3, 4], pad: 'valid' }],
    [
      'strides larger than the filter, few channels',
      { image: [1, 9, 9, 2], filter: [2, 2, 2, 2], strides: [3, 4], pad: 'valid' },
    ],
  ])('agree with tfjs: %s', async (_, convolution) => {
    await check(convolution);
  });

  it('do not grow with the map beyond a bound', async () => {
    const [medium, large] = [34, 40].map((side): Convolution => {
      return { image: [1, side, side, 8], filter: [3, 3, 8, 2], strides: [1, 1], pad: 'same' };
    });
    if (medium === undefined || large === undefined) throw new Error('no convolutions');
    expect(operatorCounts(await check(large))).toEqual(operatorCounts(await check(medium)));
  });
});
