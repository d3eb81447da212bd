/**
 * What a coordinator tells those who watch a run, as JSON text messages on the WebSocket `/watch`, and what they may ask
 * of it. A watcher gets a snapshot first, then updates, and a new snapshot where it was too slow for all updates.
 */
import { z } from 'zod';
import type { RecordedEvent } from '../events/recorded-event.ts';
import type { Report } from '../model/report.ts';
import type { EpochEvaluation } from '../training/evaluation.ts';
import type { Wire } from '../wire/wire.ts';

/** How a run is doing. */
export type RunState = 'waiting' | 'training' | 'paused' | 'stopping' | 'stopped' | 'finished' | 'failed';

export interface WatchedRun {
  readonly name: string;
  readonly state: RunState;
  /** Why it failed, where it did. */
  readonly failure?: string;
  /** Steps done, and in the whole run. */
  readonly step: number;
  readonly totalSteps: number;
  /** Epochs done, and in the whole run. */
  readonly epoch: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  readonly images: number;
  readonly batch: number;
  readonly shardSize: number;
  readonly seed: number;
  /** Steps between two exchanges, from 1. */
  readonly localSteps: number;
  /** The epoch from which on there are local steps, from 1. */
  readonly localStepsFrom: number;
  readonly wire: Wire;
  /** Of the steps of the round under way, how many the workers have behind them: not a whole number. 0 where a round is a step. */
  readonly stepsUnderWay: number;
  /** What each step reports, and how it is shown. */
  readonly reports: readonly Report[];
  /** Of the last step, and of the steps of this process. */
  readonly imagesPerSecond: number;
  readonly averageImagesPerSecond: number;
  /** Seconds to the end at the average speed; null before the first step. */
  readonly etaSeconds: number | null;
  /**
   * Those whose work may be in the weights, as of workers: of all that computed something, and of those that joined before
   * the coordinator was started again. More than one: another run of this seed gives other bits. At most 16.
   */
  readonly numericClasses: readonly string[];
  readonly join: JoinCommands;
  /** sha256 of all weights, once the run is finished. */
  readonly weightsDigest?: string;
}

/** Commands that attach a worker; where it needs a token, `…` may stand for that. */
export interface JoinCommands {
  /** For POSIX shells. */
  readonly shell: string;
  readonly powershell: string;
  /**
   * For POSIX shells, where anyone on the way could change what is fetched: nothing of it runs before its SHA-256 is
   * compared.
   */
  readonly checked?: string;
}

/** `behind`: weights take longer to reach it than rounds last, and it is given nothing to compute meanwhile. */
export type WatchedWorkerState = 'computing' | 'idle' | 'late' | 'behind' | 'left' | 'quarantined';

export interface WatchedWorker {
  /** Unique among the workers of the run. */
  readonly name: string;
  readonly address: string;
  readonly engine: string;
  readonly device: string;
  /** Shards it computes at the same time. */
  readonly slots: number;
  /** First 16 digits of the hash of its probe shard's gradients: equal classes give equal bits. */
  readonly numericClass: string;
  readonly state: WatchedWorkerState;
  /** Why it is gone, where it is. */
  readonly cause?: string;
  /** When it joined, ISO 8601. */
  readonly since: string;
  /** Shards and samples of it that were accepted. */
  readonly shards: number;
  readonly samples: number;
  /** Over the last steps. */
  readonly imagesPerSecond: number;
  /** Its part of the samples of the last steps, 0 … 1. */
  readonly share: number;
  /** Of the last steps, per step, in ms. */
  readonly computeMs: number;
  readonly waitMs: number;
  /** Through its connection, since it joined. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Of `bytesOut`, those of images. */
  readonly imageBytes: number;
  /** Bytes per second of the link to it and from it, as the first large messages took; null where that is not known. */
  readonly outRate: number | null;
  readonly inRate: number | null;
  /** Of the last heartbeat; null before the first. */
  readonly roundTripMs: number | null;
  /** Time since anything came from it. */
  readonly lastSeenMs: number;
}

