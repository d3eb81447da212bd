import { z } from 'zod';
import { inBlocks, kernels } from '../numerics/kernels.ts';
import { commonFields, decaySchema, positiveFloat32Schema } from './spec-fields.ts';
import { updateRule, type UpdateRule } from './update-rule.ts';

export const adamSpecSchema = z.strictObject({
  name: z.literal('adam'),
  learningRate: positiveFloat32Schema.default(1e-4),
  beta1: decaySchema.default(0.9),
  beta2: decaySchema.default(0.999),
  /** Keras' default. */
  epsilon: positiveFloat32Schema.default(1e-7),
  ...commonFields,
});
export type AdamSpec = z.infer<typeof adamSpecSchema>;

/**
 * Adam as Keras defines it, in float32: Kingma and Ba (2015), with ε outside the bias correction ("epsilon hat" of
 * their section 2). `m` and `v` are the first and second moments; β1ᵗ and β2ᵗ are kept as running products, since
 * `Math.pow` does not give the same bits on every engine.
 */
export function adam({ beta1, beta2, epsilon }: AdamSpec): UpdateRule {
  const moments = { m: 'fresh', v: 'averagedRoots' } as const;
  const powers = { beta1Power: { base: beta1, isFresh: true }, beta2Power: { base: beta2, isFresh: false } };
  return updateRule(moments, powers, (update, { m, v }, scalars) => {
    const { weights, gradientSum, scale } = update;
    const rate = (update.rate * Math.sqrt(1 - scalars.beta2Power)) / (1 - scalars.beta1Power);
    const kernel = kernels();
    inBlocks(weights.length, (begin, end) => {
      const length = end - begin;
      kernel.a.set(weights.subarray(begin, end));
      kernel.b.set(gradientSum.subarray(begin, end));
      kernel.c.set(m.subarray(begin, end));
      kernel.d.set(v.subarray(begin, end));
      kernel.adam(length, scale, rate, 1 - beta1, 1 - beta2, epsilon);
      weights.set(kernel.a.subarray(0, length), begin);
      m.set(kernel.c.subarray(0, length), begin);
      v.set(kernel.d.subarray(0, length), begin);
    });
  });
}
