import { broadcast, constant, conv2dBackpropInput, pointwise, reduce, reshape, slice, transpose } from '../build.ts';
import { type Graph, type Node, type PointwiseFunction, rewrite, type Shape } from '../graph.ts';
import { at, broadcastShape, permute, sameShape, sizeOf } from '../shapes.ts';

/**
 * Folds constants, and removes operations that change nothing or only repeat values. Runs until nothing changes.
 *
 * Rounding is left alone: every rule gives the same float32 result as the operations that it replaces, but for the sign of
 * a zero.
 */
export function simplify(graph: Graph): Graph {
  const next = rewrite(graph, (node) => {
    for (const rule of rules) {
      const replacement = rule(node);
      if (replacement !== undefined) return replacement;
    }
    return node;
  });
  const changed = next.outputs.some(({ node }, i) => node !== graph.outputs[i]?.node);
  return changed ? simplify(next) : next;
}

/** A replacement of equal value, shape and dtype, or undefined where the rule does not apply. */
type Rule = (node: Node) => Node | undefined;

const rules: readonly Rule[] = [
  foldPointwise,
  foldMovedConstant,
  dropNeutralOperand,
  shrinkConstantOperands,
  postponeBroadcast,
  factorSelect,
  factorChoice,
  tileIsBroadcast,
  mergeBroadcasts,
  mergeReshapes,
  mergeTransposes,
  dropLeadingOnes,
  reduceNothing,
  cutBatchFirst,
];

const uniformValue = ({ op }: Node): number | undefined => (op.kind === 'constant' ? op.value : undefined);

/** Functions that IEEE 754 rounds exactly, so that folding is the same on every machine and Node version. */
const EXACT: Readonly<Partial<Record<PointwiseFunction, (a: number, b: number) => number>>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  neg: (a) => -a,
  abs: Math.abs,
  sqrt: Math.sqrt,
  max: Math.max,
  min: Math.min,
};

function foldPointwise({ op, inputs, shape, dtype }: Node): Node | undefined {
  if (op.kind !== 'pointwise' || dtype !== 'float32') return undefined;
  const evaluate = EXACT[op.fn];
  const [a, b = 0] = inputs.map(uniformValue);
  if (evaluate === undefined || a === undefined || !inputs.every((input) => input.op.kind === 'constant'))
    return undefined;
  // Arithmetic on float32 operands in double precision, rounded once more, is correctly rounded float32 arithmetic.
  return constant(evaluate(a, b), shape, dtype);
}

/** Moving, repeating or selecting elements of a uniform constant gives a uniform constant. */
function foldMovedConstant({ op, inputs, shape, dtype }: Node): Node | undefined {
  const [x] = inputs;
  if (x?.op.kind !== 'constant') return undefined;
  switch (op.kind) {
    case 'broadcast':
    case 'reshape':
    case 'slice':
    case 'tile':
    case 'transpose':
      return constant(x.op.value, shape, dtype);
    default:
      return undefined;
  }
}

const isNeutral = (node: Node, neutral: number): boolean => uniformValue(node) === neutral;

/** x + 0, x − 0, x · 1, x ÷ 1: only the shape of the constant remains. */
function dropNeutralOperand({ op, inputs, shape }: Node): Node | undefined {
  const [a, b] = inputs;
  if (op.kind !== 'pointwise' || a === undefined || b === undefined) return undefined;
  switch (op.fn) {
    case 'add':
      return isNeutral(b, 0) ? broadcast(a, shape) : isNeutral(a, 0) ? broadcast(b, shape) : undefined;
    case 'mul':
      return isNeutral(b, 1) ? broadcast(a, shape) : isNeutral(a, 1) ? broadcast(b, shape) : undefined;
    case 'sub':
      return isNeutral(b, 0) ? broadcast(a, shape) : undefined;
    case 'div':
      return isNeutral(b, 1) ? broadcast(a, shape) : undefined;
    default:
      return undefined;
  }
}

const isWide = ({ op, shape }: Node): boolean => op.kind === 'constant' && shape.length > 0;

/** A uniform operand needs no shape of its own where the other operands give it. */
function shrinkConstantOperands(node: Node): Node | undefined {
  if (node.op.kind !== 'pointwise') return undefined;
  if (!node.inputs.some(isWide)) return undefined;
  const inputs = node.inputs.map((input) =>
    isWide(input) ? constant(uniformValue(input) ?? 0, [], input.dtype) : input,
  );
  const shape = broadcastShape(...inputs.map((input) => input.shape));
  return broadcast({ ...node, inputs, shape }, node.shape);
}

/** f(broadcast(x), y) = broadcast(f(x, y)): fewer elements, and often no broadcast at all. */
function postponeBroadcast(node: Node): Node | undefined {
  if (node.op.kind !== 'pointwise' && node.op.kind !== 'cast' && node.op.kind !== 'leakyRelu') return undefined;
  if (!node.inputs.some((input) => input.op.kind === 'broadcast')) return undefined;
  const inputs = node.inputs.map((input) => (input.op.kind === 'broadcast' ? at(input.inputs, 0) : input));
  const shape = broadcastShape(...inputs.map((input) => input.shape));
  return broadcast({ ...node, inputs, shape }, node.shape);
}

/** select(c, y, y · a) = y · select(c, 1, a), as tfjs writes leakyRelu's gradient: the choice is between two constants. */
function factorSelect({ op, inputs }: Node): Node | undefined {
  if (op.kind !== 'pointwise' || op.fn !== 'select') return undefined;
  const [condition, y, scaled] = inputs;
  if (condition === undefined || y === undefined || scaled?.op.kind !== 'pointwise' || scaled.op.fn !== 'mul')
    return undefined;
  const [factor, alpha] = scaled.inputs;
  if (factor !== y || alpha?.op.kind !== 'constant') return undefined;
  return pointwise('mul', y, pointwise('select', condition, constant(1, [], y.dtype), alpha));
}

