import * as ort from '@gantry/compiler/onnx-runtime';
import { GantryError, plainText } from '@gantry/core';
import { gpuIndex, type Device } from './device.ts';
import { mallocKeeps } from '../session/malloc.ts';
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
  // A pool for each session, and there is one for each shard size, keeps a quarter more in all than a malloc that keeps what is
  // freed. With one that does not, each run would get fresh pages, and take one and a half times to six times as long.
  enableCpuMemArena: !mallocKeeps(),
};

// What goes wrong is thrown; printed as well, it would be said twice.
ort.env.logLevel = 'fatal';

/** The smallest model there is, y = −x, in ONNX: opening it shows whether a device can be used. */
const NEGATION = Buffer.from(
  'CAg6MgoLCgF4EgF5IgNOZWcSAWdaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggBQgQKABAN',
  'base64',
);

/** ONNX Runtime in Node. */
export function nodeOnnx(device: Device): OnnxRuntime {
  return { Tensor: ort.Tensor, open: (onnx) => open(onnx, device), fillsOutputs: device === 'cpu' };
}

/** Opens a model on the GPU that WebGPU can use. @throws GantryError E_ENGINE if there is none */
export async function openOnWebGpu(): Promise<void> {
  const session = await open(NEGATION, 'webgpu');
  await session.release();
}

async function open(onnx: Uint8Array, device: Device): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(onnx, { ...SESSION_OPTIONS, executionProviders: [providerOf(device)] });
  } catch (cause) {
    if (device === 'cpu') throw cause;
    // What comes before says where in the library it was found.
    const why = plainText(cause instanceof Error ? cause.message : String(cause)).replace(/^.* was false\. /, '');
    throw new GantryError('E_ENGINE', `${device} cannot be used (${why}): ${remedyOf(device)}`, { cause });
  }
}

function providerOf(device: Device): ort.InferenceSession.ExecutionProviderConfig {
  return device === 'cpu' || device === 'webgpu' ? device : { name: 'cuda', deviceId: gpuIndex(device) };
}

function remedyOf(device: Exclude<Device, 'cpu'>): string {
  if (device !== 'webgpu') {
    return 'run "npm run setup:cuda", and install CUDA 12 and cuDNN 9; or choose --device cpu';
  }
  const driver = process.platform === 'linux' ? 'a driver for Vulkan and its loader, libvulkan.so.1,' : 'a driver';
  return `${driver} for this machine's GPU has to be installed; or choose --device cpu`;
}
