import * as tf from '@tensorflow/tfjs-core';
import { constant, pointwise, reduce } from '../build.ts';
import type { Node } from '../graph.ts';
import { kernel, type KernelTable } from './kernel.ts';

/** The negative part: x where it is below 0, else 0. */
const negative = (x: Node): Node => pointwise('min', x, constant(0));

/** eˣ − 1 of the negative part. */
const exponentialPart = (x: Node): Node => pointwise('sub', pointwise('exp', negative(x)), constant(1));

/** x where it is above 0, else eˣ − 1. */
export const elu = (x: Node): Node => pointwise('add', pointwise('relu', x), exponentialPart(x));

/** x less the largest element along an axis, so that exponentials do not overflow. */
function shifted(x: Node, axis: number): { readonly x: Node; readonly axes: readonly number[] } {
  const axes = tf.util.parseAxisParam(axis, [...x.shape]);
  return { x: pointwise('sub', x, reduce('max', x, axes)), axes };
}

/** Activations that no operator computes by itself, and their gradients. */
export const activationKernels: KernelTable = {
  Elu: kernel(['x'], ([x]) => elu(x)),
  EluGrad: kernel(['dy', 'y'], ([dy, y]) => pointwise('mul', dy, pointwise('add', negative(y), constant(1)))),
  Selu: kernel(['x'], ([x]) => {
    const { SELU_SCALE, SELU_SCALEALPHA } = tf.backend_util;
    const above = pointwise('mul', pointwise('relu', x), constant(SELU_SCALE));
    return pointwise('add', above, pointwise('mul', exponentialPart(x), constant(SELU_SCALEALPHA)));
  }),
  Prelu: kernel(['x', 'alpha'], ([x, alpha]) =>
    pointwise('add', pointwise('relu', x), pointwise('mul', alpha, negative(x))),
  ),
  Softmax: kernel(['logits'], ([logits], { dim }: tf.SoftmaxAttrs) => {
    const { x, axes } = shifted(logits, dim);
    const powers = pointwise('exp', x);
    return pointwise('div', powers, reduce('sum', powers, axes));
  }),
};
