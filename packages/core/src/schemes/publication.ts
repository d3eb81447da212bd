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
 * @param target numbers of the state
 */
export function publicationOf(
  { published: before }: Pick<TrainingState, 'published'>,
  target: Float32Array,
  shape: VectorShape,
  wire: Wire,
): Publication {
  if (wire === 'float32') return { values: target };
  if (before?.length !== target.length) return { values: target.slice() };
  const difference = target.slice();
  for (let i = 0; i < shape.compact; i++) difference[i] = (difference[i] as number) - (before[i] as number);
  const update = encodeVector(wire, difference, shape.compact, 'nearest');
  return { values: updated(before, update, shape, wire), update };
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
  for (let i = 0; i < compact; i++) into[i] = (into[i] as number) + (before[i] as number);
  return into;
}
