import * as tf from '@tensorflow/tfjs-core';
import * as fc from 'fast-check';
import { compile } from '@gantry/compiler';
import { compileTraining } from '@gantry/coordinator';
import {
  batchInputs,
  contributionParts,
  initialWeights,
  newContribution,
  phaseAt,
  sampleBytes,
  viewOf,
} from '@gantry/core';
import { disposeModel } from '@gantry/core/tfjs';
import { modelNamed } from '@gantry/models';
import type { ProgramCase } from './compilers.ts';

const SAMPLES = 8;

/** The gradients of a shard of a model. */
export function gradientsOf(name: string): ProgramCase {
  const model = modelNamed(name);
  const { manifest, variants } = compileTraining(
    model,
    { images: SAMPLES, epochs: 1, batch: SAMPLES, shardSize: SAMPLES },
    0,
  );
  disposeModel(model);
  const [variant] = variants;
  const phase = phaseAt(manifest, 0);
  const images = Uint8Array.from(
    { length: SAMPLES * sampleBytes(manifest) },
    (_, i) => Math.imul(i, 0x9e3779b1) >>> 24,
  );
  const { tensors } = batchInputs({ step: 0, iteration: 0, first: 0, samples: SAMPLES }, images, manifest, 0);
  const weights = initialWeights(manifest, 0);
  const parameters = manifest.trainable.map((parameter) => [parameter.name, viewOf(weights, parameter)] as const);
  const parts = contributionParts(newContribution(manifest, phase), manifest, phase);
  return {
    onnx: variant?.onnx ?? new Uint8Array(),
    inputs: { ...tensors, ...Object.fromEntries(parameters) },
    outputs: Object.fromEntries(parts.map(({ name: part, values }) => [part, values.length])),
  };
}

type Unary = (x: tf.Tensor) => tf.Tensor;
type Binary = (x: tf.Tensor, y: tf.Tensor) => tf.Tensor;

const UNARY: readonly Unary[] = [
  tf.abs,
  tf.elu,
  tf.exp,
  tf.log,
  tf.neg,
  tf.relu,
  tf.rsqrt,
  tf.selu,
  tf.sigmoid,
  tf.softplus,
  tf.sqrt,
  tf.square,
  tf.tanh,
  (x) => tf.leakyRelu(x, 0.3),
  (x) => tf.softmax(x),
  (x) => tf.clipByValue(x, -0.5, 0.5),
  (x) => tf.cast(tf.cast(x, 'int32'), 'float32'),
  // Of two zeros, one is chosen.
  (x) => tf.maximum(x, 0),
  (x) => tf.maximum(0, x),
  (x) => tf.minimum(x, 0),
  (x) => tf.minimum(0, x),
  (x) => tf.maximum(x, -0),
  (x) => tf.minimum(-0, x),
  (x) => tf.clipByValue(x, 0, Infinity),
  (x) => tf.clipByValue(x, -Infinity, 0),
  (x) => tf.where(tf.less(x, 0), 0, x),
  (x) => tf.where(tf.less(x, 0), x, 0),
  (x) => tf.where(tf.logicalNot(tf.less(x, 0)), x, 0),
  (x) => tf.step(x, 0.5),
];
const BINARY: readonly Binary[] = [tf.add, tf.div, tf.maximum, tf.minimum, tf.mul, tf.pow, tf.prelu, tf.sub];
const unary = fc.constantFrom(...UNARY);
const binary = fc.constantFrom(...BINARY);
const reduction = fc.constantFrom<((x: tf.Tensor, axes: number[]) => tf.Tensor)[]>(tf.max, tf.mean, tf.min, tf.sum);
const size = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(64, 257, 300, 600));

/** What an element may be, beside ordinary numbers. */
const SPECIAL = [NaN, 0, -0, Infinity, -Infinity, 1, -1, 2 ** -149, -(2 ** -140), 2 ** 31, 3e38, 0.5, 88.8, -104];

/** Numbers around 0, one in eight of them special. */
function numbers(length: number, seed: number): Float32Array {
  let state = seed;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
  return Float32Array.from({ length }, () => {
    const value = (next() / 2 ** 31 - 1) * 4;
    const kind = next() >>> 16;
    return kind % 8 === 0 ? (SPECIAL[(kind >>> 3) % SPECIAL.length] ?? 0) : value;
  });
}

/** Ordinary numbers: among special ones, sums are NaN. */
const ordinary = (length: number, seed: number) => numbers(length, seed).map((x) => (Math.abs(x) < 4 ? x : 0.1));

/** Every function of one or two elements, of special values and their reciprocals. */
export function specialValues(): ProgramCase {
  const pairs = SPECIAL.flatMap((x) => SPECIAL.map((y) => [x, y] as const));
  const inputs = { x: Float32Array.from(pairs, ([x]) => x), y: Float32Array.from(pairs, ([, y]) => y) };
  const shape = [pairs.length];
  const { onnx, outputs } = compile(
    ({ x, y }) => {
      if (!x || !y) throw new Error('an input is missing');
      const results = [...UNARY.map((f) => f(x)), ...BINARY.map((f) => f(x, y))];
      // Signs of zero show in these, too.
      const all = [...results, ...results.map((result) => tf.div(1, result)), ...UNARY.map((f) => f(tf.rsqrt(x)))];
      return Object.fromEntries(all.map((result, i) => [`y${i}`, result]));
    },
    { inputs: { x: { shape }, y: { shape } } },
  );
  return { onnx, inputs, outputs: Object.fromEntries(outputs.map(({ name }) => [name, pairs.length])) };
}

