export { resultConfigSchema, trainConfigSchema, type ResultConfig, type TrainConfig } from './training/config.ts';
export { downsampled, stepFilter, type HistoryLine } from './downsample.ts';
export type { GradientEngine, Program, ProgramVariant } from './training/engine.ts';
export { GantryError, type ErrorCode } from './errors.ts';
export { terminalLine } from './events/event-words.ts';
export { knownEvent, recordedEvent, type RecordedEvent } from './events/recorded-event.ts';
export type { EventLine, EventOf, RunEvent } from './events/run-event.ts';
export { decodeIdxImages, takeImages, type ImageSet } from './formats/idx.ts';
export {
  completeContribution,
  contributionLayout,
  contributionParts,
  newContribution,
  samplesOf,
  sumOf,
  type ContributionLayout,
  type ContributionPart,
} from './training/contribution.ts';
export { DEFAULT_OPTIMIZERS, type OptimizerSpecs } from './optimizers/optimizer.ts';
export type { Schedule } from './optimizers/schedule.ts';
export type { OptimizerState } from './optimizers/update-rule.ts';
export { IMAGE_PIXELS, IMAGE_SIDE, NOISE_SIZE } from './dimensions.ts';
export { gradientName, viewOf, type ModelManifest, type Parameter, type StepInput } from './model/manifest.ts';
export { Stream, epochPermutation, fillKeepMask, fillNormal, fillUniform } from './numerics/random.ts';
export { philox4x32 } from './numerics/philox.ts';
export {
  createFrame,
  decodeFromCoordinator,
  decodeFromWorker,
  encodeFrame,
  frameAround,
  floatsOf,
  type Received,
} from './protocol/codec.ts';
export { freeFrame } from './protocol/free-frame.ts';
export { allocatePayload, MAX_FRAME_BYTES, MAX_PAYLOAD_BYTES, PROTOCOL_VERSION, type Frame } from './protocol/frame.ts';
export { manifestBytes, manifestFromWire, manifestToWire, programsBytes, sha256 } from './protocol/manifest.ts';
export type { CoordinatorMessage, Message, MessageOf, WorkerMessage } from './protocol/messages.ts';
export { plainText } from './protocol/text.ts';
export {
  controlSchema,
  type Control,
  type ControlResult,
  type RunState,
  type WatchMessage,
  type WatchSnapshot,
  type WatchUpdate,
  type WatchedHistory,
  type WatchedMetrics,
  type WatchedRun,
  type WatchedStall,
  type WatchedStep,
  type WatchedWorker,
  type WatchedWorkerState,
} from './protocol/watch.ts';
export { ReductionTree, type TreeNode } from './numerics/reduction.ts';
export { decodeSafetensors, encodeSafetensors, type NamedTensor } from './formats/safetensors.ts';
export {
  positionOf,
  shardSizes,
  shardsOf,
  stepsPerEpoch,
  totalSteps,
  type DataPlan,
  type Shard,
  type ShardWork,
  type StepPosition,
} from './training/shards.ts';
export {
  requireAffordable,
  sampleBytes,
  scaleData,
  scalePixels,
  shardInputs,
  stepInputSpecs,
  type ShardInputs,
} from './model/step-inputs.ts';
export { applyStep, initialState, type StepMetrics, type TrainingState } from './training/training-state.ts';
export { addInPlace, allFinite } from './numerics/vectors.ts';
