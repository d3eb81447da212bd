import { parentPort, workerData } from 'node:worker_threads';
import { GantryError, type ErrorCode, type Program, type ShardWork } from '@gantry/core';
import type { Device } from './device.ts';
import { createEngine, type EngineName } from './engines.ts';
import { PreparedInputs } from './prepared-inputs.ts';

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

const port = parentPort;
if (!port) throw new Error('this module runs in a worker thread only');
const data = workerData as EngineThreadData;
const engine = await createEngine(data.engine, data.device);
let inputs = new PreparedInputs(0);

/** Runs one call; only `gradients` has a result. */
async function perform(request: EngineRequest): Promise<Float32Array<ArrayBuffer> | undefined> {
  switch (request.call) {
    case 'load':
      inputs = new PreparedInputs(request.program.seed);
      await engine.load(request.program);
      return undefined;
    case 'setWeights':
      await engine.setWeights(request.flat);
      return undefined;
    case 'prepare':
      inputs.prepare(request.shard);
      return undefined;
    case 'gradients': {
      const taken = inputs.take(request.shard);
      const leaf = await engine.gradients(taken, request.leaf);
      inputs.recycle(taken);
      return leaf;
    }
    case 'dispose':
      await engine.dispose();
      return undefined;
  }
}

// One after another, in the order of the requests: an engine is not reentrant.
let previous = Promise.resolve();
port.on('message', (request: EngineRequest) => {
  previous = previous.then(async () => {
    try {
      const leaf = await perform(request);
      port.postMessage({ id: request.id, leaf } satisfies EngineReply, leaf ? [leaf.buffer] : []);
    } catch (error) {
      // Structured cloning would drop the code.
      const code = error instanceof GantryError ? error.code : 'E_ENGINE';
      const message = error instanceof Error ? error.message : String(error);
      port.postMessage({ id: request.id, error: { code, message } } satisfies EngineReply);
    }
  });
});
