/** A line of metrics.jsonl: one step. */
export interface MetricsLine {
  /** Counted from 1. */
  readonly step: number;
  /** Counted from 1. */
  readonly epoch: number;
  readonly generatorLoss: number;
  readonly discriminatorLoss: number;
  /** Mean probabilities that the discriminator gives to real and to generated images. */
  readonly dReal: number;
  readonly dFake: number;
  /** Euclidean norms of the mean gradients. */
  readonly generatorGradNorm: number;
  readonly discriminatorGradNorm: number;
  readonly imagesPerSecond: number;
  readonly workers: number;
  /** Milliseconds by phase. */
  readonly ms: {
    /** In which a worker had nothing to compute; mean over the workers. */
    readonly wait: number;
    /** In which the busiest worker computed. */
    readonly compute: number;
    /** Checking and adding leaves, on the coordinator. */
    readonly reduce: number;
    /** Both Adam steps. */
    readonly adam: number;
    /** What is left of `total`: messages on their way, checkpoints, sample grids. */
    readonly wire: number;
    /** From the end of the step before. */
    readonly total: number;
  };
}

/** A line of work.jsonl: one accepted node of a step's reduction tree. */
export interface WorkLine {
  /** Counted from 1. */
  readonly step: number;
  readonly node: readonly [level: number, index: number];
  readonly worker: string;
  /** The worker's numeric class. */
  readonly class: string;
  readonly samples: number;
  readonly ms: number;
}

/** What happened, and its details. */
export interface RunEvent {
  /** Steps done when it happened. */
  readonly step: number;
  readonly type: string;
  readonly [detail: string]: unknown;
}

/** A line of events.jsonl. */
export interface EventLine extends RunEvent {
  /** ISO 8601, UTC. */
  readonly time: string;
}
