import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { GantryError } from '@gantry/core';

const MAIN = fileURLToPath(new URL('./webgpu-probe-main.js', import.meta.url));

/** What the process that looks says: why there is no such GPU, or nothing of that. */
export interface WebGpuAnswer {
  readonly refusal: string | undefined;
}

/**
 * Makes sure that there is a GPU which WebGPU can use. A process of its own looks: where there is none, the library writes to
 * the terminal by itself, and a driver may end the process.
 * @throws GantryError E_ENGINE
 */
export async function requireWebGpu(): Promise<void> {
  const refusal = await new Promise<string | undefined>((resolve) => {
    const child = fork(MAIN, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'], execArgv: [] });
    child.on('message', (answer) => resolve((answer as WebGpuAnswer).refusal));
    child.on('error', (error) => resolve(`webgpu cannot be tried: ${error.message}`));
    // Without effect after an answer.
    child.on('exit', (code, signal) => {
      resolve(`webgpu cannot be used: its driver ends the process (${signal ?? code}): choose --device cpu`);
    });
  });
  if (refusal !== undefined) throw new GantryError('E_ENGINE', refusal);
}
