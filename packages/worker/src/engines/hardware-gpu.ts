import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Device } from './device.ts';

const MAIN = fileURLToPath(new URL('./webgpu-probe-main.js', import.meta.url));
/** GPUs that are made of software, as they call themselves. */
const SOFTWARE = /swiftshader|llvmpipe|lavapipe/i;

/**
 * Whether a device is a GPU, and none that is made of software: those are too slow to be measured.
 * @param device one that `prepareDevice` has found
 */
export async function isHardwareGpu(device: Device): Promise<boolean> {
  if (device !== 'webgpu') return device !== 'cpu';
  // Metal has hardware only; on Windows nobody says.
  if (process.platform !== 'linux') return true;
  const name = await vulkanDevice();
  return name !== undefined && !SOFTWARE.test(name);
}

/** The GPU that WebGPU takes, which ONNX Runtime does not tell: Vulkan's loader does, on standard error. */
function vulkanDevice(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const env = { ...process.env, VK_LOADER_DEBUG: 'driver' };
    const child = fork(MAIN, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [], env });
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const look = () => resolve(/Using "([^"]*)" with driver/.exec(said)?.[1]);
    child.on('error', look);
    child.on('close', look);
  });
}
