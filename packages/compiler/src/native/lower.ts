import type { Graph, Node, Shape } from '../graph.ts';
import { topologicalOrder } from '../graph.ts';
import { at, sameShape, sizeOf } from '../shapes.ts';
import { dtypeOf, type Expression, loadsOf, type Step } from './steps.ts';
import {
  broadcastView,
  type Buffer,
  mergedAxes,
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

const argument = ({ dtype, shape }: Node): Buffer => ({ place: 'argument', dtype, size: sizeOf(shape) });

/** How often each node is used, as an input or an output. */
function countUses(graph: Graph): ReadonlyMap<Node, Node[]> {
  const users = new Map<Node, Node[]>();
  for (const node of topologicalOrder(graph)) {
    users.set(node, []);
    for (const input of node.inputs) users.get(input)?.push(node);
  }
  return users;
}

const isPointwise = ({ op }: Node) => op.kind === 'pointwise' || op.kind === 'leakyRelu' || op.kind === 'cast';

/** Whether the elements of a node's result are elements of its input, so that it may be a view. */
const isView = ({ op }: Node) =>
  op.kind === 'reshape' || op.kind === 'transpose' || op.kind === 'slice' || op.kind === 'broadcast';

class Lowering {
  readonly #users: ReadonlyMap<Node, Node[]>;
  /** Outputs that are written where they are computed. */
  readonly #destinations = new Map<Node, Buffer>();
  readonly #values = new Map<Node, View | Expression>();
  readonly #outputNodes: ReadonlySet<Node>;
  readonly steps: Step[] = [];

  constructor(graph: Graph, outputs: readonly Buffer[]) {
    this.#users = countUses(graph);
    this.#outputNodes = new Set(graph.outputs.map(({ node }) => node));
    for (const [i, { node }] of graph.outputs.entries()) {
      let source = node;
      while (source.op.kind === 'reshape') source = at(source.inputs, 0);
      const computed = !isView(source) && source.op.kind !== 'input' && source.op.kind !== 'table';
      if (computed && !this.#destinations.has(source)) this.#destinations.set(source, at(outputs, i));
    }
  }

  define(node: Node, value: View | Expression): void {
    this.#values.set(node, value);
  }

  /** A node's value in memory. */
  view(node: Node): View {
    const value = this.#values.get(node);
    if (value === undefined) throw new Error('lower: a node comes before its input');
    if (!('kind' in value)) return value;
    const view = this.#room(node);
    this.steps.push({ kind: 'loop', target: view, value });
    this.#values.set(node, view);
    return view;
  }

  /** A node's value as part of a loop over `shape`. */
  expression(node: Node, shape: Shape): Expression {
    const value = this.#values.get(node);
    if (value && 'kind' in value && (value.kind === 'literal' || sameShape(node.shape, shape))) return value;
    return { kind: 'load', view: broadcastView(this.view(node), shape) };
  }

  lower(node: Node): void {
    const { op, shape } = node;
    switch (op.kind) {
      case 'input':
      case 'table':
        return;
      case 'constant':
        this.define(node, { kind: 'literal', value: op.value, dtype: node.dtype });
        break;
      case 'pointwise':
        this.define(node, { kind: 'call', fn: op.fn, args: this.#arguments(node), dtype: node.dtype });
        break;
      case 'cast':
        this.define(node, { kind: 'call', fn: 'cast', args: this.#arguments(node), dtype: node.dtype });
        break;
      case 'leakyRelu':
        this.define(node, { kind: 'leakyRelu', alpha: op.alpha, arg: at(this.#arguments(node), 0) });
        break;
      case 'reshape':
      case 'transpose':
      case 'slice':
      case 'broadcast':
        this.#lowerView(node);
        break;
      case 'gather': {
        const view = this.view(at(node.inputs, 0));
        // The rows of this view are chosen by the load.
        this.define(node, { kind: 'load', view: { ...view, shape }, rows: op.rows });
        break;
      }
      case 'tile':
        this.#lowerTile(node, op.repeats);
        break;
      case 'concat':
        this.#lowerConcat(node, op.axis);
        break;
      case 'pad': {
        const target = this.#room(node);
        const [input] = node.inputs as readonly [Node];
        this.steps.push({ kind: 'loop', target, value: { kind: 'literal', value: op.value, dtype: node.dtype } });
        this.#copyInto(sliceView(target, op.before, input.shape, input.shape.map(() => 1)), input);
        this.define(node, target);
        break;
      }
      case 'reduce': {
        const [input] = node.inputs as readonly [Node];
        const value = this.expression(input, input.shape);
        const target = this.#room(node);
        this.steps.push({ kind: 'reduce', fn: op.fn, shape: input.shape, axes: op.axes, target, value });
        this.define(node, target);
        break;
      }
      case 'matMul':
        this.#lowerProduct(node);
        break;
      case 'conv2d':
      case 'conv2dBackpropInput':
      case 'conv2dBackpropFilter':
        throw new Error(`'${op.kind}' is no operator of a lowered graph`);
    }
    const value = this.#values.get(node);
    if (value && 'kind' in value && value.kind !== 'literal' && !this.#staysExpression(node)) this.view(node);
  }

  copyTo(output: Buffer, node: Node): void {
    const { place, dtype, size } = output;
    if (this.#values.get(node) !== undefined && this.#bufferOf(node) === output) return;
    this.#copyInto(wholeOf({ place, dtype, size }, node.shape), node, output);
  }

  #bufferOf(node: Node): Buffer | undefined {
    const value = this.#values.get(node);
    return value && !('kind' in value) ? value.buffer : undefined;
  }

  #copyInto(target: View, node: Node, buffer = target.buffer): void {
    this.steps.push({ kind: 'loop', target: { ...target, buffer }, value: this.expression(node, node.shape) });
  }

  #arguments(node: Node): Expression[] {
    return node.inputs.map((input) => this.expression(input, node.shape));
  }

  /** Row-major memory for a node's value. */
  #room(node: Node): View {
    const buffer = this.#destinations.get(node);
    return wholeOf(buffer ?? { place: 'scratch', dtype: node.dtype, size: sizeOf(node.shape) }, node.shape);
  }

  /** Whether a value that nobody else needs is computed in the loop of its only user. */
  #staysExpression(node: Node): boolean {
    const users = this.#users.get(node) ?? [];
    const [user] = users;
    if (users.length !== 1 || user === undefined || this.#outputNodes.has(node) || this.#destinations.has(node)) return false;
    return (isPointwise(user) && sameShape(user.shape, node.shape)) || user.op.kind === 'reduce';
  }

  #lowerView(node: Node): void {
    const [input] = node.inputs as readonly [Node];
    const { op, shape } = node;
    const value = this.#values.get(input);
    if (value && 'kind' in value && value.kind === 'literal') {
      this.define(node, value);
      return;
    }
    const view = this.view(input);
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
        this.define(node, reshapeView(view, shape) ?? { ...this.#compact(view), shape, strides: rowMajorStrides(shape) });
    }
  }

  /** A row-major copy of a view. */
  #compact(view: View): View {
    const { dtype } = view.buffer;
    const target = wholeOf({ place: 'scratch', dtype, size: sizeOf(view.shape) }, view.shape);
    this.steps.push({ kind: 'loop', target, value: { kind: 'load', view } });
    return target;
  }

  #lowerTile(node: Node, repeats: readonly number[]): void {
    const [input] = node.inputs as readonly [Node];
    const view = this.view(input);
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
      this.#copyInto(sliceView(target, begin, part.shape, begin.map(() => 1)), part);
      place += at(part.shape, axis);
    }
    this.define(node, target);
  }

  #lowerProduct(node: Node): void {
    const rank = node.shape.length;
    const operand = (input: Node): View => {
      const view = broadcastView(this.view(input), [...node.shape.slice(0, -2), ...input.shape.slice(-2)]);
      const contiguous = [rank - 2, rank - 1].some((axis) => view.strides[axis] === 1 || view.shape[axis] === 1);
      return contiguous ? view : this.#compact(view);
    };
    const [a, b] = [operand(at(node.inputs, 0)), operand(at(node.inputs, 1))];
    const target = this.#room(node);
    this.steps.push({ kind: 'product', a, b, target });
    this.define(node, target);
  }
}

/** Turns a graph without convolutions into steps: element-wise operations that follow each other become one loop. */
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
  for (const [i, { node }] of graph.outputs.entries()) lowering.copyTo(at(outputs, i), node);
  return { inputs, tables, outputs, steps: lowering.steps };
}
