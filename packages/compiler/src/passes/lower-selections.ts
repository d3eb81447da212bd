import { constant, pointwise } from '../build.ts';
import { type Graph, type Node, rewrite } from '../graph.ts';

/** Scales every float32 that matters out of [alpha, 1], and is a power of two, so that it does not round. */
const STEEP = 2 ** 100;

/**
 * Writes `x > 0 ? 1 : alpha`, the slope of (leaky) ReLU, as `clip(2¹⁰⁰·x, alpha, 1)`. It differs for 0 < x < 2⁻¹⁰⁰ only.
 *
 * Measured on ONNX Runtime 1.30, one thread, 1.6 million elements, the multiplication by the slope included, best times:
 * Greater, Where and Mul 21 ms; Mul, Clip and Mul, which are vectorised and work in place, 2 ms.
 */
export function lowerSelections(graph: Graph): Graph {
  return rewrite(graph, (node) => {
    const slope = asSlope(node);
    if (slope === undefined) return node;
    return pointwise('clip', pointwise('mul', slope.x, constant(STEEP)), constant(slope.alpha), constant(1));
  });
}

function asSlope({ op, inputs }: Node): { x: Node; alpha: number } | undefined {
  const [condition, one, alpha] = inputs;
  if (op.kind !== 'pointwise' || op.fn !== 'select' || condition === undefined) return undefined;
  if (one?.op.kind !== 'constant' || one.op.value !== 1 || one.shape.length > 0) return undefined;
  if (alpha?.op.kind !== 'constant' || !(alpha.op.value >= 0 && alpha.op.value <= 1) || alpha.shape.length > 0)
    return undefined;
  const [x, zero] = condition.inputs;
  if (condition.op.kind !== 'pointwise' || condition.op.fn !== 'greater' || x?.dtype !== 'float32') return undefined;
  return zero?.op.kind === 'constant' && zero.op.value === 0 ? { x, alpha: alpha.op.value } : undefined;
}
