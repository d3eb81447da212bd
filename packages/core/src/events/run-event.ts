/** What can happen to a run: the types of the lines of events.jsonl, with the fields that this version writes. */

/** What happened, before it is recorded. Each type and its fields stand in docs/reference.md, which a test compares. */
export type RunEvent =
  | { readonly type: 'started' }
  | {
      readonly type: 'resumed';
      /** Which checkpoints could not be used, and why. */
      readonly skipped: readonly string[];
    }
  | {
      readonly type: 'joined';
      readonly worker: string;
      readonly engine: string;
      readonly device: string;
      /** The worker's numeric class. */
      readonly class: string;
      /** Shards it computes at the same time. */
      readonly slots: number;
    }
  | { readonly type: 'left'; readonly worker: string; readonly cause: string }
  | {
      readonly type: 'invalid';
      readonly worker: string;
      /** An ErrorCode; other versions have others. */
      readonly code: string;
      readonly cause: string;
    }
  | { readonly type: 'damaged'; readonly worker: string; readonly cause: string }
  | { readonly type: 'quarantined'; readonly worker: string; readonly cause: string }
  | {
      readonly type: 'requeued';
      readonly shard: number;
      /** The shard's step, counted from 1. */
      readonly of: number;
      /** Who had it. */
      readonly worker: string;
      readonly cause: string;
    }
  | {
      readonly type: 'duplicated';
      readonly shard: number;
      /** Who is late with it. */
      readonly from: string;
      /** Who computes it, too. */
      readonly worker: string;
      readonly cause: string;
    }
  | { readonly type: 'stolen'; readonly shard: number; readonly from: string; readonly worker: string }
  | {
      readonly type: 'compared';
      readonly shard: number;
      /** The two that answered it. */
      readonly workers: readonly string[];
      /** Whether their answers have the same bits. */
      readonly equal: boolean;
    }
  | {
      readonly type: 'bits-differ';
      readonly shard: number;
      readonly workers: readonly string[];
      readonly cause: string;
    }
  | {
      readonly type: 'overruled';
      readonly shard: number;
      /** Whose answers the coordinator's own result replaces. */
      readonly workers: readonly string[];
      readonly cause: string;
    }
  | {
      readonly type: 'lied';
      readonly worker: string;
      /** To which it gave a false answer. */
      readonly shard: number;
      /** The steps, from 1, in which it may have had a hand since an audit has confirmed its work. */
      readonly first: number;
      readonly last: number;
      readonly cause: string;
    }
  | {
      readonly type: 'tainted';
      readonly worker: string;
      /** As of `lied`: the run goes on with what it may have done there. */
      readonly first: number;
      readonly last: number;
    }
  | {
      readonly type: 'rolled-back';
      readonly worker: string;
      /** As of `lied`. */
      readonly first: number;
      readonly last: number;
      /** Steps that were done, and have to be done again. */
      readonly lost: number;
      readonly cause: string;
    }
  | { readonly type: 'classes-mixed'; readonly classes: readonly string[]; readonly cause: string }
  | { readonly type: 'workers-idle'; readonly cause: string }
  | { readonly type: 'advice'; readonly cause: string }
  | {
      readonly type: 'waiting';
      readonly cause: string;
      /** Absent where nobody has to do anything. */
      readonly remedy?: string;
    }
  | {
      readonly type: 'stall';
      /** Other versions wrote events without the next two where there was no worker at all. */
      readonly shard?: number;
      readonly worker?: string;
      readonly cause: string;
      readonly remedy: string;
    }
  | {
      readonly type: 'epoch';
      /** Counted from 1. */
      readonly epoch: number;
      readonly seconds: number;
    }
  | { readonly type: 'checkpoint' }
  | { readonly type: 'paused'; readonly cause: string }
  | { readonly type: 'continued'; readonly cause: string }
  | {
      readonly type: 'unevaluated';
      /** Counted from 1. */
      readonly epoch: number;
      readonly cause: string;
    }
  | { readonly type: 'discriminator-won'; readonly cause: string; readonly remedy: string }
  | { readonly type: 'modes-lost'; readonly cause: string; readonly remedy: string }
  | { readonly type: 'diverged'; readonly cause: string }
  | { readonly type: 'stopped' }
  | { readonly type: 'finished' };

export type EventType = RunEvent['type'];

/** The event of one type. */
export type EventOf<T extends EventType> = Extract<RunEvent, { readonly type: T }>;

/** A line of events.jsonl, as this version writes it. */
export type EventLine = RunEvent & {
  /** ISO 8601, UTC. */
  readonly time: string;
  /** Steps done when it happened. */
  readonly step: number;
};
