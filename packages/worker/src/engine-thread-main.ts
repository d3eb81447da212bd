import { parentPort, workerData } from 'node:worker_threads';
import { GantryError, type ErrorCode, type Program, type ShardWork } from '@gantry/core';
import type { Device } from './device.ts';
import { createEngine, type EngineName } from './engines.ts';
import { InlineEngine } from './inline-engine.ts';

/** What the thread is asked; answers carry the same id. */
export type EngineRequest =
  | { readonly id: number; readonly call: 'load'; readonly program: Program }
  | { readonly id: number; readonly call: 'setWeights'; readonly flat: Float32Array }
  | { readonly id: number; readonly call: 'prepare'; readonly shard: ShardWork }
  | {
      readonly id: number;
      readonly call: 'gradients';
      readonly shard: ShardWork;
      /** Memory for the leaf. */
      readonly leaf: Float32Array<ArrayBuffer> | undefined;
    }
  | { readonly id: number; readonly call: 'dispose' };

/** What the thread is started with. */
export interface EngineThreadData {
  readonly engine: EngineName;
  readonly device: Device;
}

export type EngineReply =
  | { readonly id: number; readonly leaf: Float32Array<ArrayBuffer> | undefined }
  | { readonly id: number; readonly error: { readonly code: ErrorCode; readonly message: string } };

if (!parentPort) throw new Error('this module runs in a worker thread only');
const port = parentPort;
const data = workerData as EngineThreadData;
const engine = new InlineEngine(await createEngine(data.engine, data.device));

/** Runs one call; only `gradients` has a result. */
function perform(request: EngineRequest): Promise<Float32Array<ArrayBuffer> | void> {
  switch (request.call) {
    case 'load':
      return engine.load(request.program);
    case 'setWeights':
      return engine.setWeights(request.flat);
    case 'prepare':
      return engine.prepare(request.shard);
    case 'gradients':
      return engine.gradients(request.shard, request.leaf);
    case 'dispose':
      return engine.dispose();
  }
}

port.on('message', (request: EngineRequest) => {
  void answer(request);
});

async function answer(request: EngineRequest): Promise<void> {
  try {
    const leaf = (await perform(request)) ?? undefined;
    port.postMessage({ id: request.id, leaf } satisfies EngineReply, leaf ? [leaf.buffer] : []);
  } catch (error) {
    // Structured cloning would drop the code.
    const code = error instanceof GantryError ? error.code : 'E_ENGINE';
    const message = error instanceof Error ? error.message : String(error);
    port.postMessage({ id: request.id, error: { code, message } } satisfies EngineReply);
  }
}
