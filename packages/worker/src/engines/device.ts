import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { GantryError, plainText } from '@gantry/core';
import type { EngineName } from './engine-names.ts';
import { MissingPackageError, requirePackage } from './engine-packages.ts';
import { requireWebGpu } from './webgpu-probe.ts';

/** Without persistence mode, the driver starts only now. */
const NVIDIA_SMI_TIMEOUT_MS = 30_000;

/** `cuda:1` is the second GPU that CUDA shows to this process. */
export type CudaDevice = `cuda:${number}`;
/** Where an engine computes. `webgpu` is the GPU that WebGPU takes for the fastest one. */
export type Device = 'cpu' | 'webgpu' | CudaDevice;

/** @param text `cpu`, `webgpu`, `cuda` for the first GPU, or `cuda:INDEX` @throws GantryError E_CONFIG */
export function parseDevice(text: string): Device {
  if (text === 'cpu' || text === 'webgpu') return text;
  const match = /^cuda(?::(\d{1,3}))?$/.exec(text);
  if (match) return `cuda:${Number(match[1] ?? 0)}`;
  throw new GantryError('E_CONFIG', `device ${plainText(text)} is none: expected cpu, webgpu, cuda or cuda:INDEX`);
}

/** The number of a GPU among those that CUDA shows. */
export function gpuIndex(device: CudaDevice): number {
  return Number(device.slice('cuda:'.length));
}

/**
 * To be called once before engines are made for a device: makes sure that both are there, as there is no other
 * in their place.
 * @param asked the engine; absent: on a CPU the native one where this machine has a C compiler, else ONNX Runtime
 * @returns the engine to make
 * @throws GantryError E_ENGINE
 */
export async function prepareDevice(asked: EngineName | undefined, device: Device): Promise<EngineName> {
  if (asked === undefined && device === 'cpu') {
    try {
      await requireDevice('native', device);
      return 'native';
    } catch (cause) {
      return instead(cause);
    }
  }
  const engine = asked ?? 'onnx';
  await requireDevice(engine, device);
  return engine;
}

/** ONNX Runtime, where a C compiler is missing; where both are, that is to be said. @throws MissingPackageError */
function instead(noCompiler: unknown): EngineName {
  try {
    requirePackage('onnx');
    return 'onnx';
  } catch (cause) {
    if (!(cause instanceof MissingPackageError && noCompiler instanceof GantryError)) throw cause;
    throw new MissingPackageError(cause.packageName, `${noCompiler.message}; but ${cause.message}`, noCompiler);
  }
}

/** Makes sure that an engine is one for such devices, wherever they are. @throws GantryError E_ENGINE */
export function requireFit(engine: EngineName, device: Device): void {
  const isGpu = device !== 'cpu';
  if (isGpu && (engine === 'native' || engine === 'tfjs')) throw unfit(engine, device);
  if (device === 'webgpu' && engine === 'tensorflow') throw unfit(engine, device);
}

async function requireDevice(engine: EngineName, device: Device): Promise<void> {
  requireFit(engine, device);
  requirePackage(engine);
  if (engine === 'native') await requireNativeEngine();
  if (engine === 'tensorflow') (await import('./tensorflow.ts')).requireTensorflow(device);
  if (device === 'cpu') return;
  if (device === 'webgpu') {
    await requireWebGpu();
    return;
  }
  const gpu = await gpuAt(device);
  // TensorFlow computes on the first GPU that it sees.
  if (engine === 'tensorflow') process.env['CUDA_VISIBLE_DEVICES'] = gpu;
  // TF32 keeps 10 of the 23 bits of a factor. CUDA's libraries read this when they are loaded, which is later.
  process.env['NVIDIA_TF32_OVERRIDE'] = '0';
}

