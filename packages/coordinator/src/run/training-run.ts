import {
  GantryError,
  IMAGE_PIXELS,
  applyStep,
  epochPermutation,
  positionOf,
  shardsOf,
  totalSteps,
  type DataPlan,
  type EventLine,
  type ImageSet,
  type ModelManifest,
  type RunEvent,
  type ShardWork,
  type StepMetrics,
  type TrainConfig,
  type TrainingState,
} from '@gantry/core';
import { weightsDigest, type CheckpointStore } from '../storage/checkpoint-store.ts';
import { messageOf } from '../storage/durable-files.ts';
import type { NumericClasses } from './numeric-classes.ts';
import { GRID_PICTURES, pictureNoise, type PictureRenderer } from './pictures.ts';
import { idleWorkers } from './idle-workers.ts';
import type { RunControl } from './run-control.ts';
import type { RunDirectory } from '../storage/run-directory.ts';
import type { RunWatch } from '../monitoring/run-watch.ts';
import { gridPng, writeGif } from './samples.ts';
import type { Scheduler } from '../scheduling/scheduler.ts';
import { WeightsPublisher } from '../scheduling/published-weights.ts';
import { phasesOf, type StepResult } from '../scheduling/step-result.ts';

/** What a run tells while it goes on. */
export interface RunObserver {
  /** Before the first step of this process; `step` counts the steps already done. */
  started(info: { readonly step: number; readonly plan: DataPlan }): void;
  /** After each step; `step` counts from 1. */
  stepped(step: number, metrics: StepMetrics, imagesPerSecond: number): void;
  /** Before the first step of a new run: the grid of the untrained generator is there. */
  sampled(picture: string): void;
  /** After each epoch (from 1); `seconds` is the time this process spent on it, `picture` its sample grid. */
  epochDone(epoch: number, seconds: number, picture: string): void;
  /** Something happened, and is recorded. */
  event(event: EventLine): void;
  /** Something a user should know, in one line. */
  notice(text: string): void;
}

export interface TrainingRunParts {
  readonly config: TrainConfig;
  readonly plan: DataPlan;
  readonly manifest: ModelManifest;
  readonly images: ImageSet;
  readonly state: TrainingState;
  readonly directory: RunDirectory;
  readonly checkpoints: CheckpointStore;
  readonly renderer: PictureRenderer;
  readonly scheduler: Scheduler;
  readonly control: RunControl;
  readonly watch: RunWatch;
  readonly classes: NumericClasses;
  readonly observer: RunObserver;
}

/** What summary.json holds. */
export interface Summary {
  readonly steps: number;
  readonly epochs: number;
  /** Time spent in training steps, over all processes that worked on the run. */
  readonly seconds: number;
  readonly imagesPerSecond: number;
  readonly weightsDigest: string;
}

/** One training run, from its state to its end or to an abort. */
export class TrainingRun {
  readonly #parts: TrainingRunParts;
  readonly #publisher = new WeightsPublisher();
  #order = { epoch: -1, indices: new Uint32Array() };
  /** What was said last of workers that have nothing to do. */
  #idleWorkers: string | undefined;

  constructor(parts: TrainingRunParts) {
    this.#parts = parts;
  }

