/** A slice of the batch of one round: its samples `first` … `first + samples − 1`, and the place of the round. */
export interface Batch {
  /** Step of the run, from 0. */
  readonly step: number;
  /** Round of the step, from 0. */
  readonly iteration: number;
  /** Place of the first sample in the global batch. */
  readonly first: number;
  readonly samples: number;
}

/**
 * A unit of work: fixed by the configuration, never by which workers there are. Its contribution is a pure function of what was
 * published for the round and of the unit. Draws are not sent: they follow from the seed and the place of each sample.
 */
export interface Unit {
  /** Round of the run, from 0: what is published has its number. */
  readonly round: number;
  /** From 0 within the round. */
  readonly index: number;
  /** One shard, or one for each local step. */
  readonly batches: readonly Batch[];
  /** The data of all samples, batch by batch: bytes. */
  readonly data: Uint8Array;
}

/** Samples of a unit. */
export function samplesIn({ batches }: Pick<Unit, 'batches'>): number {
  return batches.reduce((sum, { samples }) => sum + samples, 0);
}
