/**
 * Convolutions as products of frequencies: a transform of the map, one of the filter, a matrix product per frequency, and a
 * transform back. Gradients use the transposed matrices, so forward and backward share the transformed maps and filters.
 *
 * Maps are [H·W, N, C], where a transform is one matrix product. A stride of s becomes a stride of 1 on maps whose channels
 * hold s × s neighbours (polyphase): [H/s·W/s, N, s·s·C].
 */
import { matMul, pad, reshape, slice, transpose, transposeMatrix } from '../../build.ts';
import type { ConvolutionAxis, ConvolutionGeometry, Node } from '../../graph.ts';
import { at } from '../../shapes.ts';
import { type CorrelationAxis, periodOf, productCount, type Transforms, transformsOf } from './transforms.ts';

/** An axis of a strided convolution as one of stride 1 over blocks of `stride` positions. */
interface PhaseAxis extends CorrelationAxis {
  readonly stride: number;
  /** Zeros in front of the taps, which align the padding with the blocks. */
  readonly tapsBefore: number;
  /** Zeros behind the taps, up to whole blocks. */
  readonly tapsAfter: number;
  /** Zeros behind the input, up to whole blocks. */
  readonly inputAfter: number;
}

function phaseAxis({ inputSize, outputSize, taps, stride, padBefore }: ConvolutionAxis): PhaseAxis {
  const tapsBefore = (stride - (padBefore % stride)) % stride;
  const blocks = Math.ceil((tapsBefore + taps) / stride);
  const inputBlocks = Math.ceil(inputSize / stride);
  return {
    inputSize: inputBlocks,
    outputSize,
    taps: blocks,
    padBefore: (padBefore + tapsBefore) / stride,
    stride,
    tapsBefore,
    tapsAfter: blocks * stride - taps - tapsBefore,
    inputAfter: inputBlocks * stride - inputSize,
  };
}

/** Whether a convolution has a spectral form. */
export const hasSpectralForm = (geometry: ConvolutionGeometry): boolean =>
  geometry.every(({ dilation }) => dilation === 1);

/** Multiplications of the spectral form of a convolution of N maps with C to K channels. */
export function spectralCost(geometry: ConvolutionGeometry, batch: number, channels: number, outputs: number): number {
  const [rows, columns] = [phaseAxis(geometry[0]), phaseAxis(geometry[1])];
  const products = productCount([periodOf(rows), periodOf(columns)]);
  const depth = rows.stride * columns.stride * channels;
  const inputs = rows.inputSize * columns.inputSize * batch * depth;
  const filters = rows.taps * columns.taps * depth * outputs;
  return (
    products * (batch * depth * outputs + inputs + filters + rows.outputSize * columns.outputSize * batch * outputs)
  );
}

/** What the three products of a convolution have in common. */
class SpectralForm {
  readonly #rows: PhaseAxis;
  readonly #columns: PhaseAxis;
  readonly #transforms: Transforms;
  /** Samples, input channels and output channels. */
  readonly #batch: number;
  readonly #channels: number;
  readonly #outputs: number;
  /** R */
  readonly #products: number;
  /** s·s·C */
  readonly #depth: number;

  constructor([rows, columns]: ConvolutionGeometry, batch: number, channels: number, outputs: number) {
    this.#rows = phaseAxis(rows);
    this.#columns = phaseAxis(columns);
    this.#transforms = transformsOf(this.#rows, this.#columns);
    this.#batch = batch;
    this.#channels = channels;
    this.#outputs = outputs;
    this.#products = at(this.#transforms.input.shape, 0);
    this.#depth = this.#rows.stride * this.#columns.stride * channels;
  }

