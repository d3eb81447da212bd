/**
 * Windows that slide over maps, for what is computed tap by tap: pooling and depthwise convolution. Every tap of all windows
 * at once is one map, so a window's function becomes element-wise operations on as many maps as it has taps.
 */
import { concat, constant, pad, pointwise, reshape, slice } from '../build.ts';
import type { ConvolutionAxis, ConvolutionGeometry, Node } from '../graph.ts';
import { at } from '../shapes.ts';

const range = (count: number): number[] => [...Array(count).keys()];

/** A place of a window, by row and column. */
export interface WindowTap {
  readonly row: number;
  readonly column: number;
}

/** All taps, row by row. */
export const windowTaps = ([rows, columns]: ConvolutionGeometry): WindowTap[] =>
  range(rows.taps).flatMap((row) => range(columns.taps).map((column) => ({ row, column })));

/** Widths of the axes of a tensor [N, H, W, ...]: 0 but for those of the map. */
const widths = ({ shape }: Node, row: number, column: number): number[] =>
  shape.map((_, axis) => (axis === 1 ? row : axis === 2 ? column : 0));

/** Rows behind the map that the last window sees. */
const padAfter = ({ inputSize, outputSize, taps, stride, dilation, padBefore }: ConvolutionAxis): number =>
  Math.max(0, (outputSize - 1) * stride + (taps - 1) * dilation + 1 - inputSize - padBefore);

/**
 * What each tap sees in all windows.
 * @param x [N, H, W, ...]
 * @param outside what lies around the map
 * @returns for each tap [N, H', W', ...], in the order of `windowTaps`
 */
export function tapMaps(x: Node, geometry: ConvolutionGeometry, outside: number): Node[] {
  const [rows, columns] = geometry;
  const padded = pad(
    x,
    widths(x, rows.padBefore, columns.padBefore),
    widths(x, padAfter(rows), padAfter(columns)),
    outside,
  );
  const size = x.shape.with(1, rows.outputSize).with(2, columns.outputSize);
  const strides = x.shape.map((_, axis) => (axis === 1 ? rows.stride : axis === 2 ? columns.stride : 1));
  return windowTaps(geometry).map(({ row, column }) =>
    slice(padded, widths(x, row * rows.dilation, column * columns.dilation), size, strides),
  );
}

export const sum = (terms: readonly Node[]): Node => terms.reduce((total, term) => pointwise('add', total, term));

/**
 * One axis of a padded map, cut by the remainder of the position divided by the stride: taps of one remainder see the positions
 * of one part, each shifted by whole steps.
 */
interface Parts {
  /** Length of each part. */
  readonly length: number;
  /** Of each tap: the number of its part, and by how many steps it is shifted. */
  readonly taps: readonly { readonly part: number; readonly shift: number }[];
}

function partsOf({ inputSize, outputSize, taps, stride, dilation, padBefore }: ConvolutionAxis): Parts {
  const end = Math.max(padBefore + inputSize, (outputSize - 1) * stride + (taps - 1) * dilation + 1);
  return {
    length: Math.ceil(end / stride),
    taps: range(taps).map((tap) => {
      return { part: (tap * dilation) % stride, shift: Math.floor((tap * dilation) / stride) };
    }),
  };
}

/**
 * The adjoint of `tapMaps`: adds up what each tap of all windows gives to the positions that it sees.
 * @param termOf what a tap gives, [N, length, length', C], made of maps [N, H', W', ...] that `place` puts there; what is not
 *   covered has to be 0
 * @returns [N, H, W, C]
 */
export function addTaps(
  geometry: ConvolutionGeometry,
  termOf: (tap: number, place: (map: Node) => Node) => Node,
): Node {
  const [rows, columns] = geometry;
  const [rowParts, columnParts] = [partsOf(rows), partsOf(columns)];
  const terms = windowTaps(geometry).map(({ row, column }, tap) => {
    const [r, c] = [at(rowParts.taps, row), at(columnParts.taps, column)];
    // Padded alike for all taps, so that what they have in common is padded once.
    const most = [rowParts, columnParts].map((parts) => Math.max(...parts.taps.map(({ shift }) => shift)));
    const [mostRows = 0, mostColumns = 0] = most;
    const place = (map: Node): Node => {
      const padded = pad(
        map,
        widths(map, mostRows, mostColumns),
        widths(
          map,
          Math.max(0, rowParts.length - rows.outputSize),
          Math.max(0, columnParts.length - columns.outputSize),
        ),
      );
      const size = map.shape.with(1, rowParts.length).with(2, columnParts.length);
      return slice(padded, widths(map, mostRows - r.shift, mostColumns - c.shift), size);
    };
    return { row: r.part, column: c.part, node: termOf(tap, place) };
  });
  const [first] = terms;
  if (!first) throw new RangeError('a window has at least one tap');
  const [batch = 0, , , channels = 0] = first.node.shape;
  const partShape = [batch, rowParts.length, 1, columnParts.length, 1, channels];
  const partAt = (row: number, column: number): Node => {
    const own = terms.filter((term) => term.row === row && term.column === column).map(({ node }) => node);
    return own.length > 0 ? reshape(sum(own), partShape) : constant(0, partShape);
  };
  const woven = concat(
    range(rows.stride).map((row) =>
      concat(
        range(columns.stride).map((column) => partAt(row, column)),
        4,
      ),
    ),
    2,
  );
  const padded = reshape(woven, [batch, rowParts.length * rows.stride, columnParts.length * columns.stride, channels]);
  const begin = [0, rows.padBefore, columns.padBefore, 0];
  return slice(padded, begin, [batch, rows.inputSize, columns.inputSize, channels]);
}
