import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import util from 'node:util';
import { GantryError } from '@gantry/core';
import * as tf from '@tensorflow/tfjs-core';
import type { Device } from './device.ts';

const require = createRequire(import.meta.url);

/**
 * To be called once, before engines are started in threads: makes sure that TensorFlow is installed, and tells it to compute
 * with one thread, as the order of additions depends on their number.
 * @throws GantryError E_ENGINE
 */
export function requireTensorflow(device: Device): void {
  if (!hasAddon(packageFor(device))) {
    throw new GantryError('E_ENGINE', `the tensorflow engine for ${device} is not installed: ${remedyFor(device)}`);
  }
  // The library reads the environment of the process, which threads of Node have only a copy of.
  Object.assign(process.env, { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1', TF_CPP_MIN_LOG_LEVEL: '2' });
}

/** Makes TensorFlow what `@tensorflow/tfjs-core` computes with in this thread. @throws GantryError E_ENGINE */
export async function loadTensorflow(device: Device): Promise<void> {
  // Node 23 has removed them, and the package still calls them.
  const removed = {
    isArray: Array.isArray,
    isNullOrUndefined: (value: unknown) => value === null || value === undefined,
  };
  for (const [name, is] of Object.entries(removed)) if (!(name in util)) Object.assign(util, { [name]: is });
  try {
    require(packageFor(device));
    if (!(await tf.setBackend('tensorflow'))) throw new Error('it offers no backend');
    // Where CUDA's libraries are missing, TensorFlow goes on with the CPU.
    const { isUsingGpuDevice } = tf.backend() as { isUsingGpuDevice?: boolean };
    if (device !== 'cpu' && isUsingGpuDevice !== true) throw new Error('TensorFlow finds no GPU');
  } catch (cause) {
    const why = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new GantryError('E_ENGINE', `the tensorflow engine cannot be loaded (${why}): ${remedyFor(device)}`, {
      cause,
    });
  }
}

/** Whether the package is there with the addon that its installation downloads or builds. */
function hasAddon(name: string): boolean {
  try {
    const lib = join(dirname(require.resolve(`${name}/package.json`)), 'lib');
    return readdirSync(lib).some((abi) => existsSync(join(lib, abi, 'tfjs_binding.node')));
  } catch {
    return false;
  }
}

function packageFor(device: Device): string {
  return device === 'cpu' ? '@tensorflow/tfjs-node' : '@tensorflow/tfjs-node-gpu';
}

function remedyFor(device: Device): string {
  const command = `npm run setup:tensorflow${device === 'cpu' ? '' : ' -- gpu'}`;
  return `run "${command}" where Gantry is installed, or choose --engine onnx`;
}