/** @throws GantryError E_ENGINE */
async function requireNativeEngine(): Promise<void> {
  const { CompileError, requireNative } = await import('@gantry/compiler/native');
  try {
    await requireNative();
  } catch (cause) {
    if (!(cause instanceof CompileError)) throw cause;
    throw new GantryError('E_ENGINE', `${plainText(cause.message)}; or choose --engine onnx`, { cause });
  }
}

function unfit(engine: EngineName, device: Device): GantryError {
  const devices = engine === 'tensorflow' ? 'cpu and cuda' : 'cpu only';
  return new GantryError('E_ENGINE', `the ${engine} engine runs on ${devices}, not on ${device}: choose --engine onnx`);
}

/** One of the visible GPUs, as CUDA_VISIBLE_DEVICES names it. @throws GantryError E_ENGINE if it is not there */
export async function gpuAt(device: CudaDevice): Promise<string> {
  const gpus = await visibleGpus();
  const gpu = gpus[gpuIndex(device)];
  if (gpu !== undefined) return gpu;
  const last = gpus.length - 1;
  const present = last === 0 ? 'only cuda:0 is' : `cuda:0 to cuda:${last} are`;
  throw new GantryError('E_ENGINE', `${device} is not there: ${present}`);
}

/**
 * The GPUs that CUDA shows to this process, one at least, as CUDA_VISIBLE_DEVICES names them.
 * @throws GantryError E_ENGINE
 */
export async function visibleGpus(): Promise<string[]> {
  return gpusIn(await nvidiaSmi(), process.env['CUDA_VISIBLE_DEVICES']);
}

/**
 * Chooses the visible GPUs.
 * @param listing what `nvidia-smi -L` prints
 * @param chosen CUDA_VISIBLE_DEVICES: the only GPUs to use, in this order, by index or beginning of the UUID
 * @throws GantryError E_ENGINE if there is none, or one that was chosen does not exist: CUDA would ignore it
 */
export function gpusIn(listing: string, chosen: string | undefined): string[] {
  const uuids = [...listing.matchAll(/^GPU \d+: .*\(UUID: (GPU-[\w-]+)\)/gm)].map(([, uuid = '']) => uuid);
  if (uuids.length === 0) throw noGpu('nvidia-smi lists none');
  // By UUID, as CUDA and nvidia-smi may count in different orders.
  if (chosen === undefined) return uuids;
  const parts = [...listing.matchAll(/\(UUID: (MIG-[\w/-]+)\)/g)].map(([, uuid = '']) => uuid);
  const exists = (name: string) =>
    /^\d+$/.test(name)
      ? Number(name) < uuids.length
      : /^(GPU|MIG)-/.test(name) && [...uuids, ...parts].some((uuid) => uuid.startsWith(name));
  const names = chosen.split(',').map((name) => name.trim());
  const absent = names.find((name) => !exists(name));
  if (absent === undefined) return names;
  throw noGpu(
    `CUDA_VISIBLE_DEVICES is "${plainText(chosen)}", of which "${plainText(absent)}" is none of the ${uuids.length} that nvidia-smi lists`,
  );
}

/** The GPU of each of so many workers: where there are more workers than GPUs, they share them in turn. */
export function dealGpus(gpus: readonly string[], workers: number): string[] {
  return Array.from({ length: workers }, (_, i) => gpus[i % gpus.length] as string);
}

async function nvidiaSmi(): Promise<string> {
  try {
    return (await promisify(execFile)('nvidia-smi', ['-L'], { timeout: NVIDIA_SMI_TIMEOUT_MS })).stdout;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      throw noGpu('nvidia-smi, which comes with the driver, is not installed');
    }
    // It says on standard output why it failed.
    const { stdout = '' } = cause as { stdout?: string };
    throw noGpu(`nvidia-smi failed: ${plainText(stdout.trim().split('\n')[0] || String(cause).trim())}`);
  }
}

function noGpu(why: string): GantryError {
  return new GantryError('E_ENGINE', `no GPU for CUDA: ${why}; fix that, or choose --device cpu`);
}
