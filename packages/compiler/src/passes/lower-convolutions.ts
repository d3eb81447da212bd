import type { ConvolutionForm } from '../convolution-forms.ts';
import { type ConvolutionGeometry, type Graph, type Node, type Pass, rewrite } from '../graph.ts';
import { at } from '../shapes.ts';
import { filterGradientByPatches, forwardByPatches, inputGradientByPatches } from './convolution/patches.ts';
import {
  hasSpectralForm,
  spectralCost,
  spectralFilterGradient,
  spectralForward,
  spectralInputGradient,
} from './convolution/spectral.ts';
import { tapsOf } from './convolution/taps.ts';
import { filterGradientByTaps, forwardByWindows, inputGradientByWindows } from './convolution/windows.ts';

/** The three products of one form: see `conv2d`, `conv2dBackpropInput` and `conv2dBackpropFilter` in `graph.ts`. */
interface Lowering {
  readonly forward: (x: Node, filter: Node, geometry: ConvolutionGeometry) => Node;
  readonly inputGradient: (dy: Node, filter: Node, geometry: ConvolutionGeometry) => Node;
  readonly filterGradient: (x: Node, dy: Node, geometry: ConvolutionGeometry) => Node;
}

const spectral: Lowering = {
  forward: spectralForward,
  inputGradient: spectralInputGradient,
  filterGradient: spectralFilterGradient,
};

/** One product over stacked patches. */
const patches: Lowering = {
  forward: forwardByPatches,
  inputGradient: inputGradientByPatches,
  filterGradient: filterGradientByPatches,
};

/** One product per output position; for the filter's gradient, per tap. */
const windows: Lowering = {
  forward: forwardByWindows,
  inputGradient: inputGradientByWindows,
  filterGradient: filterGradientByTaps,
};

/** With fewer channels than this, a product per position, tap or frequency is too thin to be worth its call. */
const FEW_CHANNELS = 8;

/** On larger maps, a product per position makes too many nodes. */
const MANY_POSITIONS = 32 * 32;

/** Replaces convolutions and their gradients by matrix products. */
export const lowerConvolutions =
  (form: ConvolutionForm): Pass =>
  (graph: Graph) =>
    rewrite(graph, (node) => {
      const [a, b] = node.inputs;
      if (a === undefined || b === undefined) return node;
      switch (node.op.kind) {
        case 'conv2d': {
          const { geometry } = node.op;
          return loweringOf(form, geometry, a.shape, at(node.shape, 3)).forward(a, b, geometry);
        }
        case 'conv2dBackpropInput': {
          const { geometry } = node.op;
          return loweringOf(form, geometry, node.shape, at(a.shape, 3)).inputGradient(a, b, geometry);
        }
        case 'conv2dBackpropFilter': {
          const { geometry } = node.op;
          return loweringOf(form, geometry, a.shape, at(b.shape, 3)).filterGradient(a, b, geometry);
        }
        default:
          return node;
      }
    });

/** The same for a convolution and its gradients: they share what they make of the maps and the filter. */
function loweringOf(
  form: ConvolutionForm,
  geometry: ConvolutionGeometry,
  [batch = 0, height = 0, width = 0, channels = 0]: readonly number[],
  outputs: number,
): Lowering {
  if (form === 'patches') return patches;
  if (form === 'spectral' && hasSpectralForm(geometry)) return spectral;
  const direct = channels < FEW_CHANNELS || height * width > MANY_POSITIONS ? patches : windows;
  if (form === 'direct' || direct === patches || !hasSpectralForm(geometry)) return direct;
  const taps = tapsOf(geometry).reduce((sum, { row, column }) => sum + row.count * column.count, 0);
  const directCost = taps * batch * channels * outputs;
  return spectralCost(geometry, batch, channels, outputs) < directCost ? spectral : direct;
}
