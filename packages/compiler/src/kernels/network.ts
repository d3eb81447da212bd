import * as tf from '@tensorflow/tfjs-core';
import {
  constant,
  conv2d,
  conv2dBackpropFilter,
  conv2dBackpropInput,
  leakyRelu,
  matMul,
  pointwise,
  transposeMatrix,
} from '../build.ts';
import { CompileError } from '../errors.ts';
import type { ConvolutionGeometry, Node } from '../graph.ts';
import { elu } from './activation.ts';
import { geometryFrom, shape4D, type Shape4D } from './geometry.ts';
import { kernel, type KernelTable } from './kernel.ts';

/** Attributes that the three convolution kernels share; the gradients have no dilations. */
type ConvolutionAttrs = Omit<tf.Conv2DAttrs, 'dilations'> & Partial<Pick<tf.Conv2DAttrs, 'dilations'>>;

/** Resolves tfjs's padding, stride and rounding rules for an input [N, H, W, C] and a filter [kh, kw, C, K]. */
function geometryOf(inputShape: Shape4D, filterShape: Shape4D, attrs: ConvolutionAttrs): ConvolutionGeometry {
  const { strides, pad, dataFormat, dilations = 1, dimRoundingMode } = attrs;
  if (dataFormat === 'NCHW') throw new CompileError('unsupported-argument', 'convolutions with dataFormat NCHW');
  return geometryFrom(
    tf.backend_util.computeConv2DInfo(inputShape, filterShape, strides, dilations, pad, dimRoundingMode),
  );
}

function activate(x: Node, activation: tf.fused.Activation, leakyreluAlpha = 0.2): Node {
  switch (activation) {
    case 'linear':
      return x;
    case 'relu':
    case 'sigmoid':
      return pointwise(activation, x);
    case 'leakyrelu':
      return leakyRelu(x, leakyreluAlpha);
    case 'elu':
      return elu(x);
    default:
      throw new CompileError('unsupported-argument', `a fused '${activation}' activation`);
  }
}

/** tfjs omits the bias of a fused kernel by leaving it undefined. */
const addBias = (x: Node, bias: Node | undefined): Node => (bias === undefined ? x : pointwise('add', x, bias));

const multiply = (a: Node, b: Node, transposeA: boolean, transposeB: boolean): Node =>
  matMul(transposeA ? transposeMatrix(a) : a, transposeB ? transposeMatrix(b) : b);

/** Matrix products, convolutions with their gradients, and inference batch normalisation. */
export const networkKernels: KernelTable = {
  BatchMatMul: kernel(['a', 'b'], ([a, b], { transposeA, transposeB }: tf.BatchMatMulAttrs) =>
    multiply(a, b, transposeA, transposeB),
  ),
  _FusedMatMul: kernel(['a', 'b'], ([a, b], attrs: tf._FusedMatMulAttrs, { bias }) =>
    activate(addBias(multiply(a, b, attrs.transposeA, attrs.transposeB), bias), attrs.activation, attrs.leakyreluAlpha),
  ),
  Conv2D: kernel(['x', 'filter'], ([x, filter], attrs: tf.Conv2DAttrs) =>
    conv2d(x, filter, geometryOf(shape4D(x), shape4D(filter), attrs)),
  ),
  FusedConv2D: kernel(['x', 'filter'], ([x, filter], attrs: tf.FusedConv2DAttrs, { bias }) =>
    activate(
      addBias(conv2d(x, filter, geometryOf(shape4D(x), shape4D(filter), attrs)), bias),
      attrs.activation,
      attrs.leakyreluAlpha,
    ),
  ),
  Conv2DBackpropInput: kernel(['dy', 'filter'], ([dy, filter], attrs: tf.Conv2DBackpropInputAttrs) =>
    conv2dBackpropInput(dy, filter, geometryOf(attrs.inputShape, shape4D(filter), attrs)),
  ),
  Conv2DBackpropFilter: kernel(['x', 'dy'], ([x, dy], attrs: tf.Conv2DBackpropFilterAttrs) =>
    conv2dBackpropFilter(x, dy, geometryOf(shape4D(x), attrs.filterShape, attrs)),
  ),
  FusedBatchNorm: kernel(
    ['x', 'mean', 'variance'],
    ([x, mean, variance], { varianceEpsilon }: tf.FusedBatchNormAttrs, { scale, offset }) => {
      const deviation = pointwise('sqrt', pointwise('add', variance, constant(varianceEpsilon)));
      const factor = pointwise('div', scale ?? constant(1), deviation);
      return addBias(pointwise('mul', pointwise('sub', x, mean), factor), offset);
    },
  ),
};
