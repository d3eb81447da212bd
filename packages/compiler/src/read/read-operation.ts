import {
  broadcast,
  cast,
  concat,
  constant,
  gather,
  leakyRelu,
  matMul,
  pad,
  pointwise,
  reduce,
  reshape,
  slice,
  tile,
  transpose,
} from '../build.ts';
import type { NodeProto } from '../emit/model-file.ts';
import { POINTWISE, REDUCE } from '../emit/operators.ts';
import type { Node, PointwiseFunction, Reduction, Shape } from '../graph.ts';
import { at, sameShape } from '../shapes.ts';
import { dtypeOf, isSize, unsupported } from './model-values.ts';

const POINTWISE_OF = new Map(Object.entries(POINTWISE).map(([fn, opType]) => [opType, fn as PointwiseFunction]));
const REDUCTION_OF = new Map(Object.entries(REDUCE).map(([fn, opType]) => [opType, fn as Reduction]));

/** One ONNX node being read: its operands, and the checks that keep a graph's shapes true. */
export class Operation {
  readonly #proto: NodeProto;
  readonly #values: ReadonlyMap<string, readonly number[] | Node>;

  constructor(proto: NodeProto, values: ReadonlyMap<string, readonly number[] | Node>) {
    this.#proto = proto;
    this.#values = values;
  }

  #value(index: number): readonly number[] | Node {
    const value = this.#values.get(this.#proto.input[index] ?? '');
    if (value === undefined) throw unsupported(`${this.#proto.opType} without input ${index}`);
    return value;
  }

  tensor(index: number): Node {
    const value = this.#value(index);
    if (!('op' in value)) throw unsupported(`${this.#proto.opType} of an int64 tensor`);
    return value;
  }

  tensors(): Node[] {
    return this.#proto.input.map((_, i) => this.tensor(i));
  }

  /** A float32 tensor. */
  float(index: number): Node {
    const tensor = this.tensor(index);
    this.require(tensor.dtype === 'float32', `of ${tensor.dtype}`);
    return tensor;
  }

  numbers(index: number): readonly number[] {
    const value = this.#value(index);
    if ('op' in value) throw unsupported(`${this.#proto.opType} whose input ${index} is no constant`);
    return value;
  }

  /** A shape: no axis of it is empty. */
  shape(index: number): Shape {
    const sizes = this.numbers(index);
    this.require(sizes.every(isSize), `to the shape [${sizes.join()}]`);
    return sizes;
  }

  scalar(index: number): number {
    const { op, shape } = this.tensor(index);
    if (op.kind !== 'constant' || shape.length > 0)
      throw unsupported(`${this.#proto.opType} by a value that is no constant`);
    return op.value;
  }

  attribute(name: string) {
    return this.#proto.attribute.find((attribute) => attribute.name === name);
  }

  /** It has these attributes, and no other. */
  requireAttributes(names: readonly string[]): void {
    const given = this.#proto.attribute.map(({ name }) => name);
    const fits = given.length === names.length && given.every((name) => names.includes(name));
    this.require(fits, `with the attributes ${given.join(', ') || '(none)'}`);
  }

  require(holds: boolean, what: string): void {
    if (!holds) throw unsupported(`${this.#proto.opType} ${what}`);
  }

  /** Each of `axes` is one of `rank` axes, none twice. */
  requireAxes(axes: readonly number[], rank: number): void {
    const valid = axes.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank);
    this.require(valid && new Set(axes).size === axes.length, `over the axes ${axes.join()} of ${rank}`);
  }
}

function readSlice(operation: Operation): Node {
  const source = operation.tensor(0);
  const [starts, ends, axes, steps] = [1, 2, 3, 4].map((index) => operation.numbers(index)) as [
    Shape,
    Shape,
    Shape,
    Shape,
  ];
  operation.requireAxes(axes, source.shape.length);
  operation.require(
    [starts, ends, steps].every(({ length }) => length === axes.length),
    'with too few bounds',
  );
  const begin = source.shape.map(() => 0);
  const size = [...source.shape];
  const strides = source.shape.map(() => 1);
  for (const [i, axis] of axes.entries()) {
    const [start, end, step] = [at(starts, i), at(ends, i), at(steps, i)];
    const length = at(source.shape, axis);
    const count = Math.ceil(((step > 0 ? Math.min(end, length) : Math.max(end, -1)) - start) / step);
    operation.require(
      start >= 0 && start < length && count > 0 && Number.isSafeInteger(count),
      'that is empty or outside',
    );
    begin[axis] = start;
    size[axis] = count;
    strides[axis] = step;
  }
  return slice(source, begin, size, strides);
}

const UNARY: readonly PointwiseFunction[] = [
  'abs',
  'exp',
  'log',
  'neg',
  'not',
  'relu',
  'sigmoid',
  'softplus',
  'sqrt',
  'tanh',
];

/** Functions of float32 alone; in C, a division of integers can end the process. */
const OF_FLOATS: readonly PointwiseFunction[] = ['div', 'exp', 'log', 'pow', 'sigmoid', 'softplus', 'sqrt', 'tanh'];

function operandCount(fn: PointwiseFunction, given: number): number {
  if (fn === 'addN') return Math.max(given, 1);
  if (fn === 'clip' || fn === 'select') return 3;
  return UNARY.includes(fn) ? 1 : 2;
}