  /** x [N, H, W, C] → [R, N, s·s·C] */
  input(x: Node): Node {
    const [rows, columns] = [this.#rows, this.#columns];
    const padded = pad(x, [0, 0, 0, 0], [0, rows.inputAfter, columns.inputAfter, 0]);
    const blocks = reshape(padded, [
      this.#batch,
      rows.inputSize,
      rows.stride,
      columns.inputSize,
      columns.stride,
      this.#channels,
    ]);
    const map = reshape(transpose(blocks, [1, 3, 0, 2, 4, 5]), [
      rows.inputSize * columns.inputSize,
      this.#batch * this.#depth,
    ]);
    return reshape(matMul(this.#transforms.input, map), [this.#products, this.#batch, this.#depth]);
  }

  /** The gradient with respect to x [N, H, W, C], of that with respect to `input(x)` */
  inputAdjoint(dV: Node): Node {
    const [rows, columns] = [this.#rows, this.#columns];
    const map = matMul(
      transposeMatrix(this.#transforms.input),
      reshape(dV, [this.#products, this.#batch * this.#depth]),
    );
    const blocks = reshape(map, [
      rows.inputSize,
      columns.inputSize,
      this.#batch,
      rows.stride,
      columns.stride,
      this.#channels,
    ]);
    const padded = reshape(transpose(blocks, [2, 0, 3, 1, 4, 5]), [
      this.#batch,
      rows.inputSize * rows.stride,
      columns.inputSize * columns.stride,
      this.#channels,
    ]);
    const [height, width] = [padded.shape[1] ?? 0, padded.shape[2] ?? 0];
    return slice(
      padded,
      [0, 0, 0, 0],
      [this.#batch, height - rows.inputAfter, width - columns.inputAfter, this.#channels],
    );
  }

  /** filter [kh, kw, C, K] → [R, s·s·C, K] */
  filter(filter: Node): Node {
    const [rows, columns] = [this.#rows, this.#columns];
    const padded = pad(filter, [rows.tapsBefore, columns.tapsBefore, 0, 0], [rows.tapsAfter, columns.tapsAfter, 0, 0]);
    const blocks = reshape(padded, [
      rows.taps,
      rows.stride,
      columns.taps,
      columns.stride,
      this.#channels,
      this.#outputs,
    ]);
    const taps = reshape(transpose(blocks, [0, 2, 1, 3, 4, 5]), [
      rows.taps * columns.taps,
      this.#depth * this.#outputs,
    ]);
    return reshape(matMul(this.#transforms.filter, taps), [this.#products, this.#depth, this.#outputs]);
  }

  /** The gradient with respect to the filter [kh, kw, C, K], of that with respect to `filter(filter)` */
  filterAdjoint(dU: Node): Node {
    const [rows, columns] = [this.#rows, this.#columns];
    const taps = matMul(
      transposeMatrix(this.#transforms.filter),
      reshape(dU, [this.#products, this.#depth * this.#outputs]),
    );
    const blocks = reshape(taps, [rows.taps, columns.taps, rows.stride, columns.stride, this.#channels, this.#outputs]);
    const padded = reshape(transpose(blocks, [0, 2, 1, 3, 4, 5]), [
      rows.taps * rows.stride,
      columns.taps * columns.stride,
      this.#channels,
      this.#outputs,
    ]);
    const [height, width] = [padded.shape[0] ?? 0, padded.shape[1] ?? 0];
    return slice(
      padded,
      [rows.tapsBefore, columns.tapsBefore, 0, 0],
      [
        height - rows.tapsBefore - rows.tapsAfter,
        width - columns.tapsBefore - columns.tapsAfter,
        this.#channels,
        this.#outputs,
      ],
    );
  }

  /** The products [R, N, K] → y [N, H', W', K] */
  output(products: Node): Node {
    const [height, width] = [this.#rows.outputSize, this.#columns.outputSize];
    const map = matMul(this.#transforms.output, reshape(products, [this.#products, this.#batch * this.#outputs]));
    return transpose(reshape(map, [height, width, this.#batch, this.#outputs]), [2, 0, 1, 3]);
  }

  /** The gradient with respect to the products [R, N, K], of that with respect to y [N, H', W', K] */
  outputAdjoint(dy: Node): Node {
    const [height, width] = [this.#rows.outputSize, this.#columns.outputSize];
    const map = reshape(transpose(dy, [1, 2, 0, 3]), [height * width, this.#batch * this.#outputs]);
    return reshape(matMul(transposeMatrix(this.#transforms.output), map), [this.#products, this.#batch, this.#outputs]);
  }
}

/** x [N, H, W, C], filter [kh, kw, C, K] → [N, H', W', K]. */
export function spectralForward(x: Node, filter: Node, geometry: ConvolutionGeometry): Node {
  const form = new SpectralForm(geometry, at(x.shape, 0), at(x.shape, 3), at(filter.shape, 3));
  return form.output(matMul(form.input(x), form.filter(filter)));
}

/** dy [N, H', W', K], filter [kh, kw, C, K] → dx [N, H, W, C]. */
export function spectralInputGradient(dy: Node, filter: Node, geometry: ConvolutionGeometry): Node {
  const form = new SpectralForm(geometry, at(dy.shape, 0), at(filter.shape, 2), at(filter.shape, 3));
  return form.inputAdjoint(matMul(form.outputAdjoint(dy), transposeMatrix(form.filter(filter))));
}

/** x [N, H, W, C], dy [N, H', W', K] → [kh, kw, C, K]. */
export function spectralFilterGradient(x: Node, dy: Node, geometry: ConvolutionGeometry): Node {
  const form = new SpectralForm(geometry, at(x.shape, 0), at(x.shape, 3), at(dy.shape, 3));
  return form.filterAdjoint(matMul(transposeMatrix(form.input(x)), form.outputAdjoint(dy)));
}
