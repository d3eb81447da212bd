/** What does not depend on Node: for workers in a browser. */
export { ConnectionError, type Connection, type ConnectionEvents } from './session/connection.ts';
export { InlineEngine } from './slots/inline-engine.ts';
export { OnnxEngine, type OnnxRuntime } from './engines/onnx-engine.ts';
export { RemoteEngine, serveEngine, type EngineReply, type EngineRequest } from './slots/remote-engine.ts';
export type { Platform } from './session/platform.ts';
export { work } from './session/work-loop.ts';
export type { ShardDone, WorkOptions, WorkerObserver } from './session/worker-options.ts';
