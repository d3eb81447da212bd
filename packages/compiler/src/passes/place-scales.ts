import { constant, matMul, pointwise, table } from '../build.ts';
import { type Graph, type Node, rewrite, topologicalOrder } from '../graph.ts';
import { at, sameShape, sizeOf } from '../shapes.ts';
import { asLoweredSlope, STEEP } from './slope.ts';

/**
 * Takes multiplications by one number off large tensors: into constant matrices, where they cost nothing, or to where
 * something small is made of the tensor.
 *
 * Products are rounded once more or once less than before, by powers of two not at all.
 */
export const placeScales = (graph: Graph): Graph => lower(lift(graph));

/** Factors that pile up, in a high power of a tensor, would leave no room for its own numbers: float32 reaches to 2¹²⁸. */
const MAX_EXPONENT = 50;

/** A multiplication goes up where it takes this many times fewer numbers than where it was. */
const WORTHWHILE = 8;

/**
 * A slope is `clip(STEEP·x, …)`: where x is a product or a sum of products, the small or constant operand is multiplied by STEEP
 * instead, and x is what comes out, divided by it. `lower` finds the division a place.
 */
function lift(graph: Graph): Graph {
  const nodes = topologicalOrder(graph);
  const steep = new Set(nodes.flatMap((node) => asLoweredSlope(node) ?? []));
  const users = new Map<Node, number>();
  const uses = [...nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ node }) => node)];
  for (const node of uses) users.set(node, (users.get(node) ?? 0) + 1);
  return rewrite(graph, (node, original) => {
    if (!steep.has(original)) return node;
    const { scaled, cost } = multiplied(node, original, STEEP, users);
    return cost * WORTHWHILE > sizeOf(node.shape) ? node : pointwise('mul', scaled, constant(1 / STEEP));
  });
}

/**
 * `node · factor`, with the multiplication as far up as it gets smaller, and how many numbers it takes. What others use, too,
 * stays as it is.
 * @param original the node before it was rewritten, by which `users` counts
 */
function multiplied(
  node: Node,
  original: Node,
  factor: number,
  users: ReadonlyMap<Node, number>,
): { readonly scaled: Node; readonly cost: number } {
  const constantNode = scaledConstant(node, factor);
  if (constantNode !== undefined) return { scaled: constantNode, cost: 0 };
  /** With the operands at these places multiplied. */
  const through = (...places: readonly number[]) => {
    const parts = places.map((place) => {
      const [input, of] = [at(node.inputs, place), at(original.inputs, place)];
      const here = { scaled: pointwise('mul', input, constant(factor)), cost: sizeOf(input.shape) };
      return users.get(of) === 1 || of.op.kind === 'table' ? multiplied(input, of, factor, users) : here;
    });
    const inputs = node.inputs.map((input, place) => parts[places.indexOf(place)]?.scaled ?? input);
    return { scaled: { ...node, inputs }, cost: parts.reduce((sum, { cost }) => sum + cost, 0) };
  };
  const { op } = node;
  const candidates = [{ scaled: pointwise('mul', node, constant(factor)), cost: sizeOf(node.shape) }];
  if (op.kind === 'reshape' || op.kind === 'transpose') candidates.push(through(0));
  if (op.kind === 'matMul') candidates.push(through(0), through(1));
  if (op.kind === 'pointwise' && op.fn === 'mul') candidates.push(through(0), through(1));
  if (op.kind === 'pointwise' && (op.fn === 'add' || op.fn === 'sub')) candidates.push(through(0, 1));
  return candidates.reduce((best, candidate) => (candidate.cost < best.cost ? candidate : best));
}

/** A constant matrix times a factor, or undefined for other nodes. */
function scaledConstant(node: Node, factor: number): Node | undefined {
  const { op, inputs, shape } = node;
  if (op.kind === 'table')
    return table(
      op.values.map((value) => value * factor),
      shape,
    );
  if (op.kind !== 'reshape' && op.kind !== 'transpose') return undefined;
  const scaled = scaledConstant(at(inputs, 0), factor);
  return scaled && { ...node, inputs: [scaled] };
}

