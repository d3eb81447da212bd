/// <reference lib="webworker" />
import { GantryError } from '@gantry/core';
import { RemoteEngine, work, type EngineReply, type WorkerObserver } from '@gantry/worker/portable';
import { version } from '../../package.json';
import { BrowserConnection } from './browser-connection.ts';
import { hasGpu } from './gpu.ts';
import type { TabDevice, TabReport, TabRequest } from './messages.ts';

/** The Web Worker of `/join`, with the connection to the coordinator: a page that is hidden would be slow to answer. */
declare const self: DedicatedWorkerGlobalScope;

const leaving = new AbortController();
const report = (message: TabReport) => self.postMessage(message);

const observer: WorkerObserver = {
  connected: (run) => report({ type: 'connected', run }),
  waiting: (reason) => report({ type: 'waiting', reason }),
  notice: (text) => report({ type: 'notice', text }),
  shardDone: (shard) => report({ type: 'shardDone', shard }),
};

self.addEventListener('message', ({ data }: MessageEvent<TabRequest>) => {
  if (data.type === 'leave') leaving.abort();
  else void start(data);
});

async function start({ url, token, name, device: wanted }: Extract<TabRequest, { type: 'start' }>): Promise<void> {
  try {
    const gpu = await hasGpu();
    const device = wanted ?? (gpu ? 'webgpu' : 'wasm');
    report({ type: 'device', device });
    await work(
      {
        engine: 'onnx',
        device,
        isHardwareGpu: gpu && device === 'webgpu',
        threads: 1,
        name,
        signal: leaving.signal,
        observer,
      },
      {
        version,
        connect: (events) => new BrowserConnection(url, token, events),
        startEngine: () => startEngine(device),
      },
    );
    report({ type: 'ended' });
  } catch (error) {
    const code = error instanceof GantryError ? error.code : undefined;
    report({ type: 'ended', error: { code, message: error instanceof Error ? error.message : String(error) } });
  }
}

function startEngine(device: TabDevice): RemoteEngine {
  return new RemoteEngine(({ replied, died }) => {
    const thread = new Worker(new URL('tab-engine.ts', import.meta.url), { type: 'module', name: device });
    thread.addEventListener('message', ({ data }: MessageEvent<EngineReply>) => replied(data));
    thread.addEventListener('error', ({ message }) => died(`the engine's thread failed: ${message}`));
    return {
      post: (request, transfer) => thread.postMessage(request, transfer),
      terminate: () => thread.terminate(),
    };
  });
}
