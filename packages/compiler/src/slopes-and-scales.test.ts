import * as tf from '@tensorflow/tfjs-core';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile } from './index.ts';
import {
  expectSameAsTfjs,
  input,
  operatorCounts,
  sideBySide,
  specsOf,
  tensor4d,
  type Tensors,
  values,
} from './testing/oracle.ts';

interface Layers {
  readonly alpha: number;
  /** By which what dropout keeps is multiplied. */
  readonly scale: number;
  readonly channels: number;
}

/** Two convolutions with leaky ReLU and dropout between them, and the gradients of all that they are made of. */
const training =
  ({ alpha, scale }: Layers) =>
  (inputs: Tensors): Tensors => {
    const loss = (x: tf.Tensor, filter1: tf.Tensor, bias: tf.Tensor, filter2: tf.Tensor) => {
      const y = tf.add(tf.conv2d(tensor4d(x), tensor4d(filter1), 1, 'same'), bias);
      const kept = tf.mul(tf.leakyRelu(y, alpha), tf.mul(tf.cast(input(inputs, 'mask'), 'float32'), scale));
      return tf.sum<tf.Scalar>(tf.mul(tf.conv2d(tensor4d(kept), tensor4d(filter2), 2, 'same'), input(inputs, 'dy')));
    };
    const names = ['x', 'filter1', 'bias', 'filter2'];
    const { value, grads } = tf.valueAndGrads(loss)(names.map((name) => input(inputs, name)));
    return { value, ...Object.fromEntries(grads.map((grad, i) => [`d/${names[i] ?? ''}`, grad])) };
  };

function inputsOf({ channels }: Layers): Tensors {
  return {
    x: values([2, 6, 6, channels], { seed: 1 }),
    filter1: values([3, 3, channels, channels], { seed: 2 }),
    bias: values([channels], { seed: 3 }),
    filter2: values([3, 3, channels, channels], { seed: 4 }),
    dy: values([2, 3, 3, channels], { seed: 6 }),
    mask: tf.greater(values([2, 6, 6, channels], { seed: 5 }), -0.4),
  };
}

const layers = fc.record({
  alpha: fc.constantFrom(0, 0.1, 0.3, 1),
  scale: fc.constantFrom(1, 1 / 0.7, -2, 3),
  channels: fc.constantFrom(1, 8, 9),
});

