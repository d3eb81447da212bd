import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { compile } from './index.ts';
import { kernelTable } from './kernels/table.ts';
import { type KernelCase, layerKernelCases } from './testing/layer-kernel-cases.ts';
import {
  expectSameAsTfjs,
  input,
  run,
  sideBySide,
  tensor4d,
  type Tensors,
  type Traced,
  values,
} from './testing/oracle.ts';

const a = values([3, 1, 4]);
const b = values([2, 1], { seed: 2 });
const positive = values([2, 3], { low: 0.1, high: 3 });
const booleans = tf.greater(values([3, 2, 4], { seed: 3 }), 0);
const integers = tf.cast(values([2, 3, 4], { low: -9, high: 9 }), 'int32');

const unary = (fn: (x: tf.Tensor) => tf.Tensor, x = a): KernelCase => ({ inputs: [x], fn });
const binary = (fn: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor, x = a, y = b): KernelCase => ({ inputs: [x, y], fn });

/** Comparisons need some equal elements. */
const rounded = tf.cast(integers, 'float32');
const shifted = tf.cast(tf.cast(values([3, 1], { low: -9, high: 9, seed: 4 }), 'int32'), 'float32');

const image = values([2, 5, 6, 3]);
const fusedActivations = ['linear', 'relu', 'sigmoid', 'elu', 'leakyrelu'] as const;
const filter = values([3, 2, 3, 4], { seed: 5 });

