/**
 * Convolutions as one matrix product per output position.
 *
 * What the filter sees from one position is a window of the NHWC map. Cut out, it is a matrix [N, taps·C] without any
 * rearrangement, and its product with the filter's matching taps is that position of the result. Windows are cut where
 * they meet the map, so padding costs nothing, and nothing is added up outside the products.
 */
import { broadcast, concat, constant, matMul, reshape, slice, transpose, transposeMatrix } from '../../build.ts';
import type { ConvolutionAxis, ConvolutionGeometry, Node } from '../../graph.ts';
import { at } from '../../shapes.ts';
import { tapsOf } from './taps.ts';

/** `count` indices from `begin`, `step` apart. */
interface Progression {
  readonly begin: number;
  readonly count: number;
  readonly step: number;
}

/** What one position of the result takes from one axis: these indices of the source, times these taps of the filter. */
interface AxisWindow {
  readonly source: Progression;
  readonly filter: Progression;
}

function progression(indices: readonly number[]): Progression {
  const [begin = 0, second = begin + 1] = indices;
  return { begin, count: indices.length, step: second - begin };
}

/** The input indices and taps that make output `index`. */
function outputWindow({ taps, stride, dilation, padBefore, inputSize }: ConvolutionAxis, index: number): AxisWindow {
  const sourceOf = (tap: number) => index * stride + tap * dilation - padBefore;
  const met = [...Array(taps).keys()].filter((tap) => sourceOf(tap) >= 0 && sourceOf(tap) < inputSize);
  return { source: progression(met.map(sourceOf)), filter: progression(met) };
}

/** The output indices that input `index` takes part in, ascending, and the taps of the reversed filter that link them. */
function inputWindow({ taps, stride, dilation, padBefore, outputSize }: ConvolutionAxis, index: number): AxisWindow {
  const sourceOf = (reversed: number) => (index + padBefore - (taps - 1 - reversed) * dilation) / stride;
  const met = [...Array(taps).keys()].filter((reversed) => {
    const source = sourceOf(reversed);
    return Number.isInteger(source) && source >= 0 && source < outputSize;
  });
  return { source: progression(met.map(sourceOf)), filter: progression(met) };
}

/** The result [N, rows, columns, Q] of a source [N, h, w, P] and a filter [kh, kw, P, Q]. */
function gather(source: Node, filter: Node, rows: readonly AxisWindow[], columns: readonly AxisWindow[]): Node {
  const [batch = 0, , , depth = 0] = source.shape;
  const outputs = at(filter.shape, 3);
  const positions = rows.flatMap((row) =>
    columns.map((column) => {
      const taps = row.source.count * column.source.count;
      if (taps === 0) return broadcast(constant(0), [batch, outputs]);
      const window = slice(
        source,
        [0, row.source.begin, column.source.begin, 0],
        [batch, row.source.count, column.source.count, depth],
        [1, row.source.step, column.source.step, 1],
      );
      const weights = slice(
        filter,
        [row.filter.begin, column.filter.begin, 0, 0],
        [row.filter.count, column.filter.count, depth, outputs],
        [row.filter.step, column.filter.step, 1, 1],
      );
      return matMul(reshape(window, [batch, taps * depth]), reshape(weights, [taps * depth, outputs])); // [N, Q]
    }),
  );
  return reshape(concat(positions, 1), [batch, rows.length, columns.length, outputs]);
}

const windowsOf = (size: number, window: (index: number) => AxisWindow) =>
  Array.from({ length: size }, (_, i) => window(i));

/** x [N, H, W, C], filter [kh, kw, C, K] → [N, H', W', K]. */
export function forwardByWindows(x: Node, filter: Node, [rows, columns]: ConvolutionGeometry): Node {
  return gather(
    x,
    filter,
    windowsOf(rows.outputSize, (i) => outputWindow(rows, i)),
    windowsOf(columns.outputSize, (i) => outputWindow(columns, i)),
  );
}

/** dy [N, H', W', K], filter [kh, kw, C, K] → dx [N, H, W, C]. */
export function inputGradientByWindows(dy: Node, filter: Node, [rows, columns]: ConvolutionGeometry): Node {
  const reversed = slice(filter, [rows.taps - 1, columns.taps - 1, 0, 0], filter.shape, [-1, -1, 1, 1]);
  return gather(
    dy,
    transpose(reversed, [0, 1, 3, 2]),
    windowsOf(rows.inputSize, (i) => inputWindow(rows, i)),
    windowsOf(columns.inputSize, (i) => inputWindow(columns, i)),
  );
}

/**
 * x [N, H, W, C], dy [N, H', W', K] → [kh, kw, C, K]: one product per tap, over the positions where it meets the input.
 */
export function filterGradientByTaps(x: Node, dy: Node, geometry: ConvolutionGeometry): Node {
  const [batch = 0, , , channels = 0] = x.shape;
  const outputs = at(dy.shape, 3);
  const [rows, columns] = geometry;
  const matrices = tapsOf(geometry).map(({ row, column }) => {
    const samples = batch * row.count * column.count;
    if (samples === 0) return broadcast(constant(0), [channels, outputs]);
    const xWindow = slice(
      x,
      [0, row.inputBegin, column.inputBegin, 0],
      [batch, row.count, column.count, channels],
      [1, rows.stride, columns.stride, 1],
    );
    const dyWindow = slice(dy, [0, row.outputBegin, column.outputBegin, 0], [batch, row.count, column.count, outputs]);
    return matMul(transposeMatrix(reshape(xWindow, [samples, channels])), reshape(dyWindow, [samples, outputs]));
  });
  return reshape(concat(matrices, 0), [rows.taps, columns.taps, channels, outputs]);
}
