import { z } from 'zod';
import { norm } from '../numerics/vectors.ts';
import { adam, adamSpecSchema } from './adam.ts';
import { clipFactor } from './clip.ts';
import { rateAt } from './schedule.ts';
import { sgd, sgdSpecSchema } from './sgd.ts';
import type { OptimizerState, UpdateRule } from './update-rule.ts';

/** An optimizer, as data. Another one is a file beside `sgd.ts`, a line here and a case of `ruleOf`. */
export const optimizerSpecSchema = z.discriminatedUnion('name', [adamSpecSchema, sgdSpecSchema], {
  error: 'expected adam or sgd',
});
export type OptimizerSpec = z.infer<typeof optimizerSpecSchema>;

/** The optimizer of each network, by its name. */
export type OptimizerSpecs = Readonly<Record<string, OptimizerSpec>>;

const ADAM: OptimizerSpec = adamSpecSchema.parse({ name: 'adam' });
/** The tutorial's. */
export const DEFAULT_OPTIMIZERS = { generator: ADAM, discriminator: ADAM } satisfies OptimizerSpecs;

/** Works on flat float32 vectors. */
export interface Optimizer {
  /** The state before the first step of a network with `size` weights. */
  init(size: number): OptimizerState;
  /**
   * One step, in place. Equal arguments give equal bits on every machine.
   * @param scale multiplies the gradient first, before clipping: 1/N turns a sum over N samples into their mean
   * @param stepsDone from 0, for the learning rate's schedule
   * @throws GantryError E_BAD_SHAPE if gradients or moments are not as many as the weights, or the state is another
   * optimizer's; nothing is changed then
   */
  step(weights: Float32Array, gradientSum: Float32Array, scale: number, state: OptimizerState, stepsDone: number): void;
}

function ruleOf(spec: OptimizerSpec): UpdateRule {
  switch (spec.name) {
    case 'adam':
      return adam(spec);
    case 'sgd':
      return sgd(spec);
  }
}

export function optimizerOf(spec: OptimizerSpec): Optimizer {
  const { learningRate, schedule, clipNorm } = spec;
  const rule = ruleOf(spec);
  return {
    init: (size) => rule.init(size),
    step(weights, gradientSum, scale, state, stepsDone) {
      const clip = clipNorm === undefined ? 1 : clipFactor(norm(gradientSum) * scale, clipNorm);
      rule.apply({ weights, gradientSum, scale: scale * clip, rate: rateAt(learningRate, schedule, stepsDone) }, state);
    },
  };
}