describe('leaky ReLU with dropout', () => {
  it.each(['direct', 'spectral'] as const)('has the gradients of tfjs for any slope and scale: %s', async (form) => {
    // Five at a time: the C compiler takes as long for what they share as for one of them.
    await fc.assert(
      fc.asyncProperty(fc.array(layers, { minLength: 5, maxLength: 5 }), async (cases) => {
        const { fn, inputs } = sideBySide(cases.map((of) => ({ fn: training(of), inputs: inputsOf(of) })));
        await expectSameAsTfjs(fn, inputs, {}, form);
      }),
      { numRuns: 3 },
    );
  });

  it('takes one slope and three products of maps, and no multiplication of a map by a number', () => {
    const of = { alpha: 0.3, scale: 1 / 0.7, channels: 32 };
    const inputs = inputsOf(of);
    const { Clip, Mul, LeakyRelu } = operatorCounts(
      compile(training(of), { inputs: specsOf(inputs), convolutions: 'spectral' }),
    );
    // Of slope and mask; of that with the map and with its gradient. The others are small: of the loss, of the bias, to which
    // the steepness of the slope has gone, and of the bias's gradient, to which the scale has.
    expect({ Clip, Mul, LeakyRelu }).toEqual({ Clip: 1, Mul: 3 + 3, LeakyRelu: undefined });
  });

  it('stays finite in high powers', async () => {
    const of = { alpha: 0.3, scale: 2, channels: 8 };
    const power = (inputs: Tensors) => {
      const y = tf.conv2d(tensor4d(input(inputs, 'x')), tensor4d(input(inputs, 'filter1')), 1, 'same');
      const tenth = (x: tf.Tensor) => tf.square(tf.square(tf.square(tf.mul(tf.leakyRelu(x, 0.3), 0.1))));
      return { y: tenth(y), dy: tf.grad(tenth)(y) };
    };
    const { x, filter1 } = inputsOf(of) as { x: tf.Tensor; filter1: tf.Tensor };
    for (const form of ['direct', 'spectral'] as const) await expectSameAsTfjs(power, { x, filter1 }, {}, form);
  });

  it('has a second derivative of the same slope', async () => {
    const fn = (inputs: Tensors) => {
      const [x, dy] = [input(inputs, 'x'), input(inputs, 'dy')];
      const isAbove = tf.greater(x, 0);
      const [above, below] = [isAbove, tf.logicalNot(isAbove)].map((mask) => tf.cast(mask, 'float32'));
      // As tfjs differentiates where(isAbove, dy, 0.3 · dy), in both orders.
      const [one, rest] = [tf.mul(dy, above as tf.Tensor), tf.mul(tf.mul(dy, below as tf.Tensor), 0.3)];
      const [there, back] = [tf.add(one, rest), tf.add(rest, one)];
      return { y: tf.leakyRelu(x, 0.3), dx: tf.grad((at) => tf.leakyRelu(at, 0.3))(x, dy), there, back };
    };
    const [x, dy] = [values([4, 9]), values([4, 9], { seed: 2 })];
    const counts = operatorCounts(await expectSameAsTfjs(fn, { x, dy }));
    expect([counts['Clip'], counts['Greater'], counts['Cast'], counts['Not']]).toEqual([
      1,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('stays leaky ReLU where nothing is differentiated', () => {
    const fn = ({ x, mask }: Tensors) => ({
      y: tf.mul(tf.leakyRelu(x as tf.Tensor, 0.3), tf.cast(mask as tf.Tensor, 'float32')),
    });
    const { x, mask } = inputsOf({ alpha: 0.3, scale: 1, channels: 8 }) as { x: tf.Tensor; mask: tf.Tensor };
    expect(operatorCounts(compile(fn, { inputs: specsOf({ x, mask }) }))).toEqual({ LeakyRelu: 1, Cast: 1, Mul: 1 });
  });
});

describe('a multiplication by one number', () => {
  const x = values([2, 6, 6, 8]);
  const filter = values([3, 3, 8, 8], { seed: 2 });
  const convolved = (scaled: (x: tf.Tensor) => tf.Tensor) => (inputs: Tensors) => ({
    y: tf.conv2d(tensor4d(scaled(input(inputs, 'x'))), tensor4d(input(inputs, 'filter')), 1, 'same'),
  });

  it('goes into the matrices of a convolution', async () => {
    const program = await expectSameAsTfjs(
      convolved((of) => tf.mul(of, 1.7)),
      { x, filter },
      {},
      'spectral',
    );
    expect(operatorCounts(program)['Mul']).toBeUndefined();
  });

  it('stays in front of what is not linear', async () => {
    const program = await expectSameAsTfjs(
      convolved((of) => tf.tanh(tf.mul(of, 1.7))),
      { x, filter },
      {},
      'spectral',
    );
    expect(operatorCounts(program)['Mul']).toBe(1);
  });

  it('stays with a vector that a map is multiplied by', async () => {
    const scaled = convolved((of) => tf.add(tf.mul(of, tf.mul(tf.sum(of, [0, 1, 2]), 1.7)), of));
    const program = await expectSameAsTfjs(scaled, { x, filter }, {}, 'spectral');
    expect(operatorCounts(program)['Mul']).toBe(2);
  });
});

describe('some samples of an input gradient', () => {
  const dy = values([5, 3, 3, 9]);
  const filter = values([3, 3, 8, 9], { seed: 2 });
  const transposed = (inputs: Tensors, batch: number, cut: (x: tf.Tensor) => tf.Tensor) =>
    tf.conv2dTranspose(
      tensor4d(cut(input(inputs, 'dy'))),
      tensor4d(input(inputs, 'filter')),
      [batch, 6, 6, 8],
      2,
      'same',
    );
  const lastTwo = (x: tf.Tensor) => tf.slice(x, [3, 0, 0, 0]);
  const all = (x: tf.Tensor) => x;

  it.each(['direct', 'spectral'] as const)('are all that is computed: %s', async (convolutions) => {
    const cutLast = (inputs: Tensors) => ({ dx: lastTwo(transposed(inputs, 5, all)) });
    const cutFirst = (inputs: Tensors) => ({ dx: transposed(inputs, 2, lastTwo) });
    const { onnx } = await expectSameAsTfjs(cutLast, { dy, filter }, {}, convolutions);
    expect(onnx).toEqual(compile(cutFirst, { inputs: specsOf({ dy, filter }), convolutions }).onnx);
  });

  it('are cut out of any layout', async () => {
    const inputs = {
      a: values([3, 6, 6, 8]),
      b: values([2, 6, 6, 8], { seed: 2 }),
      filter: values([3, 3, 8, 8], { seed: 3 }),
    };
    const gradientOf = (name: 'a' | 'b') => (given: Tensors) => {
      const [a, b] = [input(given, 'a'), input(given, 'b')];
      const loss = (part: tf.Tensor) => {
        const both = tf.concat(name === 'a' ? [part, b] : [a, part]);
        return tf.sum<tf.Scalar>(tf.square(tf.conv2d(tensor4d(both), tensor4d(input(given, 'filter')), 1, 'same')));
      };
      return { gradient: tf.grad(loss)(name === 'a' ? a : b) };
    };
    for (const form of ['direct', 'spectral'] as const) {
      for (const name of ['a', 'b'] as const) await expectSameAsTfjs(gradientOf(name), inputs, {}, form);
    }
  });
});
