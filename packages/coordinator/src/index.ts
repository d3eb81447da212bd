export { readLines } from './storage/json-lines.ts';
export {
  CheckpointStore,
  checkpointAt,
  checkpointSteps,
  readGenerator,
  readState,
  weightsDigest,
} from './storage/checkpoint-store.ts';
export { openCluster, type Cluster, type Links } from './network/cluster.ts';
export { imageShapeOf, requireFitting } from './run/image-shape.ts';
export { directoryOf, loadDataSet, type DataSet, type DataSetOptions } from './run/data-set.ts';
export { compileTraining, convolutionsOn } from './run/programs.ts';
export { bestCheckpoint } from './run/best-checkpoint.ts';
export { recordedRun, type RecordedRun } from './run/recorded-run.ts';
export type { ConfigSource, GivenConfig } from './run/given-config.ts';
export { parseRunJson, type RunJson } from './run/run-config.ts';
export { readStoredModel, type StoredModel } from './run/stored-model.ts';
export type { OwnModel } from './run/own-model.ts';
export { RunDirectory } from './storage/run-directory.ts';
export type { MetricsLine, WorkLine } from './storage/run-lines.ts';
export { gridPng, writeGif } from './run/samples.ts';
export { startServer, type CoordinatorServer, type ServerOptions } from './network/server.ts';
export type { AuditOptions } from './scheduling/audit-options.ts';
export type { Referee } from './scheduling/referee.ts';
export { tokenFiles, type Tokens } from './network/tokens.ts';
export { Scheduler } from './scheduling/scheduler.ts';
export { train, type AttachContext, type AttachedWorkers, type TrainOptions } from './run/train.ts';
export type { PublishedWeights } from './scheduling/published-weights.ts';
export type { RunObserver, Summary } from './run/training-run.ts';
export type { NodeResult, WorkerLink } from './scheduling/worker-link.ts';
