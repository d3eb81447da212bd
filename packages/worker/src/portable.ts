/** What does not depend on Node: for workers in a browser. */
export { ConnectionError, type Connection, type ConnectionEvents } from './connection.ts';
export { InlineEngine } from './inline-engine.ts';
export { OnnxEngine, type OnnxRuntime } from './onnx-engine.ts';
export { RemoteEngine, serveEngine, type EngineReply, type EngineRequest } from './remote-engine.ts';
export { work, type Platform } from './work-loop.ts';
export type { ShardDone, WorkOptions, WorkerObserver } from './worker-options.ts';
