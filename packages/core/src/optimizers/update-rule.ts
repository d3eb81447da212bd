import { GantryError } from '../errors.ts';

/** What an optimizer keeps from step to step, by name: whoever stores it need not know which optimizer it is of. */
export interface OptimizerState {
  /** Vectors laid out as the weights. */
  readonly moments: Readonly<Record<string, Float32Array>>;
  /** Numbers in float64. */
  readonly scalars: Record<string, number>;
}

/** One update of a network's weights. */
export interface Update {
  /** Changed in place. */
  readonly weights: Float32Array;
  /** As many as the weights. */
  readonly gradientSum: Float32Array;
  /** Multiplies the gradient first: 1/N turns a sum over N samples into their mean. */
  readonly scale: number;
  /** The step's learning rate. */
  readonly rate: number;
}

/**
 * What becomes of a moment between two rounds of local steps: `fresh` moments begin anew at 0 in each round, the others are
 * averaged over the replicas with the weights; those that are never negative by their roots, so that small ones survive rounding.
 */
export type MomentKind = 'fresh' | 'averaged' | 'averagedRoots';

/** A number that an optimizer keeps: its value before the first step, and what a step multiplies it by. */
export interface Power {
  readonly base: number;
  /** Whether it begins anew with each round of local steps, as the moment does whose bias it corrects. */
  readonly isFresh: boolean;
}

/** How an optimizer changes weights, apart from what all have in common: the learning rate's schedule and clipping. */
export interface UpdateRule {
  readonly moments: Readonly<Record<string, MomentKind>>;
  /** The scalars of its state: powers of numbers below 1, with the exponent of the steps done. */
  readonly powers: Readonly<Record<string, Power>>;
  /** The state before the first step. */
  init(size: number): OptimizerState;
  /**
   * Changes weights and state in place.
   * @throws GantryError E_BAD_SHAPE if gradients or moments are not as many as the weights, or the state is another
   * rule's; nothing is changed then
   */
  apply(update: Update, state: OptimizerState): void;
}

/** A rule from its moments, which begin at 0, its powers, and what it does in a step, once these have been multiplied. */
export function updateRule<Moment extends string, Scalar extends string>(
  kinds: Readonly<Record<Moment, MomentKind>>,
  powers: Readonly<Record<Scalar, Power>>,
  apply: (
    update: Update,
    moments: Readonly<Record<Moment, Float32Array>>,
    scalars: Readonly<Record<Scalar, number>>,
  ) => void,
): UpdateRule {
  const momentNames = Object.keys(kinds) as Moment[];
  const powerNames = Object.keys(powers) as Scalar[];
  const namesOf = (moments: object, scalars: object) =>
    [...Object.keys(moments), ...Object.keys(scalars)].toSorted().join(', ') || 'nothing';
  const names = namesOf(kinds, powers);
  return {
    moments: kinds,
    powers,
    init: (size) => ({
      moments: Object.fromEntries(momentNames.map((name) => [name, new Float32Array(size)])),
      scalars: Object.fromEntries(powerNames.map((name) => [name, 1])),
    }),
    apply(update, { moments, scalars }) {
      const found = namesOf(moments, scalars);
      if (found !== names) {
        throw new GantryError('E_BAD_SHAPE', `the state is another optimizer's: it holds ${found}, not ${names}`);
      }
      const { length } = update.weights;
      if (![update.gradientSum, ...Object.values(moments)].every((vector) => vector.length === length)) {
        throw new GantryError('E_BAD_SHAPE', `gradients or moments are not as many as the ${length} weights`);
      }
      for (const name of powerNames) scalars[name] = (scalars[name] as number) * powers[name].base;
      // Their names were compared.
      apply(update, moments, scalars as Record<Scalar, number>);
    },
  };
}