  /**
   * Trains until the last epoch, or until it is aborted or told to stop: the step under way is finished, if there is
   * anyone to finish it, and a checkpoint is written.
   * @returns the summary, or undefined if it did not come to the end
   * @throws GantryError E_DIVERGED after a checkpoint of the last good state
   */
  async run(signal: AbortSignal): Promise<Summary | undefined> {
    const { control, watch } = this.#parts;
    try {
      const summary = await this.#train(AbortSignal.any([signal, control.stopSignal]));
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
    const { config, plan, state, control, observer } = this.#parts;
    const last = totalSteps(plan);
    observer.started({ step: state.step, plan });
    if (state.step === 0) observer.sampled(await this.#sample(0));

    let epochBegin = performance.now();
    let stepBegin = epochBegin;
    let shards = this.#shardsOf(state.step);
    while (state.step < last && !signal.aborted) {
      const pausedMs = await control.obey(this.#steered, signal);
      if (signal.aborted) break;
      stepBegin += pausedMs;
      epochBegin += pausedMs;
      const { epoch, samples, lastOfEpoch } = positionOf(state.step, plan);
      const ahead = state.step + 1 < last ? this.#shardsOf(state.step + 1) : [];
      const result = await this.#compute(shards, ahead, signal);
      if (!result) break;
      this.#noteIdleWorkers();
      shards = ahead;
      const adamBegin = performance.now();
      const metrics = await this.#savingOnDivergence(() =>
        applyStep(state, result.root, this.#parts.manifest, config.optimizers),
      );
      const now = performance.now();
      const times = { adam: now - adamBegin, total: now - stepBegin };
      const imagesPerSecond = (samples * 1000) / times.total;
      this.#record(epoch + 1, metrics, result, times, imagesPerSecond);
      observer.stepped(state.step, metrics, imagesPerSecond);
      stepBegin = now;

      if (lastOfEpoch) {
        await this.#endEpoch(epoch + 1, (performance.now() - epochBegin) / 1000);
        epochBegin = performance.now();
      }
      if (lastOfEpoch || state.step % config.checkpointEvery === 0) await this.#checkpoint();
    }
    return state.step < last ? this.#stop() : this.#finish();
  }

  readonly #steered = {
    checkpoint: () => this.#checkpoint(),
    event: (type: 'paused' | 'continued', cause: string) => this.#event({ type, cause }),
  };

  /** Records an event, and shows it. */
  #event(event: RunEvent): void {
    const { state, directory, watch, observer } = this.#parts;
    const line = directory.appendEvent({ step: state.step, ...event });
    watch.happened(line);
    observer.event(line);
  }

  /** Says that workers have nothing to do: once for each change of their number. */
  #noteIdleWorkers(): void {
    const { plan, scheduler } = this.#parts;
    const cause = idleWorkers(scheduler.workers, plan);
    if (cause === this.#idleWorkers) return;
    this.#idleWorkers = cause;
    if (cause !== undefined) this.#event({ type: 'workers-idle', cause });
  }

  /** The work of one step. */
  #shardsOf(step: number): ShardWork[] {
    const { config, images, plan } = this.#parts;
    const { epoch, first, samples } = positionOf(step, plan);
    if (this.#order.epoch !== epoch)
      this.#order = { epoch, indices: epochPermutation(config.seed, epoch, images.count) };
    const batch = this.#order.indices.subarray(first, first + samples);
    return shardsOf(samples, config.shardSize).map((shard) => {
      const pixels = new Uint8Array(shard.samples * IMAGE_PIXELS);
      batch.subarray(shard.first, shard.first + shard.samples).forEach((image, i) => {
        pixels.set(images.pixels.subarray(image * IMAGE_PIXELS, (image + 1) * IMAGE_PIXELS), i * IMAGE_PIXELS);
      });
      return { step, ...shard, images: pixels };
    });
  }

  /** @returns undefined if it was aborted while nobody was there to compute */
  async #compute(shards: readonly ShardWork[], ahead: readonly ShardWork[], signal: AbortSignal) {
    const { state, scheduler } = this.#parts;
    try {
      return await this.#savingOnDivergence(() =>
        scheduler.runStep(this.#publisher.publish(state), shards, ahead, signal),
      );
    } catch (error) {
      if (signal.aborted && error instanceof GantryError && error.code === 'E_TIMEOUT') return undefined;
      throw error;
    }
  }

  /** When training diverges, the last good state becomes a checkpoint. */
  async #savingOnDivergence<T>(act: () => T | Promise<T>): Promise<T> {
    const { state } = this.#parts;
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof GantryError) || error.code !== 'E_DIVERGED') throw error;
      this.#event({ type: 'diverged', cause: error.message });
      await this.#checkpoint();
      throw new GantryError(
        'E_DIVERGED',
        `${error.message}; the last good state is the checkpoint of step ${state.step}`,
      );
    }
  }

  #record(
    epoch: number,
    metrics: StepMetrics,
    { work, nodes, reduceMs, elapsedMs }: StepResult,
    { adam, total }: { adam: number; total: number },
    imagesPerSecond: number,
  ): void {
    const { state, directory, scheduler, watch, classes } = this.#parts;
    const ms = phasesOf(work, reduceMs, adam, total);
    const line = { step: state.step, epoch, ...metrics, imagesPerSecond, workers: scheduler.workers.length, ms };
    directory.appendMetrics(line);
    watch.stepped(line, elapsedMs + adam, work);
    for (const { level, index, worker, numericClass, samples, computeMs } of nodes) {
      const node = [level, index] as const;
      directory.appendWork({ step: state.step, node, worker, class: numericClass, samples, ms: computeMs });
    }
    const mixed = classes.computed(nodes);
    if (mixed) this.#event(mixed);
  }

  async #endEpoch(epoch: number, seconds: number): Promise<void> {
    const picture = await this.#sample(epoch);
    this.#event({ type: 'epoch', epoch, seconds });
    this.#parts.observer.epochDone(epoch, seconds, picture);
  }

  async #sample(epoch: number): Promise<string> {
    const { config, state, directory, renderer, watch } = this.#parts;
    const pictures = await renderer.render(state, pictureNoise(config.seed, GRID_PICTURES));
    const file = await directory.writeSample(epoch, await gridPng(pictures));
    watch.sampled(epoch);
    return file;
  }

  async #checkpoint(): Promise<void> {
    const { state, directory, checkpoints, plan } = this.#parts;
    await directory.flush();
    await checkpoints.save(state, plan);
    this.#event({ type: 'checkpoint' });
  }

  async #stop(): Promise<undefined> {
    await this.#checkpoint();
    this.#event({ type: 'stopped' });
    return undefined;
  }

  async #finish(): Promise<Summary> {
    const { config, state, plan, directory } = this.#parts;
    await writeGif(await directory.sampleFiles(), directory.gifFile);
    await directory.flush();
    let totalMs = 0;
    for await (const { ms } of directory.metrics()) totalMs += ms.total;
    const seconds = totalMs / 1000;
    const summary = {
      steps: state.step,
      epochs: config.epochs,
      seconds,
      imagesPerSecond: (config.epochs * plan.images) / seconds,
      weightsDigest: weightsDigest(state),
    };
    this.#event({ type: 'finished' });
    await directory.writeSummary(summary);
    return summary;
  }
}
