import type { EncodedVector, GantryError, PlannedUnit, TreeNode } from '@gantry/core';
import type { PublishedWeights } from './published-weights.ts';

/** Where a worker computes, for people. */
interface WorkerPlace {
  readonly address: string;
  readonly engine: string;
  readonly device: string;
}

/** What went through a worker's connection since it was made. */
export interface Traffic {
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Of the last heartbeat; null before the first. */
  readonly roundTripMs: number | null;
  /** Since anything came from it. */
  readonly lastSeenMs: number;
  /** Of `bytesOut`, those of images. */
  readonly imageBytes: number;
  /** Bytes per second of the link to it, as the fastest of the large messages got there; null before the first one did. */
  readonly outRate: number | null;
  /** … and from it, as the first large message took; Infinity where that was no time. */
  readonly inRate: number | null;
}

/** Of who computes in the coordinator's own process. */
export const NO_TRAFFIC: Traffic = {
  bytesIn: 0,
  bytesOut: 0,
  imageBytes: 0,
  roundTripMs: null,
  lastSeenMs: 0,
  outRate: null,
  inRate: null,
};

/**
 * What computes shards for the coordinator: a thread of this process, or a worker at the other end of a connection. It
 * answers by `Scheduler.computed`, `Scheduler.result` and `Scheduler.failure`, in any order, and may vanish at any moment.
 */
export interface WorkerLink {
  /** Unique among the workers of the run. */
  readonly name: string;
  /** Who it is: the same over all its connections, which `name` need not be. */
  readonly identity: string;
  /** Whether it need not show first that it computes what others do: the run has started it itself. */
  readonly isTrusted: boolean;
  /** Workers of one numeric class give the same bits for the same shard. */
  readonly numericClass: string;
  /** Shards it computes at the same time. */
  readonly slots: number;
  /** Where it computes, for people. */
  readonly place: WorkerPlace;

  /** How its connection fares. */
  traffic(): Traffic;

  /**
   * Hands over the weights of a round; where earlier ones are still on their way, only the newest wait for them.
   * @param isSlow whether the worker is taken to be behind until these have left
   */
  setWeights(weights: PublishedWeights, isSlow?: boolean): void;
  /** Whether the weights of the round wait for earlier ones, or did: `Scheduler.caughtUp` says when they have left. */
  isBehind(): boolean;
  /** Whether the weights of the round are not on their way yet: `Scheduler.caughtUp` says when they are. */
  isWaiting(): boolean;
  /**
   * Hands over a shard; it is computed once the weights of its round are there.
   * @param isAlone whether the answer is to be of this shard alone
   */
  assign(shard: PlannedUnit, isAlone: boolean): void;
  /** Says that a shard's result is no longer wanted; it may come all the same. */
  cancel(round: number, shard: number): void;
  /** Says that an answer was not accepted. */
  refuse(cause: GantryError): void;
  /** Ends the relation: it cannot be trusted. */
  drop(cause: GantryError): void;
  /** Ends the relation at a user's wish; it does not come back by itself. */
  dismiss(cause: string): void;
  /** Ends the relation; it comes back by itself, with nothing of before. */
  restart(cause: string): void;
}

/** How long a worker took for one shard. */
export interface ShardTimes {
  readonly computeMs: number;
  /** Time in which the worker had nothing to compute before this shard. */
  readonly waitMs: number;
}

/** A worker has a shard's contribution, and will send it as part of a sum. */
export interface ShardComputed extends ShardTimes {
  readonly round: number;
  readonly index: number;
}

/** How far a worker is with a unit of several batches. */
export interface UnitProgress {
  readonly round: number;
  readonly index: number;
  /** Batches that are done. */
  readonly batches: number;
}

/** A contribution, or a sum of some. */
export interface ReceivedSum {
  /** Laid out as the scheme has the round's contributions; the scheduler does not keep it. May be decoded when it is first asked for. */
  readonly sum: Float32Array;
  /** The same as it came, where it was rounded and can be added without being decoded before. */
  readonly encoded?: EncodedVector | undefined;
}

/** The answer to the shards under one tree node; the times are those of the last one. */
export interface NodeResult extends ShardTimes, TreeNode, ReceivedSum {
  readonly round: number;
  readonly samples: number;
}
