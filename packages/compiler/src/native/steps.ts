import type { DType, PointwiseFunction, Reduction, Shape } from '../graph.ts';
import type { Buffer, View } from './views.ts';

/** What is computed for each element. All loads of an expression have the shape of the loop that it is in. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: number; readonly dtype: DType }
  /** With `rows`, the first axis of the view has these indices instead of 0, 1, 2… */
  | { readonly kind: 'load'; readonly view: View; readonly rows?: readonly number[] }
  | {
      readonly kind: 'call';
      readonly fn: PointwiseFunction | 'cast';
      readonly args: readonly Expression[];
      readonly dtype: DType;
    }
  | { readonly kind: 'leakyRelu'; readonly alpha: number; readonly arg: Expression };

/** One thing that a program does; after it, `target` is written. */
export type Step =
  /** Every element of the target by itself. */
  | { readonly kind: 'loop'; readonly target: View; readonly value: Expression }
  /** `value` has the shape `shape`; the target the same with size 1 for the axes. */
  | {
      readonly kind: 'reduce';
      readonly fn: Reduction;
      readonly shape: Shape;
      readonly axes: readonly number[];
      readonly target: View;
      readonly value: Expression;
    }
  /** a [..., m, k] · b [..., k, n], with equal leading axes. In a and b, one of the last two axes is contiguous; in the target the last. */
  | { readonly kind: 'product'; readonly a: View; readonly b: View; readonly target: View };

export function loadsOf(expression: Expression): (Expression & { kind: 'load' })[] {
  switch (expression.kind) {
    case 'literal':
      return [];
    case 'load':
      return [expression];
    case 'call':
      return expression.args.flatMap(loadsOf);
    case 'leakyRelu':
      return loadsOf(expression.arg);
  }
}

export const dtypeOf = (expression: Expression): DType => {
  switch (expression.kind) {
    case 'literal':
    case 'call':
      return expression.dtype;
    case 'load':
      return expression.view.buffer.dtype;
    case 'leakyRelu':
      return dtypeOf(expression.arg);
  }
};

/** The buffers that a step reads. */
export function buffersRead(step: Step): Buffer[] {
  if (step.kind === 'product') return [step.a.buffer, step.b.buffer];
  return loadsOf(step.value).map(({ view }) => view.buffer);
}
