import type * as tf from '@tensorflow/tfjs-core';
import { broadcast, matMul, reduce, reshape, table } from '../build.ts';
import type { Node } from '../graph.ts';
import { at } from '../shapes.ts';
import { shape4D } from './geometry.ts';
import { kernel, type KernelTable } from './kernel.ts';

type Attrs = Pick<tf.ResizeBilinearAttrs, 'alignCorners'> & Partial<Pick<tf.ResizeBilinearAttrs, 'halfPixelCenters'>>;

/** Of each output along an axis: the inputs that it is made of, with their weights. */
type Weights = readonly (readonly { readonly index: number; readonly weight: number }[])[];

/** Where tfjs looks for each output along an axis, in inputs. */
function positions(input: number, output: number, { alignCorners }: Attrs, center: number): number[] {
  const less = alignCorners && output > 1 ? 1 : 0;
  return Array.from({ length: output }, (_, i) => ((input - less) / (output - less)) * (i + center));
}

function nearest(input: number, output: number, attrs: Attrs): Weights {
  const round = attrs.alignCorners ? Math.round : Math.floor;
  return positions(input, output, attrs, attrs.halfPixelCenters ? 0.5 : 0).map((position) => [
    { index: Math.min(input - 1, round(position)), weight: 1 },
  ]);
}

function bilinear(input: number, output: number, attrs: Attrs): Weights {
  const center = attrs.halfPixelCenters ? 0.5 : 0;
  return positions(input, output, attrs, center).map((shifted) => {
    const position = shifted - center;
    const index = Math.max(0, Math.floor(position));
    const fraction = position - index;
    const other = Math.min(input - 1, Math.ceil(position));
    return [
      { index, weight: 1 - fraction },
      { index: other, weight: fraction },
    ];
  });
}

/** How often each input is repeated, where all are repeated equally often, one after the other. */
function repeats(weights: Weights, input: number): number | undefined {
  const count = weights.length / input;
  const isRepeated = (i: number) => weights[i]?.length === 1 && weights[i][0]?.index === Math.floor(i / count);
  return Number.isInteger(count) && weights.every((_, i) => isRepeated(i)) ? count : undefined;
}

/** [outputs, inputs], or its transpose. */
function matrix(weights: Weights, input: number, transposed: boolean): Node {
  const values = Array<number>(weights.length * input).fill(0);
  for (const [i, terms] of weights.entries()) {
    for (const { index, weight } of terms) {
      const place = transposed ? index * weights.length + i : i * input + index;
      values[place] = at(values, place) + weight;
    }
  }
  return table(values, transposed ? [input, weights.length] : [weights.length, input]);
}

type Interpolation = typeof nearest;

/** The weights of both axes of maps [H, W] resized to [H', W']. */
const bothAxes = (of: Interpolation, [from, to]: readonly [readonly number[], readonly number[]], attrs: Attrs) =>
  [0, 1].map((axis) => of(at(from, axis), at(to, axis), attrs)) as [Weights, Weights];

/** a [H', H] · x [N, H, W, C] · bᵀ [W, W'] → [N, H', W', C] */
function product(rows: Node, x: Node, columns: Node): Node {
  const [batch, height, width, channels] = shape4D(x);
  const [newHeight, newWidth] = [at(rows.shape, 0), at(columns.shape, 0)];
  const tall = matMul(rows, reshape(x, [batch, height, width * channels]));
  const wide = matMul(columns, reshape(tall, [batch * newHeight, width, channels]));
  return reshape(wide, [batch, newHeight, newWidth, channels]);
}

const resize = (interpolation: Interpolation) =>
  kernel(['images'], ([x], attrs: Attrs & { readonly size: [number, number] }) => {
    const [batch, height, width, channels] = shape4D(x);
    const [rows, columns] = bothAxes(interpolation, [[height, width], attrs.size], attrs);
    const [down, across] = [repeats(rows, height), repeats(columns, width)];
    if (down === undefined || across === undefined) {
      return product(matrix(rows, height, false), x, matrix(columns, width, false));
    }
    const apart = reshape(x, [batch, height, 1, width, 1, channels]);
    const repeated = broadcast(apart, [batch, height, down, width, across, channels]);
    return reshape(repeated, [batch, ...attrs.size, channels]);
  });

const resizeGradient = (interpolation: Interpolation) =>
  kernel(['dy', 'images'], ([dy, images], attrs: Attrs) => {
    const [batch, height, width, channels] = shape4D(images);
    const [, newHeight, newWidth] = shape4D(dy);
    const sizes = [
      [height, width],
      [newHeight, newWidth],
    ] as const;
    const [rows, columns] = bothAxes(interpolation, sizes, attrs);
    const [down, across] = [repeats(rows, height), repeats(columns, width)];
    if (down === undefined || across === undefined) {
      return product(matrix(rows, height, true), dy, matrix(columns, width, true));
    }
    const apart = reshape(dy, [batch, height, down, width, across, channels]);
    return reshape(reduce('sum', apart, [2, 4]), [batch, height, width, channels]);
  });

/** Resized maps, as upsampling layers ask for them: repeated elements, or products with a constant matrix for each axis. */
export const resizeKernels: KernelTable = {
  ResizeNearestNeighbor: resize(nearest),
  ResizeNearestNeighborGrad: resizeGradient(nearest),
  ResizeBilinear: resize(bilinear),
  ResizeBilinearGrad: resizeGradient(bilinear),
};
