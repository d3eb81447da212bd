import { type Graph, type Node, type Shape, topologicalOrder } from '../graph.ts';
import { at, sameShape, sizeOf } from '../shapes.ts';
import type { Expression, Step } from './steps.ts';
import {
  broadcastView,
  type Buffer,
  reshapeView,
  rowMajorStrides,
  sliceView,
  transposeView,
  type View,
  wholeOf,
} from './views.ts';

/** A graph as steps on memory. */
export interface Lowered {
  readonly inputs: readonly Buffer[];
  /** Constants, which are passed in like inputs. */
  readonly tables: readonly { readonly buffer: Buffer; readonly values: readonly number[] }[];
  readonly outputs: readonly Buffer[];
  readonly steps: readonly Step[];
}

/** A node's value: where it lies, or how it is computed, each element once, in the loop of its only user. */
type Value = View | Expression;

/** Operations in one loop: C compilers take so many parentheses in each other, and more gain nothing. */
const MAX_DEPTH = 64;

const isExpression = (value: Value): value is Expression => 'kind' in value;

const argument = ({ dtype, shape }: Node): Buffer => ({ place: 'argument', dtype, size: sizeOf(shape) });

const ones = (shape: Shape): number[] => shape.map(() => 1);

/** The node whose result an output is, in another shape perhaps, if it can be computed where the output is wanted. */
function computedAs(output: Node): Node | undefined {
  let computed = output;
  while (computed.op.kind === 'reshape') computed = at(computed.inputs, 0);
  switch (computed.op.kind) {
    case 'broadcast':
    case 'constant':
    case 'input':
    case 'slice':
    case 'table':
    case 'transpose':
      return undefined;
    default:
      return computed;
  }
}

/** How many operations are in each other. */
function depthOf(expression: Expression, depths: ReadonlyMap<Expression, number>): number {
  if (expression.kind === 'call') return 1 + Math.max(0, ...expression.args.map((arg) => depths.get(arg) ?? 0));
  return expression.kind === 'leakyRelu' ? 1 + (depths.get(expression.arg) ?? 0) : 0;
}

class Lowering {
  readonly steps: Step[] = [];
  readonly #users = new Map<Node, Node[]>();
  readonly #outputs: ReadonlySet<Node>;
  readonly #destinations = new Map<Node, Buffer>();
  readonly #values = new Map<Node, Value>();
  readonly #depths = new Map<Expression, number>();

  constructor(graph: Graph, outputs: readonly Buffer[]) {
    for (const node of topologicalOrder(graph)) {
      this.#users.set(node, []);
      for (const input of node.inputs) this.#users.get(input)?.push(node);
    }
    this.#outputs = new Set(graph.outputs.map(({ node }) => node));
    for (const [i, { node }] of graph.outputs.entries()) {
      const computed = computedAs(node);
      if (computed && !this.#destinations.has(computed)) this.#destinations.set(computed, at(outputs, i));
    }
  }

  define(node: Node, value: Value): void {
    this.#values.set(node, value);
  }

  lower(node: Node): void {
    const { op, inputs, dtype, shape } = node;
    switch (op.kind) {
      case 'input':
      case 'table':
        return;
      case 'constant':
        this.define(node, { kind: 'literal', value: op.value, dtype });
        return;
      case 'pointwise':
        this.#lowerPointwise(node, { kind: 'call', fn: op.fn, args: this.#arguments(node), dtype });
        return;
      case 'cast':
        this.#lowerPointwise(node, { kind: 'call', fn: 'cast', args: this.#arguments(node), dtype });
        return;
      case 'leakyRelu':
        this.#lowerPointwise(node, { kind: 'leakyRelu', alpha: op.alpha, arg: at(this.#arguments(node), 0) });
        return;
      case 'gather': {
        const view = this.#view(at(inputs, 0));
        this.#compute(node, { kind: 'load', view: { ...view, shape }, rows: op.rows });
        return;
      }
      case 'reshape':
      case 'transpose':
      case 'slice':
      case 'broadcast':
        this.#lowerView(node);
        return;
      case 'tile':
        this.#lowerTile(node, op.repeats);
        return;
      case 'concat':
        this.#lowerConcat(node, op.axis);
        return;
      case 'pad': {
        const input = at(inputs, 0);
        const target = this.#compute(node, { kind: 'literal', value: op.value, dtype });
        this.#store(sliceView(target, op.before, input.shape, ones(shape)), input);
        return;
      }
      case 'reduce': {
        const input = at(inputs, 0);
        const value = this.#valueOver(input, input.shape);
        const target = this.#room(node);
        this.steps.push({ kind: 'reduce', fn: op.fn, shape: input.shape, axes: op.axes, target, value });
        this.define(node, target);
        return;
      }
      case 'matMul':
        this.#lowerProduct(node);
        return;
      case 'conv2d':
      case 'conv2dBackpropInput':
      case 'conv2dBackpropFilter':
        throw new Error(`'${op.kind}' is no operator of a lowered graph`);
    }
  }

  /** Makes sure that an output lies where it is wanted. */
  finish(node: Node, output: Buffer): void {
    const value = this.#values.get(node);
    const isThere = value && !isExpression(value) && value.buffer === output;
    if (!isThere) this.#store(wholeOf(output, node.shape), node);
  }

  /** A node's value in memory. */
  #view(node: Node): View {
    const value = this.#values.get(node);
    if (value === undefined) throw new Error('lower: a node comes before its input');
    return isExpression(value) ? this.#compute(node, value) : value;
  }

