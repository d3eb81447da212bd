import { fromBest, isBetter, type EpochEvaluation, type Measures, type WeightAverage } from '@gantry/core';
import type { CheckpointStore } from '../storage/checkpoint-store.ts';
import { messageOf } from '../storage/durable-files.ts';
import type { RunDirectory } from '../storage/run-directory.ts';

/** Pictures that are judged after an epoch. */
export const SAMPLES = 2000;

/** Evaluates a generator beside the steps. */
export interface GeneratorEvaluator {
  evaluate(numbers: WeightAverage, samples: number): Promise<Measures>;
  dispose(): Promise<void>;
}

export interface EpochEvaluationsParts {
  /** Epochs between two; 0: none. */
  readonly every: number;
  readonly evaluator: GeneratorEvaluator;
  readonly directory: RunDirectory;
  readonly checkpoints: CheckpointStore;
  /** An epoch was evaluated; its line is written. */
  readonly evaluated: (line: EpochEvaluation) => void;
  /** An epoch could not be evaluated, and will not be. */
  readonly failed: (epoch: number, cause: string) => void;
}

interface Place {
  readonly step: number;
  readonly epoch: number;
}

/**
 * The evaluations of a run, each beside the steps of the next epoch. No checkpoint of a later step is written before an epoch's
 * line is: a resumed run has the same lines as one that was never stopped.
 */
export class EpochEvaluations {
  readonly #parts: EpochEvaluationsParts;
  #pending: Promise<void> | undefined;
  #best: EpochEvaluation | undefined;
  /** The best of those whose checkpoints are there. */
  #kept: EpochEvaluation | undefined;
  /** The last epoch that was evaluated. */
  #last = 0;
  #isClosed = false;

  constructor(parts: EpochEvaluationsParts) {
    this.#parts = parts;
  }

  /** The best epoch so far. */
  get best(): EpochEvaluation | undefined {
    return this.#best;
  }

  /** Takes over what the run directory records. @returns its lines */
  async load(): Promise<readonly EpochEvaluation[]> {
    const { directory, checkpoints } = this.#parts;
    const lines: EpochEvaluation[] = [];
    for await (const line of directory.evaluations()) lines.push(line);
    this.#last = lines.at(-1)?.epoch ?? 0;
    const ranked = fromBest(lines);
    this.#best = ranked[0];
    this.#kept = undefined;
    // Where the run went back, the checkpoint of the best epoch may be gone.
    for (const line of ranked) {
      if (!(await checkpoints.keepBest(line.step))) continue;
      this.#kept = line;
      break;
    }
    return lines;
  }

  /** Whether an epoch that is done shall be evaluated, and was not. */
  isDue(epoch: number): boolean {
    const { every } = this.#parts;
    return every > 0 && epoch > this.#last && epoch % every === 0;
  }

  /** Begins to evaluate an epoch whose checkpoint is written. @param numbers are copied before this returns */
  begin(place: Place, { network, weights, statistics }: WeightAverage): void {
    this.#last = place.epoch;
    const numbers = { network, weights: weights.slice(), statistics: statistics.slice() };
    this.#pending = this.#evaluate(place, numbers);
    // Whoever waits is told.
    this.#pending.catch(() => undefined);
  }

  /** Waits for the evaluation under way. @throws GantryError E_RUN_DIRECTORY if it could not be recorded */
  async settled(): Promise<void> {
    await this.#pending;
    this.#pending = undefined;
  }

  /** Nobody waits any more: what is under way is given up. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#parts.evaluator.dispose();
  }

  async #evaluate(place: Place, numbers: WeightAverage): Promise<void> {
    const { directory, checkpoints, evaluated } = this.#parts;
    const measures = await this.#measures(place, numbers);
    if (!measures || this.#isClosed) return;
    const line = { ...place, ...measures };
    directory.appendEvaluation(line);
    if (isBetter(line, this.#best)) this.#best = line;
    if (isBetter(line, this.#kept) && (await checkpoints.keepBest(line.step))) this.#kept = line;
    evaluated(line);
  }

  /** @returns undefined where that fails twice */
  async #measures({ epoch }: Place, numbers: WeightAverage): Promise<Measures | undefined> {
    const { evaluator, failed } = this.#parts;
    try {
      return await evaluator.evaluate(numbers, SAMPLES).catch(() => evaluator.evaluate(numbers, SAMPLES));
    } catch (error) {
      if (!this.#isClosed) failed(epoch, messageOf(error));
      return undefined;
    }
  }
}
