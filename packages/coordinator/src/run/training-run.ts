import {
  GantryError,
  copyState,
  epochsAfter,
  imagesAfter,
  pictureNumbers,
  training,
  type DataPlan,
  type EpochEvaluation,
  type EventLine,
  type ModelManifest,
  type Report,
  type Round,
  type RoundDone,
  type RunEvent,
  type Scheme,
  type StepMetrics,
  type TrainConfig,
  type TrainingState,
  type WeightAverage,
} from '@gantry/core';
import type { RunWatch } from '../monitoring/run-watch.ts';
import { stepsUnderWay } from '../monitoring/watched-workers.ts';
import { TaintedError } from '../scheduling/audit.ts';
import { WeightsPublisher } from '../scheduling/published-weights.ts';
import { joined, shareOf, timesOf, type RoundResult } from '../scheduling/round-result.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';
import { encodeGenerator } from '../storage/checkpoint-files.ts';
import { weightsDigest, type CheckpointStore } from '../storage/checkpoint-store.ts';
import { messageOf } from '../storage/durable-files.ts';
import type { RunDirectory } from '../storage/run-directory.ts';
import type { Advice } from './advice.ts';
import type { Balance } from './balance.ts';
import type { EpochEvaluations } from './epoch-evaluations.ts';
import type { EventLog } from './event-log.ts';
import { idleWorkers } from './idle-workers.ts';
import type { NumericClasses } from './numeric-classes.ts';
import type { RunControl } from './run-control.ts';
import type { RunRecord } from './run-record.ts';
import type { SampleGrids } from './sample-grids.ts';
import { StepClock } from './step-clock.ts';

/** A round of local steps may take minutes. */
const UNDER_WAY_MS = 1000;

/** What a run tells while it goes on. */
export interface RunObserver {
  /** Before the first step of this process; `step` counts the steps already done. */
  started(info: { readonly step: number; readonly plan: DataPlan; readonly reports: readonly Report[] }): void;
  /** After each step; `step` counts from 1. */
  stepped(step: number, metrics: StepMetrics, imagesPerSecond: number): void;
  /** Every second of a round of local steps: how many of its steps the workers have behind them, which is no whole number. */
  underWay(step: number, steps: number): void;
  /** Before the first step of a new run: the grid of the untrained generator is there. */
  sampled(picture: string): void;
  /** After each epoch (from 1); `seconds` is the time this process spent on it, `picture` its sample grid, if there is one. */
  epochDone(epoch: number, seconds: number, picture: string | undefined): void;
  /** The pictures of an epoch were evaluated, beside later steps. */
  evaluated(line: EpochEvaluation): void;
  /** Something happened, and is recorded. */
  event(event: EventLine): void;
  /** Something a user should know, in one line. */
  notice(text: string): void;
}

export interface TrainingRunParts {
  readonly config: TrainConfig;
  readonly plan: DataPlan;
  readonly reports: readonly Report[];
  readonly scheme: Scheme;
  readonly state: TrainingState;
  /** The state before the first step. */
  readonly initialState: () => TrainingState;
  readonly directory: RunDirectory;
  readonly record: RunRecord;
  readonly events: EventLog;
  readonly checkpoints: CheckpointStore;
  readonly manifest: ModelManifest;
  /** The network that makes pictures. */
  readonly pictured: string;
  /** Absent: nothing can write them. */
  readonly grids: SampleGrids | undefined;
  readonly evaluations: EpochEvaluations;
  readonly balance: Balance;
  readonly advice: Advice;
  readonly scheduler: Scheduler;
  readonly control: RunControl;
  readonly watch: RunWatch;
  readonly classes: NumericClasses;
  readonly observer: RunObserver;
  /** A round that is not done so long after a stop is given up. */
  readonly stopWithinMs: number;
}

