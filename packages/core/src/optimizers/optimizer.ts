import { z } from 'zod';
import { norm } from '../numerics/vectors.ts';
import { adam, adamSpecSchema } from './adam.ts';
import { clipFactor } from './clip.ts';
import { rmsprop, rmspropSpecSchema } from './rmsprop.ts';
import { rateAt } from './schedule.ts';
import { sgd, sgdSpecSchema } from './sgd.ts';
import type { OptimizerState, UpdateRule } from './update-rule.ts';

const SPEC_SCHEMAS = [adamSpecSchema, sgdSpecSchema, rmspropSpecSchema] as const;

/** Names of all optimizers, for people. */
export const OPTIMIZER_NAMES = SPEC_SCHEMAS.map(({ shape }) => shape.name.value).join(' or ');

/** An optimizer, as data. Another one is a file beside `sgd.ts`, its schema above and a case of `ruleOf`. */
export const optimizerSpecSchema = z.discriminatedUnion('name', SPEC_SCHEMAS, { error: `expected ${OPTIMIZER_NAMES}` });
export type OptimizerSpec = z.infer<typeof optimizerSpecSchema>;

/** The optimizer of each network, by its name. */
export type OptimizerSpecs = Readonly<Record<string, OptimizerSpec>>;

const ADAM: OptimizerSpec = adamSpecSchema.parse({ name: 'adam' });

/** The tutorial's optimizer for each of these networks. */
export function defaultOptimizers(networks: readonly string[]): OptimizerSpecs {
  return Object.fromEntries(networks.map((network) => [network, ADAM]));
}

/** The tutorial's. */
export const DEFAULT_OPTIMIZERS = { generator: ADAM, discriminator: ADAM } satisfies OptimizerSpecs;

/** Works on flat float32 vectors. */
export interface Optimizer {
  readonly moments: UpdateRule['moments'];
  readonly powers: UpdateRule['powers'];
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
    case 'rmsprop':
      return rmsprop(spec);
  }
}

export function optimizerOf(spec: OptimizerSpec): Optimizer {
  const { learningRate, schedule, clipNorm } = spec;
  const rule = ruleOf(spec);
  return {
    moments: rule.moments,
    powers: rule.powers,
    init: (size) => rule.init(size),
    step(weights, gradientSum, scale, state, stepsDone) {
      const clip = clipNorm === undefined ? 1 : clipFactor(norm(gradientSum) * scale, clipNorm);
      rule.apply({ weights, gradientSum, scale: scale * clip, rate: rateAt(learningRate, schedule, stepsDone) }, state);
    },
  };
}
