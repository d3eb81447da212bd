import { z } from 'zod';
import { inBlocks, kernels } from '../numerics/kernels.ts';
import { commonFields, decaySchema, positiveFloat32Schema } from './spec-fields.ts';
import { updateRule, type UpdateRule } from './update-rule.ts';

/** The defaults are Keras'. */
export const sgdSpecSchema = z.strictObject({
  name: z.literal('sgd'),
  learningRate: positiveFloat32Schema.default(0.01),
  momentum: decaySchema.default(0),
  ...commonFields,
});
export type SgdSpec = z.infer<typeof sgdSpecSchema>;

/**
 * Gradient descent as Keras defines it, in float32: with momentum (Polyak, 1964), the weights move by
 * velocity ← momentum·velocity − rate·gradient; without, by −rate·gradient, and there is no state.
 */
export function sgd({ momentum }: SgdSpec): UpdateRule {
  return momentum === 0 ? plain() : withMomentum(momentum);
}

function plain(): UpdateRule {
  return updateRule({}, {}, ({ weights, gradientSum, scale, rate }) => {
    const kernel = kernels();
    inBlocks(weights.length, (begin, end) => {
      kernel.a.set(weights.subarray(begin, end));
      kernel.b.set(gradientSum.subarray(begin, end));
      kernel.sgd(end - begin, scale, rate);
      weights.set(kernel.a.subarray(0, end - begin), begin);
    });
  });
}

function withMomentum(momentum: number): UpdateRule {
  return updateRule({ velocity: 'averaged' }, {}, ({ weights, gradientSum, scale, rate }, { velocity }) => {
    const kernel = kernels();
    inBlocks(weights.length, (begin, end) => {
      const length = end - begin;
      kernel.a.set(weights.subarray(begin, end));
      kernel.b.set(gradientSum.subarray(begin, end));
      kernel.c.set(velocity.subarray(begin, end));
      kernel.sgdMomentum(length, scale, rate, momentum);
      weights.set(kernel.a.subarray(0, length), begin);
      velocity.set(kernel.c.subarray(0, length), begin);
    });
  });
}