/** A tensor as `node · factor`, the multiplication not carried out. */
interface Scaled {
  readonly node: Node;
  readonly factor: number;
}

/** Carries multiplications by one number down, through everything that is linear, to a constant matrix or as far as it gets. */
function lower(graph: Graph): Graph {
  const scaled = new Map<Node, Scaled>();
  const scaledOf = (node: Node): Scaled => {
    const known = scaled.get(node);
    if (known === undefined) throw new Error('placeScales: a node comes before its input');
    return known;
  };
  for (const node of topologicalOrder(graph)) {
    const operands = node.inputs.map(scaledOf);
    // Inputs of the graph stay what they are.
    const asItIs = operands.length === 0 ? node : { ...node, inputs: operands.map(times) };
    const waiting = carried(node, operands);
    const mayWait = waiting !== undefined && Math.abs(Math.log2(Math.abs(waiting.factor))) <= MAX_EXPONENT;
    scaled.set(node, mayWait ? waiting : { node: asItIs, factor: 1 });
  }
  return {
    inputs: graph.inputs,
    outputs: graph.outputs.map(({ name, node }) => ({ name, node: times(scaledOf(node)) })),
  };
}

/** With the multiplication carried out. */
const times = ({ node, factor }: Scaled): Node => (factor === 1 ? node : pointwise('mul', node, constant(factor)));

/** The node with a factor of its own, where an operand has one that can wait. */
function carried(node: Node, operands: readonly Scaled[]): Scaled | undefined {
  const [a, b] = operands;
  if (node.dtype !== 'float32' || a === undefined) return undefined;
  const { op } = node;
  const sameFactor = operands.every(({ factor }) => factor === a.factor);
  const unscaled = { node: { ...node, inputs: operands.map((operand) => operand.node) }, factor: a.factor };
  switch (op.kind) {
    case 'reshape':
    case 'transpose':
    case 'slice':
    case 'gather':
    case 'broadcast':
    case 'tile':
    case 'concat':
      return sameFactor ? unscaled : undefined;
    case 'pad':
      return op.value === 0 ? unscaled : undefined;
    case 'reduce':
      return op.fn === 'sum' || op.fn === 'mean' ? unscaled : undefined;
    case 'leakyRelu':
      return a.factor > 0 ? unscaled : undefined;
    case 'matMul':
      return b && carriedByMatMul(a, b);
    case 'pointwise':
      if (op.fn === 'mul') return b && carriedByProduct(node, a, b);
      return (op.fn === 'add' || op.fn === 'sub') && sameFactor ? unscaled : undefined;
    default:
      return undefined;
  }
}

function carriedByMatMul(a: Scaled, b: Scaled): Scaled {
  const product = matMul(a.node, b.node);
  const factor = a.factor * b.factor;
  const [left, right] = [scaledConstant(a.node, factor), scaledConstant(b.node, factor)];
  if (left) return { node: matMul(left, b.node), factor: 1 };
  if (right) return { node: matMul(a.node, right), factor: 1 };
  const isSmall = ({ node: { shape } }: Scaled) => sizeOf(shape) * WORTHWHILE <= sizeOf(product.shape);
  if (isSmall(a)) return { node: matMul(times({ node: a.node, factor }), b.node), factor: 1 };
  if (isSmall(b)) return { node: matMul(a.node, times({ node: b.node, factor })), factor: 1 };
  return { node: product, factor };
}

/** A factor waits only where its tensor is as large as the product: otherwise it would take more numbers later. */
function carriedByProduct(node: Node, a: Scaled, b: Scaled): Scaled {
  for (const [x, { node: other }] of [
    [a, b],
    [b, a],
  ] as const) {
    if (other.op.kind === 'constant' && sameShape(x.node.shape, node.shape)) {
      return { node: x.node, factor: x.factor * other.op.value };
    }
  }
  const waits = ({ node: { shape } }: Scaled) => sameShape(shape, node.shape);
  const factor = (waits(a) ? a.factor : 1) * (waits(b) ? b.factor : 1);
  return { node: pointwise('mul', ...[a, b].map((x) => (waits(x) ? x.node : times(x)))), factor };
}
