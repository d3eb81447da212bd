/** A slice of the batch of one round: its samples `first` … `first + samples − 1`, and the place of the round. */
export interface Batch {
  /** Step of the run, from 0. */
  readonly step: number;
  /** Batch of the step, from 0. */
  readonly iteration: number;
  /** Place of the first sample in the global batch. */
  readonly first: number;
  readonly samples: number;
}

/**
 * A unit of work: fixed by the configuration, never by which workers there are. Its contribution is a pure function of what was
 * published for the round, of the unit, and of its samples. Draws are not sent: they follow from the seed and the place of each
 * sample.
 */
export interface Unit {
  /** Round of the run, from 0: what is published has its number. */
  readonly round: number;
  /** From 0 within the round. */
  readonly index: number;
  /** One shard, or one for each local step that has samples for the unit's replica. */
  readonly batches: readonly Batch[];
}

/** A unit as it is planned. */
export interface PlannedUnit extends Unit {
  /** Numbers of its samples in the data set, batch by batch. */
  readonly samples: Uint32Array;
}

/** A unit as it is computed. */
export interface LoadedUnit extends Unit {
  /** The data of all samples, batch by batch: bytes. */
  readonly data: Uint8Array;
}

/** The samples that a run learns from. */
export interface Samples {
  readonly count: number;
  /** One after the other. */
  readonly bytes: Uint8Array;
}

/** Samples of a unit. */
export function samplesIn({ batches }: Pick<Unit, 'batches'>): number {
  return batches.reduce((sum, { samples }) => sum + samples, 0);
}

/** The bytes of one sample; they share the set's memory. @param number from 0 */
export function sampleAt({ count, bytes }: Samples, number: number): Uint8Array {
  const size = bytes.length / count;
  return bytes.subarray(number * size, (number + 1) * size);
}

/** Brings a unit's samples together. */
export function loadUnit({ samples, ...unit }: PlannedUnit, set: Samples): LoadedUnit {
  const size = set.bytes.length / set.count;
  const data = new Uint8Array(samples.length * size);
  samples.forEach((number, i) => data.set(sampleAt(set, number), i * size));
  return { ...unit, data };
}
