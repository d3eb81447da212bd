/** A run in a folder of its own: what trains it, and where the pictures of its epochs are. */
export interface TrainedRun {
  /** What `train` calls, for people. */
  readonly command: string;
  /** Whether an earlier process has begun it, so that what is known of its epochs stays true. */
  readonly hasBegun: boolean;
  /** Trains all epochs that are missing. */
  train(): Promise<Training>;
  /** What `gantry evaluate` takes. @param epoch from 1, once it is trained */
  picturesOf(epoch: number): string;
}

export interface Training {
  /** Of all its epochs. */
  readonly seconds: number;
  /** Of what trained; Gantry's is known. */
  readonly version?: string;
}

/** The name of an epoch's pictures, or generator. */
export function epochName(epoch: number): string {
  return `epoch-${String(epoch).padStart(4, '0')}`;
}
