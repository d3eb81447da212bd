import { createRequire } from 'node:module';
import { parseEndpoint } from './endpoint.ts';
import { isHardwareGpu } from '../engines/hardware-gpu.ts';
import { EngineThread } from '../slots/engine-thread.ts';
import { NodeConnection } from './node-connection.ts';
import { work } from './work-loop.ts';
import type { WorkerOptions } from './worker-options.ts';

const { version } = createRequire(import.meta.url)('#package.json') as { version: string };

/**
 * A worker in Node, see `work`; each engine has a thread of its own.
 * @throws GantryError E_CONFIG for a wrong URL, and what `work` throws
 */
export async function runWorker(options: WorkerOptions): Promise<void> {
  const { engine, device, token, tlsCa } = options;
  const endpoint = parseEndpoint(options.url);
  const isWorthMeasuring = options.isHardwareGpu ?? (await isHardwareGpu(device));
  await work(
    { ...options, isHardwareGpu: isWorthMeasuring },
    {
      version,
      connect: (events) => new NodeConnection(endpoint, token, tlsCa, events),
      startEngine: () => new EngineThread(engine, device),
    },
  );
}
