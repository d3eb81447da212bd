import { GantryError, plainText } from '@gantry/core';
import * as ort from 'onnxruntime-node';
import { gpuIndex, type Device } from './device.ts';
import type { OnnxRuntime } from './onnx-engine.ts';

/**
 * One session is one thread: the order of additions inside ONNX Runtime depends on its thread count, and equal bits
 * matter more than a faster single shard. More cores are used by more engines.
 */
const SESSION_OPTIONS: ort.InferenceSession.SessionOptions = {
  executionMode: 'sequential',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  graphOptimizationLevel: 'all',
  // A plan of all memory at once takes half as much again, and is no faster.
  enableMemPattern: false,
};

// What goes wrong is thrown; printed as well, it would be said twice.
ort.env.logLevel = 'fatal';

/** ONNX Runtime in Node. */
export function nodeOnnx(device: Device): OnnxRuntime {
  return { Tensor: ort.Tensor, open: (onnx) => open(onnx, device), fillsOutputs: true };
}

async function open(onnx: Uint8Array, device: Device): Promise<ort.InferenceSession> {
  const provider = device === 'cpu' ? device : { name: 'cuda', deviceId: gpuIndex(device) };
  try {
    return await ort.InferenceSession.create(onnx, { ...SESSION_OPTIONS, executionProviders: [provider] });
  } catch (cause) {
    if (device === 'cpu') throw cause;
    const why = plainText(cause instanceof Error ? cause.message : String(cause));
    const remedy = "ONNX Runtime's CUDA files, CUDA 12 and cuDNN 9 have to be installed; or choose --device cpu";
    throw new GantryError('E_ENGINE', `${device} cannot be used (${why}): ${remedy}`, { cause });
  }
}