/** One or more calls of each kernel, through the tfjs op that runs it. */
const cases: Record<string, readonly KernelCase[]> = {
  Abs: [unary((x) => tf.abs(x)), unary(tf.abs, integers)],
  Exp: [unary(tf.exp)],
  Log: [unary(tf.log, positive)],
  LogicalNot: [unary(tf.logicalNot, booleans)],
  Neg: [unary(tf.neg), unary(tf.neg, integers)],
  Relu: [unary(tf.relu)],
  Sigmoid: [unary(tf.sigmoid), unary(tf.sigmoid, tf.tensor([-100, -20, 0, 20, 100]))],
  Softplus: [unary(tf.softplus), unary(tf.softplus, tf.tensor([-100, -20, 0, 20, 100]))],
  Sqrt: [unary(tf.sqrt, positive)],
  Tanh: [unary(tf.tanh)],
  Rsqrt: [unary(tf.rsqrt, positive)],
  Square: [unary(tf.square), unary(tf.square, integers)],
  Step: [unary((x) => tf.step(x)), unary((x) => tf.step(x, 0.25)), unary((x) => tf.step(x, -3))],
  LeakyRelu: [unary((x) => tf.leakyRelu(x)), unary((x) => tf.leakyRelu(x, 0.3)), unary((x) => tf.leakyRelu(x, 2))],
  ClipByValue: [unary((x) => tf.clipByValue(x, -0.25, 0.5))],
  Cast: [
    unary((x) => tf.cast(x, 'int32'), rounded),
    unary((x) => tf.cast(x, 'int32'), tf.tensor([-1.7, -0.2, 0.2, 1.7])),
    unary((x) => tf.cast(x, 'bool'), tf.tensor([-0.5, 0, 0.25, 2])),
    unary((x) => tf.cast(x, 'float32'), booleans),
    unary((x) => tf.cast(x, 'int32'), booleans),
  ],
  Add: [binary(tf.add), binary(tf.add, integers, integers)],
  Sub: [binary(tf.sub), binary(tf.sub, integers, integers)],
  Multiply: [binary(tf.mul), binary(tf.mul, integers, integers)],
  RealDiv: [binary(tf.div, a, values([2, 1], { low: 0.5, high: 2 }))],
  Pow: [binary(tf.pow, positive, values([3])), binary((x) => tf.pow(x, 2)), binary((x) => tf.pow(x, tf.scalar(3)), a)],
  Maximum: [binary(tf.maximum), binary(tf.maximum, integers, tf.zerosLike(integers))],
  Minimum: [binary(tf.minimum), binary(tf.minimum, integers, tf.zerosLike(integers))],
  SquaredDifference: [binary(tf.squaredDifference)],
  Equal: [binary(tf.equal, rounded, shifted), binary(tf.equal, booleans, booleans)],
  Greater: [binary(tf.greater, rounded, shifted), binary(tf.greater, integers, tf.zerosLike(integers))],
  GreaterEqual: [binary(tf.greaterEqual, rounded, shifted)],
  Less: [binary(tf.less, rounded, shifted)],
  LessEqual: [binary(tf.lessEqual, rounded, shifted)],
  LogicalAnd: [binary(tf.logicalAnd, booleans, tf.logicalNot(booleans)), binary(tf.logicalAnd, booleans, booleans)],
  AddN: [
    binary((x, y) => tf.addN([x, y, x]), values([3, 2, 4]), values([3, 2, 4], { seed: 2 })),
    binary((x, y) => tf.addN([x, y, x]), integers, integers),
  ],
  Select: [
    { inputs: [a, b, booleans], fn: (x, y, condition) => tf.where(condition, x, y) },
    binary((x, condition) => tf.where(condition, x, 0.5), a, booleans),
  ],
  Sum: [
    unary((x) => tf.sum(x)),
    unary((x) => tf.sum(x, [0, 2])),
    unary((x) => tf.sum(x, -1, true)),
    unary((x) => tf.sum(x, 0), integers),
    unary((x) => tf.sum(x, 0), booleans),
    unary((x) => tf.sum(x), tf.scalar(3)),
  ],
  Mean: [unary((x) => tf.mean(x)), unary((x) => tf.mean(x, [0, 1])), unary((x) => tf.mean(x, 0, true), integers)],
  Max: [unary((x) => tf.max(x)), unary((x) => tf.max(x, 2)), unary((x) => tf.max(x, [0, 1], true), integers)],
  Min: [unary((x) => tf.min(x)), unary((x) => tf.min(x, 2)), unary((x) => tf.min(x, [0, 1], true), integers)],
  Reshape: [unary((x) => tf.reshape(x, [2, -1])), unary((x) => tf.reshape(x, [4, 6]), booleans)],
  ExpandDims: [unary((x) => tf.expandDims(x)), unary((x) => tf.expandDims(x, 2)), unary((x) => tf.expandDims(x, -1))],
  Identity: [unary((x) => tf.clone(x)), unary((x) => tf.clone(x), booleans)],
  Transpose: [
    unary((x) => tf.transpose(x)),
    unary((x) => tf.transpose(x, [1, 2, 0])),
    unary((x) => tf.transpose(x), booleans),
  ],
  Slice: [
    unary((x) => tf.slice(x, [1, 0, 1], [2, 1, 2])),
    unary((x) => tf.slice(x, [1], [-1])),
    unary((x) => tf.slice(x, [0, 1, 3], [1, 1, 1]), booleans),
  ],
  SplitV: [
    { inputs: [a], fn: (x) => tf.split(x, 2, 2) },
    { inputs: [a], fn: (x) => tf.split(x, [1, -1], -1) },
  ],
  Concat: [
    binary((x, y) => tf.concat([x, y, x], 2), a, values([3, 1, 2])),
    binary((x, y) => tf.concat([x, y], -1), booleans, booleans),
    binary((x, y) => tf.concat([x, y], 0), integers, integers),
  ],
  PadV2: [
    unary((x) =>
      tf.pad(x, [
        [0, 1],
        [2, 0],
        [1, 1],
      ]),
    ),
    unary((x) =>
      tf.pad(
        x,
        [
          [0, 1],
          [2, 0],
          [1, 1],
        ],
        -1.5,
      ),
    ),
    unary(
      (x) =>
        tf.pad(
          x,
          [
            [1, 0],
            [0, 0],
            [0, 0],
          ],
          7,
        ),
      integers,
    ),
  ],
  Tile: [
    unary((x) => tf.tile(x, [2, 3, 2])),
    unary((x) => tf.tile(x, [1, 3, 1])),
    unary((x) => tf.tile(x, [2, 1, 1]), booleans),
  ],
  Fill: [
    unary((x) => tf.add(x, tf.fill(a.shape, 2.5))),
    unary(() => tf.fill(b.shape, -1.5)),
    unary(() => tf.fill(b.shape, 7, 'int32')),
  ],
  ZerosLike: [unary((x) => tf.zerosLike(x)), unary((x) => tf.zerosLike(x), booleans)],
  OnesLike: [unary((x) => tf.onesLike(x)), unary((x) => tf.onesLike(x), integers)],
  BatchMatMul: [
    binary((x, y) => tf.matMul(x, y), values([2, 3]), values([3, 4])),
    binary((x, y) => tf.matMul(x, y, true, true), values([3, 2]), values([4, 3])),
    binary((x, y) => tf.matMul(x, y, false, true), values([5, 2, 3]), values([1, 4, 3])),
    binary((x, y) => tf.matMul(x, y, true), values([2, 5, 3, 2]), values([2, 5, 3, 4])),
  ],
  _FusedMatMul: fusedActivations.map((activation) => ({
    inputs: [values([2, 3]), values([4, 3]), values([4])],
    fn: (x, y, bias) => tf.fused.matMul({ a: x, b: y, transposeB: true, bias, activation, leakyreluAlpha: 0.1 }),
  })),
  Conv2D: [
    binary((x, y) => tf.conv2d(tensor4d(x), tensor4d(y), [1, 2], 'same'), image, filter),
    binary((x, y) => tf.conv2d(tensor4d(x), tensor4d(y), 1, 'valid', 'NHWC', 2), image, filter),
  ],
  FusedConv2D: fusedActivations.map((activation) => ({
    inputs: [image, filter, values([4])],
    fn: (x, y, bias) => {
      const options = { strides: 2, pad: 'same', bias, activation, leakyreluAlpha: 0.1 } as const;
      return tf.fused.conv2d({ x: tensor4d(x), filter: tensor4d(y), ...options });
    },
  })),
  Conv2DBackpropInput: [
    binary(
      (x, y) => tf.conv2dTranspose(tensor4d(x), tensor4d(y), [2, 9, 11, 3], 2, 'same'),
      values([2, 5, 6, 4]),
      filter,
    ),
  ],
  Conv2DBackpropFilter: [
    binary((x, y) => tf.grad((f) => tf.conv2d(tensor4d(x), tensor4d(f), 2, 'same'))(y), image, filter),
  ],
  FusedBatchNorm: [
    {
      inputs: [image, values([3]), values([3], { low: 0.5, high: 2 })],
      fn: (x, mean, variance) => tf.batchNorm(x, mean, variance, mean, variance, 1e-2),
    },
    {
      inputs: [image, values([3]), values([3], { low: 0.5, high: 2 })],
      fn: (x, mean, variance) => tf.batchNorm(x, mean, variance),
    },
  ],
  ...layerKernelCases,
};

