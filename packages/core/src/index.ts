export {
  BATCH_NORMS,
  MAX_LOCAL_STEPS,
  resultConfigSchema,
  trainConfigSchema,
  type BatchNorm,
  type ResultConfig,
  type TrainConfig,
} from './training/config.ts';
export { distanceOf, fromBest, isBetter, type EpochEvaluation, type Measures } from './training/evaluation.ts';
export { downsampled, stepFilter, type HistoryLine } from './downsample.ts';
export type { GradientEngine, Program, ProgramVariant } from './training/engine.ts';
export { GantryError, type ErrorCode } from './errors.ts';
export { terminalLine } from './events/event-words.ts';
export { knownEvent, recordedEvent, type RecordedEvent } from './events/recorded-event.ts';
export type { EventLine, EventOf, RunEvent } from './events/run-event.ts';
export { decodeIdxImages, decodeIdxLabels, idxFileBytes, type IdxKind } from './formats/idx.ts';
export { imageShape, takeImages, type ImageSet, type ImageShape, type Labels } from './formats/image-set.ts';
export { npyHeader, readNpy, readNpyIntegers } from './formats/npy.ts';
export {
  completeContribution,
  contributionLayout,
  contributionParts,
  newContribution,
  numberIn,
  type ContributionLayout,
  type ContributionPart,
} from './training/contribution.ts';
export {
  DEFAULT_OPTIMIZERS,
  defaultOptimizers,
  OPTIMIZER_NAMES,
  optimizerSpecSchema,
  type OptimizerSpecs,
} from './optimizers/optimizer.ts';
export { scheduleSchema } from './optimizers/schedule.ts';
export type { OptimizerState } from './optimizers/update-rule.ts';
export {
  gradientName,
  networkNamed,
  networkOf,
  phaseAt,
  phaseNamed,
  roundsPerStep,
  sizeOf,
  viewOf,
  type ModelManifest,
  type NetworkManifest,
  type Parameter,
  type PhaseManifest,
  type Section,
} from './model/manifest.ts';
export { GRADIENT_NORM_CHART, gradientNormReport, replicaNormReport, type Report } from './model/report.ts';
export { Stream, epochPermutation, fillKeepMask, fillNormal, fillUniform, streamAt } from './numerics/random.ts';
export { log } from './numerics/elementary.ts';
export { exp } from './numerics/exponential.ts';
export { philox4x32 } from './numerics/philox.ts';
export { Assembly, encodeFrames, framesAround } from './protocol/chunks.ts';
export { checksum } from './protocol/checksum.ts';
export {
  decodeFromCoordinator,
  decodeFromWorker,
  encodeFrame,
  floatsOf,
  shapesOf,
  type Received,
} from './protocol/codec.ts';
export { freeFrame } from './protocol/free-frame.ts';
export {
  allocatePayload,
  MAX_FRAME_BYTES,
  MAX_PAYLOAD_BYTES,
  PROTOCOL_VERSION,
  peekHeader,
  sealFrame,
} from './protocol/frame.ts';
export { manifestBytes, manifestFromWire, manifestToWire, programBytes, sha256 } from './protocol/manifest.ts';
export { manifestSchema } from './protocol/messages.ts';
export type { CoordinatorMessage, Message, MessageOf, WorkerMessage } from './protocol/messages.ts';
export { plainText, shellWords } from './protocol/text.ts';
export {
  controlSchema,
  type Control,
  type ControlResult,
  type RunState,
  type StepTimes,
  type WatchMessage,
  type WatchSnapshot,
  type WatchUpdate,
  type JoinCommands,
  type WatchedConcern,
  type WatchedHistory,
  type WatchedMetrics,
  metricOf,
  type WatchedRun,
  type WatchedStall,
  type WatchedStep,
  type WatchedWorker,
  type WatchedWorkerState,
} from './protocol/watch.ts';
export { ReductionTree, type TreeNode } from './numerics/reduction.ts';
export { decodeSafetensors, encodeSafetensors, type NamedTensor } from './formats/safetensors.ts';
export type { Scheme, StepMetrics } from './schemes/scheme.ts';
export { LocalSteps, type LocalStepsOptions } from './schemes/local-steps.ts';
export { computeReplica } from './schemes/local-replica.ts';
export { updated, type Publication } from './schemes/publication.ts';
export { RoundShapes } from './schemes/round-shapes.ts';
export { Synchronous, type SynchronousOptions } from './schemes/synchronous.ts';
export {
  batchOf,
  batchesPerEpoch,
  epochsAfter,
  imagesAfter,
  shardSizes,
  shardsOf,
  stepsPerEpoch,
  totalSteps,
  type BatchPlace,
  type DataPlan,
  type Shard,
} from './training/plan.ts';
export { flipped } from './model/flips.ts';
export { EpochOrder } from './training/epoch-order.ts';
export { isLocalRound, type TrainingSpec, type VectorShape } from './training/training-spec.ts';
export {
  loadUnit,
  sampleAt,
  samplesIn,
  type Batch,
  type LoadedUnit,
  type PlannedUnit,
  type Samples,
  type Unit,
} from './training/unit.ts';
export { KeptImages, imagesIn } from './protocol/kept-images.ts';
export { batchRuns, batchesOf, samplesInRuns } from './protocol/batch-runs.ts';
export { training, type Round, type RoundDone } from './training/training.ts';
export {
  batchInputs,
  classesOf,
  dataInput,
  inputSpecs,
  requireAffordable,
  sampleBytes,
  scaleData,
  scalePixels,
  type BatchInputs,
} from './model/batch-inputs.ts';
export { ownNumbers, pictureNumbers, type WeightAverage } from './training/weight-average.ts';
export { copyState, initialState, initialWeights, specOf, type TrainingState } from './training/training-state.ts';
export { LARGEST_GRADIENT, addInPlace, allUsable } from './numerics/vectors.ts';
export { allUsableEncoded, type EncodedVector } from './wire/encoded-sum.ts';
export { WIRES, decodeVector, encodeVector, encodedBytes, type Rounding, type Wire } from './wire/wire.ts';