/** A part of a random program, of two inputs of its own. */
const part = fc.oneof(
  fc.record({ kind: fc.constant('chain' as const), length: size, first: unary, both: binary, last: unary }),
  fc.record({
    kind: fc.constant('product' as const),
    m: size,
    k: size,
    n: fc.oneof(fc.constant(1), size),
    transposeA: fc.boolean(),
    transposeB: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('reduction' as const),
    shape: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.constantFrom(1, 33, 70, 1100)),
    axes: fc.subarray([0, 1, 2], { minLength: 1 }),
    reduce: reduction,
  }),
  fc.record({
    kind: fc.constant('convolution' as const),
    side: fc.integer({ min: 5, max: 12 }),
    channels: fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 })),
    taps: fc.integer({ min: 1, max: 5 }),
    strides: fc.constantFrom(1, 2),
  }),
  fc.record({
    kind: fc.constant('window' as const),
    of: fc.constantFrom('average', 'depthwise', 'largest', 'resized'),
    side: fc.integer({ min: 5, max: 12 }),
    channels: fc.integer({ min: 1, max: 20 }),
    taps: fc.integer({ min: 1, max: 4 }),
    strides: fc.integer({ min: 1, max: 3 }),
  }),
);
type Part = typeof part extends fc.Arbitrary<infer T> ? T : never;

interface Piece {
  readonly shapes: readonly [number[], number[]];
  readonly values: (length: number, seed: number) => Float32Array;
  readonly compute: Binary;
}

function pieceOf(random: Part): Piece {
  switch (random.kind) {
    case 'chain': {
      const { length, first, both, last } = random;
      return { shapes: [[length], [length]], values: numbers, compute: (x, y) => last(both(first(x), y)) };
    }
    case 'product': {
      const { m, k, n, transposeA, transposeB } = random;
      return {
        shapes: [transposeA ? [k, m] : [m, k], transposeB ? [n, k] : [k, n]],
        values: ordinary,
        compute: (a, b) => tf.matMul(a, b, transposeA, transposeB),
      };
    }
    case 'reduction': {
      const { shape, axes, reduce } = random;
      return { shapes: [shape, shape], values: ordinary, compute: (x, y) => reduce(tf.mul(tf.add(x, y), y), axes) };
    }
    case 'window': {
      const { of, side, channels, taps, strides } = random;
      const compute = (x: tf.Tensor, filter: tf.Tensor) => {
        const maps = x as tf.Tensor4D;
        if (of === 'average') return tf.avgPool(maps, taps, strides, 'same');
        if (of === 'largest') return tf.maxPool(maps, taps, strides, 'same');
        if (of === 'depthwise') return tf.depthwiseConv2d(maps, filter as tf.Tensor4D, strides, 'same');
        return tf.image.resizeBilinear(maps, [side * taps, side + strides]);
      };
      return {
        shapes: [
          [2, side, side, channels],
          [taps, taps, channels, 2],
        ],
        values: ordinary,
        // With the gradient, as the derivative of a sum of squares.
        compute: (x, filter) => tf.grad((at: tf.Tensor) => tf.sum(tf.square(compute(at, filter))))(x),
      };
    }
    case 'convolution': {
      const { side, channels, taps, strides } = random;
      return {
        shapes: [
          [2, side, side, channels[0]],
          [taps, taps, channels[0], channels[1]],
        ],
        values: ordinary,
        compute: (x, filter) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, strides, 'same'),
      };
    }
  }
}

/** A random program of some parts. */
export const randomProgram: fc.Arbitrary<ProgramCase> = fc
  .array(part, { minLength: 12, maxLength: 12 })
  .map((parts) => {
    const pieces = parts.map(pieceOf);
    const inputs: Record<string, Float32Array> = {};
    const specs: Record<string, { shape: number[] }> = {};
    for (const [i, { shapes, values }] of pieces.entries()) {
      for (const [j, shape] of shapes.entries()) {
        const name = `x${i}_${j}`;
        specs[name] = { shape };
        inputs[name] = values(tf.util.sizeFromShape(shape), 1 + 2 * i + j);
      }
    }
    const { onnx, outputs } = compile(
      (tensors) =>
        Object.fromEntries(
          pieces.map(({ compute }, i) => {
            const [x, y] = [tensors[`x${i}_0`], tensors[`x${i}_1`]];
            if (!x || !y) throw new Error('an input is missing');
            return [`y${i}`, compute(x, y)];
          }),
        ),
      { inputs: specs },
    );
    const sizes = outputs.map(({ name, shape }) => [name, tf.util.sizeFromShape([...shape])] as const);
    return { onnx, inputs, outputs: Object.fromEntries(sizes) };
  });