/** Where the time of a step went, in milliseconds. */
export interface StepTimes {
  /** In which a worker had nothing to compute; mean over the workers. */
  readonly wait: number;
  /** In which the busiest worker computed. */
  readonly compute: number;
  /** Checking and adding contributions, on the coordinator. */
  readonly reduce: number;
  /** The steps of the optimizers. */
  readonly adam: number;
  /** What is left of `total`: messages on their way, checkpoints, sample grids. */
  readonly wire: number;
  /** From the end of the step before. */
  readonly total: number;
}

/** A line of metrics.jsonl: one step, with what the model reports under its names (`WatchedRun.reports`). */
export interface WatchedMetrics {
  /** Counted from 1. */
  readonly step: number;
  /** Counted from 1. */
  readonly epoch: number;
  readonly imagesPerSecond: number;
  readonly workers: number;
  readonly ms: StepTimes;
  readonly [report: string]: number | StepTimes;
}

/** A number that a step reported; undefined where it reported none of this name. */
export function metricOf(line: WatchedMetrics, name: string): number | undefined {
  const value = line[name];
  return typeof value === 'number' ? value : undefined;
}

/** Who computed what in one step; times in ms since the step began. */
export interface WatchedStep {
  readonly step: number;
  readonly totalMs: number;
  readonly shards: readonly {
    readonly shard: number;
    readonly worker: string;
    readonly samples: number;
    readonly beginMs: number;
    readonly endMs: number;
    /** A worker that held it before was lost or failed at it; it was late and given to a second one. */
    readonly requeued: boolean;
    readonly duplicated: boolean;
  }[];
}

/** What keeps the run from going on at the moment. */
export interface WatchedStall {
  /** Absent where no worker is there, and so is the shard. */
  readonly worker?: string;
  readonly shard?: number;
  readonly cause: string;
  readonly remedy: string;
}

/** What is wrong with the training at the moment, though it goes on. */
export interface WatchedConcern {
  readonly cause: string;
  /** What usually helps. */
  readonly remedy: string;
}

interface WatchContent {
  readonly run: WatchedRun;
  /** All that are there, and those that left lately. */
  readonly workers: readonly WatchedWorker[];
  readonly stalls: readonly WatchedStall[];
  readonly concerns: readonly WatchedConcern[];
  readonly metrics: readonly WatchedMetrics[];
  /** Lines of events.jsonl, but none of the type `stolen`; a resumed run may have some of another version. */
  readonly events: readonly RecordedEvent[];
  readonly timeline: readonly WatchedStep[];
  /** Epochs of which there is a sample grid, at `/api/samples/EPOCH.png`. */
  readonly samples: readonly number[];
  /** Lines of evaluations.jsonl. */
  readonly evaluations: readonly EpochEvaluation[];
}

/**
 * All there is: the metrics of the whole history from step 1, evenly downsampled to at most 2000 lines, the last one
 * included; the last 500 events, the last 2000 evaluations and the last 20 steps at most.
 */
export interface WatchSnapshot extends WatchContent {
  readonly type: 'snapshot';
}

/** The lists hold what is new since the message before; at most four a second. */
export interface WatchUpdate extends WatchContent {
  readonly type: 'update';
}

export type WatchMessage = WatchSnapshot | WatchUpdate;

/**
 * Answer to `GET /api/history?from=STEP&to=STEP&points=N`, for zooming: the steps of the range, all by default, evenly
 * downsampled to at most N lines (2 … 20,000, by default 2000), the first and the last of the range included.
 */
export interface WatchedHistory {
  readonly metrics: readonly WatchedMetrics[];
}

/** Body of `POST /api/control`. */
export const controlSchema = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('pause') }),
  z.strictObject({ action: z.literal('resume') }),
  z.strictObject({ action: z.literal('checkpoint') }),
  z.strictObject({ action: z.literal('stop') }),
  z.strictObject({ action: z.literal('drop'), worker: z.string().min(1).max(80) }),
]);

export type Control = z.infer<typeof controlSchema>;

/** Answer to a control request: what was done, or why not, in one sentence. */
export interface ControlResult {
  readonly ok: boolean;
  readonly message: string;
}
