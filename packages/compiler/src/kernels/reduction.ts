import * as tf from '@tensorflow/tfjs-core';
import { cast, reduce, reshape } from '../build.ts';
import type { Node, Reduction } from '../graph.ts';
import { kernel, type KernelTable } from './kernel.ts';

/** Reduces `axis` (all axes when null or empty) of `x`; the reduced axes go unless `keepDims`. */
function reduceAxes(fn: Reduction, x: Node, axis: number | number[], keepDims: boolean): Node {
  const axes = tf.util.parseAxisParam(axis, [...x.shape]);
  const reduced = reduce(fn, x, axes);
  if (keepDims) return reduced;
  return reshape(
    reduced,
    x.shape.filter((_, i) => !axes.includes(i)),
  );
}

export const reductionKernels: KernelTable = {
  Max: kernel(['x'], ([x], { reductionIndices, keepDims }: tf.MaxAttrs) =>
    reduceAxes('max', x, reductionIndices, keepDims),
  ),
  Mean: kernel(['x'], ([x], { axis, keepDims }: tf.MeanAttrs) =>
    reduceAxes('mean', cast(x, 'float32'), axis, keepDims),
  ),
  Min: kernel(['x'], ([x], { axis, keepDims }: tf.MinAttrs) => reduceAxes('min', x, axis, keepDims)),
  Sum: kernel(['x'], ([x], { axis, keepDims }: tf.SumAttrs) => reduceAxes('sum', x, axis, keepDims)),
};
