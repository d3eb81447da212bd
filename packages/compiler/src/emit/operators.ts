import type { Node, PointwiseFunction, Reduction } from '../graph.ts';
import { at } from '../shapes.ts';
import { ELEMENT_TYPE, type Initializers } from './initializers.ts';

/** One ONNX node, without its name and outputs. */
export interface Operator {
  readonly opType: string;
  readonly inputs: readonly string[];
  /** Numbers are written as INT attributes, `alpha` as FLOAT, arrays as INTS. */
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export const POINTWISE: Readonly<Record<PointwiseFunction, string>> = {
  abs: 'Abs',
  add: 'Add',
  addN: 'Sum',
  and: 'And',
  clip: 'Clip',
  div: 'Div',
  equal: 'Equal',
  exp: 'Exp',
  greater: 'Greater',
  greaterEqual: 'GreaterOrEqual',
  less: 'Less',
  lessEqual: 'LessOrEqual',
  log: 'Log',
  max: 'Max',
  min: 'Min',
  mul: 'Mul',
  neg: 'Neg',
  not: 'Not',
  pow: 'Pow',
  relu: 'Relu',
  select: 'Where',
  sigmoid: 'Sigmoid',
  softplus: 'Softplus',
  sqrt: 'Sqrt',
  sub: 'Sub',
  tanh: 'Tanh',
};

export const REDUCE: Readonly<Record<Reduction, string>> = {
  max: 'ReduceMax',
  mean: 'ReduceMean',
  min: 'ReduceMin',
  sum: 'ReduceSum',
};

/** The exclusive end of a slice. ONNX counts negative ends from the back, so one before index 0 has to lie far below. */
function sliceEnd(begin: number, size: number, stride: number): number {
  const last = begin + (size - 1) * stride;
  if (stride > 0) return last + 1;
  return last > 0 ? last - 1 : -(2 ** 31);
}

/** The ONNX operator that computes `node` from the values named `inputs`. */
export function operatorOf(node: Node, inputs: readonly string[], initializers: Initializers): Operator {
  const { op, shape } = node;
  switch (op.kind) {
    case 'constant':
      return { opType: 'Expand', inputs: [initializers.scalar(op.value, node.dtype), initializers.int64(shape)] };
    case 'gather':
      return { opType: 'Gather', inputs: [...inputs, initializers.int64(op.rows)], attributes: { axis: 0 } };
    case 'pointwise':
      return { opType: POINTWISE[op.fn], inputs };
    case 'leakyRelu':
      return { opType: 'LeakyRelu', inputs, attributes: { alpha: op.alpha } };
    case 'cast':
      return { opType: 'Cast', inputs, attributes: { to: ELEMENT_TYPE[node.dtype] } };
    case 'reduce':
      return { opType: REDUCE[op.fn], inputs: [...inputs, initializers.int64(op.axes)], attributes: { keepdims: 1 } };
    case 'reshape':
      return { opType: 'Reshape', inputs: [...inputs, initializers.int64(shape)], attributes: { allowzero: 1 } };
    case 'transpose':
      return { opType: 'Transpose', inputs, attributes: { perm: op.perm } };
    case 'slice': {
      const source = at(node.inputs, 0).shape;
      // Only the axes that are cut: a runtime copies the others as blocks.
      const axes = [...shape.keys()].filter((axis) => shape[axis] !== source[axis] || at(op.strides, axis) < 0);
      const ends = axes.map((axis) => sliceEnd(at(op.begin, axis), at(shape, axis), at(op.strides, axis)));
      const cut = [axes.map((axis) => at(op.begin, axis)), ends, axes, axes.map((axis) => at(op.strides, axis))];
      return { opType: 'Slice', inputs: [...inputs, ...cut.map((values) => initializers.int64(values))] };
    }
    case 'concat':
      return { opType: 'Concat', inputs, attributes: { axis: op.axis } };
    case 'pad': {
      const widths = initializers.int64([...op.before, ...op.after]);
      return { opType: 'Pad', inputs: [...inputs, widths, initializers.scalar(op.value, node.dtype)] };
    }
    case 'broadcast':
      return { opType: 'Expand', inputs: [...inputs, initializers.int64(shape)] };
    case 'tile':
      return { opType: 'Tile', inputs: [...inputs, initializers.int64(op.repeats)] };
    case 'matMul':
      return { opType: 'MatMul', inputs };
    case 'input':
    case 'table':
    case 'conv2d':
    case 'conv2dBackpropInput':
    case 'conv2dBackpropFilter':
      break;
  }
  throw new Error(`'${op.kind}' is no operator of a lowered graph`);
}
