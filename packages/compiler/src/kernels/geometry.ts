import type * as tf from '@tensorflow/tfjs-core';
import { CompileError } from '../errors.ts';
import type { ConvolutionGeometry, Node } from '../graph.ts';

export type Shape4D = [number, number, number, number];

/** The shape of a tensor of maps [N, H, W, C]. @throws CompileError for other ranks */
export const shape4D = ({ shape }: Node): Shape4D => {
  const [a, b, c, d, ...rest] = shape;
  if (a === undefined || b === undefined || c === undefined || d === undefined || rest.length > 0) {
    throw new CompileError('unsupported-argument', `a convolution needs tensors of rank 4, got [${String(shape)}]`);
  }
  return [a, b, c, d];
};

/** What tfjs says of a convolution or pooling, as the axes of the graph. */
export function geometryFrom(info: tf.backend_util.Conv2DInfo): ConvolutionGeometry {
  return [
    {
      inputSize: info.inHeight,
      outputSize: info.outHeight,
      taps: info.filterHeight,
      stride: info.strideHeight,
      dilation: info.dilationHeight,
      padBefore: info.padInfo.top,
    },
    {
      inputSize: info.inWidth,
      outputSize: info.outWidth,
      taps: info.filterWidth,
      stride: info.strideWidth,
      dilation: info.dilationWidth,
      padBefore: info.padInfo.left,
    },
  ];
}
