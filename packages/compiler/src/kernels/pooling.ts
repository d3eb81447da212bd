import * as tf from '@tensorflow/tfjs-core';
import { constant, pointwise, table } from '../build.ts';
import type { ConvolutionGeometry, Node } from '../graph.ts';
import { at } from '../shapes.ts';
import { geometryFrom, shape4D } from './geometry.ts';
import { kernel, type KernelTable } from './kernel.ts';
import { addTaps, sum, tapMaps } from './windows.ts';

/** Attributes that the four pooling kernels share; the gradient of an average has no rounding mode. */
type PoolAttrs = Omit<tf.MaxPoolAttrs, 'dimRoundingMode'> & Partial<Pick<tf.MaxPoolAttrs, 'dimRoundingMode'>>;

/** Of windows that slide over x [N, H, W, C]. */
const geometryOf = (x: Node, { filterSize, strides, pad, dimRoundingMode }: PoolAttrs): ConvolutionGeometry =>
  geometryFrom(tf.backend_util.computePool2DInfo(shape4D(x), filterSize, strides, 1, pad, dimRoundingMode));

/** 1 over the number of elements that each window has inside of the map: one number, or [1, H', W', 1]. */
function reciprocals([rows, columns]: ConvolutionGeometry): Node {
  const inside = [rows, columns].map(({ inputSize, outputSize, taps, stride, padBefore }) =>
    Array.from({ length: outputSize }, (_, i) => {
      const first = i * stride - padBefore;
      return Math.min(inputSize, first + taps) - Math.max(0, first);
    }),
  );
  const [inRows = [], inColumns = []] = inside;
  const values = inRows.flatMap((row) => inColumns.map((column) => 1 / (row * column)));
  const first = at(values, 0);
  return values.every((value) => value === first)
    ? constant(first)
    : table(values, [1, rows.outputSize, columns.outputSize, 1]);
}

/** The largest element of each window, and what it takes from outside of the map. */
const largest = (maps: readonly Node[]): Node => maps.reduce((a, b) => pointwise('max', a, b));

/** Pooling of maps, and its gradients. */
export const poolingKernels: KernelTable = {
  AvgPool: kernel(['x'], ([x], attrs: tf.AvgPoolAttrs) => {
    const geometry = geometryOf(x, attrs);
    return pointwise('mul', sum(tapMaps(x, geometry, 0)), reciprocals(geometry));
  }),
  // tfjs's own divides by the whole window also where a part of it lies outside: no gradient of what it computes forward.
  AvgPoolGrad: kernel(['dy', 'input'], ([dy, input], attrs: tf.AvgPoolGradAttrs) => {
    const geometry = geometryOf(input, attrs);
    const share = pointwise('mul', dy, reciprocals(geometry));
    return addTaps(geometry, (_, place) => place(share));
  }),
  MaxPool: kernel(['x'], ([x], attrs: tf.MaxPoolAttrs) => largest(tapMaps(x, geometryOf(x, attrs), -Infinity))),
  /** All of a window's gradient goes to the first of its largest elements. */
  MaxPoolGrad: kernel(['dy', 'input', 'output'], ([dy, input, output], attrs: tf.MaxPoolGradAttrs) => {
    const geometry = geometryOf(input, attrs);
    let left = dy;
    const given = tapMaps(input, geometry, -Infinity).map((map) => {
      const isLargest = pointwise('equal', map, output);
      const part = pointwise('select', isLargest, left, constant(0));
      left = pointwise('select', isLargest, constant(0), left);
      return part;
    });
    return addTaps(geometry, (tap, place) => place(at(given, tap)));
  }),
};
