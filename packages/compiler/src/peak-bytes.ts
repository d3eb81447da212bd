import { type Graph, type Node, topologicalOrder } from './graph.ts';
import { sizeOf } from './shapes.ts';

const bytesOf = ({ dtype, shape }: Node): number => sizeOf(shape) * (dtype === 'bool' ? 1 : 4);

/** The memory of all tensors of a graph that are there at the same time, where each stays until it was used last. */
export function peakBytes(graph: Graph): number {
  const uses = new Map<Node, number>();
  const order = topologicalOrder(graph);
  for (const node of [...order.flatMap(({ inputs }) => inputs), ...graph.outputs.map((output) => output.node)]) {
    uses.set(node, (uses.get(node) ?? 0) + 1);
  }
  let bytes = 0;
  let peak = 0;
  for (const node of order) {
    bytes += bytesOf(node);
    peak = Math.max(peak, bytes);
    for (const input of node.inputs) {
      const left = (uses.get(input) ?? 0) - 1;
      uses.set(input, left);
      if (left === 0) bytes -= bytesOf(input);
    }
  }
  return peak;
}
