export { parseEndpoint, type Endpoint } from './endpoint.ts';
export { ENGINE_NAMES, createEngine, type EngineName } from './engines.ts';
export { EnginePool, type Probe } from './engine-pool.ts';
export { EngineThread } from './engine-thread.ts';
export { probeNumericClass } from './numeric-class.ts';
export { ShardRunner, type ShardRunnerOptions } from './shard-runner.ts';
export { ShardTally } from './shard-tally.ts';
export { runWorker } from './worker.ts';
export type { ShardDone, WorkerObserver, WorkerOptions } from './worker-options.ts';