/** A case's inputs and outputs by name. */
const inputsOf = ({ inputs }: KernelCase): Tensors => Object.fromEntries(inputs.map((tensor, i) => [`in${i}`, tensor]));
const functionOf =
  ({ fn }: KernelCase): Traced =>
  (inputs) => {
    const outputs = fn(...Object.values(inputs));
    return Object.fromEntries((Array.isArray(outputs) ? outputs : [outputs]).map((output, i) => [`out${i}`, output]));
  };

const broadcast = (x: tf.Tensor): tf.Tensor =>
  tf.engine().runKernel('BroadcastTo', { x }, { shape: [2, 3, 4], inputShape: [3, 1] });

describe('kernels', () => {
  it.each(Object.keys(cases))('%s agrees with tfjs', async (name) => {
    const calls = (cases[name] ?? []).map((each) => ({ fn: functionOf(each), inputs: inputsOf(each) }));
    for (const { fn, inputs } of calls) {
      const { kernelNames } = await tf.profile(() => tf.tidy(() => fn(inputs)));
      expect(kernelNames).toContain(name);
    }
    const { fn, inputs } = sideBySide(calls);
    await expectSameAsTfjs(fn, inputs);
  });

  // No tfjs op of 4.22 runs this kernel, and the cpu backend does not have it.
  it('BroadcastTo repeats along axes of size 1 and new ones', async () => {
    const x = values([3, 1]);
    const program = compile((inputs) => ({ y: broadcast(input(inputs, 'x')) }), { inputs: { x: { shape: [3, 1] } } });
    const { y } = await run(program, { x });
    expect(y).toMatchObject({ dims: [2, 3, 4], data: tf.broadcastTo(x, [2, 3, 4]).dataSync() });
  });

  it('has a case for every kernel that is supported', () => {
    expect([...Object.keys(cases), 'BroadcastTo'].toSorted()).toEqual(Object.keys(kernelTable).toSorted());
  });
});
