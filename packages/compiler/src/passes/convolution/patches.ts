/**
 * Convolutions of few channels as one matrix product over the patches that the filter sees, and its gradients.
 *
 * One product makes a block of neighbouring outputs from one window, with the filter repeated at each place of the block: for
 * more multiplications there are fewer and longer rows to gather, and the result has the layout that a following strided
 * convolution takes.
 */
import { concat, constant, gather, matMul, reduce, reshape, transpose, transposeMatrix } from '../../build.ts';
import type { ConvolutionAxis, ConvolutionGeometry, Node, Shape } from '../../graph.ts';
import { at } from '../../shapes.ts';

/** Outputs of one window along an axis. */
const BLOCK = 2;

/** One axis cut into blocks of outputs. */
interface BlockedAxis extends ConvolutionAxis {
  readonly block: number;
  readonly blocks: number;
  /** Inputs that one block of outputs sees. */
  readonly window: number;
}

function blocked(axis: ConvolutionAxis): BlockedAxis {
  const block = axis.outputSize % BLOCK === 0 ? BLOCK : 1;
  const window = (block - 1) * axis.stride + (axis.taps - 1) * axis.dilation + 1;
  return { ...axis, block, blocks: axis.outputSize / block, window };
}

/** The input that a place of the window meets at a block, or undefined in the padding. */
function inputAt({ inputSize, stride, padBefore, block: size }: BlockedAxis, block: number, place: number) {
  const index = block * size * stride + place - padBefore;
  return index >= 0 && index < inputSize ? index : undefined;
}

/** The tap that links a place of the window to an output of the block, or undefined. */
function tapAt({ taps, stride, dilation }: BlockedAxis, place: number, output: number): number | undefined {
  const tap = (place - output * stride) / dilation;
  return Number.isInteger(tap) && tap >= 0 && tap < taps ? tap : undefined;
}

const range = (count: number): number[] => [...Array(count).keys()];

/** x [rows, ...] with a row of zeros behind. */
const withZeroRow = (x: Node): Node => concat([x, constant(0, [1, ...x.shape.slice(1)])], 0);

/** The three products of a convolution of N maps of C channels with K filters. */
class PatchForm {
  readonly #rows: BlockedAxis;
  readonly #columns: BlockedAxis;
  readonly #batch: number;
  readonly #channels: number;
  readonly #outputs: number;
  /** Rows of the product: window places × C. */
  readonly #depth: number;
  /** Blocks of outputs. */
  readonly #blocks: number;
  /** Columns of the product per sample: outputs of a block × K. */
  readonly #width: number;

  constructor([rows, columns]: ConvolutionGeometry, batch: number, channels: number, outputs: number) {
    this.#rows = blocked(rows);
    this.#columns = blocked(columns);
    this.#batch = batch;
    this.#channels = channels;
    this.#outputs = outputs;
    this.#depth = this.#rows.window * this.#columns.window * channels;
    this.#blocks = this.#rows.blocks * this.#columns.blocks;
    this.#width = this.#rows.block * this.#columns.block * outputs;
  }

