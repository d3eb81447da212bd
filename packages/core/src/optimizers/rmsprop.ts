import { z } from 'zod';
import { commonFields, decaySchema, positiveFloat32Schema } from './spec-fields.ts';
import { updateRule, type UpdateRule } from './update-rule.ts';

/** The defaults are Keras'. */
export const rmspropSpecSchema = z.strictObject({
  name: z.literal('rmsprop'),
  learningRate: positiveFloat32Schema.default(1e-3),
  /** What the mean square keeps of itself in a step. */
  rho: decaySchema.default(0.9),
  epsilon: positiveFloat32Schema.default(1e-7),
  ...commonFields,
});
export type RmspropSpec = z.infer<typeof rmspropSpecSchema>;

const f = Math.fround;

/**
 * RMSprop as Keras defines it, not centred and without momentum, in float32: Tieleman and Hinton (2012), with ε under the root.
 * v ← ρ·v + (1 − ρ)·gradient²; the weights move by −rate·gradient / √(v + ε).
 */
export function rmsprop({ rho, epsilon }: RmspropSpec): UpdateRule {
  const [kept, share, small] = [f(rho), f(1 - rho), f(epsilon)];
  return updateRule({ v: 'averagedRoots' }, {}, ({ weights, gradientSum, ...update }, { v }) => {
    const [scale, rate] = [f(update.scale), f(update.rate)];
    for (let i = 0; i < weights.length; i++) {
      const g = f((gradientSum[i] as number) * scale);
      const square = f(f(kept * (v[i] as number)) + f(share * f(g * g)));
      v[i] = square;
      weights[i] = (weights[i] as number) - f(f(rate * g) / f(Math.sqrt(f(square + small))));
    }
  });
}
