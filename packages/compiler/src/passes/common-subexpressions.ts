import { type Graph, type Node, rewrite } from '../graph.ts';

/** Merges nodes that apply the same operation to the same inputs. */
export function commonSubexpressions(graph: Graph): Graph {
  const numbers = new Map<Node, number>();
  const canonical = new Map<string, Node>();
  return rewrite(graph, (node) => {
    const key = JSON.stringify([
      node.op,
      // JSON has no NaN, infinities or negative zero.
      node.op.kind === 'constant' ? (Object.is(node.op.value, -0) ? '-0' : String(node.op.value)) : '',
      node.inputs.map((input) => numbers.get(input)),
      node.shape,
      node.dtype,
    ]);
    const known = canonical.get(key);
    if (known !== undefined) return known;
    numbers.set(node, numbers.size);
    canonical.set(key, node);
    return node;
  });
}
