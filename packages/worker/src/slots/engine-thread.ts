import { Worker } from 'node:worker_threads';
import '@gantry/compiler/no-telemetry';
import type { Device } from '../engines/device.ts';
import type { EngineThreadData } from './engine-thread-main.ts';
import type { EngineName } from '../engines/engine-names.ts';
import { RemoteEngine } from './remote-engine.ts';

/** An engine in a thread of Node. */
export class EngineThread extends RemoteEngine {
  /** @param device one that `prepareDevice` has found */
  constructor(engine: EngineName, device: Device = 'cpu') {
    super(({ replied, died }) => {
      const workerData: EngineThreadData = { engine, device };
      // What the process was started with, such as how to read the text of -e, is not for this module.
      const options = { workerData, execArgv: [] };
      const thread = new Worker(new URL('./engine-thread-main.js', import.meta.url), options);
      thread.on('message', replied);
      thread.on('error', (cause) => died(`the ${engine} engine's thread failed: ${String(cause)}`, cause));
      thread.on('exit', (code) => died(`the ${engine} engine's thread ended with code ${code}`));
      return {
        post: (request, transfer) => thread.postMessage(request, transfer),
        terminate: async () => void (await thread.terminate()),
      };
    });
  }
}