/** What summary.json holds: figures of the whole run, over all processes that worked on it. */
export interface Summary {
  readonly steps: number;
  readonly epochs: number;
  /** The sum over the steps of metrics.jsonl, without pauses and without steps that a resumed run had to do again. */
  readonly seconds: number;
  /** The images of those steps by `seconds`. */
  readonly imagesPerSecond: number;
  readonly weightsDigest: string;
  /** The best epoch's line of evaluations.jsonl, where some were evaluated. */
  readonly best?: EpochEvaluation;
}

/** One training run, from its state to its end or to an abort. */
export class TrainingRun {
  readonly #parts: TrainingRunParts;
  readonly #publisher = new WeightsPublisher();
  #clock = new StepClock();
  /** Of the rounds of the step under way. */
  readonly #results: RoundResult[] = [];
  /** What was said last of workers that have nothing to do. */
  #idleWorkers: string | undefined;

  constructor(parts: TrainingRunParts) {
    this.#parts = parts;
  }

  /**
   * Trains until the last epoch, or until it is aborted or told to stop: the step under way is finished, if there is
   * anyone to finish it, and a checkpoint is written.
   * @param unwritable aborted with its reason where something could not be recorded: the run ends as by `signal`, and fails
   * @returns the summary, or undefined if it did not come to the end
   * @throws GantryError E_DIVERGED after a checkpoint of the last good state; the reason of `unwritable`
   */
  async run(signal: AbortSignal, unwritable: AbortSignal): Promise<Summary | undefined> {
    const { control, watch } = this.#parts;
    try {
      const summary = await this.#train(AbortSignal.any([signal, control.stopSignal, unwritable]));
      if (!summary) unwritable.throwIfAborted();
      watch.ended(summary ? { state: 'finished', weightsDigest: summary.weightsDigest } : { state: 'stopped' });
      control.end(true);
      return summary;
    } catch (error) {
      watch.ended({ state: 'failed', failure: messageOf(error) });
      control.end(false);
      throw error;
    }
  }

