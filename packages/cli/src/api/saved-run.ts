import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  bestCheckpoint,
  checkpointAt,
  checkpointSteps,
  readGenerator,
  readLines,
  readState,
  readStoredModel,
  recordedRun,
  parseRunJson,
  type MetricsLine,
  type RunJson,
  type Summary,
  type WorkLine,
} from '@gantry/coordinator';
import {
  GantryError,
  type BatchNorm,
  type EpochEvaluation,
  type RecordedEvent,
  type TrainingState,
} from '@gantry/core';
import type { Model } from '@gantry/core/tfjs';
import { PictureRenderer, joinedPictures, type Pictures } from '@gantry/evaluation';
import { modelNamed } from '@gantry/models';
import { picturesOf, shippedModel } from './model-pictures.ts';

const DEFAULT_COUNT = 16;
/** Drawn at a time: as many as a sample grid has, whose pixels these are. */
const BATCH = 16;

/** Pictures and where they come from. */
export interface Generated extends Pictures {
  /** Steps that the generator had done. */
  readonly step: number;
}

export interface GenerateOptions {
  /** Default: 16. */
  readonly count?: number | undefined;
  /** Of the noise; equal seeds give equal noise. Default: 0. */
  readonly seed?: number | undefined;
  /**
   * Of a model with classes: of which the pictures are, one after the other and then from the first again, each from 0. Default: all
   * classes in turn.
   */
  readonly labels?: readonly number[] | undefined;
  /** By which statistics batch normalization draws. Default: moving. */
  readonly batchNorm?: BatchNorm | undefined;
  /** Makes the model of a name, where the run does not have what its pictures are drawn by. Default: those that ship with Gantry. */
  readonly models?: ((name: string) => Model) | undefined;
}

/**
 * Draws pictures with the generator of a run (its newest valid checkpoint) or of one checkpoint; with its average where one is
 * kept.
 * @param path run directory, or a checkpoint's
 * @returns [count, height, width, channels] in [−1, 1], all in memory: `generateInParts` is for many
 * @throws GantryError E_CHECKPOINT if there is no valid one, E_CONFIG if its model is not known, or does not know a label
 */
export function generate(path: string, options: GenerateOptions = {}): Promise<Generated> {
  const { count = DEFAULT_COUNT } = options;
  return joinedPictures(generateInParts(path, options), count);
}

/** The same pictures, a few at a time, in order: memory does not grow with their number. */
export async function* generateInParts(path: string, options: GenerateOptions = {}): AsyncGenerator<Generated> {
  const { count = DEFAULT_COUNT, seed = 0, labels, batchNorm, models = modelNamed } = options;
  const recorded = await recordedRun(path);
  const { manifest, network, pictures: source } = picturesOf(recorded, models, BATCH);
  const drawnBy = source(batchNorm);
  if (labels) requireKnown(labels, drawnBy.classes, recorded.model);
  const renderer = new PictureRenderer(drawnBy, recorded.pictureEngine);
  try {
    const { step, ...weights } = await readGenerator(path, manifest, network);
    for await (const pictures of renderer.renderInParts(weights, { seed, labels }, count)) yield { step, ...pictures };
  } finally {
    await renderer.dispose();
  }
}

/** @throws GantryError E_CONFIG for a label that is no class of the model */
function requireKnown(labels: readonly number[], classes: number | undefined, model: string): void {
  if (classes === undefined) {
    const remedy = 'leave the label out, or train a model that does, such as conditional';
    throw new GantryError('E_CONFIG', `label ${labels.join(',')}: the model '${model}' takes no labels: ${remedy}`);
  }
  if (labels.length === 0) throw new GantryError('E_CONFIG', 'labels: at least one is needed');
  const unknown = labels.find((label) => !Number.isInteger(label) || label < 0 || label >= classes);
  if (unknown === undefined) return;
  throw new GantryError('E_CONFIG', `label ${unknown}: the model '${model}' has the classes 0 to ${classes - 1}`);
}

/**
 * The directory of one of a run's checkpoints.
 * @param which `best`, or the number of its step
 * @throws GantryError E_CHECKPOINT if there is none
 */
