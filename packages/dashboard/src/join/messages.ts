import type { ErrorCode } from '@gantry/core';
import type { ShardDone } from '@gantry/worker/portable';

/** Where a tab can compute. */
export type TabDevice = 'webgpu' | 'wasm';

/** What the page tells its Web Worker. */
export type TabRequest =
  | {
      readonly type: 'start';
      /** The coordinator's `/work`. */
      readonly url: string;
      readonly token: string;
      readonly name: string;
      /** Absent: WebGPU if there is a GPU for it, else WebAssembly. */
      readonly device: TabDevice | undefined;
    }
  | { readonly type: 'leave' };

/** What the Web Worker tells the page. */
export type TabReport =
  | { readonly type: 'device'; readonly device: TabDevice }
  | { readonly type: 'connected'; readonly run: string }
  | { readonly type: 'waiting'; readonly reason: string }
  | { readonly type: 'notice'; readonly text: string }
  | { readonly type: 'shardDone'; readonly shard: ShardDone }
  /** The work is over; with an error, it cannot go on. */
  | { readonly type: 'ended'; readonly error?: { readonly code: ErrorCode | undefined; readonly message: string } };
