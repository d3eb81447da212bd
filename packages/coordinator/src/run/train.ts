import { basename } from 'node:path';
import type { ConvolutionForm } from '@gantry/compiler';
import {
  loadUnit,
  type LoadedUnit,
  type PlannedUnit,
  type Program,
  type RunEvent,
  type Samples,
  type Scheme,
  type TrainConfig,
} from '@gantry/core';
import { disposeModel, manifestOf } from '@gantry/core/tfjs';
import { PictureRenderer } from '@gantry/evaluation';
import type { Tokens } from '../network/tokens.ts';
import { Advice } from './advice.ts';
import { Balance } from './balance.ts';
import { ConvolutionChoice } from './convolution-choice.ts';
import { EpochEvaluations } from './epoch-evaluations.ts';
import { evaluateEvery } from './evaluation-plan.ts';
import { EventLog } from './event-log.ts';
import { generatorEvaluator } from './generator-evaluator.ts';
import { NumericClasses } from './numeric-classes.ts';
import { trainingPrograms } from './programs.ts';
import { openRun, planOf, type RunOptions } from './open-run.ts';
import { RunControl } from './run-control.ts';
import { samplesOf } from './labels.ts';
import { SampleGrids } from './sample-grids.ts';
import { reportsIn, schemeOf } from './scheme-of.ts';
import { RunRecord } from './run-record.ts';
import { RunWatch } from '../monitoring/run-watch.ts';
import type { AuditOptions } from '../scheduling/audit-options.ts';
import type { Referee } from '../scheduling/referee.ts';
import { ClassNames } from '../scheduling/class-names.ts';
import { Scheduler } from '../scheduling/scheduler.ts';
import { SumThread } from '../scheduling/sum-thread.ts';
import { TrainingRun, type RunObserver, type Summary } from './training-run.ts';

export interface TrainOptions extends RunOptions {
  /** Lets workers join the scheduler, from now on and until it is closed. */
  readonly attachWorkers: (context: AttachContext) => Promise<AttachedWorkers>;
  readonly observer: RunObserver;
  /** Starts an engine for shards on which workers contradict each other. @throws GantryError E_ENGINE if there is none */
  readonly startReferee?: (
    programFor: (device: string) => Program,
    load: (unit: PlannedUnit) => LoadedUnit,
  ) => Promise<Referee>;
  /** Absent: workers are believed. */
  readonly audit?: AuditOptions | undefined;
  /** Aborted: finish the round, write a checkpoint and return. */
  readonly signal: AbortSignal;
  /** A round that is not done so long after that is given up; nothing but its work is lost. Default: 10 s. */
  readonly stopWithinMs?: number | undefined;
}

/** Units of a round whose contributions are added up in a thread. */
const MANY_UNITS = 16;
const STOP_WITHIN_MS = 10_000;
/** Images of a replica's shard: only 64 was compared with synchronous training. */
const SMALL_SHARD = 32;

export interface AttachContext {
  readonly scheme: Scheme;
  readonly samples: Samples;
  /** What workers compute with, by the form of convolutions. */
  readonly programFor: (convolutions: ConvolutionForm) => Program;
  readonly convolutions: ConvolutionChoice;
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
  const {
    directory,
    tokens,
    record: opened,
    model,
    program,
    data,
    heldOut,
    pictures,
    checkpoints,
    state,
    firstState,
  } = await openRun(options, (text) => observer.notice(text));
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
    const samples = samplesOf(data, manifest);
    const scheme = schemeOf(config, { manifest, plan, samples: samples.count, network: model.preview.network });
    if (config.localSteps > 1 && config.shardSize < SMALL_SHARD) {
      observer.notice(
        `shards of ${config.shardSize} images are small for local steps: replicas drift apart; take --shard-size 64, or begin ` +
          `with synchronous epochs by --local-steps-from`,
      );
    }
    const programFor = trainingPrograms(model, plan, config.seed, scheme.shapes.spec, program);
    const convolutions = new ConvolutionChoice(opened, (chosen) => record.keep(chosen));
    const refereed = (device: string) => programFor(convolutions.settledOn(device));
    scheduler = new Scheduler(note, {
      classNames,
      startReferee: startReferee && (() => startReferee(refereed, (unit) => loadUnit(unit, samples))),
      audit: options.audit,
      // Audited contributions are kept apart until all are there.
      sums: options.audit ? undefined : sumThreadFor(config),
    });
    const control = new RunControl(scheduler, config);
    const reports = reportsIn(config, model);
    const balance = new Balance(reports, plan);
    const watch = new RunWatch({ name: basename(directory.path), config, plan, reports, scheduler, control, balance });
    await watch.load(directory);
    const notice = (text: string) => observer.notice(text);
    const grids = await SampleGrids.open({
      renderer,
      directory,
      seed: config.seed,
      classes: pictures.classes,
      notice,
    });
    const real = heldOut?.images ?? data.images;
    await grids?.writeReal(real);
    // Whoever could not be audited need not come.
    await scheduler.prepare();
    const { seed } = config;
    const { path } = directory;
    workers = await options.attachWorkers({
      scheme,
      samples,
      programFor,
      convolutions,
      scheduler,
      watch,
      control,
      path,
      tokens,
    });
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
      initialState: firstState,
      directory,
      record,
      events,
      checkpoints,
      manifest,
      pictured: model.preview.network,
      grids,
      evaluations,
      balance,
      advice: new Advice(scheme.shapes, plan),
      scheduler,
      control,
      watch,
      classes,
      observer,
      stopWithinMs: options.stopWithinMs ?? STOP_WITHIN_MS,
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

/** With int8, each unit's contribution travels alone: of many, decoding and adding them is too much for one thread. */
function sumThreadFor({ wire, batch, shardSize }: TrainConfig): SumThread | undefined {
  return wire === 'int8' && batch / shardSize >= MANY_UNITS ? new SumThread() : undefined;
}
