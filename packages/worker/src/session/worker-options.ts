import type { Device } from '../engines/device.ts';
import type { EngineName } from '../engines/engine-names.ts';

/** A shard that was computed and is on its way to the coordinator. */
export interface ShardDone {
  readonly step: number;
  readonly index: number;
  readonly samples: number;
  /** Time in the engine. */
  readonly computeMs: number;
  /** Time for which the thread had had nothing to compute. */
  readonly waitMs: number;
  /** Of the whole worker, lately. */
  readonly imagesPerSecond: number;
  /** Shards computed since the worker was started. */
  readonly shards: number;
}

/** Ten times MNIST. */
export const DEFAULT_IMAGE_CACHE_BYTES = 2 ** 29;

/** Hears what a worker does. */
export interface WorkerObserver {
  /** The worker has joined a run and can take work. */
  connected(run: string): void;
  /** There is no coordinator to work for at the moment; said again every 10 s at most. */
  waiting(reason: string): void;
  shardDone(shard: ShardDone): void;
  /** Something that people should know. */
  notice(text: string): void;
}

/** How a worker presents itself, and what it does, wherever it runs. */
export interface WorkOptions {
  /** Engine and device in use, as the coordinator shows them. */
  readonly engine: string;
  readonly device: string;
  /** Whether the device is a GPU, not made of software: it is worth measuring. Default: looked up in Node, else no. */
  readonly isHardwareGpu?: boolean | undefined;
  /** Shards that are computed at the same time. */
  readonly threads: number;
  /** How people call the worker, 1–64 characters. */
  readonly name: string;
  /** By which the coordinator knows it again: 22–64 letters, digits, `_` and `-` that nobody guesses. Default: made up. */
  readonly identity?: string | undefined;
  /** Ends with an error when no coordinator has taken this worker for so long; absent: never. */
  readonly giveUpAfterMs?: number | undefined;
  /** For images that it keeps, so that each comes once over a connection; 0: none. Default: `DEFAULT_IMAGE_CACHE_BYTES`. */
  readonly imageCacheBytes?: number | undefined;
  /** Once aborted, the worker leaves. */
  readonly signal: AbortSignal;
  readonly observer: WorkerObserver;
}

/** Of a worker in Node. */
export interface WorkerOptions extends WorkOptions {
  /** The coordinator: `ws://…` or `wss://…`; the path is `/work` unless there is one. */
  readonly url: string;
  /** Shown to the coordinator with each connection; what a function throws makes the worker wait for one, unless it is a GantryError. */
  readonly token: string | (() => Promise<string>);
  readonly engine: EngineName;
  /** One that `prepareDevice` has found. */
  readonly device: Device;
  /** PEM certificates to trust instead of the system's. */
  readonly tlsCa?: string | undefined;
}
