import { constant, pointwise } from '../build.ts';
import { type Graph, type Node, rewrite, topologicalOrder } from '../graph.ts';
import { at, sameShape } from '../shapes.ts';
import { asSlope } from './slope.ts';

/**
 * Leaky ReLU and dropout in training: forward `leakyRelu(x)·mask`, backward `(dy·mask)·slope(x)`. As leaky ReLU is
 * `x·slope(x)`, both are products with `slope(x)·mask`, which is made once: each direction takes a pass less.
 */
export function shareSlopes(graph: Graph): Graph {
  const products = topologicalOrder(graph).flatMap((node) => productsOf(node));
  const forward = products.filter(({ a, b, node }) => a.op.kind === 'leakyRelu' && sameShape(b.shape, node.shape));
  /** What replaces a product, given its operands `a` and `b` as they are now. */
  const replacements = new Map<Node, { readonly a: number; replace(a: Node, b: Node): Node }>();
  for (const { node, a: product, b: factor, aIndex } of products) {
    const slope = asSlope(factor);
    if (slope === undefined) continue;
    for (const { a: dy, b: mask, aIndex: dyIndex } of productsOf(product)) {
      const activation = forward.find(({ a, b }) => {
        return (
          b === mask &&
          at(a.inputs, 0) === slope.x &&
          a.op.kind === 'leakyRelu' &&
          Math.fround(a.op.alpha) === slope.alpha
        );
      });
      if (activation === undefined || dy === mask) continue;
      replacements.set(activation.node, {
        a: activation.aIndex,
        replace: (relu, masking) => {
          const x = at(relu.inputs, 0);
          const selection = pointwise('greater', x, constant(0));
          const slopes = pointwise('select', selection, constant(1), constant(slope.alpha));
          return pointwise('mul', x, pointwise('mul', slopes, masking));
        },
      });
      replacements.set(node, {
        a: aIndex,
        replace: ({ inputs }, slopes) =>
          pointwise('mul', at(inputs, dyIndex), pointwise('mul', slopes, at(inputs, 1 - dyIndex))),
      });
    }
  }
  return rewrite(graph, (node, original) => {
    const replacement = replacements.get(original);
    if (replacement === undefined) return node;
    return replacement.replace(at(node.inputs, replacement.a), at(node.inputs, 1 - replacement.a));
  });
}

/** A product of two tensors a and b; `aIndex` tells which operand a is. */
interface Product {
  readonly node: Node;
  readonly a: Node;
  readonly b: Node;
  readonly aIndex: number;
}

/** A product in both orders; nothing for other nodes. */
function productsOf(node: Node): Product[] {
  const [first, second] = node.inputs;
  if (node.op.kind !== 'pointwise' || node.op.fn !== 'mul' || first === undefined || second === undefined) return [];
  return [
    { node, a: first, b: second, aIndex: 0 },
    { node, a: second, b: first, aIndex: 1 },
  ];
}
