/** Constructors of graph nodes: they infer shapes and dtypes and apply no optimisation beyond returning a node unchanged. */
import type { ConvolutionGeometry, DType, Node, PointwiseFunction, Reduction, Shape } from './graph.ts';
import { at, broadcastShape, permute, sameShape, sizeOf } from './shapes.ts';

export const input = (name: string, shape: Shape, dtype: DType) =>
  ({ op: { kind: 'input', name }, inputs: [], shape, dtype }) as const;

/** Every element is `value`, rounded to `dtype`. */
export const constant = (value: number, shape: Shape = [], dtype: DType = 'float32'): Node => ({
  op: { kind: 'constant', value: dtype === 'float32' ? Math.fround(value) : Math.trunc(value) },
  inputs: [],
  shape,
  dtype,
});

/** A float32 constant of different values, row-major. @throws RangeError unless `values` fill `shape` */
export function table(values: readonly number[], shape: Shape): Node {
  if (values.length !== sizeOf(shape)) throw new RangeError(`${values.length} values for [${shape.join()}]`);
  return { op: { kind: 'table', values: values.map(Math.fround) }, inputs: [], shape, dtype: 'float32' };
}

/** dtype of a pointwise result: comparisons give booleans; `select` takes its branches' dtype. */
function pointwiseDType(fn: PointwiseFunction, inputs: readonly Node[]): DType {
  switch (fn) {
    case 'and':
    case 'not':
    case 'equal':
    case 'greater':
    case 'greaterEqual':
    case 'less':
    case 'lessEqual':
      return 'bool';
    case 'select':
      return at(inputs, 1).dtype;
    default:
      return at(inputs, 0).dtype;
  }
}

export const pointwise = (fn: PointwiseFunction, ...inputs: readonly Node[]): Node => ({
  op: { kind: 'pointwise', fn },
  inputs,
  shape: broadcastShape(...inputs.map(({ shape }) => shape)),
  dtype: pointwiseDType(fn, inputs),
});

export const leakyRelu = (x: Node, alpha: number): Node => ({
  op: { kind: 'leakyRelu', alpha },
  inputs: [x],
  shape: x.shape,
  dtype: x.dtype,
});

export const cast = (x: Node, dtype: DType): Node =>
  x.dtype === dtype ? x : { op: { kind: 'cast' }, inputs: [x], shape: x.shape, dtype };

export const reduce = (fn: Reduction, x: Node, axes: readonly number[]): Node => ({
  op: { kind: 'reduce', fn, axes: axes.toSorted((a, b) => a - b) },
  inputs: [x],
  shape: x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)),
  dtype: x.dtype,
});

export function reshape(x: Node, shape: Shape): Node {
  if (sizeOf(shape) !== sizeOf(x.shape))
    throw new RangeError(`cannot reshape [${x.shape.join()}] to [${shape.join()}]`);
  return sameShape(shape, x.shape) ? x : { op: { kind: 'reshape' }, inputs: [x], shape, dtype: x.dtype };
}

export const transpose = (x: Node, perm: readonly number[]): Node => ({
  op: { kind: 'transpose', perm },
  inputs: [x],
  shape: permute(x.shape, perm),
  dtype: x.dtype,
});

/** `size[i]` elements of axis i from `begin[i]`, `strides[i]` apart; a negative stride runs backwards. */
export function slice(x: Node, begin: readonly number[], size: Shape, strides = begin.map(() => 1)): Node {
  if (sameShape(size, x.shape) && strides.every((stride) => stride > 0)) return x;
  return { op: { kind: 'slice', begin, strides }, inputs: [x], shape: size, dtype: x.dtype };
}

export function concat(parts: readonly Node[], axis: number): Node {
  const [first, ...rest] = parts;
  if (first === undefined) throw new RangeError('nothing to concatenate');
  if (rest.length === 0) return first;
  const size = parts.reduce((sum, { shape }) => sum + at(shape, axis), 0);
  return { op: { kind: 'concat', axis }, inputs: parts, shape: first.shape.with(axis, size), dtype: first.dtype };
}

export function pad(x: Node, before: readonly number[], after: readonly number[], value = 0): Node {
  if ([...before, ...after].every((width) => width === 0)) return x;
  const shape = x.shape.map((size, axis) => size + at(before, axis) + at(after, axis));
  return { op: { kind: 'pad', before, after, value }, inputs: [x], shape, dtype: x.dtype };
}

/** Rows of x [rows, ...]: result row i is row `rows[i]`. */
export const gather = (x: Node, rows: readonly number[]): Node => ({
  op: { kind: 'gather', rows },
  inputs: [x],
  shape: [rows.length, ...x.shape.slice(1)],
  dtype: x.dtype,
});

export const broadcast = (x: Node, shape: Shape): Node =>
  sameShape(shape, x.shape) ? x : { op: { kind: 'broadcast' }, inputs: [x], shape, dtype: x.dtype };

export const tile = (x: Node, repeats: readonly number[]): Node => ({
  op: { kind: 'tile', repeats },
  inputs: [x],
  shape: x.shape.map((size, axis) => size * at(repeats, axis)),
  dtype: x.dtype,
});

export const matMul = (a: Node, b: Node): Node => ({
  op: { kind: 'matMul' },
  inputs: [a, b],
  shape: [
    ...broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2)),
    at(a.shape, a.shape.length - 2),
    at(b.shape, b.shape.length - 1),
  ],
  dtype: a.dtype,
});

/** `x` with its last two axes exchanged. */
export function transposeMatrix(x: Node): Node {
  const rank = x.shape.length;
  return transpose(x, [...Array(rank - 2).keys(), rank - 1, rank - 2]);
}

export const conv2d = (x: Node, filter: Node, geometry: ConvolutionGeometry): Node => ({
  op: { kind: 'conv2d', geometry },
  inputs: [x, filter],
  shape: [at(x.shape, 0), geometry[0].outputSize, geometry[1].outputSize, at(filter.shape, 3)],
  dtype: 'float32',
});

export const conv2dBackpropInput = (dy: Node, filter: Node, geometry: ConvolutionGeometry): Node => ({
  op: { kind: 'conv2dBackpropInput', geometry },
  inputs: [dy, filter],
  shape: [at(dy.shape, 0), geometry[0].inputSize, geometry[1].inputSize, at(filter.shape, 2)],
  dtype: 'float32',
});

export const conv2dBackpropFilter = (x: Node, dy: Node, geometry: ConvolutionGeometry): Node => ({
  op: { kind: 'conv2dBackpropFilter', geometry },
  inputs: [x, dy],
  shape: [geometry[0].taps, geometry[1].taps, at(x.shape, 3), at(dy.shape, 3)],
  dtype: 'float32',
});
