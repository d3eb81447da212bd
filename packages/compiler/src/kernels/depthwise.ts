import * as tf from '@tensorflow/tfjs-core';
import { concat, pointwise, reduce, reshape, slice } from '../build.ts';
import type { ConvolutionGeometry, Node } from '../graph.ts';
import { at } from '../shapes.ts';
import { geometryFrom, shape4D, type Shape4D } from './geometry.ts';
import { kernel, type KernelTable } from './kernel.ts';
import { addTaps, sum, tapMaps, windowTaps } from './windows.ts';

type Attrs = Pick<tf.DepthwiseConv2dNativeAttrs, 'strides' | 'pad' | 'dilations'> &
  Partial<Pick<tf.DepthwiseConv2dNativeAttrs, 'dimRoundingMode'>>;

/** Of an input [N, H, W, C] and a filter [kh, kw, C, M]. */
function geometryOf(input: Shape4D, filter: Shape4D, attrs: Attrs): ConvolutionGeometry {
  const { strides, pad, dimRoundingMode } = attrs;
  // tf.layers gives none by null.
  const dilations = (attrs.dilations as number | [number, number] | null) ?? 1;
  const isDepthwise = true;
  return geometryFrom(
    tf.backend_util.computeConv2DInfo(input, filter, strides, dilations, pad, dimRoundingMode, isDepthwise),
  );
}

/** The factors of each tap: [C, M] of a filter [kh, kw, C, M]. */
function factors(filter: Node, geometry: ConvolutionGeometry): Node[] {
  const [height, width, channels, multiplier] = shape4D(filter);
  return windowTaps(geometry).map(({ row, column }) => {
    const tap = slice(
      reshape(filter, [height * width, channels, multiplier]),
      [row * width + column, 0, 0],
      [1, channels, multiplier],
    );
    return reshape(tap, [channels, multiplier]);
  });
}

/** dy [N, H', W', C·M] → [N, H', W', C, M] */
function byChannel(dy: Node, channels: number): Node {
  const [batch, height, width, outputs] = shape4D(dy);
  return reshape(dy, [batch, height, width, channels, outputs / channels]);
}

/** x [N, H, W, C] → [N, H, W, C, 1] */
const withAxis = (x: Node): Node => reshape(x, [...x.shape, 1]);

/** Depthwise convolution, output channel c·M + m from input channel c, and its gradients: too thin for matrix products. */
export const depthwiseKernels: KernelTable = {
  DepthwiseConv2dNative: kernel(['x', 'filter'], ([x, filter], attrs: tf.DepthwiseConv2dNativeAttrs) => {
    const geometry = geometryOf(shape4D(x), shape4D(filter), attrs);
    const taps = factors(filter, geometry);
    const maps = tapMaps(withAxis(x), geometry, 0);
    const y = sum(maps.map((map, tap) => pointwise('mul', map, at(taps, tap))));
    const [batch = 0, height = 0, width = 0, channels = 0, multiplier = 0] = y.shape;
    return reshape(y, [batch, height, width, channels * multiplier]);
  }),
  DepthwiseConv2dNativeBackpropInput: kernel(
    ['dy', 'filter'],
    ([dy, filter], attrs: tf.DepthwiseConv2dNativeBackpropInputAttrs) => {
      const geometry = geometryOf(attrs.inputShape, shape4D(filter), attrs);
      const taps = factors(filter, geometry);
      const grouped = byChannel(dy, at(filter.shape, 2));
      return addTaps(geometry, (tap, place) => {
        const product = reduce('sum', pointwise('mul', place(grouped), at(taps, tap)), [4]);
        return reshape(product, product.shape.slice(0, 4));
      });
    },
  ),
  DepthwiseConv2dNativeBackpropFilter: kernel(
    ['x', 'dy'],
    ([x, dy], attrs: tf.DepthwiseConv2dNativeBackpropFilterAttrs) => {
      const geometry = geometryOf(shape4D(x), attrs.filterShape, attrs);
      const [, , channels, multiplier] = attrs.filterShape;
      const grouped = byChannel(dy, channels);
      const taps = tapMaps(withAxis(x), geometry, 0).map((map) =>
        reshape(reduce('sum', pointwise('mul', map, grouped), [0, 1, 2]), [1, channels, multiplier]),
      );
      return reshape(concat(taps, 0), attrs.filterShape);
    },
  ),
};