function readPointwise(fn: PointwiseFunction, operation: Operation): Node {
  const inputs = operation.tensors();
  operation.require(inputs.length === operandCount(fn, inputs.length), `of ${inputs.length} inputs`);
  const [condition, ...branches] = inputs;
  const operands = fn === 'select' ? branches : inputs;
  const dtype = operands[0]?.dtype;
  operation.require(
    operands.every((operand) => operand.dtype === dtype),
    'of tensors of different dtypes',
  );
  if (fn === 'select') operation.require(condition?.dtype === 'bool', `by ${condition?.dtype}`);
  else if (fn !== 'equal') operation.require((dtype === 'bool') === (fn === 'and' || fn === 'not'), `of ${dtype}`);
  if (OF_FLOATS.includes(fn)) operation.require(dtype === 'float32', `of ${dtype}`);
  return pointwise(fn, ...inputs);
}

/** The attributes of those operators that have any; `emit` writes them all. */
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(Object.values(REDUCE).map((opType) => [opType, ['keepdims']])),
  Cast: ['to'],
  Concat: ['axis'],
  Gather: ['axis'],
  LeakyRelu: ['alpha'],
  Reshape: ['allowzero'],
  Transpose: ['perm'],
};

/** The node that computes what an ONNX node does. @throws CompileError unsupported-model */
export function readOperation(opType: string, operation: Operation): Node {
  operation.requireAttributes(Object.hasOwn(ATTRIBUTES, opType) ? (ATTRIBUTES[opType] ?? []) : []);
  const fn = POINTWISE_OF.get(opType);
  if (fn !== undefined) return readPointwise(fn, operation);
  const reduction = REDUCTION_OF.get(opType);
  if (reduction !== undefined) {
    const axes = operation.numbers(1);
    operation.require(operation.attribute('keepdims')?.i === 1, 'that drops the axes');
    const source = operation.tensor(0);
    operation.requireAxes(axes, source.shape.length);
    operation.require(
      source.dtype === 'float32' || (source.dtype === 'int32' && reduction !== 'mean'),
      `of ${source.dtype}`,
    );
    return reduce(reduction, source, axes);
  }
  switch (opType) {
    case 'Identity':
      return operation.tensor(0);
    case 'LeakyRelu':
      return leakyRelu(operation.float(0), operation.attribute('alpha')?.f ?? 0);
    case 'Cast':
      return cast(operation.tensor(0), dtypeOf(operation.attribute('to')?.i ?? 0));
    case 'Reshape':
      return reshape(operation.tensor(0), operation.shape(1));
    case 'Transpose': {
      const source = operation.tensor(0);
      const perm = operation.attribute('perm')?.ints ?? [];
      operation.requireAxes(perm, source.shape.length);
      operation.require(perm.length === source.shape.length, 'of too few axes');
      return transpose(source, perm);
    }
    case 'Slice':
      return readSlice(operation);
    case 'Concat': {
      const parts = operation.tensors();
      const [first] = parts;
      const axis = operation.attribute('axis')?.i ?? 0;
      operation.requireAxes([axis], first?.shape.length ?? 0);
      const fits = ({ shape, dtype }: Node) =>
        dtype === first?.dtype &&
        shape.length === first.shape.length &&
        sameShape(shape.with(axis, 0), first.shape.with(axis, 0));
      operation.require(parts.every(fits), 'of tensors that do not fit');
      return concat(parts, axis);
    }
    case 'Pad': {
      const source = operation.tensor(0);
      const widths = operation.numbers(1);
      const rank = source.shape.length;
      operation.require(widths.length === 2 * rank && widths.every((width) => width >= 0), `by ${widths.join()}`);
      operation.require(operation.tensor(2).dtype === source.dtype, 'by a value of another dtype');
      return pad(source, widths.slice(0, rank), widths.slice(rank), operation.scalar(2));
    }
    case 'Gather': {
      const source = operation.tensor(0);
      const rows = operation.numbers(1);
      const [count = 0] = source.shape;
      operation.require((operation.attribute('axis')?.i ?? 0) === 0, 'along another axis than the first');
      operation.require(rows.length > 0, 'of no rows');
      operation.require(
        rows.every((row) => row >= 0 && row < count),
        `of rows that are not there`,
      );
      return gather(source, rows);
    }
    case 'Expand': {
      const source = operation.tensor(0);
      const shape = operation.shape(1);
      return broadcast(source, pointwise('add', source, constant(0, shape, source.dtype)).shape);
    }
    case 'Tile': {
      const source = operation.tensor(0);
      const repeats = operation.numbers(1);
      operation.require(
        repeats.length === source.shape.length && repeats.every((count) => count > 0),
        `by ${repeats.join()}`,
      );
      return tile(source, repeats);
    }
    case 'MatMul': {
      const [a, b] = [operation.float(0), operation.float(1)];
      operation.require(
        a.shape.length >= 2 && b.shape.length >= 2 && a.shape.at(-1) === b.shape.at(-2),
        'of shapes that do not fit',
      );
      return matMul(a, b);
    }
    default:
      throw unsupported(`the operator ${opType}`);
  }
}
