import { addInPlace, differencesInPlace } from '../numerics/vectors.ts';
import type { TrainingState } from '../training/training-state.ts';
import type { VectorShape } from '../training/training-spec.ts';
import { decodeVector, encodeVector, type Wire } from '../wire/wire.ts';

/** What the units of a round are computed from. */
export interface Publication {
  /** As everyone has it who computes the round. */
  readonly values: Float32Array;
  /**
   * What turns the publication of the round before into this one, see `updated`: the compact numbers' differences, rounded by the
   * wire, and the others as they are. Absent where everyone needs the whole.
   */
  readonly update?: Uint8Array<ArrayBuffer>;
}

/**
 * Publishes numbers of the state. A wire that rounds carries the difference to what was published before, rounded to the nearest;
 * the remainder is part of the next difference (error feedback: Seide et al. 2014, https://doi.org/10.21437/Interspeech.2014-274).
 * @param target numbers of the state; with a wire that rounds, their memory becomes the publication's
 */
export function publicationOf(
  { published: before }: Pick<TrainingState, 'published'>,
  target: Float32Array,
  shape: VectorShape,
  wire: Wire,
): Publication {
  if (wire === 'float32' || before?.length !== target.length) return { values: target };
  differencesInPlace(target.subarray(0, shape.compact), before.subarray(0, shape.compact));
  const update = encodeVector(wire, target, shape.compact, 'nearest');
  return { values: updated(before, update, shape, wire, target), update };
}

/**
 * The publication of a round from that of the round before: the same bits for everyone.
 * @param into memory for the result; absent: a new one
 * @throws GantryError E_BAD_SHAPE if the update is not as long as the shape says
 */
export function updated(
  before: Float32Array,
  update: Uint8Array,
  { length, compact }: VectorShape,
  wire: Wire,
  into: Float32Array = new Float32Array(length),
): Float32Array {
  decodeVector(wire, update, length, compact, into);
  addInPlace(into.subarray(0, compact), before.subarray(0, compact));
  return into;
}