  /** A node's value for a loop over `shape`, to which its own is broadcast. */
  #valueOver(node: Node, shape: Shape): Expression {
    const value = this.#values.get(node);
    if (value && isExpression(value) && (value.kind === 'literal' || sameShape(node.shape, shape))) return value;
    return { kind: 'load', view: broadcastView(this.#view(node), shape) };
  }

  #arguments(node: Node): Expression[] {
    return node.inputs.map((input) => this.#valueOver(input, node.shape));
  }

  /** Row-major memory for a node's value. */
  #room(node: Node): View {
    const { dtype, shape } = node;
    return wholeOf(this.#destinations.get(node) ?? { place: 'scratch', dtype, size: sizeOf(shape) }, shape);
  }

  /** Computes a node's value into memory. */
  #compute(node: Node, value: Expression): View {
    const target = this.#room(node);
    this.steps.push({ kind: 'loop', target, value });
    this.define(node, target);
    return target;
  }

  /** Copies a node's value to where `target` says. */
  #store(target: View, node: Node): void {
    this.steps.push({ kind: 'loop', target, value: this.#valueOver(node, node.shape) });
  }

  /** A row-major copy of a view. */
  #compact(view: View): View {
    const { dtype } = view.buffer;
    const target = wholeOf({ place: 'scratch', dtype, size: sizeOf(view.shape) }, view.shape);
    this.steps.push({ kind: 'loop', target, value: { kind: 'load', view } });
    return target;
  }

  #lowerPointwise(node: Node, value: Expression): void {
    const users = this.#users.get(node) ?? [];
    const [user] = users;
    const isOnlyUser = users.length === 1 && !this.#outputs.has(node) && !this.#destinations.has(node);
    const isLoop =
      user?.op.kind === 'reduce' ||
      (['pointwise', 'leakyRelu', 'cast'].includes(user?.op.kind ?? '') && sameShape(user?.shape ?? [], node.shape));
    const depth = depthOf(value, this.#depths);
    this.#depths.set(value, depth);
    if (isOnlyUser && isLoop && depth < MAX_DEPTH) this.define(node, value);
    else this.#compute(node, value);
  }

  #lowerView(node: Node): void {
    const input = at(node.inputs, 0);
    const { op, shape } = node;
    const value = this.#values.get(input);
    if (value && isExpression(value) && value.kind === 'literal') {
      this.define(node, value);
      return;
    }
    const view = this.#view(input);
    switch (op.kind) {
      case 'transpose':
        this.define(node, transposeView(view, op.perm));
        break;
      case 'slice':
        this.define(node, sliceView(view, op.begin, shape, op.strides));
        break;
      case 'broadcast':
        this.define(node, broadcastView(view, shape));
        break;
      default:
        this.define(node, reshapeView(view, shape) ?? wholeOf(this.#compact(view).buffer, shape));
    }
  }

  #lowerTile(node: Node, repeats: readonly number[]): void {
    const input = at(node.inputs, 0);
    const view = this.#view(input);
    const target = this.#room(node);
    // Each axis becomes two: its repetitions, and what is repeated.
    const shape = repeats.flatMap((count, axis) => [count, at(input.shape, axis)]);
    const strides = view.strides.flatMap((stride) => [0, stride]);
    this.steps.push({
      kind: 'loop',
      target: { ...target, shape, strides: rowMajorStrides(shape) },
      value: { kind: 'load', view: { ...view, shape, strides } },
    });
    this.define(node, target);
  }

  #lowerConcat(node: Node, axis: number): void {
    const target = this.#room(node);
    let place = 0;
    for (const part of node.inputs) {
      const begin = node.shape.map((_, i) => (i === axis ? place : 0));
      this.#store(sliceView(target, begin, part.shape, ones(begin)), part);
      place += at(part.shape, axis);
    }
    this.define(node, target);
  }

  #lowerProduct(node: Node): void {
    const rank = node.shape.length;
    const operand = (input: Node): View => {
      const view = broadcastView(this.#view(input), [...node.shape.slice(0, -2), ...input.shape.slice(-2)]);
      const isContiguous = [rank - 2, rank - 1].some((axis) => view.strides[axis] === 1 || view.shape[axis] === 1);
      return isContiguous && view.strides.every((stride) => stride >= 0) ? view : this.#compact(view);
    };
    const [a, b] = [operand(at(node.inputs, 0)), operand(at(node.inputs, 1))];
    const target = this.#room(node);
    this.steps.push({ kind: 'product', a, b, target });
    this.define(node, target);
  }
}

/** Turns a graph without convolutions into steps. An element-wise operation with one user is part of that user's loop. */
export function lower(graph: Graph): Lowered {
  const inputs = graph.inputs.map(argument);
  const outputs = graph.outputs.map(({ node }) => argument(node));
  const tables: { buffer: Buffer; values: readonly number[] }[] = [];
  const lowering = new Lowering(graph, outputs);
  for (const [i, node] of graph.inputs.entries()) lowering.define(node, wholeOf(at(inputs, i), node.shape));
  for (const node of topologicalOrder(graph)) {
    if (node.op.kind === 'table') {
      const buffer = argument(node);
      tables.push({ buffer, values: node.op.values });
      lowering.define(node, wholeOf(buffer, node.shape));
    }
    lowering.lower(node);
  }
  for (const [i, { node }] of graph.outputs.entries()) lowering.finish(node, at(outputs, i));
  return { inputs, tables, outputs, steps: lowering.steps };
}
