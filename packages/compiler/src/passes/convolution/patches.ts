/**
 * Convolutions as one matrix product over stacked patches, and its adjoint.
 *
 * Maps are laid out as [C, H, W, N], where a shift of height and width moves long contiguous blocks.
 */
import {
  broadcast,
  concat,
  constant,
  matMul,
  pad,
  pointwise,
  reshape,
  slice,
  transpose,
  transposeMatrix,
} from '../../build.ts';
import type { ConvolutionGeometry, Node, Shape } from '../../graph.ts';
import { at } from '../../shapes.ts';
import { type Tap, tapsOf } from './taps.ts';

/** [N, H, W, C] → [C, H, W, N] and back. */
const exchangeBatchAndChannels = (x: Node): Node => transpose(x, [3, 1, 2, 0]);

/** `window` at (top, left) of a map of zeros [C, height, width, N]. */
function place(window: Node, top: number, left: number, height: number, width: number): Node {
  const [, rows = 0, columns = 0] = window.shape;
  return pad(window, [0, top, left, 0], [0, height - top - rows, width - left - columns, 0]);
}

/** x [N, H, W, C] → [kh·kw·C, H'·W'·N]: column (h, w, n) holds what the filter sees from that output position. */
function stackedPatches(x: Node, geometry: ConvolutionGeometry): Node {
  const [batch = 0, , , channels = 0] = x.shape;
  const [rows, columns] = geometry;
  const [height, width] = [rows.outputSize, columns.outputSize];
  const map = exchangeBatchAndChannels(x);
  const patches = tapsOf(geometry).map(({ row, column }) => {
    if (row.count * column.count === 0) return broadcast(constant(0), [channels, height, width, batch]);
    const window = slice(
      map,
      [0, row.inputBegin, column.inputBegin, 0],
      [channels, row.count, column.count, batch],
      [1, rows.stride, columns.stride, 1],
    );
    return place(window, row.outputBegin, column.outputBegin, height, width);
  });
  return reshape(concat(patches, 0), [patches.length * channels, height * width * batch]);
}

/** [N, H', W', K] → [H'·W'·N, K]. */
function positionRows(y: Node): Node {
  const [batch = 0, height = 0, width = 0, outputs = 0] = y.shape;
  return reshape(transpose(y, [1, 2, 0, 3]), [height * width * batch, outputs]);
}

/** x [N, H, W, C], filter [kh, kw, C, K] → [N, H', W', K]. */
export function forwardByPatches(x: Node, filter: Node, geometry: ConvolutionGeometry): Node {
  const batch = at(x.shape, 0);
  const outputs = at(filter.shape, 3);
  const [rows, columns] = geometry;
  const patches = stackedPatches(x, geometry);
  const product = matMul(transposeMatrix(patches), reshape(filter, [at(patches.shape, 0), outputs])); // [H'·W'·N, K]
  return transpose(reshape(product, [rows.outputSize, columns.outputSize, batch, outputs]), [2, 0, 1, 3]);
}

/** x [N, H, W, C], dy [N, H', W', K] → [kh, kw, C, K]. */
export function filterGradientByPatches(x: Node, dy: Node, geometry: ConvolutionGeometry): Node {
  const [rows, columns] = geometry;
  const product = matMul(stackedPatches(x, geometry), positionRows(dy)); // [kh·kw·C, K]
  return reshape(product, [rows.taps, columns.taps, at(x.shape, 3), at(dy.shape, 3)]);
}

/** dy [N, H', W', K], filter [kh, kw, C, K] → dx [N, H, W, C]. */
export function inputGradientByPatches(dy: Node, filter: Node, geometry: ConvolutionGeometry): Node {
  const [batch = 0, height = 0, width = 0, outputs = 0] = dy.shape;
  const channels = at(filter.shape, 2);
  const taps = tapsOf(geometry);
  const depth = taps.length * channels;
  const patches = matMul(reshape(filter, [depth, outputs]), transposeMatrix(positionRows(dy))); // [kh·kw·C, H'·W'·N]
  const maps = reshape(patches, [depth, height, width, batch]);
  const windows = taps.flatMap((tap, i) => {
    const { row, column } = tap;
    if (row.count * column.count === 0) return [];
    const begin = [i * channels, row.outputBegin, column.outputBegin, 0];
    return [{ tap, window: slice(maps, begin, [channels, row.count, column.count, batch]) }];
  });
  return exchangeBatchAndChannels(scatter(windows, geometry, channels, batch));
}

const sum = (terms: readonly Node[], shape: Shape): Node =>
  terms.length === 0 ? broadcast(constant(0), shape) : pointwise('addN', ...terms);

/**
 * Adds every tap's window [C, rows, columns, N] into a map [C, H, W, N]. With a stride, taps of one phase (input position
 * modulo the stride) hit the same positions: each phase is summed by itself, then they interleave.
 */
function scatter(
  windows: readonly { readonly tap: Tap; readonly window: Node }[],
  [rows, columns]: ConvolutionGeometry,
  channels: number,
  batch: number,
): Node {
  const height = Math.ceil(rows.inputSize / rows.stride);
  const width = Math.ceil(columns.inputSize / columns.stride);
  const phase = (top: number, left: number): Node => {
    const terms = windows
      .filter(({ tap }) => tap.row.inputBegin % rows.stride === top && tap.column.inputBegin % columns.stride === left)
      .map(({ tap, window }) => {
        const row = Math.floor(tap.row.inputBegin / rows.stride);
        const column = Math.floor(tap.column.inputBegin / columns.stride);
        return place(window, row, column, height, width);
      });
    return sum(terms, [channels, height, width, batch]);
  };
  const rowPhases = Array.from({ length: rows.stride }, (_, top) => {
    const columnPhases = Array.from({ length: columns.stride }, (__, left) =>
      reshape(phase(top, left), [channels * height * width, 1, batch]),
    );
    // [C·height·width, stride, N] is [C, height, width·stride, N].
    return reshape(concat(columnPhases, 1), [channels * height, 1, width * columns.stride * batch]);
  });
  const map = reshape(concat(rowPhases, 1), [channels, height * rows.stride, width * columns.stride, batch]);
  return slice(map, [0, 0, 0, 0], [channels, rows.inputSize, columns.inputSize, batch]);
}