/**
 * y · [c] + y · [not c] · a = y · select(c, 1, a), as tfjs writes the second derivative of leakyRelu. Where y is infinite, the left
 * side is NaN.
 */
function factorChoice({ op, inputs }: Node): Node | undefined {
  const [first, second] = inputs;
  if (op.kind !== 'pointwise' || op.fn !== 'add' || first === undefined || second === undefined) return undefined;
  for (const [chosen, scaled] of [
    [first, second],
    [second, first],
  ] as const) {
    const [y, yes] = factorsOf(chosen);
    const [rest, alpha] = factorsOf(scaled);
    const [other, no] = rest ? factorsOf(rest) : [];
    const condition = yes?.op.kind === 'cast' ? yes.inputs[0] : undefined;
    const opposite = no?.op.kind === 'cast' ? no.inputs[0] : undefined;
    if (y === undefined || y !== other || alpha?.op.kind !== 'constant' || condition?.dtype !== 'bool') continue;
    if (opposite?.op.kind !== 'pointwise' || opposite.op.fn !== 'not' || opposite.inputs[0] !== condition) continue;
    return pointwise('mul', y, pointwise('select', condition, constant(1, [], y.dtype), alpha));
  }
  return undefined;
}

/** The two operands of a product; nothing for other nodes. */
const factorsOf = ({ op, inputs }: Node): readonly (Node | undefined)[] =>
  op.kind === 'pointwise' && op.fn === 'mul' ? inputs : [];

function tileIsBroadcast({ op, inputs, shape }: Node): Node | undefined {
  const [x] = inputs;
  if (op.kind !== 'tile' || x === undefined) return undefined;
  return op.repeats.every((count, axis) => count === 1 || x.shape[axis] === 1) ? broadcast(x, shape) : undefined;
}

function mergeBroadcasts({ op, inputs, shape }: Node): Node | undefined {
  const [x] = inputs;
  if (op.kind !== 'broadcast' || x === undefined) return undefined;
  if (sameShape(x.shape, shape)) return x;
  if (x.op.kind === 'broadcast') return broadcast(at(x.inputs, 0), shape);
  // A broadcast that only adds leading axes of size 1.
  return sizeOf(x.shape) === sizeOf(shape) ? reshape(x, shape) : undefined;
}

function mergeReshapes({ op, inputs, shape }: Node): Node | undefined {
  const [x] = inputs;
  if (op.kind !== 'reshape' || x === undefined) return undefined;
  if (sameShape(x.shape, shape)) return x;
  return x.op.kind === 'reshape' ? reshape(at(x.inputs, 0), shape) : undefined;
}

function mergeTransposes({ op, inputs }: Node): Node | undefined {
  const [x] = inputs;
  if (op.kind !== 'transpose' || x === undefined) return undefined;
  if (x.op.kind === 'transpose') return transpose(at(x.inputs, 0), permute(x.op.perm, op.perm));
  // Only axes of size 1 move, or none.
  const moved = op.perm.filter((axis) => x.shape[axis] !== 1);
  return moved.every((axis, i) => i === 0 || at(moved, i - 1) < axis)
    ? reshape(x, permute(x.shape, op.perm))
    : undefined;
}

const withoutLeadingOnes = (shape: Shape): Shape => {
  const first = shape.findIndex((size) => size !== 1);
  return first < 0 ? [] : shape.slice(first);
};

/** Broadcasting ignores leading axes of size 1, so an operand need not be reshaped to gain or lose them. */
function dropLeadingOnes(node: Node): Node | undefined {
  if (node.op.kind !== 'pointwise') return undefined;
  const inputs = node.inputs.map((input) => {
    const [source] = input.inputs;
    if (input.op.kind !== 'reshape' || source === undefined) return input;
    return sameShape(withoutLeadingOnes(source.shape), withoutLeadingOnes(input.shape)) ? source : input;
  });
  if (inputs.every((input, i) => input === node.inputs[i])) return undefined;
  const shape = broadcastShape(...inputs.map((input) => input.shape));
  return sameShape(shape, node.shape) ? { ...node, inputs } : undefined;
}

/** Reducing axes of size 1 changes nothing; sums and means of repeated values are not folded, their rounding differs. */
function reduceNothing({ op, inputs, shape }: Node): Node | undefined {
  const [x] = inputs;
  if (op.kind !== 'reduce' || x === undefined) return undefined;
  if (sameShape(x.shape, shape)) return x;
  const axes = op.axes.filter((axis) => x.shape[axis] !== 1);
  return axes.length < op.axes.length ? reduce(op.fn, x, axes) : undefined;
}

/** Some samples of a convolution's input gradient need those samples of the output's gradient only. */
function cutBatchFirst({ op, inputs, shape }: Node): Node | undefined {
  const [whole] = inputs;
  if (op.kind !== 'slice' || whole?.op.kind !== 'conv2dBackpropInput') return undefined;
  const [dy, filter] = whole.inputs;
  const cutsOthers = !sameShape(shape.slice(1), whole.shape.slice(1)) || op.strides.some((stride) => stride !== 1);
  if (cutsOthers || dy === undefined || filter === undefined) return undefined;
  return conv2dBackpropInput(slice(dy, op.begin, dy.shape.with(0, at(shape, 0))), filter, whole.op.geometry);
}
