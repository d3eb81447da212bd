import * as tf from '@tensorflow/tfjs-core';
import { tensor4d, values } from './oracle.ts';

/** A call of a tfjs op, which runs the kernel that it is listed under. */
export interface KernelCase {
  readonly inputs: readonly tf.Tensor[];
  readonly fn: (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];
}

const maps = values([2, 6, 4, 3]);
/** Few different values: windows have several largest elements. */
const coarse = tf.round(values([2, 6, 4, 3], { low: -2, high: 2 }));
const one = values([1, 6, 4, 3]);
const square = values([2, 4, 4, 3]);
const depthwise = values([3, 2, 3, 2], { seed: 5 });
const points = tf.tensor([-100, -2, -1e-3, 0, 1e-3, 2, 100]);
const indices = tf.tensor([[3, 0], [1, 3], [2, 2]], [3, 2], 'int32'); // prettier-ignore

const of = (fn: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): KernelCase => ({ inputs: [x], fn });
/** The gradient of `fn` with respect to x, for an output gradient that differs everywhere. */
const gradientOf = (fn: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): KernelCase => ({
  inputs: [x, tf.tidy(() => values(fn(x).shape, { seed: 9 }))],
  fn: (input, dy) => tf.grad(fn)(input, dy),
});
const withGradient = (fn: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor) => [of(fn, x), gradientOf(fn, x)];
const nearest =
  (size: [number, number], alignCorners = false) =>
  (x: tf.Tensor) =>
    tf.image.resizeNearestNeighbor(tensor4d(x), size, alignCorners);
const bilinear =
  (size: [number, number], alignCorners = false) =>
  (x: tf.Tensor) =>
    tf.image.resizeBilinear(tensor4d(x), size, alignCorners);

/** Calls of the kernels that layers beyond those of a DCGAN take, as in `kernels.test.ts`. */
export const layerKernelCases: Record<string, readonly KernelCase[]> = {
  Elu: withGradient(tf.elu, points),
  EluGrad: [gradientOf(tf.elu, maps)],
  Selu: withGradient(tf.selu, points),
  Prelu: [
    { inputs: [maps, values([3])], fn: (x, alpha) => tf.prelu(x, alpha) },
    { inputs: [maps, values([6, 4, 3], { seed: 2 })], fn: (x, alpha) => tf.grads(tf.prelu)([x, alpha]) },
  ],
  Softmax: [...withGradient((x) => tf.softmax(x), values([4, 7], { low: -9, high: 9 })), of(tf.softmax, points)],
  AvgPool: [
    of((x) => tf.avgPool(tensor4d(x), 2, 2, 'valid'), maps),
    of((x) => tf.avgPool(tensor4d(x), [3, 2], [1, 2], 'same'), maps),
  ],
  AvgPoolGrad: [
    gradientOf((x) => tf.avgPool(tensor4d(x), 2, 2, 'valid'), maps),
    gradientOf((x) => tf.avgPool(tensor4d(x), [3, 2], 1, 'valid'), maps),
  ],
  MaxPool: [
    of((x) => tf.maxPool(tensor4d(x), 2, 2, 'valid'), maps),
    of((x) => tf.maxPool(tensor4d(x), 3, 2, 'same'), maps),
    of((x) => tf.maxPool(tensor4d(x), 3, 2, 1, 'floor'), maps),
  ],
  MaxPoolGrad: [
    gradientOf((x) => tf.maxPool(tensor4d(x), 2, 2, 'valid'), coarse),
    gradientOf((x) => tf.maxPool(tensor4d(x), [3, 2], [2, 1], 'same'), coarse),
  ],
  ResizeNearestNeighbor: [of(nearest([12, 8]), maps), of(nearest([5, 9]), maps), of(nearest([9, 7], true), maps)],
  // One sample: of others, tfjs reads the gradient in wrong places.
  ResizeNearestNeighborGrad: [
    gradientOf(nearest([12, 8]), one),
    gradientOf(nearest([5, 9]), one),
    gradientOf(nearest([9, 7], true), one),
  ],
  ResizeBilinear: [
    of(bilinear([12, 8]), maps),
    of(bilinear([5, 9], true), maps),
    of((x) => tf.image.resizeBilinear(tensor4d(x), [3, 8], false, true), maps),
  ],
  // Square ones: for others, tfjs exchanges the sides.
  ResizeBilinearGrad: [gradientOf(bilinear([8, 12]), square), gradientOf(bilinear([3, 7], true), square)],
  DepthwiseConv2dNative: [
    { inputs: [maps, depthwise], fn: (x, f) => tf.depthwiseConv2d(tensor4d(x), tensor4d(f), 1, 'same') },
    { inputs: [maps, depthwise], fn: (x, f) => tf.depthwiseConv2d(tensor4d(x), tensor4d(f), 1, 'valid', 'NHWC', 2) },
  ],
  DepthwiseConv2dNativeBackpropInput: [
    {
      inputs: [maps, depthwise],
      fn: (x, f) => tf.grad((image) => tf.depthwiseConv2d(tensor4d(image), tensor4d(f), 2, 'same'))(x),
    },
  ],
  DepthwiseConv2dNativeBackpropFilter: [
    {
      inputs: [maps, depthwise],
      fn: (x, f) => tf.grad((filter) => tf.depthwiseConv2d(tensor4d(x), tensor4d(filter), 2, 'same'))(f),
    },
  ],
  GatherV2: [
    { inputs: [values([4, 5]), indices], fn: (x, ids) => tf.gather(x, ids) },
    { inputs: [values([4, 2, 3]), tf.cast(indices, 'float32')], fn: (x, ids) => tf.gather(x, tf.cast(ids, 'int32')) },
  ],
  UnsortedSegmentSum: [
    {
      inputs: [values([3, 2, 4]), tf.tensor1d([1, 0, 1], 'int32')],
      fn: (x, ids) => tf.unsortedSegmentSum(x, ids as tf.Tensor1D, 3),
    },
    {
      inputs: [values([4, 5]), indices],
      fn: (x, ids) => tf.grad((table) => tf.gather(table, ids))(x),
    },
  ],
};
