/** Gantry as a library; docs/api.md shows it by examples. The command is built on nothing else. */
export { GantryError, type ErrorCode } from '@gantry/core';
export { gridPng, writeGif, type Summary } from '@gantry/coordinator';
export type { Findings, Pictures } from '@gantry/evaluation';
export { layers } from '@tensorflow/tfjs-layers';
export * as tf from '@tensorflow/tfjs-core';
export { conditioned } from '@gantry/core/tfjs';
export type { DrawSpec, Model, NetworkInTraining, Phase, PhaseResult } from '@gantry/core/tfjs';
export {
  Gan,
  MIX,
  MODEL_NAMES,
  crossEntropy,
  defineGan,
  diffAugment,
  gradientPenaltySteps,
  hinge,
  leastSquares,
  modelNamed,
  onePassStep,
  wasserstein,
  type Augmentation,
  type DiffAugment,
  type FurtherNetwork,
  type GanDefinition,
  type GanLoss,
  type GradientPenalty,
  type LogitLoss,
  type OnePassOptions,
} from '@gantry/models';
export { runWorker, type WorkerOptions } from '@gantry/worker';
export { LiveRun, type Serving } from './api/live-run.ts';
export type { LocalWorkers } from './api/local-workers.ts';
export { evaluate, spreadOf, type EvaluateOptions, type Evaluation } from './api/evaluate.ts';
export { SavedRun, generate, generateInParts, openRun, type GenerateOptions, type Generated } from './api/saved-run.ts';
export { train, type Listen, type TrainOptions } from './api/train.ts';
export type { RunUpdate } from './api/updates.ts';