export async function checkpointOf(run: string, which: string): Promise<string> {
  if (which === 'best') return bestCheckpoint(run);
  const steps = await checkpointSteps(run);
  const step = steps.find((each) => String(each) === which);
  if (step !== undefined) return checkpointAt(run, step);
  const there = steps.length === 0 ? 'none' : steps.toReversed().join(', ');
  throw new GantryError('E_CHECKPOINT', `${run} has no checkpoint of step ${which}: there are ${there}`);
}

/** A run directory, for reading: of a run that is over, or goes on in another process. */
export class SavedRun {
  /** Absolute. */
  readonly path: string;
  /** What run.json holds: configuration, data, versions, parameters. */
  readonly record: RunJson;
  readonly #models: (name: string) => Model;

  /** Use `openRun`. */
  constructor(path: string, record: RunJson, models: (name: string) => Model) {
    this.path = path;
    this.record = record;
    this.#models = models;
  }

  /** Every step so far, in order. @throws GantryError E_RUN_DIRECTORY for a damaged line */
  metrics(): AsyncGenerator<MetricsLine> {
    return readLines<MetricsLine>(join(this.path, 'metrics.jsonl'));
  }

  /** Everything that happened so far, in order. @throws GantryError E_RUN_DIRECTORY for a damaged line */
  events(): AsyncGenerator<RecordedEvent> {
    return readLines<RecordedEvent>(join(this.path, 'events.jsonl'));
  }

  /** Who computed what. @throws GantryError E_RUN_DIRECTORY for a damaged line */
  work(): AsyncGenerator<WorkLine> {
    return readLines<WorkLine>(join(this.path, 'work.jsonl'));
  }

  /** How good the pictures of the evaluated epochs are, in order. @throws GantryError E_RUN_DIRECTORY for a damaged line */
  evaluations(): AsyncGenerator<EpochEvaluation> {
    return readLines<EpochEvaluation>(join(this.path, 'evaluations.jsonl'));
  }

  /**
   * The directory of the best checkpoint by the run's evaluations, for `generate`.
   * @throws GantryError E_CHECKPOINT if no epoch was evaluated
   */
  best(): Promise<string> {
    return bestCheckpoint(this.path);
  }

  /** What the run came to; undefined until it is finished. */
  async summary(): Promise<Summary | undefined> {
    const text = await readFile(join(this.path, 'summary.json'), 'utf8').catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as Summary);
  }

  /** Steps of the checkpoints that are kept, oldest first. */
  async checkpoints(): Promise<number[]> {
    return (await checkpointSteps(this.path)).toReversed();
  }

  /**
   * The state of a checkpoint: weights, moving statistics, optimizers.
   * @param step of one of `checkpoints()`; absent: the newest valid one
   * @throws GantryError E_CHECKPOINT if there is none, or a byte of it is not as it was written
   */
  async state(step?: number): Promise<TrainingState> {
    const { config, program } = this.record;
    const stored = program && (await readStoredModel(this.path, program));
    const { manifest } = stored ?? shippedModel(config.model, this.#models, BATCH);
    return readState(this.path, manifest, step);
  }

  /** Draws pictures with the newest checkpoint, see `generate`. */
  generate(options: Omit<GenerateOptions, 'models'> = {}): Promise<Generated> {
    return generate(this.path, { ...options, models: this.#models });
  }
}

/**
 * Opens a run directory for reading; nothing is written and nothing is locked.
 * @param models makes the model of a name; by default those that ship with Gantry
 * @throws GantryError E_RUN_DIRECTORY if it is none, or its run.json is damaged
 */
export async function openRun(path: string, models: (name: string) => Model = modelNamed): Promise<SavedRun> {
  const absolute = resolve(path);
  try {
    const record = parseRunJson(await readFile(join(absolute, 'run.json'), 'utf8'));
    return new SavedRun(absolute, record, models);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new GantryError('E_RUN_DIRECTORY', `${absolute} is not a run that can be read: ${why}`, { cause });
  }
}
