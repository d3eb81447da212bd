/// <reference lib="webworker" />
import { InlineEngine, OnnxEngine, serveEngine, type EngineRequest } from '@gantry/worker/portable';
import type { TabDevice } from './messages.ts';
import { webOnnx } from './web-onnx.ts';

/** The thread that computes, named after its device: the one with the connection stays free for that. */
declare const self: DedicatedWorkerGlobalScope;

// What comes while the library is loaded must find someone who listens.
const engine = webOnnx(self.name as TabDevice).then((runtime) => new InlineEngine(new OnnxEngine(runtime)));
const answer = serveEngine(engine, (reply, transfer) => self.postMessage(reply, transfer));
self.addEventListener('message', ({ data }: MessageEvent<EngineRequest>) => answer(data));