  async #train(signal: AbortSignal): Promise<Summary | undefined> {
    const { scheme, plan, reports, state, observer, config } = this.#parts;
    observer.started({ step: state.step, plan, reports });
    if (state.step === 0) {
      const picture = await this.#sample(0);
      if (picture !== undefined) observer.sampled(picture);
    }
    await this.#evaluate();
    this.#clock = new StepClock();
    for await (const { steps } of this.#rounds(signal)) {
      if (steps.length === 0) continue;
      this.#record(steps);
      const stepBefore = state.step - steps.length;
      const [epoch, before] = [epochsAfter(state.step, plan), epochsAfter(stepBefore, plan)];
      if (epoch > before) await this.#endEpoch(epoch);
      const checkpoints = (step: number) => Math.floor(step / config.checkpointEvery);
      if (epoch > before || checkpoints(state.step) > checkpoints(stepBefore)) await this.#checkpoint();
      if (epoch > before) await this.#evaluate();
    }
    return state.step < scheme.steps ? this.#stop() : this.#finish();
  }

  /** The rounds that are left, until the run is aborted; between two steps it obeys those who steer it. */
  async *#rounds(signal: AbortSignal): AsyncGenerator<RoundDone<RoundResult>> {
    const { scheme, state } = this.#parts;
    const begin = () => training(scheme, state, (round) => this.#compute(round, signal));
    let rounds = begin();
    for (;;) {
      let next: IteratorResult<RoundDone<RoundResult>>;
      try {
        next = await this.#savingOnDivergence(() => rounds.next());
      } catch (error) {
        if (!(error instanceof TaintedError)) throw error;
        await this.#goBack();
        rounds = begin();
        continue;
      }
      if (next.done) return;
      this.#results.push(next.value.sum);
      this.#clock.applied(next.value.applyMs);
      yield next.value;
    }
  }

  /** Goes back to before the steps in which a worker may have lied. */
  async #goBack(): Promise<void> {
    const { state, initialState, directory, record, checkpoints, watch, scheduler, events, plan } = this.#parts;
    const { evaluations, balance } = this.#parts;
    const { step: done } = state;
    await evaluations.settled();
    events.hold();
    const { cause, ...taint } = scheduler.goBack();
    // Where this process is killed meanwhile, the next one goes on with it.
    record.keep({ goingBackTo: taint.first - 1 });
    await record.settled();
    const sound = (await checkpoints.goBackTo(taint.first - 1)) ?? initialState();
    await directory.truncateTo(sound.step);
    await directory.removeGeneratorsAfter(epochsAfter(sound.step, plan));
    copyState(sound, state);
    record.keep({ goingBackTo: undefined });
    this.#results.length = 0;
    this.#clock = new StepClock();
    scheduler.wentBackTo(sound.step);
    await watch.rewind(directory);
    for (const line of await evaluations.load()) balance.evaluated(line);
    events.release();
    events.record({ type: 'rolled-back', ...taint, lost: done - sound.step, cause });
  }

  readonly #steered = {
    checkpoint: () => this.#checkpoint(),
    event: (type: 'paused' | 'continued', cause: string) => this.#event({ type, cause }),
  };

  #event(event: RunEvent): void {
    this.#parts.events.record(event);
  }

  /** Says that workers have nothing to do: once for each change of their number. */
  #noteIdleWorkers(): void {
    const { plan, scheduler } = this.#parts;
    const cause = idleWorkers(scheduler.workers, plan);
    if (cause === this.#idleWorkers) return;
    this.#idleWorkers = cause;
    if (cause !== undefined) this.#event({ type: 'workers-idle', cause });
  }

  /** @returns undefined if the run was aborted, and it is at the end of a step or nobody is there to compute */
  async #compute({ number, published, units, ahead }: Round, signal: AbortSignal): Promise<RoundResult | undefined> {
    const { scheme, state, scheduler, control } = this.#parts;
    if (number === scheme.roundOf(state.step)) {
      this.#clock.waited(await control.obey(this.#steered, signal));
      if (signal.aborted) return undefined;
    }
    const tell = () => this.#parts.observer.underWay(state.step, stepsUnderWay(scheduler.view));
    const telling = scheme.shapes.isLocal(number) ? setInterval(tell, UNDER_WAY_MS) : undefined;
    try {
      const weights = this.#publisher.publish(number, published);
      const result = await scheduler.runRound(weights, units, ahead, signal, this.#parts.stopWithinMs);
      this.#noteIdleWorkers();
      return result;
    } catch (error) {
      if (signal.aborted && error instanceof GantryError && error.code === 'E_TIMEOUT') return undefined;
      throw error;
    } finally {
      clearInterval(telling);
    }
  }

  /** When training diverges, the last good state becomes a checkpoint. */
  async #savingOnDivergence<T>(act: () => Promise<T>): Promise<T> {
    const { state } = this.#parts;
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof GantryError) || error.code !== 'E_DIVERGED') throw error;
      this.#event({ type: 'diverged', cause: error.message });
      // Between the rounds of a step, some networks have gone on already: the state is nobody's to go on from.
      if (this.#results.length > 0)
        throw new GantryError('E_DIVERGED', `${error.message}; go on from the last checkpoint`);
      await this.#checkpoint();
      throw new GantryError(
        'E_DIVERGED',
        `${error.message}; the last good state is the checkpoint of step ${state.step}`,
      );
    }
  }

  /** Steps are done: one, or those of a round of local steps, of which each has its share of the time. */
  #record(steps: readonly StepMetrics[]): void {
    const { state, directory, scheduler, watch, classes, plan, observer, balance, advice } = this.#parts;
    const { work, nodes, reduceMs, elapsedMs } = joined(this.#results.splice(0));
    const { applyMs, totalMs } = this.#clock.step();
    const samples = work.reduce((sum, each) => sum + each.samples, 0);
    const imagesPerSecond = (samples * 1000) / totalMs;
    const { step } = state;
    const ms = shareOf(timesOf(work, reduceMs, applyMs, totalMs), steps.length);
    const lines = steps.map((metrics, i) => {
      const of = step - steps.length + i + 1;
      const epoch = epochsAfter(of - 1, plan) + 1;
      return { step: of, epoch, ...metrics, imagesPerSecond, workers: scheduler.workers.length, ms };
    });
    for (const line of lines) directory.appendMetrics(line);
    watch.stepped(lines, elapsedMs + applyMs, work);
    for (const { level, index, worker, numericClass, samples: counted, computeMs } of nodes) {
      const node = [level, index] as const;
      directory.appendWork({ step, node, worker, class: numericClass, samples: counted, ms: computeMs });
    }
    for (const metrics of steps) {
      const concern = balance.stepped(metrics);
      if (concern) this.#event(concern);
    }
    const cause = advice.computed(scheduler.workers, work, imagesPerSecond);
    if (cause !== undefined) this.#event({ type: 'advice', cause });
    const mixed = classes.computed(nodes);
    if (mixed) this.#event(mixed);
    lines.forEach((line, i) => observer.stepped(line.step, steps[i] ?? {}, imagesPerSecond));
  }

  async #endEpoch(epoch: number): Promise<void> {
    const picture = await this.#sample(epoch);
    const seconds = this.#clock.epoch() / 1000;
    this.#event({ type: 'epoch', epoch, seconds });
    this.#parts.observer.epochDone(epoch, seconds, picture);
  }

  async #sample(epoch: number): Promise<string | undefined> {
    const { grids, watch } = this.#parts;
    const file = await grids?.write(epoch, this.#numbers());
    if (file !== undefined) watch.sampled(epoch);
    return file;
  }

  /** What pictures are drawn with at present. */
  #numbers(): WeightAverage {
    const { state, manifest, pictured } = this.#parts;
    return pictureNumbers(state, manifest, pictured);
  }

  /** After an epoch, and its checkpoint: keeps its generator and begins to evaluate it, where that is due. */
  async #evaluate(): Promise<void> {
    const { state, plan, config, manifest, directory, evaluations } = this.#parts;
    const { step } = state;
    const epoch = epochsAfter(step, plan);
    if (step === 0 || epochsAfter(step - 1, plan) === epoch) return;
    if (config.keepGenerators) {
      await directory.writeGenerator(epoch, encodeGenerator(this.#numbers(), manifest, { step, epoch }));
    }
    if (evaluations.isDue(epoch)) evaluations.begin({ step, epoch }, this.#numbers());
  }

  async #checkpoint(): Promise<void> {
    const { state, directory, checkpoints, plan, evaluations } = this.#parts;
    await evaluations.settled();
    await directory.flush();
    await checkpoints.save(state, plan);
    this.#event({ type: 'checkpoint' });
  }

  async #stop(): Promise<undefined> {
    // Between the rounds of a step there is no state to go on from: the last checkpoint is.
    if (this.#results.length === 0) await this.#checkpoint();
    this.#event({ type: 'stopped' });
    return undefined;
  }

  async #finish(): Promise<Summary> {
    const { config, state, plan, directory, evaluations, grids, observer } = this.#parts;
    for (const file of (await grids?.animate()) ?? [])
      observer.notice(`${file} cannot be read: samples.gif goes without`);
    await evaluations.settled();
    await directory.flush();
    let totalMs = 0;
    let images = 0;
    for await (const { step, ms } of directory.metrics()) {
      totalMs += ms.total;
      images += imagesAfter(step, plan) - imagesAfter(step - 1, plan);
    }
    const seconds = totalMs / 1000;
    const summary = {
      steps: state.step,
      epochs: config.epochs,
      seconds,
      imagesPerSecond: images / seconds,
      weightsDigest: weightsDigest(state),
      ...(evaluations.best && { best: evaluations.best }),
    };
    this.#event({ type: 'finished' });
    await directory.writeSummary(summary);
    return summary;
  }
}
