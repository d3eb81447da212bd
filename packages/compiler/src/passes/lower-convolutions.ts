import { type ConvolutionGeometry, type Graph, rewrite } from '../graph.ts';
import { at } from '../shapes.ts';
import { filterGradientByPatches, forwardByPatches, inputGradientByPatches } from './convolution/patches.ts';
import { filterGradientByTaps, forwardByWindows, inputGradientByWindows } from './convolution/windows.ts';

/** With fewer channels than this, a product per position or tap is too thin to be worth its call. */
const FEW_CHANNELS = 8;

/** On larger maps, a product per position makes too many nodes. */
const MANY_POSITIONS = 32 * 32;

/**
 * Replaces convolutions and their gradients by matrix products.
 *
 * Measured on ONNX Runtime 1.30, one thread with AVX-512, batch 64, 5×5 filters, best time in ms of ONNX's
 * Conv/ConvTranspose, of one product over stacked patches, of a sum of one product per tap, and of one per position:
 *
 *     7×7, 256→128 channels, forward              45   42   36   33
 *     7×7, 256→128 channels, input gradient       47    –   38   28
 *     7×7, 256→128 channels, filter gradient      44   46   27    –
 *     14×14→7×7, 64→128 channels, forward         11   10.6 11.8  8.1
 *     14×14→7×7, 64→128 channels, input gradient  13    –    –    9.5
 *     14×14→7×7, 64→128 channels, filter gradient 12   11    9.5  –
 *     28×28→14×14, 1→64 channels, forward          1.0  1.0 12.6  2.2
 */
export function lowerConvolutions(graph: Graph): Graph {
  return rewrite(graph, (node) => {
    const [a, b] = node.inputs;
    if (a === undefined || b === undefined) return node;
    switch (node.op.kind) {
      case 'conv2d': {
        const { geometry } = node.op;
        const byPatches = at(a.shape, 3) < FEW_CHANNELS || positions(geometry, 'outputSize') > MANY_POSITIONS;
        return byPatches ? forwardByPatches(a, b, geometry) : forwardByWindows(a, b, geometry);
      }
      case 'conv2dBackpropInput': {
        const { geometry } = node.op;
        const byPatches = at(b.shape, 2) < FEW_CHANNELS || positions(geometry, 'inputSize') > MANY_POSITIONS;
        return byPatches ? inputGradientByPatches(a, b, geometry) : inputGradientByWindows(a, b, geometry);
      }
      case 'conv2dBackpropFilter': {
        const byPatches = at(a.shape, 3) < FEW_CHANNELS;
        return byPatches
          ? filterGradientByPatches(a, b, node.op.geometry)
          : filterGradientByTaps(a, b, node.op.geometry);
      }
      default:
        return node;
    }
  });
}

const positions = ([rows, columns]: ConvolutionGeometry, side: 'inputSize' | 'outputSize'): number =>
  rows[side] * columns[side];
