import type { Node } from '../graph.ts';

/** Scales every float32 that matters out of [alpha, 1], and is a power of two, so that it does not round. */
export const STEEP = 2 ** 40;

/** `x > 0 ? 1 : alpha`, the slope of (leaky) ReLU. */
export interface Slope {
  readonly x: Node;
  readonly alpha: number;
}

/** What a selection is the slope of, if it is one. */
export function asSlope({ op, inputs }: Node): Slope | undefined {
  const [condition, one, alpha] = inputs;
  if (op.kind !== 'pointwise' || op.fn !== 'select' || condition === undefined) return undefined;
  if (one?.op.kind !== 'constant' || one.op.value !== 1 || one.shape.length > 0) return undefined;
  if (alpha?.op.kind !== 'constant' || !(alpha.op.value >= 0 && alpha.op.value <= 1) || alpha.shape.length > 0)
    return undefined;
  const [x, zero] = condition.inputs;
  if (condition.op.kind !== 'pointwise' || condition.op.fn !== 'greater' || x?.dtype !== 'float32') return undefined;
  return zero?.op.kind === 'constant' && zero.op.value === 0 ? { x, alpha: alpha.op.value } : undefined;
}

/** What `clip(STEEP·x, alpha, 1)`, a slope that was lowered, is the slope of. */
export function asLoweredSlope({ op, inputs }: Node): Node | undefined {
  const [scaled] = inputs;
  if (op.kind !== 'pointwise' || op.fn !== 'clip' || scaled?.op.kind !== 'pointwise' || scaled.op.fn !== 'mul')
    return undefined;
  const [x, steep] = scaled.inputs;
  return steep?.op.kind === 'constant' && steep.op.value === STEEP ? x : undefined;
}