  /** For each row of `patches`, [depth, blocks]: its row of a map [C·H·W, N], the row of zeros behind it in the padding. */
  #inputRows(): number[] {
    const [rows, columns] = [this.#rows, this.#columns];
    const size = rows.inputSize * columns.inputSize;
    return this.#places().flatMap(({ row, column, channel }) =>
      range(rows.blocks).flatMap((blockRow) =>
        range(columns.blocks).map((blockColumn) => {
          const [y, x] = [inputAt(rows, blockRow, row), inputAt(columns, blockColumn, column)];
          if (y === undefined || x === undefined) return this.#channels * size;
          return channel * size + y * columns.inputSize + x;
        }),
      ),
    );
  }

  /** For each row of the repeated filter, [depth, block outputs]: its row of a filter [kh·kw·C, K], or the row behind. */
  #filterRows(): number[] {
    const [rows, columns] = [this.#rows, this.#columns];
    return this.#places().flatMap(({ row, column, channel }) =>
      range(rows.block).flatMap((outputRow) =>
        range(columns.block).map((outputColumn) => {
          const [y, x] = [tapAt(rows, row, outputRow), tapAt(columns, column, outputColumn)];
          if (y === undefined || x === undefined) return rows.taps * columns.taps * this.#channels;
          return (y * columns.taps + x) * this.#channels + channel;
        }),
      ),
    );
  }

  #places() {
    return range(this.#rows.window).flatMap((row) =>
      range(this.#columns.window).flatMap((column) =>
        range(this.#channels).map((channel) => ({ row, column, channel })),
      ),
    );
  }

  /** x [N, H, W, C] → [depth, blocks·N] */
  patches(x: Node): Node {
    const size = this.#rows.inputSize * this.#columns.inputSize * this.#channels;
    const map = reshape(transpose(x, [3, 1, 2, 0]), [size, this.#batch]);
    return reshape(gather(withZeroRow(map), this.#inputRows()), [this.#depth, this.#blocks * this.#batch]);
  }

  /** The sum of [depth, blocks·N] over the places where each input is seen → [N, H, W, C] */
  patchesAdjoint(patches: Node): Node {
    const [rows, columns] = [this.#rows, this.#columns];
    const size = rows.inputSize * columns.inputSize * this.#channels;
    const map = gatherSum(reshape(patches, [this.#depth * this.#blocks, this.#batch]), this.#inputRows(), size);
    return transpose(reshape(map, [this.#channels, rows.inputSize, columns.inputSize, this.#batch]), [3, 1, 2, 0]);
  }

  /** filter [kh, kw, C, K] → [depth, block outputs·K] */
  filter(filter: Node): Node {
    const taps = this.#rows.taps * this.#columns.taps * this.#channels;
    const rows = withZeroRow(reshape(filter, [taps, this.#outputs]));
    return reshape(gather(rows, this.#filterRows()), [this.#depth, this.#width]);
  }

  /** The sum of [depth, block outputs·K] over the repetitions of the filter → [kh, kw, C, K] */
  filterAdjoint(filter: Node): Node {
    const [rows, columns] = [this.#rows, this.#columns];
    const repeated = reshape(filter, [this.#depth * rows.block * columns.block, this.#outputs]);
    const taps = gatherSum(repeated, this.#filterRows(), rows.taps * columns.taps * this.#channels);
    return reshape(taps, [rows.taps, columns.taps, this.#channels, this.#outputs]);
  }

  /** [blocks·N, block outputs·K] → [N, H', W', K] */
  output(product: Node): Node {
    const [rows, columns] = [this.#rows, this.#columns];
    const parts = reshape(product, [
      rows.blocks,
      columns.blocks,
      this.#batch,
      rows.block,
      columns.block,
      this.#outputs,
    ]);
    return reshape(transpose(parts, [2, 0, 3, 1, 4, 5]), [
      this.#batch,
      rows.outputSize,
      columns.outputSize,
      this.#outputs,
    ]);
  }

  /** y [N, H', W', K] → [blocks·N, block outputs·K] */
  outputAdjoint(y: Node): Node {
    const [rows, columns] = [this.#rows, this.#columns];
    const parts = reshape(y, [this.#batch, rows.blocks, rows.block, columns.blocks, columns.block, this.#outputs]);
    return reshape(transpose(parts, [1, 3, 0, 2, 4, 5]), [this.#blocks * this.#batch, this.#width]);
  }
}

/** [count, ...] whose row i is the sum of those rows of x whose entry in `targets` is i; other entries are left out. */
function gatherSum(x: Node, targets: readonly number[], count: number): Node {
  const sources: number[][] = range(count).map(() => []);
  for (const [source, target] of targets.entries()) sources[target]?.push(source);
  const terms = Math.max(...sources.map((rows) => rows.length));
  const zero = targets.length;
  const rows = range(terms).flatMap((term) => sources.map((of) => of[term] ?? zero));
  const shape: Shape = [terms, count, ...x.shape.slice(1)];
  const gathered = reshape(gather(rows.includes(zero) ? withZeroRow(x) : x, rows), shape);
  return reshape(reduce('sum', gathered, [0]), shape.slice(1));
}

/** x [N, H, W, C], filter [kh, kw, C, K] → [N, H', W', K]. */
export function forwardByPatches(x: Node, filter: Node, geometry: ConvolutionGeometry): Node {
  const form = new PatchForm(geometry, at(x.shape, 0), at(x.shape, 3), at(filter.shape, 3));
  return form.output(matMul(transposeMatrix(form.patches(x)), form.filter(filter)));
}

/** x [N, H, W, C], dy [N, H', W', K] → [kh, kw, C, K]. */
export function filterGradientByPatches(x: Node, dy: Node, geometry: ConvolutionGeometry): Node {
  const form = new PatchForm(geometry, at(x.shape, 0), at(x.shape, 3), at(dy.shape, 3));
  return form.filterAdjoint(matMul(form.patches(x), form.outputAdjoint(dy)));
}

/** dy [N, H', W', K], filter [kh, kw, C, K] → dx [N, H, W, C]. */
export function inputGradientByPatches(dy: Node, filter: Node, geometry: ConvolutionGeometry): Node {
  const form = new PatchForm(geometry, at(dy.shape, 0), at(filter.shape, 2), at(filter.shape, 3));
  return form.patchesAdjoint(matMul(form.filter(filter), transposeMatrix(form.outputAdjoint(dy))));
}
