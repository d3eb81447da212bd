import { reshape } from '../build.ts';
import { type Graph, type Node, rewrite } from '../graph.ts';
import { at, sameShape } from '../shapes.ts';

/** f(reshape(x), reshape(y)) = reshape(f(x, y)) where x and y have one shape: calls that do the same become the same. */
export const postponeReshapes = (graph: Graph): Graph => rewrite(graph, (node) => postponed(node) ?? node);

function postponed(node: Node): Node | undefined {
  if (node.op.kind !== 'pointwise' && node.op.kind !== 'cast' && node.op.kind !== 'leakyRelu') return undefined;
  const wide = node.inputs.filter(({ shape }) => shape.length > 0);
  const [first, ...others] = wide.map((input) => (input.op.kind === 'reshape' ? at(input.inputs, 0) : undefined));
  if (first === undefined || !wide.every(({ shape }) => sameShape(shape, node.shape))) return undefined;
  if (others.some((other) => other === undefined || !sameShape(other.shape, first.shape))) return undefined;
  const inputs = node.inputs.map((input) => (input.shape.length > 0 ? at(input.inputs, 0) : input));
  return reshape({ ...node, inputs, shape: first.shape }, node.shape);
}
