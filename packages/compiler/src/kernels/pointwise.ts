import * as tf from '@tensorflow/tfjs-core';
import { cast, constant, leakyRelu, pointwise } from '../build.ts';
import type { PointwiseFunction } from '../graph.ts';
import { kernel, type Kernel, type KernelTable, supportedDType } from './kernel.ts';

const unary = (fn: PointwiseFunction): Kernel => kernel(['x'], ([x]) => pointwise(fn, x));
const binary = (fn: PointwiseFunction): Kernel => kernel(['a', 'b'], ([a, b]) => pointwise(fn, a, b));

/** Kernels that work element by element. */
export const pointwiseKernels: KernelTable = {
  Abs: unary('abs'),
  Exp: unary('exp'),
  Log: unary('log'),
  LogicalNot: unary('not'),
  Neg: unary('neg'),
  Relu: unary('relu'),
  Sigmoid: unary('sigmoid'),
  Softplus: unary('softplus'),
  Sqrt: unary('sqrt'),
  Tanh: unary('tanh'),
  Rsqrt: kernel(['x'], ([x]) => pointwise('div', constant(1), pointwise('sqrt', x))),
  Square: kernel(['x'], ([x]) => pointwise('mul', x, x)),
  Step: kernel(['x'], ([x], { alpha }: tf.StepAttrs) =>
    pointwise('select', pointwise('greater', x, constant(0, [], x.dtype)), constant(1), constant(alpha)),
  ),
  LeakyRelu: kernel(['x'], ([x], { alpha }: tf.LeakyReluAttrs) => leakyRelu(x, alpha)),
  ClipByValue: kernel(['x'], ([x], { clipValueMin, clipValueMax }: tf.ClipByValueAttrs) =>
    pointwise('clip', x, constant(clipValueMin), constant(clipValueMax)),
  ),
  Cast: kernel(['x'], ([x], { dtype }: tf.CastAttrs) => cast(x, supportedDType(dtype))),

  Add: binary('add'),
  Equal: binary('equal'),
  Greater: binary('greater'),
  GreaterEqual: binary('greaterEqual'),
  Less: binary('less'),
  LessEqual: binary('lessEqual'),
  LogicalAnd: binary('and'),
  Maximum: binary('max'),
  Minimum: binary('min'),
  Multiply: binary('mul'),
  Pow: binary('pow'),
  RealDiv: binary('div'),
  Sub: binary('sub'),
  SquaredDifference: kernel(['a', 'b'], ([a, b]) => {
    const difference = pointwise('sub', a, b);
    return pointwise('mul', difference, difference);
  }),

  AddN: kernel(['0'], (_, __, inputs) => Object.values(inputs).reduce((sum, term) => pointwise('add', sum, term))),
  Select: kernel(['condition', 't', 'e'], ([condition, t, e]) => {
    const dtype = supportedDType(tf.upcastType(t.dtype, e.dtype));
    return pointwise('select', condition, cast(t, dtype), cast(e, dtype));
  }),
};
