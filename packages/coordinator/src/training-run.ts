import {
  GantryError,
  IMAGE_PIXELS,
  applyStep,
  epochPermutation,
  createFrame,
  floatsOf,
  positionOf,
  shardsOf,
  totalSteps,
  type DataPlan,
  type ImageSet,
  type ParameterManifest,
  type ShardWork,
  type StepMetrics,
  type TrainConfig,
  type TrainingState,
} from '@gantry/core';
import { weightsDigest, type CheckpointStore } from './checkpoint-store.ts';
import { GRID_PICTURES, pictureNoise, type PictureRenderer } from './pictures.ts';
import type { RunDirectory } from './run-directory.ts';
import type { RunEvent } from './run-lines.ts';
import { gridPng, writeGif } from './samples.ts';
import type { Scheduler, StepResult } from './scheduler.ts';
import type { PublishedWeights } from './worker-link.ts';

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
  /** Something happened to the workers or their work. */
  event(event: RunEvent): void;
  /** Something a user should know, in one line. */
  notice(text: string): void;
}

export interface TrainingRunParts {
  readonly config: TrainConfig;
  readonly plan: DataPlan;
  readonly manifest: ParameterManifest;
  readonly images: ImageSet;
  readonly state: TrainingState;
  readonly directory: RunDirectory;
  readonly checkpoints: CheckpointStore;
  readonly renderer: PictureRenderer;
  readonly scheduler: Scheduler;
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
  #order = { epoch: -1, indices: new Uint32Array() };

  constructor(parts: TrainingRunParts) {
    this.#parts = parts;
  }

  /**
   * Trains until the last epoch or the abort: the step under way is finished, if there is anyone to finish it, and a
   * checkpoint is written.
   * @returns the summary, or undefined if it was aborted before the end
   * @throws GantryError E_DIVERGED after a checkpoint of the last good state
   */
  async run(signal: AbortSignal): Promise<Summary | undefined> {
    const { config, plan, state, observer } = this.#parts;
    const last = totalSteps(plan);
    observer.started({ step: state.step, plan });
    if (state.step === 0) observer.sampled(await this.#sample(0));

    let epochBegin = performance.now();
    let stepBegin = epochBegin;
    let shards = this.#shardsOf(state.step);
    while (state.step < last && !signal.aborted) {
      const { epoch, samples, lastOfEpoch } = positionOf(state.step, plan);
      const ahead = state.step + 1 < last ? this.#shardsOf(state.step + 1) : [];
      const result = await this.#compute(shards, ahead, signal);
      if (!result) break;
      shards = ahead;
      const adamBegin = performance.now();
      const metrics = await this.#savingOnDivergence(() => applyStep(state, result.root, this.#parts.manifest));
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
      return { step, index: shard.index, first: shard.first, images: pixels };
    });
  }

  /** @returns undefined if it was aborted while nobody was there to compute */
  async #compute(shards: readonly ShardWork[], ahead: readonly ShardWork[], signal: AbortSignal) {
    const { state, scheduler } = this.#parts;
    try {
      return await this.#savingOnDivergence(() => scheduler.runStep(publish(state), shards, ahead, signal));
    } catch (error) {
      if (signal.aborted && error instanceof GantryError && error.code === 'E_TIMEOUT') return undefined;
      throw error;
    }
  }

  /** When training diverges, the last good state becomes a checkpoint. */
  async #savingOnDivergence<T>(act: () => T | Promise<T>): Promise<T> {
    const { state, directory } = this.#parts;
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof GantryError) || error.code !== 'E_DIVERGED') throw error;
      directory.appendEvent({ step: state.step, type: 'diverged', cause: error.message });
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
    { work, reduceMs }: StepResult,
    { adam, total }: { adam: number; total: number },
    imagesPerSecond: number,
  ): void {
    const { state, directory, scheduler } = this.#parts;
    const busy = new Map<string, { compute: number; wait: number }>();
    for (const { worker, computeMs, waitMs } of work) {
      const { compute, wait } = busy.get(worker) ?? { compute: 0, wait: 0 };
      busy.set(worker, { compute: compute + computeMs, wait: wait + waitMs });
    }
    const workers = [...busy.values()];
    const compute = Math.max(...workers.map((worker) => worker.compute));
    const wait = workers.reduce((sum, worker) => sum + worker.wait, 0) / workers.length;
    const wire = Math.max(0, total - compute - reduceMs - adam);
    const ms = { wait, compute, wire, reduce: reduceMs, adam, total };
    directory.appendMetrics({
      step: state.step,
      epoch,
      ...metrics,
      imagesPerSecond,
      workers: scheduler.workers.length,
      ms,
    });
    for (const { shard, worker, numericClass, samples, computeMs } of work) {
      directory.appendWork({ step: state.step, node: [0, shard], worker, class: numericClass, samples, ms: computeMs });
    }
  }

  async #endEpoch(epoch: number, seconds: number): Promise<void> {
    const { state, directory, observer } = this.#parts;
    const picture = await this.#sample(epoch);
    directory.appendEvent({ step: state.step, type: 'epoch', epoch, seconds });
    observer.epochDone(epoch, seconds, picture);
  }

  async #sample(epoch: number): Promise<string> {
    const { config, state, directory, renderer } = this.#parts;
    const pictures = await renderer.render(state, pictureNoise(config.seed, GRID_PICTURES));
    return directory.writeSample(epoch, await gridPng(pictures));
  }

  async #checkpoint(): Promise<void> {
    const { state, directory, checkpoints, plan } = this.#parts;
    await directory.flush();
    await checkpoints.save(state, plan);
    directory.appendEvent({ step: state.step, type: 'checkpoint' });
  }

  async #stop(): Promise<undefined> {
    const { state, directory } = this.#parts;
    await this.#checkpoint();
    directory.appendEvent({ step: state.step, type: 'stopped' });
    return undefined;
  }

  async #finish(): Promise<Summary> {
    const { config, state, plan, directory } = this.#parts;
    await writeGif(await directory.sampleFiles(), directory.gifFile);
    await directory.flush();
    const seconds = (await directory.readMetrics()).reduce((sum, { ms }) => sum + ms.total, 0) / 1000;
    const summary = {
      steps: state.step,
      epochs: config.epochs,
      seconds,
      imagesPerSecond: (config.epochs * plan.images) / seconds,
      weightsDigest: weightsDigest(state),
    };
    directory.appendEvent({ step: state.step, type: 'finished' });
    await directory.writeSummary(summary);
    return summary;
  }
}

/** The weights of the next step in the message that carries them: written once, sent to everyone. */
function publish({ step, weights }: TrainingState): PublishedWeights {
  const { frame, payload } = createFrame({ type: 'weights', version: step }, weights.byteLength);
  const values = floatsOf(payload);
  values.set(weights);
  return { version: step, values, frame };
}
