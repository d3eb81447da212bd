/** Which runs there are. */

/** What trains: Gantry, or the tutorial in another library. */
type Trainer = 'gantry' | Reference;
export const REFERENCES = ['keras', 'pytorch'] as const;
export type Reference = (typeof REFERENCES)[number];

/** What fixes a run, as the results hold it. */
export interface Settings {
  readonly trainer: Trainer;
  readonly seed: number;
  readonly epochs: number;
  /** Images of MNIST, from the first. */
  readonly images: number;
  /** Images per step. */
  readonly batch: number;
  /** Images over which batch normalization takes its statistics in training. */
  readonly shardSize: number;
  /** Pictures that are judged after each epoch. */
  readonly samples: number;
}

export interface PlannedRun {
  readonly name: string;
  readonly settings: Settings;
}

/** How much is done. */
export type Effort = Pick<Settings, 'epochs' | 'images' | 'samples'>;

export const FULL: Effort = { epochs: 10, images: 60_000, samples: 10_000 };
export const QUICK: Effort = { epochs: 1, images: 2560, samples: 1000 };

const BATCH = 256;
const USUAL_SHARD = 64;
/** What shard sizes do is seen before the end. */
const EPOCHS_OF_SHARDS = 6;

export function plannedRuns(reference: Reference, effort: Effort): PlannedRun[] {
  const gantry = (name: string, seed: number, shardSize: number, epochs = effort.epochs): PlannedRun => ({
    name: `gantry ${name}`,
    settings: { trainer: 'gantry', seed, batch: BATCH, shardSize, ...effort, epochs },
  });
  const epochsOfShards = Math.min(effort.epochs, EPOCHS_OF_SHARDS);
  return [
    {
      name: `${reference} seed 1`,
      settings: { trainer: reference, seed: 1, batch: BATCH, shardSize: BATCH, ...effort },
    },
    gantry('seed 1', 1, USUAL_SHARD),
    gantry('seed 2', 2, USUAL_SHARD),
    gantry('shard 32', 1, 32, epochsOfShards),
    gantry('shard 256', 1, BATCH, epochsOfShards),
  ];
}
