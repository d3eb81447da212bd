import { parentPort, workerData } from 'node:worker_threads';
import type { Device } from '../engines/device.ts';
import type { EngineName } from '../engines/engine-names.ts';
import { createEngine } from '../engines/engines.ts';
import { InlineEngine } from './inline-engine.ts';
import { serveEngine } from './remote-engine.ts';

/** What the thread is started with. */
export interface EngineThreadData {
  readonly engine: EngineName;
  readonly device: Device;
}

if (!parentPort) throw new Error('this module runs in a worker thread only');
const port = parentPort;
const { engine, device } = workerData as EngineThreadData;
const inline = new InlineEngine(await createEngine(engine, device));
port.on(
  'message',
  serveEngine(inline, (reply, transfer) => port.postMessage(reply, transfer)),
);
