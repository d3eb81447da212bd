/// <reference lib="webworker" />
import { GantryError } from '@gantry/core';
import { InlineEngine, OnnxEngine, work, type WorkerObserver } from '@gantry/worker/portable';
import { version } from '../../package.json';
import { BrowserConnection } from './browser-connection.ts';
import type { TabReport, TabRequest } from './messages.ts';
import { hasGpu, webOnnx } from './web-onnx.ts';

/** The Web Worker of `/join`: computing would freeze the page. */
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
    const device = wanted ?? ((await hasGpu()) ? 'webgpu' : 'wasm');
    report({ type: 'device', device });
    const runtime = await webOnnx(device);
    await work(
      { engine: 'onnx', device, threads: 1, name, signal: leaving.signal, observer },
      {
        version,
        connect: (events) => new BrowserConnection(url, token, events),
        startEngine: () => new InlineEngine(new OnnxEngine(runtime)),
      },
    );
    report({ type: 'ended' });
  } catch (error) {
    const code = error instanceof GantryError ? error.code : undefined;
    report({ type: 'ended', error: { code, message: error instanceof Error ? error.message : String(error) } });
  }
}
