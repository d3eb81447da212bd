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

/** How an optimizer changes weights, apart from what all have in common: the learning rate's schedule and clipping. */
export interface UpdateRule {
  /** The state before the first step. */
  init(size: number): OptimizerState;
  /**
   * Changes weights and state in place.
   * @throws GantryError E_BAD_SHAPE if gradients or moments are not as many as the weights, or the state is another
   * rule's; nothing is changed then
   */
  apply(update: Update, state: OptimizerState): void;
}

/**
 * A rule from the names of its moments, which begin at 0, its scalars with what they begin with, and what it does in a
 * step, which can rely on having all of them.
 */
export function updateRule<Moment extends string, Scalar extends string>(
  momentNames: readonly Moment[],
  firstScalars: Readonly<Record<Scalar, number>>,
  apply: (update: Update, moments: Readonly<Record<Moment, Float32Array>>, scalars: Record<Scalar, number>) => void,
): UpdateRule {
  const namesOf = (moments: readonly string[], scalars: object) =>
    [...moments, ...Object.keys(scalars)].toSorted().join(', ') || 'nothing';
  const names = namesOf(momentNames, firstScalars);
  return {
    init: (size) => ({
      moments: Object.fromEntries(momentNames.map((name) => [name, new Float32Array(size)])),
      scalars: { ...firstScalars },
    }),
    apply(update, { moments, scalars }) {
      const found = namesOf(Object.keys(moments), scalars);
      if (found !== names) {
        throw new GantryError('E_BAD_SHAPE', `the state is another optimizer's: it holds ${found}, not ${names}`);
      }
      const { length } = update.weights;
      if (![update.gradientSum, ...Object.values(moments)].every((vector) => vector.length === length)) {
        throw new GantryError('E_BAD_SHAPE', `gradients or moments are not as many as the ${length} weights`);
      }
      apply(update, moments, scalars);
    },
  };
}
